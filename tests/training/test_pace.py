"""Steps a second, and where the time goes."""

from __future__ import annotations

import pytest

from teem.training import pace as module
from teem.training.pace import Pace


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on only when it is told to."""

    class Clock:
        now = 0

        def pass_by(self, seconds: float) -> None:
            self.now += round(1e9 * seconds)

    mine = Clock()
    monkeypatch.setattr(module, "perf_counter_ns", lambda: mine.now)
    return mine


def test_rates_and_shares_are_those_of_the_window(clock):
    pace = Pace(("environment", "learning"), window=3)
    learn = pace.timed("learning", clock.pass_by)
    play = pace.timed("environment", clock.pass_by, times=4)
    assert pace.rate() is None
    for round_ in range(5):
        pace.mark(100 * round_)
        learn(1.0)
        play(0.25)  # one of four that each take as long
        clock.pass_by(0.75 + 1.0 + round_)
    rate = pace.rate()
    assert rate.fps == pytest.approx(200 / (5.0 + 6.0))  # the last two rounds between three marks
    assert rate.shares == pytest.approx({"environment": 2 / 11, "learning": 2 / 11, "other": 7 / 11})
    assert rate.ms["learning"] == pytest.approx(1000 * 2 / 200)
    assert pace.rate(1).fps == pytest.approx(100 / 6)


def test_parts_that_seem_to_take_more_than_there_was_are_scaled(clock):
    pace = Pace(("environment",))
    pace.mark(0)
    pace.timed("environment", clock.pass_by, times=16)(1.0)
    pace.mark(10)
    assert pace.rate().shares == {"environment": 1.0, "other": 0.0}


def test_a_stop_amid_a_call_that_stands_for_many_is_not_counted_for_each_of_them(clock):
    pace = Pace(("learning", "environment"))
    pace.mark(0)
    for round_ in range(10):
        clock.pass_by(0.3)  # of the environment, not timed
        pace.timed("learning", clock.pass_by)(0.5)
        pace.sample()
        pace.timed("environment", clock.pass_by, times=16)(0.02 if round_ != 4 else 1.02)
        pace.sampled(["environment"])
    pace.mark(160)
    spent = 10 * (0.5 + 0.32) + 1.0
    assert pace.rate().shares["learning"] == pytest.approx(5.0 / spent)
    assert pace.rate().shares["environment"] == pytest.approx(4.2 / spent)  # 16.32 s more without that
    assert pace.rate().shares["other"] == pytest.approx(0.0, abs=1e-9)


def test_what_work_raises_is_raised_and_timed(clock):
    pace = Pace(("learning",))

    def fails() -> None:
        clock.pass_by(2.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pace.timed("learning", fails)()
    assert pace.spent_ns["learning"] == 2_000_000_000
    assert pace.seconds == 2.0
