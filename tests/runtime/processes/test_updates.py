"""A learner that wakes makes every update that is due in what has come, and not one more, however fast it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from together import Together, config_of

from teem.errors import TeemError
from teem.learning.algorithms import dqn
from teem.runtime.processes import patience
from teem.runtime.processes.teaching import Teaching

RATIO, BATCH = 24.0, 8  # three updates a decision


def lived(tmp_path: Path, **more: Any) -> Together:
    """A run in which most remember enough to learn from."""
    config = config_of(runtime__mode="async", learning__replay_ratio=RATIO, runtime__policy_lag_max=16, **more)
    together = Together(config, tmp_path / "run")
    for _ in range(20):
        together.step()
    return together


def made_by(together: Together, steps: int, wakes: int) -> tuple[list[bool], np.ndarray, np.ndarray]:
    """Let the actor go so many steps ahead, then wake the learner so often.

    Whether each time anything had come, and for those who lived through it all: updates, and publications.
    """
    pupils, mailbox = together.learners[0].pupils[0], together.links.boxes[0][0].own
    people, gauges = together.run.world.population, pupils.policies.cohorts[0].gauges
    old = people.living[gauges.updates[people.living] > 0]
    ids, updates, versions = people.id[old].copy(), gauges.updates[old].copy(), mailbox.versions(old)
    for _ in range(steps):
        together.run.advance()
    came = [together.learners[0].take(0) for _ in range(wakes)]
    alive = people.id[old] == ids
    assert alive.sum() > 5
    return came, (gauges.updates[old] - updates)[alive], (mailbox.versions(old) - versions)[alive]


def expect_all_that_are_due(together: Together) -> None:
    came, updates, versions = made_by(together, steps=6, wakes=3)
    assert came == [True, False, False]
    assert (updates == 3 * 6).all()
    assert (versions == 1).all()
    came, updates, versions = made_by(together, steps=12, wakes=3)  # it publishes half way to the greatest lag
    assert came == [True, True, False]
    assert (updates == 3 * 12).all()
    assert (versions == 2).all()


def test_a_wake_up_makes_all_updates_that_are_due_and_no_more(tmp_path: Path) -> None:
    together = lived(tmp_path)
    expect_all_that_are_due(together)
    control, policies = together.links.control, together.run.policies
    gauges = together.learners[0].pupils[0].policies.cohorts[0].gauges
    living = together.run.world.population.living
    ready = living[gauges.decisions[living] > 12]
    assert (gauges.updates[ready] >= 3 * (gauges.decisions[ready] - 12)).all()
    assert (gauges.updates[ready] <= 3 * gauges.decisions[ready]).all()
    assert policies.report()["replay_ratio"] == control.total("batches.0", 0) * BATCH / policies.decisions[0]  # type: ignore[attr-defined]
    together.end()


def by_luck(ids: np.ndarray, step: int, settings: Any) -> np.ndarray:
    """A planted fault: as many updates as there happen to be time for, three on average."""
    return np.random.default_rng(step).integers(1, 6, len(ids))


def at_each_wake_up(self: Teaching, actor: int) -> bool:
    """A planted fault: who wakes learns, whatever has come."""
    came = TAKE(self, actor)
    self.pupils[actor].policies.learn()
    return came


TAKE = Teaching.take


@pytest.mark.parametrize(
    ("place", "name", "fault"), [(dqn, "updates_due", by_luck), (Teaching, "take", at_each_wake_up)]
)
def test_updates_by_luck_are_seen(tmp_path: Path, monkeypatch, place: Any, name: str, fault: Any) -> None:
    together = lived(tmp_path)
    monkeypatch.setattr(place, name, fault)
    with pytest.raises(AssertionError):
        expect_all_that_are_due(together)
    together.end()


def test_a_run_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    together = lived(tmp_path)
    together.end()
    config = config_of(runtime__mode="async", learning__replay_ratio=RATIO, learning__hidden=(16, 4))
    with pytest.raises(TeemError, match=r"stack\.weights: saved float32"):
        Together(config, tmp_path / "run", resume=True)


def test_patience_counts_only_what_it_was_awake_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: clock[0])
    waiting = patience.Patience(3.0)
    clock[0] = 1000.0  # held up
    assert not waiting.is_over()
    for _ in range(4):
        clock[0] += 0.5
        assert not waiting.is_over()
    clock[0] += 0.5
    assert waiting.is_over()
