"""Bodies: every genome builds a valid one, and what is wrong with a plan by hand is said."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from teem.config.crawlers import BodySettings
from teem.population.variation import cross, mutate
from teem.worlds.crawlers.faults import MASS_RATIO, PART_NAMES, faults_of
from teem.worlds.crawlers.genome import TRAITS, founding, spans_of
from teem.worlds.crawlers.morphology import build, describe, limbs_of, plan_of, plan_of_plain
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, LIMBS, PARENT, SEGMENTS, Plan

BODY = BodySettings()
FEW = BodySettings(limbs=3, segments=2, wheels=1, torque=7.0, speed=2.0, friction=0.3)
HIPS = np.arange(0, LIMBS * SEGMENTS, SEGMENTS)  # joints


def by_chance(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((count, len(TRAITS)), np.float32)


def lowest_of_first_segments(plan: Plan) -> np.ndarray:
    """How far below the chassis' middle each limb's first segment gets, within its range."""
    rest, reach = plan.rest[:, HIPS], plan.reach[:, HIPS]
    off_down = np.maximum(np.abs(rest + np.pi / 2) - reach, 0)
    length = 2 * plan.half_length[:, HIPS + 1]
    return length * np.cos(off_down) + plan.radius[:, HIPS + 1] - plan.anchor[:, HIPS, 1]


def assert_valid(plan: Plan) -> None:
    assert faults_of(plan) == []
    there = plan.mass > 0
    assert ((plan.inertia > 0) == there).all()
    assert ((plan.radius > 0) == there).all()
    limbs = limbs_of(plan)
    assert ((limbs >= 1) & (limbs <= LIMBS)).all()
    hips = there[:, HIPS + 1]
    assert (lowest_of_first_segments(plan)[hips] > np.broadcast_to(plan.radius[:, :1], hips.shape)[hips]).all()


def test_ten_thousand_random_genomes_all_build_a_valid_body() -> None:
    plan = plan_of(by_chance(10_000), BODY)
    assert_valid(plan)
    assert set(limbs_of(plan)) == set(range(1, 9)), "dynamic limb counts in one population"
    assert set((plan.mass[:, FIRST_WHEEL:] > 0).sum(axis=1)) == set(range(5))
    segments = (plan.mass[:, 1:FIRST_WHEEL] > 0).reshape(-1, LIMBS, SEGMENTS).sum(axis=2)
    assert set(segments[:, 0]) == {1, 2, 3}


EDGES = st.sampled_from([0.0, 1.0, 0.5, np.nan, np.inf, -np.inf, -3.0, 7.0, 1e-45]) | st.floats(0, 1, width=32)


@settings(max_examples=50, deadline=None)
@given(
    genomes=arrays(np.float32, (4, len(TRAITS)), elements=EDGES, fill=st.sampled_from([0.0, 1.0])),
    body=st.builds(
        BodySettings, limbs=st.integers(1, 8), segments=st.integers(1, 3), wheels=st.integers(0, 4),
        torque=st.floats(0.1, 2000), speed=st.floats(0.1, 50),
    ),
)  # fmt: skip
def test_genomes_at_the_edges_build_valid_bodies_within_the_settings(genomes: np.ndarray, body: BodySettings) -> None:
    plan = plan_of(genomes, body)
    assert_valid(plan)
    assert limbs_of(plan).max() <= body.limbs
    assert (plan.mass[:, FIRST_WHEEL:] > 0).sum(axis=1).max() <= body.wheels
    assert plan.torque.max() <= np.float32(body.torque)
    assert plan.speed.max() <= np.float32(body.speed)
    plain = plan_of_plain(genomes, body)
    for one in fields(Plan):
        built = getattr(plan, one.name)
        np.testing.assert_allclose(built, getattr(plain, one.name), rtol=2e-5, atol=1e-6, err_msg=one.name)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_all_least_and_all_most_genomes_are_the_smallest_and_the_largest_body(edge: float) -> None:
    plan = plan_of(np.full((1, len(TRAITS)), edge, np.float32), BODY)
    assert_valid(plan)
    assert (plan.mass > 0).sum() == (1 + 1 if edge == 0.0 else 1 + 24 + 4)


@pytest.mark.parametrize("body", [BODY, FEW])
def test_the_kernel_builds_what_the_specification_says(body: BodySettings) -> None:
    genomes = by_chance(300, seed=5)
    plan, plain = plan_of(genomes, body), plan_of_plain(genomes, body)
    for one in fields(Plan):
        built = getattr(plan, one.name)
        np.testing.assert_allclose(built, getattr(plain, one.name), rtol=2e-5, atol=1e-6, err_msg=one.name)


def test_children_of_valid_bodies_are_valid() -> None:
    parents = by_chance(1000)
    ids = np.arange(1000)
    children = parents
    for step in range(5):
        children = mutate(cross(children, parents[::-1], 0.5, 3, step, ids), 0.5, 3, step, ids)
    assert ((children == 0) | (children == 1)).mean() > 0.2, "many traits are at their edges"
    assert_valid(plan_of(children, BODY))


def test_a_row_is_rebuilt_as_if_nobody_had_been_there() -> None:
    genomes = by_chance(6, seed=2)
    genomes[[0, 3]] = 1.0  # the largest body there is makes way for any other
    plan = plan_of(genomes[:4], BODY)
    build(genomes[4:], np.array([3, 0], np.int32), BODY, plan)
    wanted = plan_of(genomes[[5, 1, 2, 4]], BODY)
    for one in fields(Plan):
        np.testing.assert_array_equal(getattr(plan, one.name), getattr(wanted, one.name))


def test_a_symmetric_body_mirrors_every_second_limb_and_wheel() -> None:
    genomes = by_chance(400, seed=9)
    genomes[:, TRAITS.index("chassis_symmetric")] = 0.9
    plan = plan_of(genomes, BODY)
    for limb in range(0, LIMBS, 2):
        pair = plan.mass[:, 1 + (limb + 1) * SEGMENTS] > 0
        one, other = HIPS[limb], HIPS[limb + 1]
        np.testing.assert_allclose(plan.anchor[pair, one] * (-1, 1), plan.anchor[pair, other])
        directions = [np.stack([np.cos(plan.rest[pair, hip]), np.sin(plan.rest[pair, hip])]) for hip in (one, other)]
        np.testing.assert_allclose(directions[0] * [[-1], [1]], directions[1], atol=1e-5)
        np.testing.assert_array_equal(plan.rest[pair, one + 1], -plan.rest[pair, other + 1])
        np.testing.assert_array_equal(plan.mass[pair, one + 1 : one + 4], plan.mass[pair, other + 1 : other + 4])
    lone = genomes.copy()
    lone[:, TRAITS.index("chassis_symmetric")] = 0.1
    plan = plan_of(lone, BODY)
    pair = plan.mass[:, 1 + SEGMENTS] > 0
    assert not np.isclose(plan.anchor[pair, HIPS[0], 0], -plan.anchor[pair, HIPS[1], 0]).any()


def test_masses_and_inertias_are_those_of_the_drawn_shapes() -> None:
    plan = plan_of(by_chance(3, seed=4), BODY)
    rng = np.random.default_rng(0)
    for row, part in ((0, CHASSIS), (1, 1), (2, 1)):
        half, r = plan.half_length[row, part], plan.radius[row, part]
        x, y = rng.uniform(-half - r, half + r, 400_000), rng.uniform(-r, r, 400_000)
        outside = np.maximum(np.abs(x) - half, 0)
        within = outside == 0 if part == CHASSIS else outside**2 + y**2 <= r * r
        expected = (x**2 + y**2)[within].mean()
        assert plan.inertia[row, part] / plan.mass[row, part] == pytest.approx(expected, rel=0.01)
        area = 4 * (half + r) * r * within.mean()
        density = plan.mass[row, part] / area
        low, high = (2.0, 5.0) if part == CHASSIS else (2.0, 4.0)
        assert low * 0.99 <= density <= high * 1.01


def test_founders_have_every_number_of_limbs_and_follow_from_seed_and_id_alone() -> None:
    ids = np.arange(80)
    limbs = limbs_of(plan_of(founding(ids, BODY, seed=3), BODY))
    assert np.bincount(limbs, minlength=9)[1:].tolist() == [10] * 8
    np.testing.assert_array_equal(founding(ids, BODY, seed=3)[7], founding(ids[[7]], BODY, seed=3)[0])
    assert not np.array_equal(founding(ids, BODY, seed=3), founding(ids, BODY, seed=4))
    few = limbs_of(plan_of(founding(np.arange(30), FEW, seed=3), FEW))
    assert np.bincount(few, minlength=4)[1:].tolist() == [10] * 3


def test_spans_are_shared_and_cannot_be_changed() -> None:
    assert spans_of(BODY) is spans_of(BodySettings())
    with pytest.raises(ValueError, match="read-only"):
        spans_of(BODY)[0] = 0


def test_a_body_is_described_in_words() -> None:
    plan = Plan.of(2)
    plan.mass[:, CHASSIS] = 3.0
    plan.mass[0, 1:3] = plan.mass[0, 4] = 0.5
    plan.mass[0, FIRST_WHEEL] = 0.25
    plan.mass[1, 1] = 0.5
    assert describe(plan, 0) == "2 limbs, 1 wheel, 4 joints, 4.75 kg"
    assert describe(plan, 1) == "1 limb, 1 joint, 3.5 kg"


def by_hand() -> Plan:
    """A chassis with a leg of two segments, a leg of one, and a wheel, as a user would write it."""
    plan = Plan.of(1)
    for part, half, radius, mass in ((0, 0.8, 0.3, 4.0), (1, 0.3, 0.1, 0.5), (2, 0.3, 0.1, 0.5), (4, 0.3, 0.1, 0.5)):
        plan.half_length[0, part], plan.radius[0, part], plan.mass[0, part] = half, radius, mass
        plan.inertia[0, part] = mass * (half**2 + radius**2) / 3
        if part:
            plan.grip[0, part - 1] = -half
            plan.reach[0, part - 1], plan.torque[0, part - 1], plan.speed[0, part - 1] = 1.0, 50.0, 5.0
    plan.radius[0, FIRST_WHEEL], plan.mass[0, FIRST_WHEEL], plan.inertia[0, FIRST_WHEEL] = 0.2, 0.4, 0.008
    plan.reach[0, FIRST_WHEEL - 1] = np.inf
    plan.anchor[0, 0], plan.anchor[0, 1], plan.anchor[0, 3] = (0.8, -0.2), (0.3, 0.0), (-0.8, 0.0)
    plan.anchor[0, FIRST_WHEEL - 1] = (0.0, -0.3)
    plan.rest[0, [0, 3]] = -1.0, -2.0
    plan.friction[0] = 0.8
    return plan


PLANTED = [
    ("mass", CHASSIS, 0.0, "mass of chassis is 0: give a chassis"),
    ("mass", 1, -0.5, "mass of limb 0 segment 0 is -0.5: give more than 0 kg, or 0 for no such part"),
    ("mass", 1, 0.0, "limb 0 segment 1 hangs on limb 0 segment 0, which has mass 0"),
    ("mass", 4, 0.05, "limb 1 segment 0 has 0.05 kg but the chassis that carries it 4 kg"),
    ("mass", 2, np.nan, "mass of limb 0 segment 1 is nan: give a finite number"),
    ("inertia", 2, 0.0, "inertia of limb 0 segment 1 is 0: give more than 0"),
    ("inertia", CHASSIS, 40.0, "inertia of chassis is 40: give"),
    ("radius", 4, 0.001, "radius of limb 1 segment 0 is 0.001: give 0.03 to 3.0 m"),
    ("half_length", CHASSIS, 0.0, "half_length of chassis is 0: give more than 0, up to 3.0 m"),
    ("half_length", FIRST_WHEEL, 0.1, "half_length of wheel 0 is 0.1: give 0 of a wheel"),
    ("friction", 1, -1.0, "friction of limb 0 segment 0 is -1: give 0 to 4"),
    ("reach", 0, 0.0, "reach of limb 0 segment 0 is 0: give more than 0, up to pi rad"),
    ("reach", 1, np.inf, "reach of limb 0 segment 1 is inf: give a finite number"),
    ("reach", FIRST_WHEEL - 1, 1.0, "reach of wheel 0 is 1: give infinite of a wheel"),
    ("rest", 3, 5.0, "rest of limb 1 segment 0 is 5: give -pi to pi rad"),
    ("rest", 20, np.inf, "rest of limb 6 segment 2 is inf: give a finite number"),
    ("torque", 0, 2500.0, "torque of limb 0 segment 0 is 2500: give 0 to 2000 N m"),
    ("speed", 1, -1.0, "speed of limb 0 segment 1 is -1: give 0 to 50 rad/s"),
    ("grip", 3, 0.3, "grip of limb 1 segment 0 is 0.3: give minus its half_length"),
    ("anchor", 0, (1.2, 0.0), "anchor of limb 0 segment 0 is (1.2, 0), outside the chassis that carries it"),
    ("anchor", 1, (0.39, 0.09), "anchor of limb 0 segment 1 is (0.39, 0.09), outside the limb 0 segment 0"),
    ("anchor", 3, (0.0, np.nan), "anchor[1] of limb 1 segment 0 is nan: give a finite number"),
]


@pytest.mark.parametrize(("column", "place", "value", "said"), PLANTED)
def test_a_planted_fault_is_named_with_its_part_and_value(column: str, place: int, value: float, said: str) -> None:
    plan = by_hand()
    assert faults_of(plan) == []
    getattr(plan, column)[0, place] = value
    assert any(fault.startswith(f"body 0: {said}") for fault in faults_of(plan)), faults_of(plan)


def test_all_faults_of_all_bodies_are_named_at_once() -> None:
    plan = plan_of(by_chance(5), BODY)
    plan.radius[1, CHASSIS] = 9.0
    plan.torque[3, 0] = -1.0
    plan.mass[4, 1:] = 0.0
    faults = faults_of(plan)
    assert len(faults) == 3
    assert "body 4 has no limb and no wheel: nothing would ever move it" in faults
    assert any("body 1: radius of chassis" in fault for fault in faults)
    assert any("body 3: torque of limb 0 segment 0" in fault for fault in faults)
    plan.mass = plan.mass.astype(np.float64)
    assert faults_of(plan) == ["mass is float64[5, 29]: give float32[n, 29]"]


def test_joined_masses_of_genomes_stay_far_from_what_a_joint_bears() -> None:
    mass = plan_of(by_chance(10_000, seed=8), BODY).mass
    there = mass[:, 1:] > 0
    child, parent = mass[:, 1:][there], mass[:, PARENT][there]
    assert np.maximum(child / parent, parent / child).max() < 0.9 * MASS_RATIO
    assert len(PART_NAMES) == mass.shape[1]
