"""Clearance is the height above the ground that outlines drawn point by point have."""

from __future__ import annotations

import numpy as np
from creatures import boxes, flat, height_under, mixed, numbers, rough, settle_in
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.threads import Threads
from teem.worlds.crawlers.blocks import COS, SIN, X, Y
from teem.worlds.crawlers.clearance import clearance
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL


def outline(plan, row, part, pose) -> np.ndarray:
    """[points, 2] of a part's edge, closely spaced."""
    half, radius = plan.half_length[row, part], plan.radius[row, part]
    turn = np.linspace(0, 2 * np.pi, 2000)
    if part == CHASSIS:
        side = np.linspace(-1, 1, 2000)
        local = np.concatenate([np.stack([half * side, 0 * side + up * radius], 1) for up in (-1, 1)])
        local = np.concatenate([local, *(np.stack([0 * side + fore * half, radius * side], 1) for fore in (-1, 1))])
    else:
        circle = radius * np.stack([np.cos(turn), np.sin(turn)], 1)
        straight = np.linspace(-half, half, 2000)
        sides = [np.stack([straight, 0 * straight + way * radius], 1) for way in (-1, 1)]
        end = np.array([half, 0.0])
        local = np.concatenate([circle + end, circle - end, *(sides if part < FIRST_WHEEL else [])])
    c, s = pose[COS], pose[SIN]
    return np.stack([pose[X] + c * local[:, 0] - s * local[:, 1], pose[Y] + s * local[:, 0] + c * local[:, 1]], 1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_clearance_is_the_least_height_of_any_point_above_the_ground(seed: int) -> None:
    random, count = np.random.default_rng(seed), 4
    plan, ground = mixed(count, seed), rough(seed=seed)
    x, y, angle = (random.uniform(*of, count).astype(np.float32) for of in ((0, 100), (0, 3), (-3, 3)))
    tile = np.ones(count, np.int32)
    physics = Physics(count, Threads(1))
    physics.place(numbers(count), plan, tile, x, y, angle)
    found, poses, tiles = clearance(plan, tile, x, y, angle, ground), physics.read().pose, physics.reading.tile
    for row in range(count):
        points = np.concatenate([outline(plan, row, k, poses[row, k]) for k in np.flatnonzero(plan.mass[row])])
        over = points[:, 1] - height_under(ground, tiles[row : row + 1], points[None, :, 0].astype(np.float64))[0]
        assert abs(found[row] - over.min()) < 3e-3


def test_a_body_lowered_by_its_clearance_just_touches() -> None:
    plan, ground = mixed(30, seed=1), rough()
    x, y, still = np.linspace(110, 150, 30).astype(np.float32), np.full(30, 9, np.float32), np.zeros(30, np.float32)
    first = np.zeros(30, np.int32)
    lowered = y - clearance(plan, first, x, y, still, ground)
    assert np.abs(clearance(plan, first, x, lowered, still, ground)).max() < 1e-4
    for lift, touches in ((-0.002, True), (0.02, False)):
        physics = Physics(30, Threads(1))
        physics.place(numbers(30), plan, first, x, lowered + np.float32(lift), still)
        physics.step(1, ground)
        assert physics.read().touch.any(1).all() == touches


def test_a_box_on_flat_ground_clears_it_by_its_height() -> None:
    physics = Physics(1, Threads(1))
    settle_in(physics, boxes(), 50.0, 0.3)
    one = np.ones(1, np.float32)
    assert abs(clearance(boxes(), numbers(1), 50 * one, one, 0 * one, flat())[0] - 0.7) < 1e-6
