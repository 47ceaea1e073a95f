"""What becomes of long steps, in made-up time: stacks first, then shedding, and only then a stop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from teem.measure.stall import CALM_S, NEVER, Limits, Stall, Verdict, usable

TICK = 0.1
LIMITS = Limits(frame=2.0, frames=3, stop=60.0, shed=True)


class Days:
    """Steps of so many seconds, one after the other, looked at every tick."""

    def __init__(self, limits: Limits = LIMITS, usual: float | None = 0.01) -> None:
        self.stall, self.usual, self.steps = Stall(limits), usual, 0

    def step(self, seconds: float) -> list[Verdict]:
        """What is said of a step that lasts so long."""
        self.steps += 1
        ticks = [self.stall.tick(self.steps, TICK, self.usual) for _ in range(1 + round(seconds / TICK))]
        return [verdict for verdict in ticks if verdict]

    def rest(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.steps += 1
            self.stall.tick(self.steps, TICK, self.usual)


@given(st.lists(st.floats(0, 1.7), max_size=30))
def test_steps_within_the_limit_are_nothing(seconds: list[float]) -> None:
    days = Days()
    assert [verdict for one in seconds for verdict in days.step(one)] == []
    assert not days.stall.sheds


def test_a_long_step_has_its_stacks_written_once_and_sheds_nothing() -> None:
    days = Days()
    assert days.step(3.0) == [Verdict.LONG]
    assert (days.stall.sheds, days.stall.why, days.stall.long) == (False, "", 1)


def test_one_that_goes_on_or_comes_again_sheds_for_a_while() -> None:
    days = Days()
    days.step(4.5)
    assert days.stall.sheds
    days.rest(CALM_S - 3)
    assert days.stall.sheds
    days.rest(5)
    assert not days.stall.sheds
    again = Days()
    again.step(2.5)
    again.rest(10)
    again.step(2.5)
    assert again.stall.sheds


def test_several_while_load_is_shed_stop_the_run() -> None:
    days = Days()
    for _ in range(4):  # the second sheds, so that two are in vain
        assert days.stall.why == ""
        days.step(2.5)
    assert days.stall.why == ""
    days.step(2.5)
    assert days.stall.why == "3 steps within 60 s lasted for 2 s and more"


def test_few_long_steps_a_minute_never_stop_it() -> None:
    days = Days()
    for _ in range(40):
        days.step(2.5)
        days.rest(40)
    assert (days.stall.why, days.stall.long) == ("", 40)


def test_a_very_long_step_stops_the_run_and_an_endless_one_the_process() -> None:
    days = Days()
    assert days.step(61) == [Verdict.LONG, Verdict.TOO_LONG]
    assert days.stall.why == "a step lasted for 60 s and more"
    assert Days().step(60 * NEVER + 1) == [Verdict.LONG, Verdict.TOO_LONG, Verdict.ENDLESS]


def test_nothing_stops_a_run_that_is_not_to_be_stopped() -> None:
    days = Days(LIMITS._replace(stop=0.0))
    for _ in range(20):
        days.step(200)
    assert (days.stall.why, days.stall.sheds) == ("", True)


def test_without_shedding_only_a_very_long_step_stops_the_run() -> None:
    days = Days(LIMITS._replace(shed=False))
    for _ in range(20):
        days.step(5)
    assert not days.stall.sheds
    assert (days.stall.why, days.stall.long) == ("", 20)
    days.step(61)
    assert days.stall.why == "a step lasted for 60 s and more"


def test_a_run_whose_steps_are_long_by_nature_raises_no_alarm() -> None:
    days = Days(usual=3.0)
    assert [verdict for _ in range(20) for verdict in days.step(4.0)] == []


def test_while_it_is_unknown_what_steps_take_nothing_is_shed() -> None:
    days = Days(usual=None)
    assert days.step(20) == [Verdict.LONG]
    assert not days.stall.sheds


@given(st.floats(0, 1000), st.floats(0.001, 0.1), st.floats(0, 10), st.floats(0, 1000))
def test_time_without_a_tick_or_a_processor_does_not_count(
    passed: float, tick: float, waited: float, worked: float
) -> None:
    found = usable(passed, tick, waited, worked)
    assert 0 <= found <= max(0.0, max(2 * tick, worked))
    assert found <= max(0.0, passed - waited) + 1e-9


def test_a_stopped_process_is_not_held_against_it_but_one_that_lets_nobody_else_run_is() -> None:
    assert usable(600.0, TICK, waited=0.0, worked=0.01) == 2 * TICK
    assert usable(30.0, TICK, waited=0.0, worked=30.0) == 30.0
    assert usable(TICK, TICK, waited=TICK, worked=0.0) == 0.0
