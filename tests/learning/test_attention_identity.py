"""What an agent learns is its own: no thread, row, body or fault of another changes a bit of it."""

from __future__ import annotations

import numpy as np
import pytest
from attending import ROWS, SEED, TOKENS, Crawlers, some_bodies, some_observations
from numpy.typing import NDArray


def _trained(**how: object) -> tuple[NDArray[np.float32], ...]:
    """Weights, target, moments and losses by agent after some updates."""
    crawlers = Crawlers(**how)  # type: ignore[arg-type]
    for step in range(3):
        crawlers.update(step)
    stack = crawlers.stack
    arrays = (stack.weights, stack.target, stack.moment1, stack.moment2, crawlers.loss)
    return tuple(array[crawlers.rows] for array in arrays)


def _same(one: tuple[NDArray[np.float32], ...], two: tuple[NDArray[np.float32], ...]) -> bool:
    return all(np.array_equal(a.view(np.uint32), b.view(np.uint32)) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    "other",
    [{"threads": 2}, {"threads": 3}, {"order": np.random.default_rng(5).permutation(20)}],
    ids=["two threads", "three threads", "rows shuffled"],
)
def test_bits_do_not_depend_on_threads_or_on_the_row_an_agent_sits_in(other: dict[str, object]) -> None:
    assert _same(_trained(rows=20), _trained(rows=20, **other))


def test_bits_do_not_depend_on_the_bodies_of_others() -> None:
    bodies = some_bodies(9)
    others = bodies.copy()
    others[0] = True
    others[-1] = np.arange(TOKENS.branches) == 1
    one, two = _trained(rows=9, bodies=bodies), _trained(rows=9, bodies=others)
    assert _same(tuple(array[1:-1] for array in one), tuple(array[1:-1] for array in two))
    assert not _same(one, two)


def test_values_of_a_shared_network_do_not_depend_on_who_else_asks() -> None:
    crawlers = Crawlers(shared=True, rows=40)
    observation = some_observations(np.random.default_rng(0), crawlers.bodies)
    together, single = (np.zeros((40, TOKENS.branches, crawlers.bins), np.float32) for _ in range(2))
    crawlers.learner.values(observation, crawlers.rows, together)
    for row in crawlers.rows:
        crawlers.learner.values(observation, np.array([row]), single)
    assert np.array_equal(together, single)


def test_a_shared_network_is_updated_by_one_agent_after_the_other() -> None:
    shared, alone = Crawlers(shared=True, threads=2), Crawlers(shared=True)
    shared.update(0)
    for agent in range(ROWS):
        rows, ids = alone.rows[agent : agent + 1], alone.ids[agent : agent + 1]
        alone.learner.update(rows, ids, alone.replay, SEED, 0, alone.loss, alone.faults)
    assert shared.stack.updates.tolist() == [ROWS]
    assert np.array_equal(shared.stack.weights, alone.stack.weights)


@pytest.mark.parametrize("where", ["weights", "target", "reward", "observation"])
def test_only_the_agent_that_failed_keeps_its_weights(where: str) -> None:
    sound, broken = Crawlers(), Crawlers()
    bad = 2
    if where == "reward":
        broken.replay.reward[bad] = np.nan
    elif where == "observation":
        broken.replay.observation[bad, :, 1] = 0x7FC0  # not a number, in the agent's own token
    else:
        getattr(broken.stack, where)[bad, 3] = np.nan
    before = broken.stack.weights[bad].copy()
    sound.update(0)
    broken.update(0)
    others = np.arange(ROWS) != bad
    assert broken.faults.tolist() == [0, 0, 1, 0, 0]
    assert np.array_equal(broken.stack.weights[bad], before, equal_nan=True)
    assert broken.stack.updates[bad] == 0
    assert not broken.stack.moment1[bad].any()
    assert np.array_equal(broken.stack.weights[others], sound.stack.weights[others])


def test_a_body_without_branches_learns_nothing_and_harms_nothing() -> None:
    bodies = some_bodies(ROWS)
    bodies[2] = False
    crawlers = Crawlers(bodies=bodies)
    before = crawlers.stack.weights.copy()
    crawlers.update(0)
    assert crawlers.faults.sum() == 0
    assert crawlers.loss[2] == 0
    changed = (crawlers.stack.weights != before).any(1)
    assert changed.tolist() == [True, True, False, True, True]
