"""Creatures push each other: momentum is kept, nobody passes through anybody, no slot and no thread changes a bit."""

from __future__ import annotations

import numpy as np
import pytest
from colliding import Scene, crowd_of, deepest, height_of, inertia_plain, momentum, solve_plain
from creatures import boxes, flat, mixed, put_chassis, put_segment, put_wheel, rough, separation
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.threads import Threads
from teem.worlds.crawlers.blocks import VX, VY, X, Y
from teem.worlds.crawlers.encounters import NEAR
from teem.worlds.crawlers.physics import DT
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, PARTS, Plan
from teem.worlds.crawlers.points import PUSH_OUT, gather
from teem.worlds.crawlers.yielding import MOTION

FLAT, ROUGH = flat(), rough()
ANYWHERE = st.integers(0, 100_000)


@settings(max_examples=10, deadline=None)
@given(seed=ANYWHERE)
def test_impulses_are_those_of_the_plain_solution(seed: int) -> None:
    scene = crowd_of(seed, 3, 2.0, ROUGH)
    scene.physics.step(30, ROUGH)  # some of them stand by now
    scene.physics.read()
    found = scene.impulses()
    collisions = scene.collisions
    order = np.argsort(scene.pose[:, CHASSIS, X], kind="stable").astype(np.int32)
    motion = scene.pose[order][..., VX:].astype(np.float64).reshape(3, MOTION)
    points, met = gather(0, order, collisions._crowd, collisions._meetings, motion, ROUGH, DT)
    answers = [inertia_plain(scene.plan, i, scene.pose[i], DT) for i in order]
    change = solve_plain(points.who, points.point, met, answers, motion).reshape(3, PARTS, 3)
    mass = np.stack([scene.plan.mass, scene.plan.mass, scene.plan.inertia], 2)[order]
    np.testing.assert_allclose(found[order], mass * change, rtol=2e-3, atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(seed=ANYWHERE)
def test_momentum_is_conserved_and_what_one_gets_the_other_gives(seed: int) -> None:
    scene = crowd_of(seed, 5, 4.0, FLAT)
    given_ = scene.impulses()
    size = np.abs(given_).sum() + 1e-9
    reach = np.array([1.0, 1.0, 60.0])  # metres from where turning is counted
    assert np.abs(momentum(scene, given_) / reach).max() < 1e-6 * size
    if given_.any():  # the check sees a thousandth of a newton second too much
        given_[0, 0, 0] += 1e-3 * size
        assert np.abs(momentum(scene, given_) / reach).max() > 1e-6 * size


def test_who_is_apart_is_given_nothing() -> None:
    scene = Scene(mixed(6), FLAT).put(50.0 + 6.0 * np.arange(6), 2.0)
    assert scene.collisions.impulses(scene.living, FLAT) is None
    scene.put(50.0 + 0.5 * np.arange(6), 2.0)
    assert scene.collisions.impulses(scene.living, FLAT) is not None


@settings(max_examples=30, deadline=None)
@given(seed=ANYWHERE)
def test_two_boxes_part_after_the_push_no_faster_than_they_must(seed: int) -> None:
    random = np.random.default_rng(seed)
    scene = Scene(boxes(2, friction=0.0), FLAT)
    scene.put([50.0, 50.0 + random.uniform(-1, 1)], [8.0, 8.0 + random.uniform(-0.5, 0.5)], random.uniform(-3, 3, 2))
    mass = scene.plan.mass[:, CHASSIS, None] * np.array([1, 1, 0]) + scene.plan.inertia[:, CHASSIS, None] * [0, 0, 1]
    motion = scene.pose[:, CHASSIS, VX:] + scene.impulses()[:, CHASSIS] / mass
    order = np.argsort(scene.pose[:, CHASSIS, X], kind="stable")
    meetings, leaving = scene.collisions._meetings, []
    for n in range(meetings.found[0]):
        (x, y, gap), (ax, ay, bx, by) = meetings.way[0, n], meetings.arms[0, n]
        a, b = motion[order]
        leaving.append(x * (b[0] - b[2] * by - a[0] + a[2] * ay) + y * (b[1] + b[2] * bx - a[1] - a[2] * ax))
        assert gap > NEAR or leaving[-1] > -max(gap, 0.0) / DT - 0.05
    assert not leaving or max(leaving) < 4.0 * PUSH_OUT  # one end of a long side may go up as the other is pushed out


@settings(max_examples=20, deadline=None)
@given(seed=ANYWHERE)
def test_neither_order_nor_slots_nor_threads_change_a_bit(seed: int) -> None:
    random = np.random.default_rng(seed)
    slots = random.permutation(40)[:12].astype(np.int32)
    threads = Threads(3)
    scenes = [crowd_of(seed, 12, 8.0, ROUGH), crowd_of(seed, 12, 8.0, ROUGH, slots=slots, threads=threads)]
    for _ in range(10):
        for scene in scenes:
            scene.step()
        assert scenes[0].pose.tobytes() == scenes[1].pose.tobytes()
    threads.close()
    turned = scenes[0].collisions.impulses(scenes[0].living[::-1].copy(), ROUGH)
    if turned is not None:
        assert turned[scenes[0].living].tobytes() == scenes[1].impulses().tobytes()


def test_a_saved_crowd_goes_on_with_the_same_bits() -> None:
    first, second = crowd_of(5, 12, 6.0, ROUGH), crowd_of(5, 12, 6.0, ROUGH)
    first.step(20)
    second.step(3)  # something to overwrite
    second.physics.load_state(first.physics.state())
    second.physics.read()
    before = first.pose.tobytes()
    for scene in (first, second):
        scene.step(30)
    assert first.pose.tobytes() == second.pose.tobytes() != before


def test_a_mirrored_scene_is_pushed_the_mirrored_way() -> None:
    scene = Scene(boxes(2), FLAT)
    scene.put([50.0, 51.3], [5.0, 5.4], [0.3, -0.2])
    scene.move([(2.0, 0.0, 1.0), (-3.0, 0.5, -2.0)])
    given_ = scene.impulses()
    mirrored = Scene(boxes(2), FLAT)
    mirrored.put([50.0, 48.7], [5.0, 5.4], [-0.3, 0.2])
    mirrored.move([(-2.0, 0.0, -1.0), (3.0, 0.5, 2.0)])
    assert np.abs(given_).max() > 0.1
    np.testing.assert_allclose(mirrored.impulses(), given_ * np.array([-1, 1, -1]), rtol=1e-3, atol=1e-4)


def test_a_tile_ends_nobodys_reach() -> None:
    here, there = Scene(boxes(2), FLAT), Scene(boxes(2), FLAT)
    here.put([50.0, 51.4], 2.0)
    there.put([99.25, 0.65], 2.0, tile=np.array([0, 1], np.int32))
    for scene in (here, there):
        scene.move([(2.0, 0.0, 0.0), (-2.0, 0.0, 0.0)])
    assert there.physics.reading.tile.tolist() == [0, 1]
    assert np.abs(here.impulses()).max() > 0.1
    np.testing.assert_allclose(there.impulses(), here.impulses(), rtol=1e-2, atol=1e-3)
    assert np.abs(momentum(there, there.impulses()) / [1, 1, 100]).max() < 1e-5


@pytest.mark.parametrize("mass", [(4.0, 4.0), (4.0, 40.0), (40.0, 4.0)])
def test_a_box_that_falls_on_another_comes_to_rest_on_it(mass: tuple[float, float]) -> None:
    plan = boxes(2)
    for row in range(2):
        put_chassis(plan, row, mass=mass[row])
    for collide in (True, False):
        scene = Scene(plan, FLAT, collide=collide).put([50.0, 50.1], [0.31, 3.0])
        scene.step(240)
        assert height_of(scene, 1) == pytest.approx(0.9 if collide else 0.3, abs=0.04)
        assert np.abs(scene.pose[:, CHASSIS, VX:]).max() < 0.2
        assert height_of(scene, 0) == pytest.approx(0.3, abs=0.01)


def test_a_creature_that_stands_on_its_legs_stands_on_anothers_back() -> None:
    plan = boxes(2, half_length=3.0, half_height=0.5, mass=100.0)
    put_chassis(plan, 1)
    for limb, (x, rest) in enumerate(((-0.6, -np.pi / 2 - 0.4), (0.6, -np.pi / 2 + 0.4))):
        put_segment(plan, 1, 1 + 3 * limb, (x, -0.2), rest=rest, torque=60.0, speed=4.0)
    scene = Scene(plan, FLAT).put([50.0, 50.0], [0.51, 2.2])
    scene.step(300)
    still = [height_of(scene, 1)]
    for _ in range(60):
        scene.step()
        still.append(height_of(scene, 1))
    assert np.ptp(still) < 0.02
    assert min(still) > 1.0 + 0.3 + 0.2  # on its legs, not on its belly
    feet = scene.pose[1, [1, 4]]
    lowest = feet[:, Y] - plan.half_length[1, 1] * np.abs(feet[:, 3]) - plan.radius[1, 1]
    assert lowest.min() > 1.0 - 0.05


def wheelers(apart: float) -> Plan:
    plan = boxes(2)
    for row in range(2):
        for wheel, x in enumerate((-0.5, 0.5)):
            put_wheel(plan, row, wheel, (x, -0.3), torque=20.0, speed=8.0)
    return plan


@pytest.mark.parametrize("collide", [True, False])
def test_two_who_drive_at_each_other_do_not_pass(collide: bool) -> None:
    scene = Scene(wheelers(8.0), FLAT, collide=collide).put([46.0, 54.0], 0.56)
    scene.physics.command[0, FIRST_WHEEL - 1 :], scene.physics.command[1, FIRST_WHEEL - 1 :] = -1.0, 1.0
    passed = False
    for _ in range(400):
        scene.step()
        passed = passed or bool(scene.pose[0, CHASSIS, X] > scene.pose[1, CHASSIS, X] - 1.0)
    assert passed is not collide


@settings(max_examples=20, deadline=None)
@given(speed=st.floats(1, 49), height=st.floats(-0.3, 0.3), phase=st.floats(0, 1))
def test_nothing_is_too_fast_to_be_stopped(speed: float, height: float, phase: float) -> None:
    plan = Plan.of(2)
    put_chassis(plan, 0, 0.05, 0.5, mass=1000.0)  # a board on its end
    put_chassis(plan, 1, 0.1, 0.1, mass=1.0)
    scene = Scene(plan, FLAT).put([50.0, 48.0 + phase], [20.0, 20.0 + height])
    scene.move([(0.0, 0.0, 0.0), (speed, 0.0, 0.0)])
    for _ in range(int(2.5 / speed / DT) + 10):
        scene.step()
        assert scene.pose[1, CHASSIS, X] < 49.97 or abs(scene.pose[1, CHASSIS, Y] - scene.pose[0, CHASSIS, Y]) > 0.55


def test_crossed_limbs_do_not_pass_through_each_other() -> None:
    plan = boxes(2, half_length=0.3, half_height=0.3, mass=5.0)
    for row, (x, rest) in enumerate(((0.3, 0.0), (-0.3, np.pi))):
        put_segment(plan, row, 1, (x, 0.0), half=0.45, radius=0.08, rest=rest, torque=0.0, reach=0.2)
    scene = Scene(plan, FLAT).put([49.3, 50.7], [5.0, 5.5])
    scene.move([(0.0, 2.0, 0.0), (0.0, -2.0, 0.0)])
    for _ in range(30):  # chassis pass beside each other, limbs would through each other
        scene.step()
        assert scene.pose[1, 1, Y] > scene.pose[0, 1, Y]


def test_newborns_in_each_other_are_parted_gently() -> None:
    scene = Scene(mixed(6, seed=3), FLAT).put(50.0 + 0.2 * np.arange(6), 1.5)
    fastest = 0.0
    for _ in range(300):
        scene.step()
        fastest = max(fastest, float(np.abs(scene.pose[:, CHASSIS, [VX, VY]]).max()))
    assert fastest < 6.0  # a fall from 1.5 m alone makes 5
    assert deepest(scene) > -0.1


def strong(torque: float, speed: float, collide: bool) -> tuple[Scene, float]:
    """A thousand steps of thirty in a crowd at full force, and how far any joint's ends came apart once they landed."""
    plan = mixed(30, seed=1, torque=torque)
    plan.speed[:] = np.where(plan.speed > 0, speed, 0.0)
    scene = Scene(plan, ROUGH, collide=collide).put(100 + 1.0 * np.arange(30), 2.5)
    random, widest = np.random.default_rng(0), 0.0
    for k in range(1000):
        if k % 6 == 0:
            scene.physics.command[:] = random.choice([-1.0, 1.0], scene.physics.command.shape)
        scene.step()
        assert np.isfinite(scene.pose).all()
        if k > 90:
            widest = max(widest, float(separation(scene.plan, scene.pose.astype(np.float64)).max()))
    return scene, widest


def test_joints_hold_within_five_millimetres_in_a_crowd() -> None:
    assert strong(30.0, 4.0, collide=True)[1] < 0.005


def test_motors_of_2000_newton_metres_in_a_crowd_tear_no_joints() -> None:
    scene, widest = strong(2000.0, 20.0, collide=True)
    assert widest < 0.005
    scene.physics.command[:] = 0.0
    scene.step(300)
    assert np.median(np.abs(scene.pose[:, CHASSIS, [VX, VY]])) < 0.1  # some still slide downhill
