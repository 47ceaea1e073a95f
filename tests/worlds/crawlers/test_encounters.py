"""Where creatures meet, and how a body yields: what a search of everything and the equations say."""

from __future__ import annotations

import numpy as np
import pytest
from colliding import Scene, crowd_of, depth_at, gap_plain, inertia_plain
from creatures import flat
from hypothesis import example, given, settings
from hypothesis import strategies as st

from teem.worlds.crawlers.blocks import SPIN, VX, VY, X
from teem.worlds.crawlers.encounters import DEEP, NEAR
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.physics import DT
from teem.worlds.crawlers.plan import CHASSIS, PARTS
from teem.worlds.crawlers.shapes import Part, meet, part_of, way_between
from teem.worlds.crawlers.yielding import MOTION, TREE, weigh_whole, yield_to

FLAT = flat()
ANYWHERE = st.integers(0, 100_000)


def parts_at_random(seed: int) -> tuple[Part, Part]:
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(2):
        half, high, radius = random.uniform(0.1, 1, 3)
        kind = random.integers(3)  # chassis, segment, wheel
        x, y = random.uniform(-1, 1, 2)
        angle = random.choice([random.uniform(-4, 4), 0.0, np.pi / 2, np.pi])
        sizes = ((half, high, 0.0), (half, 0.0, 0.3 * radius), (0.0, 0.0, radius))[kind]
        parts.append(Part(x, y, np.cos(angle), np.sin(angle), *sizes))
    return parts[0], parts[1]


@settings(max_examples=200, deadline=None)
@given(seed=ANYWHERE)
def test_parts_are_as_far_apart_as_a_search_of_their_corners_and_sides_finds(seed: int) -> None:
    a, b = parts_at_random(seed)
    way = way_between(a, b, np.inf)
    assert way.gap - a.radius - b.radius == pytest.approx(gap_plain(a, b), abs=1e-9)
    assert np.hypot(way.x, way.y) == pytest.approx(1.0, abs=1e-9)
    moved = b._replace(x=b.x - way.x * way.gap, y=b.y - way.y * way.gap)  # now the boxes just touch
    assert gap_plain(a, moved) + a.radius + b.radius == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(seed=ANYWHERE)
@example(seed=97709)  # their sides share less than a millimetre, and slope
def test_they_meet_in_points_between_them_of_which_one_is_where_they_are_nearest(seed: int) -> None:
    a, b = parts_at_random(seed)
    way, points = way_between(a, b, np.inf), np.zeros((2, 3))
    shift = 0.01 - (way.gap - a.radius - b.radius) if way.gap > 1e-6 else 0.0  # boxes in each other stay so
    b = b._replace(x=b.x + shift * way.x, y=b.y + shift * way.y)
    way = way_between(a, b, np.inf)
    count, apart = meet(a, b, way, points), way.gap - a.radius - b.radius
    nearest = points[points[:count, 2].argmin()]
    assert nearest[2] >= apart - 1e-9
    if shift:
        assert nearest[2] == pytest.approx(0.01, abs=1e-6)
        for part in (a, b):
            assert depth_at(np.add(nearest[:2], (a.x, a.y)), part) == pytest.approx(0.005, abs=1e-6)


def test_a_box_on_a_box_is_borne_at_both_ends() -> None:
    a, b = Part(0.0, 0.0, 1.0, 0.0, 1.0, 0.3, 0.0), Part(0.5, 0.7, 1.0, 0.0, 1.0, 0.3, 0.0)
    points = np.zeros((2, 3))
    assert meet(a, b, way_between(a, b, np.inf), points) == 2
    np.testing.assert_allclose(sorted(points.tolist()), [(-0.5, 0.35, 0.1), (1.0, 0.35, 0.1)], atol=1e-9)


def meetings_of_everybody(scene: Scene) -> set[tuple[int, ...]]:
    """(slot, slot, part, part) of those who touch, or will, by looking at everything."""
    found, deep = set(), set()
    pose, tile, plan = scene.physics.reading.pose, scene.physics.reading.tile, scene.plan
    for i in scene.living:
        for j in scene.living:
            for a, b in np.ndindex(PARTS, PARTS):
                if i == j or not (plan.mass[i, a] > 0 and plan.mass[j, b] > 0) or ((a or b) and (i, j) in deep):
                    continue
                one = part_of(i, a, 0.0, scene.collisions._crowd)
                away = TILE * (tile[j] - tile[i])
                two = part_of(j, b, away, scene.collisions._crowd)
                way, points = way_between(one, two, np.inf), np.zeros((2, 3))
                if a == b == CHASSIS and way.gap < -DEEP:
                    deep.add((i, j))
                for k in range(meet(one, two, way, points)):
                    x, y = points[k, :2]
                    back_x, back_y = x + one.x - two.x, y + one.y - two.y
                    speed = way.x * (pose[j, b, VX] - pose[j, b, SPIN] * back_y - pose[i, a, VX] + pose[i, a, SPIN] * y)
                    speed += way.y * (
                        pose[j, b, VY] + pose[j, b, SPIN] * back_x - pose[i, a, VY] - pose[i, a, SPIN] * x
                    )
                    if points[k, 2] + DT * min(speed, 0.0) < NEAR:
                        found.add((int(i), int(j), a, b))
    return found


@settings(max_examples=10, deadline=None)
@given(seed=ANYWHERE)
def test_nobody_who_is_met_is_overlooked(seed: int) -> None:
    scene = crowd_of(seed, 4, 8.0, FLAT)
    scene.impulses()
    meetings, order = scene.collisions._meetings, np.argsort(scene.pose[:, CHASSIS, X], kind="stable")
    found = set()
    for p in range(4):
        for n in range(meetings.found[p]):
            i, j = int(order[p]), int(order[meetings.other[p, n]])
            found |= {(i, j, *meetings.parts[p, n].tolist()), (j, i, *meetings.parts[p, n, ::-1].tolist())}
    wanted = meetings_of_everybody(scene)
    differ = {tuple(sorted(((i, a), (j, b)))) for i, j, a, b in wanted ^ found}
    assert len(differ) <= 0.02 * len(wanted) or len(differ) <= 1  # ties between two ways count as either


@settings(max_examples=25, deadline=None)
@given(seed=ANYWHERE, hold=st.booleans())
def test_a_body_yields_as_its_equations_say(seed: int, hold: bool) -> None:
    scene = crowd_of(seed, 1, 1.0, FLAT)
    random = np.random.default_rng(seed)
    crowd = scene.collisions._crowd
    crowd = crowd if hold else crowd._replace(hold=np.zeros_like(crowd.hold))
    tree, out = np.zeros((PARTS, TREE)), np.zeros(MOTION)
    weigh_whole(0, crowd, DT, tree)
    walk = np.flatnonzero(scene.plan.mass[0] > 0).astype(np.int32)
    part, impulse = random.choice(walk), random.normal(size=3)
    yield_to(part, *impulse, walk, tree, out)
    answer = inertia_plain(scene.plan, 0, scene.pose[0], DT, hold)
    there = np.repeat(scene.plan.mass[0] > 0, 3)
    wanted = (answer[:, 3 * part : 3 * part + 3] @ impulse)[there]
    rounding = 1e-7 * np.abs(wanted).max()  # large terms cancel in the small components
    np.testing.assert_allclose(out[there], wanted, rtol=1e-5, atol=rounding)
    if len(walk) > 1:  # the check sees whether motors hold
        other = inertia_plain(scene.plan, 0, scene.pose[0], DT, not hold)
        assert np.abs(other - answer).max() > 1e-4
