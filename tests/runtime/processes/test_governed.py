"""A governor where agents learn elsewhere: what it turns goes along with the step, and learners do as they are told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from mixed import CHANCE, WIDE, parts
from test_identity import CRAWLERS, expect_same, of_lives
from together import Together, config_of

from teem.measure.governor import Controls
from teem.record.folder import RunFolder
from teem.runtime.governing import Change
from teem.runtime.loop import Run
from teem.runtime.processes.pupils import Pupils
from teem.runtime.processes.stream import Bidding
from teem.worlds.turns import Turns

TURNED = {  # before which step, and what holds from then on
    11: Change(Controls(0.3), "shed"), 23: Change(Controls(0.1, 2), "shed"), 35: Change(Controls(0.512), "given back"),
    44: Change(Controls(), "given back"),
}  # fmt: skip
STEPS = 60


def begin_both(tmp_path: Path, world: str, more: dict[str, Any]) -> tuple[Run, Together]:
    """The same run in lockstep and in parts, turned at the same steps."""
    config = config_of(world, **{"runtime__mode": "async", "learning__replay_ratio": 8.0, **more})
    whole = Run.create(config, RunFolder.create(tmp_path / "whole", "lockstep"))
    both = whole, Together(config, tmp_path / "parts")
    for run in (whole, both[1].run):
        run.governing._again = dict(TURNED)
    return both


def end_both(whole: Run, together: Together) -> None:
    whole.finish("steps")
    whole.folder.close()
    together.end()


@pytest.mark.parametrize(
    ("world", "more"),
    [
        ("farm", {}),
        ("farm", {"learning__algorithm": "ppo", "learning__replay_ratio": 0.0}),
        ("farm", {"learning__cohorts": parts(WIDE, CHANCE)}),
        ("crawlers", CRAWLERS),
    ],
)
def test_stepped_in_turn_they_are_lockstep_turned_at_the_same_steps(
    tmp_path: Path, world: str, more: dict[str, Any]
) -> None:
    whole, together = begin_both(tmp_path, world, more)
    free = Run.create(whole.config, RunFolder.create(tmp_path / "free", "lockstep"))
    for _ in range(STEPS):
        whole.advance()
        together.step()
        free.advance()
    assert 0 < whole.totals.updates < free.totals.updates  # so that it is no wonder
    assert together.run.governing.changes == 4
    expect_same(whole.world.state(), together.run.world.state())
    with together.serving():
        state = together.run.policies.state()
    expect_same(of_lives(whole.policies.state()), of_lives(state))
    end_both(whole, together)
    free.finish("steps")
    free.folder.close()


def test_learners_that_do_not_listen_are_told_from_lockstep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: what the identity above would miss if it could not fail."""
    monkeypatch.setattr(Pupils, "_obey", lambda self, bidding: None)
    whole, together = begin_both(tmp_path, "farm", {})
    for _ in range(STEPS):
        whole.advance()
        together.step()
    with pytest.raises(AssertionError):
        expect_same(whole.world.state(), together.run.world.state())
    end_both(whole, together)


def test_who_goes_on_and_who_begins_anew_does_what_was_bidden(tmp_path: Path) -> None:
    whole, first = begin_both(tmp_path, "farm", {})
    for _ in range(17):
        whole.advance()
        first.step()
    first.end()
    second = Together(whole.config, tmp_path / "parts", resume=True)
    second.run.governing._again = dict(TURNED)
    assert second.run.governing.controls == TURNED[11].controls
    for _ in range(10):
        whole.advance()
        second.step()
    assert second.learners[0].pupils[0]._bidden == Bidding(Fraction(1, 10), Turns())
    expect_same(whole.world.state(), second.run.world.state())
    end_both(whole, second)


def test_what_a_step_waits_for_learners_counts_as_learning(tmp_path: Path) -> None:
    """Steps that wait are shed by less learning, not by longer decisions or fewer snapshots."""
    settings = {"governor__frame": 1000.0, "record__enabled": True, "runtime__policy_lag_max": 2}
    config = config_of(runtime__mode="async", **settings)
    together = Together(config, tmp_path / "run")
    governing, policies = together.run.governing, together.run.policies
    assert governing._bounds == Controls(0.1, 1, 8)
    together.step()
    policies.waited_s += 3.0
    assert governing.measure()[1] == pytest.approx(3000, abs=100)
    assert governing.measure()[1] < 100  # of the next one
    held = together.run.spans
    for _ in range(20):
        together.step()
        last_ms = held.last_ms
        wait_s = 1.5 * governing.controls.learning
        held.last_ms = lambda name, wait_s=wait_s: 1000 * wait_s * (name == "step")  # type: ignore[method-assign,misc]
        policies.waited_s += wait_s
        governing.before_step()
        held.last_ms = last_ms  # type: ignore[method-assign]
    assert 0.1 < governing.controls.learning < 0.8
    assert governing.controls.snapshots == 1
    together.step()
    assert together.learners[0].pupils[0].policies.cohorts[0].share == Fraction(  # type: ignore[attr-defined]
        round(1000 * governing.controls.learning), 1000
    )
    together.end()


def test_steps_that_are_waited_for_together_count_as_the_mean_of_them(tmp_path: Path) -> None:
    together = Together(
        config_of(runtime__mode="async", governor__frame=1000.0, record__enabled=True), tmp_path / "run"
    )
    governing, policies = together.run.governing, together.run.policies
    assert policies.waited_at_once == 8
    for _ in range(16):
        together.step()
    policies.waited_s += 4.0
    assert governing.measure()[1] == pytest.approx(500, abs=20)
    for _ in range(7):
        assert governing.measure()[1] == pytest.approx(500, abs=20)
    assert governing.measure()[1] < 20
    together.end()


def test_a_bidding_is_read_as_it_was_sent() -> None:
    sent = Bidding(Fraction(262, 1000), Turns(12, 6))
    assert Bidding.of(sent.as_constants()) == sent
