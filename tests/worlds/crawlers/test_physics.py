"""Bodies fall, swing, slide and rest as mechanics says."""

from __future__ import annotations

import numpy as np
import pytest
from creatures import (
    boxes,
    energy_of,
    flat,
    ground_of,
    height_under,
    mixed,
    put_chassis,
    put_segment,
    put_wheel,
    rough,
    separation,
    settle_in,
)

from teem.threads import Threads
from teem.worlds.crawlers.blocks import COS, SIN, SPIN, VX, VY, X, Y
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, JOINTS, Plan

ONE = Threads(1)
G = 9.81


def test_a_body_falls_freely_and_keeps_its_spin_and_sideways_speed() -> None:
    physics = Physics(1, ONE)
    settle_in(physics, boxes(), 50.0, 30.0)
    shove = np.zeros((1, 29, 3), np.float32)
    plan = boxes()
    shove[0, CHASSIS] = 2.0 * plan.mass[0, CHASSIS], 0.0, 3.0 * plan.inertia[0, CHASSIS]
    physics.step(1, flat(), shove)
    physics.step(59, flat())
    pose = physics.read().pose[0, CHASSIS]
    assert pose[VX] == pytest.approx(2.0, abs=1e-5)
    assert pose[SPIN] == pytest.approx(3.0, abs=1e-4)
    assert pose[VY] == pytest.approx(-G, rel=1e-4)
    assert pose[X] == pytest.approx(52.0, abs=1e-3)
    assert pose[Y] == pytest.approx(30.0 - G / 2, abs=0.5 * G / 240 + 1e-3)  # semi-implicit: half a substep ahead
    assert np.arctan2(pose[SIN], pose[COS]) == pytest.approx(3.0, abs=1e-3)


def test_a_hanging_limb_swings_with_the_period_of_a_pendulum() -> None:
    plan = Plan.of(1)
    put_chassis(plan, 0, 2.0, 2.0, mass=1e6, friction=5.0)  # too heavy to be moved
    half, radius = 0.5, 0.05
    put_segment(plan, 0, 1, (3.0, 1.5), half, radius, rest=-np.pi / 2 + 0.1, torque=0.0, reach=3.0)
    physics = Physics(1, ONE, substeps=16)
    settle_in(physics, plan, 50.0, 2.0)
    angles = []
    for _ in range(600):
        physics.step(1, flat())
        pose = physics.read().pose[0, 1]
        angles.append(np.arctan2(pose[SIN], pose[COS]) + np.pi / 2)
    crossings = np.flatnonzero(np.diff(np.sign(angles)) > 0)
    period = np.diff(crossings).mean() / 60.0
    mass, inertia = plan.mass[0, 1], plan.inertia[0, 1]
    wanted = 2 * np.pi * np.sqrt((inertia + mass * half**2) / (mass * G * half)) * (1 + 0.1**2 / 16)
    assert period == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("slope", [0.2, 0.6])
def test_a_box_sticks_below_the_friction_angle_and_slides_above(slope: float) -> None:
    tilt = np.arctan(slope)
    ground = ground_of(lambda x: 100.0 - slope * x, 1, friction=0.5)
    for friction, moves in ((slope * 1.15, False), (slope * 0.85, True)):
        physics = Physics(1, ONE)
        lift = 0.3 / np.cos(tilt) + 0.001
        settle_in(physics, boxes(friction=2.0 * friction), 20.0, 100.0 - slope * 20 + lift, -tilt)
        physics.step(30, ground)
        began = physics.read().pose[0, CHASSIS].copy()
        physics.step(60, ground)
        ended = physics.reading.pose[0, CHASSIS] if physics.read() else began
        slid = np.hypot(*(ended[:2] - began[:2]))
        if moves:
            fall = G * (np.sin(tilt) - friction * np.cos(tilt))  # along the slope
            assert np.hypot(ended[VX], ended[VY]) == pytest.approx(1.5 * fall, rel=0.05)
        else:
            assert slid < 1e-3


def test_a_body_at_rest_neither_sinks_nor_jitters() -> None:
    plan, ground = mixed(32, torque=60.0), flat()
    physics = Physics(32, ONE)
    settle_in(physics, plan, 50.0, 1.2)
    physics.step(600, ground)
    before = physics.read().pose.copy()
    physics.step(60, ground)
    after = physics.read().pose
    chassis = after[:, CHASSIS]
    low = np.minimum(chassis[:, SIN], 0.0)
    assert np.abs(after[:, 1:FIRST_WHEEL, [VX, VY]]).max() < 0.05
    assert np.median(np.abs(chassis[:, [VX, VY]])) < 2e-3
    assert np.median(np.abs(after - before)[:, :, :2]) < 1e-3
    capsules = plan.mass[:, 1:FIRST_WHEEL] > 0
    sunk = after[:, 1:FIRST_WHEEL, Y] - plan.half_length[:, 1:FIRST_WHEEL] * np.abs(after[:, 1:FIRST_WHEEL, SIN])
    assert (sunk - plan.radius[:, 1:FIRST_WHEEL])[capsules].min() > -0.005
    corner = chassis[:, Y] - 0.75 * np.abs(low) - 0.3 * np.abs(chassis[:, COS])
    assert corner.min() > -0.005


def test_a_box_rests_exactly_on_its_side() -> None:
    physics = Physics(1, ONE)
    settle_in(physics, boxes(), 50.0, 0.35)
    physics.step(120, flat())
    pose = physics.read().pose[0, CHASSIS]
    assert pose[Y] == pytest.approx(0.3, abs=1e-3)
    assert np.abs(pose[VX:]).max() < 1e-3
    assert physics.reading.touch[0, CHASSIS]


def test_a_box_without_friction_glides_over_even_ground_unhindered() -> None:
    for slope in (0.0, 0.2):
        ground, tilt = ground_of(lambda x, slope=slope: 40.0 - slope * x), np.arctan(slope)
        plan, physics, shove = boxes(friction=0.0), Physics(1, ONE), np.zeros((1, 29, 3), np.float32)
        settle_in(physics, plan, 50.0, 40.0 - slope * 50.0 + 0.3 / np.cos(tilt), -tilt)
        shove[0, CHASSIS, :2] = 3.0 * plan.mass[0, CHASSIS] * np.array([np.cos(tilt), -np.sin(tilt)])
        physics.step(1, ground, shove)
        physics.step(119, ground)
        pose = physics.read().pose[0, CHASSIS]
        assert np.hypot(pose[VX], pose[VY]) == pytest.approx(3.0 + 2.0 * G * np.sin(tilt), rel=0.01)
        assert abs(pose[SPIN]) < 0.01


def test_slots_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="capacity is 1"):
        settle_in(Physics(1, ONE), boxes(2), 50.0, 1.0)
    with pytest.raises(ValueError, match="2 slots"):
        Physics(2, ONE).place(np.arange(2, dtype=np.int32), boxes(1), *[np.zeros(2, np.float32)] * 4)


def test_what_is_not_a_number_commands_nothing() -> None:
    plan, ground = mixed(8), flat()
    worlds = [Physics(8, ONE), Physics(8, ONE)]
    for physics, command in zip(worlds, (np.nan, 0.0), strict=True):
        settle_in(physics, plan, 50.0, 2.0)
        physics.command[:] = command
        physics.step(30, ground)
    assert worlds[0].read().pose.tobytes() == worlds[1].read().pose.tobytes()


def test_a_belly_does_not_sink_onto_a_ridge() -> None:
    ridge = ground_of(lambda x: np.maximum(0.0, 0.5 - np.abs(x - 50.0) * 2.0), 1)
    physics = Physics(1, ONE)
    settle_in(physics, boxes(friction=2.0), 50.0, 0.85)
    physics.step(60, ridge)
    assert physics.read().pose[0, CHASSIS, Y] == pytest.approx(0.8, abs=0.01)


def test_a_segment_does_not_sink_onto_a_ridge() -> None:
    ridge = ground_of(lambda x: np.maximum(0.0, 1.5 - np.abs(x - 51.5) * 6.0), 1)
    plan = boxes(half_length=0.5, half_height=0.7, mass=50.0)
    put_segment(plan, 0, 1, (0.5, 0.6), half=0.9, rest=0.3, torque=0.0, reach=2.0)
    physics = Physics(1, ONE)
    settle_in(physics, plan, 50.0, 0.7)
    physics.step(240, ridge)
    pose = physics.read().pose[0, 1]
    over = -pose[SIN] * (51.5 - pose[X]) + pose[COS] * (1.5 - pose[Y])
    assert over == pytest.approx(-0.1, abs=0.01)  # the ridge's corner lies on the segment's rounding
    assert physics.reading.touch[0, 1]


def test_without_motors_energy_only_falls() -> None:
    plan, ground = mixed(48), rough()
    plan.torque[:] = 0.0
    physics = Physics(48, ONE)
    settle_in(physics, plan, 50.0, 3.0)
    energies = []
    for _ in range(60):
        energies.append(energy_of(plan, physics.read().pose.astype(np.float64)))
        physics.step(10, ground)
    assert physics.read().energy.max() == 0.0
    assert np.diff(energies, axis=0).max() < 0.02 * np.abs(energies[0]).max()
    assert (energies[-1] < energies[0] - 1.0).all()


def test_a_wheel_rolls_without_slipping() -> None:
    plan = boxes()
    for wheel, x in enumerate((-0.5, 0.5)):
        put_wheel(plan, 0, wheel, (x, -0.3), torque=30.0, speed=6.0)
    physics = Physics(1, ONE)
    settle_in(physics, plan, 20.0, 0.55)
    physics.command[0, FIRST_WHEEL - 1 :] = -1.0  # clockwise: to the right
    physics.step(240, flat())
    pose, turn = physics.read().pose[0], physics.reading.turn[0]
    assert turn[FIRST_WHEEL - 1, 1] == pytest.approx(-6.0, rel=0.01)
    assert pose[CHASSIS, VX] == pytest.approx(6.0 * 0.25, rel=0.02)


def test_a_motor_turns_its_joint_at_the_speed_asked_for_until_its_reach_ends() -> None:
    plan = boxes(half_length=2.0, half_height=1.0, mass=1000.0)
    put_segment(plan, 0, 1, (2.0, 1.0), rest=0.0, torque=30.0, speed=2.0, reach=1.0)
    physics = Physics(1, ONE)
    settle_in(physics, plan, 50.0, 1.0)
    physics.command[0, 0] = 0.5
    physics.step(30, flat())
    angle, rate = physics.read().turn[0, 0]
    assert rate == pytest.approx(1.0, abs=0.02)
    assert angle == pytest.approx(0.5, abs=0.02)
    physics.step(120, flat())
    assert physics.read().turn[0, 0, 0] == pytest.approx(1.0, abs=0.02)


def test_a_motor_spends_the_work_it_does() -> None:
    plan = boxes(half_length=2.0, half_height=1.0, mass=1e5)
    put_segment(plan, 0, 1, (2.0, 1.0), rest=-1.2, torque=500.0, speed=1.0, reach=3.0)
    physics = Physics(1, ONE)
    settle_in(physics, plan, 50.0, 1.0)
    physics.step(30, flat())
    before = physics.read().pose[0, 1, Y]
    physics.command[0, 0] = 1.0
    physics.step(120, flat())
    gained = (physics.read().pose[0, 1, Y] - before) * plan.mass[0, 1] * G
    moving = 0.5 * (plan.inertia[0, 1] + plan.mass[0, 1] * 0.35**2)  # at 1 rad/s
    assert physics.reading.energy[0] == pytest.approx(gained + moving, rel=0.03)


def test_a_torque_command_applies_that_torque() -> None:
    plan = boxes(half_length=2.0, half_height=1.0, mass=1e6)
    put_wheel(plan, 0, 0, (3.0, 1.0), torque=0.2)
    physics = Physics(1, ONE)
    settle_in(physics, plan, 50.0, 1.0, by_torque=np.ones(1, np.bool_))
    physics.command[0, FIRST_WHEEL - 1] = -0.5
    physics.step(60, flat())
    wanted = -0.5 * 0.2 / plan.inertia[0, FIRST_WHEEL]
    assert physics.read().turn[0, FIRST_WHEEL - 1, 1] == pytest.approx(wanted, rel=0.01)


def test_joints_hold_within_five_millimetres_under_normal_gaits() -> None:
    count = 256
    plan, ground = mixed(count, seed=3), rough()
    physics = Physics(count, ONE)
    settle_in(physics, plan, 150.0, 2.5)
    random = np.random.default_rng(0)
    rate, phase = random.uniform(2, 6, (count, JOINTS)), random.uniform(0, 6.3, (count, JOINTS))
    widest = []
    for k in range(300):
        physics.command[:] = np.sin(rate * k / 60 + phase)
        physics.step(1, ground)
        if k > 90:  # landed
            widest.append(separation(plan, physics.read().pose.astype(np.float64)).max())
    assert max(widest) < 0.005


def test_a_fall_from_on_high_ends_on_the_ground() -> None:
    plan, ground = mixed(64, seed=5), rough()
    physics = Physics(64, ONE)
    settle_in(physics, plan, 150.0, 400.0, 1.0)
    for _ in range(200):
        physics.step(6, ground)
        pose = physics.read().pose
        under = height_under(ground, physics.reading.tile, pose[..., X].astype(np.float64)) - pose[..., Y]
        assert np.where(plan.mass > 0, under, 0.0).max() < 0.1
    assert np.abs(pose[:, CHASSIS, [VX, VY]]).max() < 2.0


@pytest.mark.parametrize("by_torque", [False, True])
def test_motors_of_2000_newton_metres_neither_explode_nor_tunnel(by_torque: bool) -> None:
    count = 128
    plan, ground = mixed(count, seed=4, torque=2000.0), rough()
    plan.speed[:] = np.where(plan.speed > 0, 20.0, 0.0)
    physics = Physics(count, ONE)
    settle_in(physics, plan, 150.0, 2.5, by_torque=np.full(count, by_torque))
    random, deepest = np.random.default_rng(0), []
    for _ in range(100):
        physics.command[:] = random.choice([-1.0, 1.0], physics.command.shape)
        physics.step(6, ground)
        pose = physics.read().pose
        assert np.isfinite(pose).all()
        under = height_under(ground, physics.reading.tile, pose[..., X].astype(np.float64)) - pose[..., Y]
        deepest.append(np.where(plan.mass > 0, under, 0.0).max())
    physics.command[:] = 0.0
    physics.step(120, ground)
    pose = physics.read().pose
    under = height_under(ground, physics.reading.tile, pose[..., X].astype(np.float64)) - pose[..., Y]
    assert np.where(plan.mass > 0, under, 0.0).max() < 0.05  # whoever was pressed in is out again
    assert np.median(deepest) < 0.3
