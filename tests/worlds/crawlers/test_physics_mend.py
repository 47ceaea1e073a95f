"""Joints hold within 5 mm whatever tears at them, and what is mended is neither pushed nor carried away."""

from __future__ import annotations

import numpy as np
import pytest
from creatures import flat, height_under, mixed, numbers, rough, separation, settle_in
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from teem.threads import Threads
from teem.worlds.crawlers import physics_plain
from teem.worlds.crawlers.blocks import SPIN, VX, VY, X, Y
from teem.worlds.crawlers.mend import SLACK
from teem.worlds.crawlers.physics import DT, Physics
from teem.worlds.crawlers.physics_plain import PlainCreature
from teem.worlds.crawlers.plan import PARTS, Plan

ONE = Threads(1)
FLAT, ROUGH = flat(), rough()
TORN = float(SLACK) + 1e-5  # what rounding leaves


def strong(count: int, seed: int = 4) -> Plan:
    """Bodies with motors of 2000 N m and 20 rad/s."""
    plan = mixed(count, seed, torque=2000.0)
    plan.speed[:] = np.where(plan.speed > 0, 20.0, 0.0)
    return plan


def balance(plan: Plan, physics: Physics) -> tuple[NDArray[np.float64], ...]:
    """Of each creature: centre of mass and momentum [n, 2], angular momentum and kinetic energy about it [n]."""
    pose = physics.read().pose.astype(np.float64)
    mass, inertia = plan.mass.astype(np.float64), plan.inertia.astype(np.float64)
    share = (mass / mass.sum(1, keepdims=True))[..., None]
    place, speed, spin = pose[..., :2], pose[..., VX:SPIN], pose[..., SPIN]
    centre, mean = (share * place).sum(1), (share * speed).sum(1)
    arm, rest = place - centre[:, None], speed - mean[:, None]
    turning = mass * (arm[..., 0] * rest[..., 1] - arm[..., 1] * rest[..., 0]) + inertia * spin
    energy = 0.5 * mass * (rest**2).sum(2) + 0.5 * inertia * spin**2
    centre[:, 0] += 100.0 * physics.reading.tile
    return centre, mass.sum(1, keepdims=True) * mean, turning.sum(1), energy.sum(1)


@pytest.mark.parametrize("by_torque", [False, True])
def test_joints_hold_within_five_millimetres_at_2000_newton_metres(by_torque: bool) -> None:
    plan, physics, random = strong(96), Physics(96, ONE), np.random.default_rng(0)
    settle_in(physics, plan, 150.0, 2.5, by_torque=np.full(96, by_torque))
    for k in range(600):
        if k % 6 == 0:
            physics.command[:] = random.choice([-1.0, 1.0], physics.command.shape)
        physics.step(1, ROUGH)
        pose = physics.read().pose
        assert np.isfinite(pose).all()
        assert separation(plan, pose.astype(np.float64)).max() < 0.005


def widest_plain(steps: int) -> float:
    """How far the ends of a plain creature's joints come apart under motors of 2000 N m."""
    plan, random, widest = strong(1), np.random.default_rng(0), 0.0
    plain = PlainCreature(plan, 0, 1, 50.0, 2.5, 0.0)
    for k in range(steps):
        for joint in plain.joints.values():
            joint.command = float(random.choice([-1.0, 1.0])) if k % 6 == 0 else joint.command
        plain.step(ROUGH)
        widest = max(widest, *(float(np.hypot(*joint.gap())) for joint in plain.joints.values()))
    return widest


def test_without_mending_joints_would_come_further_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert widest_plain(60) < 0.005
    monkeypatch.setattr(physics_plain, "_mend", lambda parts, joints: None)
    assert widest_plain(60) > 0.005


def tear(physics: Physics, plan: Plan, random: np.random.Generator, far: float) -> None:
    """Move every part of every creature somewhere else, by up to `far` metres along each axis."""
    shift = random.uniform(-far, far, (len(plan.mass), PARTS, 2)).astype(np.float32)
    state = physics.state()
    blocks = state["blocks"]
    for slot, (block, lane) in enumerate(state["home"]):
        for item, number in enumerate(blocks["walk"][block, : blocks["items"][block], 0]):
            if plan.mass[slot, number] > 0:
                blocks["parts"][block, item, [X, Y], lane] += shift[slot, number]
    physics.load_state(state)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000), far=st.sampled_from([0.004, 0.02, 0.3]))
def test_torn_joints_are_mended_as_the_specification_says(seed: int, far: float) -> None:
    plan, physics = mixed(1, seed), Physics(1, ONE)
    plan.torque[:] = 0.0
    settle_in(physics, plan, 50.0, 20.0, 0.5)
    tear(physics, plan, np.random.default_rng(seed), far)
    plain = PlainCreature(plan, 0, 0, 50.0, 20.0, 0.5)
    for number, part in plain.parts.items():
        part.x, part.y = (float(value) for value in physics.read().pose[0, number, :2])
    physics.step(1, FLAT)
    plain.step(FLAT)
    found = physics.read().pose[0]
    for number, part in plain.parts.items():
        np.testing.assert_allclose(found[number, [X, Y]], [part.x, part.y], atol=1e-4)
        np.testing.assert_allclose(found[number, [VX, VY, SPIN]], [part.vx, part.vy, part.spin], atol=2e-2)
    assert separation(plan, physics.reading.pose.astype(np.float64)).max() < TORN


def test_mending_moves_no_centre_of_mass_and_gives_no_momentum() -> None:
    plan, physics = mixed(40, seed=2), Physics(40, ONE)
    plan.torque[:] = 0.0
    settle_in(physics, plan, 50.0, 20.0)
    tear(physics, plan, np.random.default_rng(1), 0.05)
    begin, _, _, _ = balance(plan, physics)
    assert separation(plan, physics.reading.pose.astype(np.float64)).max() > 0.05
    physics.step(1, FLAT)
    centre, momentum, _, _ = balance(plan, physics)
    h, weight = DT / 4, 9.81 * plan.mass.sum(1)
    np.testing.assert_allclose(centre[:, 0], begin[:, 0], atol=2e-5)
    np.testing.assert_allclose(centre[:, 1], begin[:, 1] - 9.81 * h * h * 10, atol=2e-5)  # 1 + 2 + 3 + 4 substeps
    np.testing.assert_allclose(momentum[:, 0], 0.0, atol=1e-3)
    np.testing.assert_allclose(momentum[:, 1], -weight * DT, atol=1e-3)


def test_a_mended_creature_changes_no_bit_of_its_neighbours() -> None:
    poses = []
    for torn in (False, True):
        plan, physics = mixed(32, seed=2), Physics(32, ONE)
        settle_in(physics, plan, 50.0, 1.5)
        if torn:
            state, other = physics.state(), Physics(32, ONE)
            block, lane = state["home"][5]
            state["blocks"]["parts"][block, 1, X, lane] += np.float32(0.2)
            other.load_state(state)
            physics = other
        physics.command[:] = np.random.default_rng(0).uniform(-1, 1, physics.command.shape)
        physics.step(60, FLAT)
        poses.append(physics.read().pose.copy())
    alone = numbers(32) != 5
    assert (poses[0][alone] == poses[1][alone]).all()
    assert (poses[0][5] != poses[1][5]).any()


@pytest.mark.parametrize("spin", [5.0, 15.0, 55.0])
def test_who_whirls_in_free_fall_keeps_momentum_and_gains_no_energy(spin: float) -> None:
    plan, physics = mixed(48, seed=6), Physics(48, ONE)
    plan.torque[:] = 0.0
    settle_in(physics, plan, 50.0, 300.0)
    centre, _, _, _ = balance(plan, physics)
    arm = physics.reading.pose[..., :2] - np.stack([centre[:, 0] % 100.0, centre[:, 1]], 1)[:, None]
    shove = np.stack([-plan.mass * spin * arm[..., 1], plan.mass * spin * arm[..., 0], plan.inertia * spin], 2)
    physics.step(1, FLAT, shove.astype(np.float32))
    _, begun, turning, energy = balance(plan, physics)
    least = energy.copy()
    for _ in range(60):
        physics.step(1, FLAT)
        _, momentum, turned, moving = balance(plan, physics)
        assert (moving < 1.01 * least).all()
        least = np.minimum(least, moving)
        assert separation(plan, physics.reading.pose.astype(np.float64)).max() < 0.005
    if spin > 20.0:
        return  # no part goes faster than 50 m/s, which costs momentum
    weight = np.array([0.0, -9.81]) * plan.mass.sum(1)[:, None]
    np.testing.assert_allclose(momentum, begun + weight, atol=0.02)
    np.testing.assert_allclose(turned, turning, rtol=0.02)


def test_mending_keeps_centre_of_mass_and_momenta() -> None:
    random = np.random.default_rng(0)
    plain = PlainCreature(mixed(1, 5), 0, 0, 50.0, 2.0, 0.3)
    parts, joints = list(plain.parts.values()), list(plain.joints.values())
    for part in parts:
        part.x, part.y = part.x + random.uniform(-0.1, 0.1), part.y + random.uniform(-0.1, 0.1)
        part.vx, part.vy, part.spin = random.uniform(-5, 5, 3)

    def sums() -> NDArray[np.float64]:
        mass = np.array([1.0 / part.inv_mass for part in parts])
        place, speed = (np.array([[part.x, part.y] for part in parts]), np.array([[p.vx, p.vy] for p in parts]))
        turning = sum(part.spin / part.inv_inertia for part in parts)
        turning += float(mass @ (place[:, 0] * speed[:, 1] - place[:, 1] * speed[:, 0]))
        return np.array([*(mass @ place), *(mass @ speed), turning])

    before = sums()
    physics_plain._mend(parts, joints)
    np.testing.assert_allclose(sums(), before, atol=1e-9)
    assert max(float(np.hypot(*joint.gap())) for joint in joints) == pytest.approx(float(SLACK))


def test_nobody_is_mended_into_the_ground() -> None:
    plan, physics, random = strong(96, seed=9), Physics(96, ONE), np.random.default_rng(1)
    settle_in(physics, plan, 150.0, 2.5)
    deepest = []
    for _ in range(60):
        physics.command[:] = random.choice([-1.0, 1.0], physics.command.shape)
        physics.step(6, ROUGH)
        pose = physics.read().pose
        under = height_under(ROUGH, physics.reading.tile, pose[..., X].astype(np.float64)) - pose[..., Y]
        deepest.append(np.where(plan.mass > 0, under, 0.0).max())
    assert np.median(deepest) < 0.2
