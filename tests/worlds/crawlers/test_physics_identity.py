"""A creature's path has the same bits whatever its neighbours, its slot, its block or the threads."""

from __future__ import annotations

import numpy as np
import pytest
from creatures import mixed, numbers, rough, settle_in
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.threads import Threads
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import JOINTS, Plan

ONE = Threads(1)
GROUND = rough(4)


def places(count: int) -> tuple[np.ndarray, ...]:
    """Tile, x, y and angle of each body: some will cross from one tile to the next."""
    random = np.random.default_rng(1)
    x = random.uniform(90, 110, count).astype(np.float32)
    return np.ones(count, np.int32), x, np.full(count, 3, np.float32), random.uniform(-1, 1, count).astype(np.float32)


def wishes(count: int, steps: int) -> np.ndarray:
    return np.random.default_rng(2).uniform(-1, 1, (steps, count, JOINTS)).astype(np.float32)


def run(plan: Plan, rows: np.ndarray, slots: np.ndarray, capacity: int, threads: Threads, *, at_once: int = 1) -> list:
    """What bodies `rows` of a plan do, living in `slots`; each column [rows, ...], to the bit."""
    physics, at, count = Physics(capacity, threads), places(len(plan.mass)), len(plan.mass)
    physics.place(slots, plan.rows(rows), *(column[rows] for column in at), np.asarray(rows % 2 == 0))
    for command in wishes(count, 12):
        physics.command[slots] = command[rows]
        for _ in range(8 // at_once):
            physics.step(at_once, GROUND)
    return [column[slots].tobytes() for column in physics.read()[:4]]


PLAN = mixed(60, seed=7)
PLAN.radius *= np.random.default_rng(3).uniform(0.3, 2.0, (60, 1)).astype(np.float32)  # of different reach
ALL = run(PLAN, np.arange(60), numbers(60), 60, ONE)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_bits_depend_on_neither_neighbours_nor_slots_nor_blocks_nor_threads(data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, 59), min_size=1, max_size=60, unique=True)))
    capacity = data.draw(st.integers(60, 200))
    slots = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(capacity)[: len(rows)].astype(np.int32)
    threads = Threads(data.draw(st.sampled_from([1, 2, 3])))
    found = run(PLAN, rows, slots, capacity, threads)
    threads.close()
    everybody = Physics(60, ONE).read()[:4]  # for the columns' shapes
    for mine, whole, like in zip(found, ALL, everybody, strict=True):
        wanted = np.frombuffer(whole, like.dtype).reshape(like.shape)[rows]
        assert mine == wanted.tobytes()


def test_some_creature_crosses_to_another_tile() -> None:
    """Otherwise the test above would not see a fault in crossing."""
    tiles = np.frombuffer(ALL[0], np.int32)
    assert len(np.unique(tiles)) > 1
    chassis = np.frombuffer(ALL[1], np.float32).reshape(60, 29, 7)[:, 0, 0]
    assert (chassis >= 0).all()
    assert (chassis < 100).all()


def test_blocks_are_filled_by_creatures_of_a_kind() -> None:
    plan = mixed(1000, seed=3)
    physics = Physics(1000, ONE)
    settle_in(physics, plan, 150.0, 3.0)
    state = physics.state()["blocks"]
    used = state["items"] > 0
    assert used.sum() <= 1000 / 16 + 8  # limbs 1 to 4, with wheels and without
    walked = (state["items"] * state["taken"])[used].sum()
    assert walked <= 1.02 * (plan.mass > 0).sum()


def test_few_creatures_of_many_kinds_share_blocks() -> None:
    physics = Physics(12, ONE)
    settle_in(physics, mixed(12, seed=3), 150.0, 3.0)
    assert (physics.state()["blocks"]["items"] > 0).sum() <= 5


def test_many_steps_in_one_call_are_as_many_calls() -> None:
    rows = np.arange(60)
    assert run(PLAN, rows, numbers(60), 60, ONE, at_once=8) == ALL


def test_the_bits_would_show_another_start() -> None:
    moved = places(60)[1].copy()
    moved[3] += 1e-5
    physics = Physics(60, ONE)
    tile, _, y, angle = places(60)
    physics.place(numbers(60), PLAN, tile, moved, y, angle, numbers(60) % 2 == 0)
    for command in wishes(60, 12):
        physics.command[:] = command
        physics.step(8, GROUND)
    pose, before = physics.read().pose, np.frombuffer(ALL[1], np.float32).reshape(60, 29, 7)
    assert (pose[3] != before[3]).any()
    others = np.arange(60) != 3
    assert (pose[others] == before[others]).all()


def test_a_saved_physics_goes_on_with_the_same_bits() -> None:
    first, second = Physics(40, ONE), Physics(40, ONE)
    settle_in(first, mixed(40, seed=2), 150.0, 3.0)
    first.remove(np.array([3, 9], np.int32))
    first.command[:] = wishes(40, 1)[0]
    first.step(45, GROUND)
    saved = first.state()
    first.step(60, GROUND)
    settle_in(second, mixed(40, seed=3), 50.0, 3.0)  # something to overwrite
    second.load_state(saved)
    second.step(60, GROUND)
    for mine, other in zip(first.read(), second.read(), strict=True):
        assert mine.tobytes() == other.tobytes()


def test_a_state_of_more_slots_is_refused() -> None:
    with pytest.raises(ValueError, match=r"physics\.home"):
        Physics(40, ONE).load_state(Physics(41, ONE).state())


def test_lives_come_and_go_in_the_same_memory_and_leave_nothing_behind() -> None:
    count, random = 200, np.random.default_rng(0)
    physics, plan = Physics(count, ONE), mixed(400, seed=9)
    still = np.zeros(2, np.float32)
    settle_in(physics, plan.rows(numbers(count)), 150.0, 3.0)
    blocks = len(physics.state()["blocks"]["items"])
    for k in range(300):
        slots = random.choice(count, 2, replace=False).astype(np.int32)
        bodies = plan.rows(random.integers(0, 400, 2))
        physics.place(slots, bodies, np.ones(2, np.int32), still + 50, still + 3, still)
        if k % 10 == 0:
            physics.command[:] = random.uniform(-1, 1, physics.command.shape)
            physics.step(2, GROUND)
    assert len(physics.state()["blocks"]["items"]) == blocks
    physics.remove(numbers(count))
    assert not any(column.any() for column in physics.read())
    state = physics.state()["blocks"]
    for name in ("parts", "joints", "spots", "lives", "origin", "items", "taken"):
        assert not state[name].any(), name


def test_a_replaced_creature_forgets_its_predecessor() -> None:
    plan = mixed(60, seed=7)
    fresh = Physics(1, ONE)
    used = Physics(1, ONE)
    at = [column[:1] for column in places(60)]
    settle_in(used, plan.rows(np.array([5])), 150.0, 3.0)
    used.step(100, GROUND)
    for physics in (fresh, used):
        physics.place(numbers(1), plan.rows(np.array([8])), *at)
        physics.step(100, GROUND)
    for mine, other in zip(fresh.read(), used.read(), strict=True):
        assert mine.tobytes() == other.tobytes()


def test_more_bodies_than_blocks_make_the_blocks_grow() -> None:
    physics = Physics(40, ONE)
    physics._blocks = physics._blocks._replace(
        **{name: column[:1] for name, column in physics._blocks._asdict().items()}
    )
    settle_in(physics, mixed(40), 150.0, 3.0)
    physics.step(1, GROUND)
    assert (physics.read().pose[:, 0, 1] > 0).all()


@pytest.mark.slow
def test_a_hundred_thousand_steps_of_turnover_keep_the_memory_flat() -> None:
    """1% a step of 300 creatures; run by hand."""
    from resource import RUSAGE_SELF, getrusage

    count, random = 300, np.random.default_rng(0)
    physics, plan = Physics(count, ONE), mixed(1000, seed=9)
    settle_in(physics, plan.rows(numbers(count)), 150.0, 3.0)
    where = np.ones(3, np.int32), np.full(3, 50, np.float32), np.full(3, 3, np.float32), np.zeros(3, np.float32)
    blocks, memory = len(physics.state()["blocks"]["items"]), []
    for k in range(100_000):
        slots = random.choice(count, 3, replace=False).astype(np.int32)
        physics.place(slots, plan.rows(random.integers(0, 1000, 3)), *where)
        physics.step(1, GROUND)
        if k % 10_000 == 0:
            memory.append(getrusage(RUSAGE_SELF).ru_maxrss)
    assert len(physics.state()["blocks"]["items"]) == blocks
    assert np.isfinite(physics.read().pose).all()
    assert memory[-1] - memory[1] < 4_000, memory  # kB
