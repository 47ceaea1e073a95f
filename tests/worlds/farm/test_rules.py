"""Each rule's kernel does what its plain twin says, on random worlds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from farms import farm_of, scatter
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from teem.worlds.farm.bodies import ATTACK, DEFEND, GATHER, PASS, REPRODUCE, SHARE, SPEED, WAY_X, WAY_Y
from teem.worlds.farm.farm import Farm
from teem.worlds.farm.fields import RESOURCES
from teem.worlds.farm.rules.fight import fight, fight_plain
from teem.worlds.farm.rules.gather import gather, gather_plain
from teem.worlds.farm.rules.metabolise import die, die_plain, metabolise, metabolise_plain
from teem.worlds.farm.rules.move import move, move_plain
from teem.worlds.farm.rules.regrow import lasting, regrow, regrow_plain
from teem.worlds.farm.rules.share import communicate, communicate_plain, share, share_plain

worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "edge": st.sampled_from(["torus", "bounded"]),
        "channels": st.sampled_from([("resources", "damage_heat", "trails"), ("resources",)]),
        "size": st.sampled_from([9, 24]),
        "density": st.sampled_from([0.2, 1.0]),
        "obstacles": st.sampled_from([0.0, 0.3]),
        "founders": st.sampled_from([1, 20]),
        "reach": st.sampled_from([0.75, 2.0]),
        "loot": st.sampled_from([0.0, 0.5]),
        "decay": st.sampled_from([0.0, 0.9]),
        "upkeep": st.sampled_from([0.0, 0.2]),
    }
)
any_world = given(world=worlds, crowded=st.booleans())
often = settings(max_examples=40, deadline=None)


class Scene:
    """Two farms alike, and what everybody in them wants: `choices` are drawn from most."""

    def __init__(self, world: dict[str, Any], crowded: bool, *choices: int) -> None:
        self.ours, self.theirs = farm_of(**world), farm_of(**world)
        for farm in (self.ours, self.theirs):
            scatter(farm, world["seed"], crowded)
            farm.observe()
        random = np.random.default_rng(world["seed"] + 1)
        self.action = random.choice([*choices, *choices, PASS], farm.population.capacity).astype(np.int32)
        mask = farm.observe().mask
        self.action[~mask[np.arange(len(self.action)), self.action]] = PASS
        self.living = farm.population.living.copy()
        self.targets = np.full((2, farm.population.capacity), -1, np.int64)

    def parts(self, name: str) -> tuple[int, np.float32]:
        fields = self.ours.fields
        return fields.index(name), fields.scale[fields.index(name)]

    def each_with(self, kernel: Any, plain: Any) -> Iterator[tuple[Any, Farm, NDArray[np.int64]]]:
        """The kernel with the one farm, its twin with the other, each with targets to fill in."""
        yield kernel, self.ours, self.targets[0]
        yield plain, self.theirs, self.targets[1]

    def assert_alike(self) -> None:
        for name, ours, theirs in zip(self.ours.bodies._fields, self.ours.bodies, self.theirs.bodies, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(self.ours.fields.planes, self.theirs.fields.planes, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(self.targets[0], self.targets[1])


def pass_on_borders(farm: Farm, living: NDArray[np.int32], action: NDArray[np.int32]) -> None:
    """Let those rest who would end within rounding of a border, where float32 and float64 may differ."""
    way = np.minimum(action, 7)
    distance = float(farm._settings.move_distance) * (0.5 + 0.5 * farm.bodies.genome[:, SPEED].astype(float))
    for place, along in ((farm.bodies.x, WAY_X), (farm.bodies.y, WAY_Y)):
        end = place + distance * along[way] * (along[way] != 0)
        near = (abs(end - np.round(end)) < 1e-4) & (along[way] != 0)
        action[near & (action < 8)] = PASS


@often
@any_world
def test_move_is_as_specified(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene(world, crowded, *range(8))
    scene.action[:] = np.random.default_rng(world["seed"]).integers(0, 9, len(scene.action))  # onto rock and walls too
    pass_on_borders(scene.ours, scene.living, scene.action)
    ours, theirs = scene.ours, scene.theirs
    spent = move(scene.living, scene.action, ours.bodies, ours.fields.planes, ours._terms, *scene.parts("trails"))
    plain = move_plain(
        scene.living, scene.action, theirs.bodies, theirs.fields.planes, theirs._terms, *scene.parts("trails")
    )
    assert spent == pytest.approx(plain, abs=1e-4)
    scene.assert_alike()


@often
@any_world
def test_gather_is_as_specified(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene(world, crowded, GATHER)
    ours, theirs = scene.ours, scene.theirs
    got = gather(
        scene.living,
        scene.action,
        ours.bodies,
        ours.fields.planes,
        ours.fields.capacity,
        ours._terms,
        ours._demand,
    )
    plain = gather_plain(
        scene.living, scene.action, theirs.bodies, theirs.fields.planes, theirs.fields.capacity, theirs._terms
    )
    assert got == pytest.approx(plain, abs=1e-4)
    assert not ours._demand.any()
    scene.assert_alike()


@often
@any_world
def test_fight_is_as_specified(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene(world, crowded, ATTACK, DEFEND)
    spent = []
    for rule, farm, target in scene.each_with(fight, fight_plain):
        heat, who = scene.parts("damage_heat"), (scene.living, scene.action)
        spent.append(rule(*who, target, farm.bodies, farm.fields.planes, farm._terms, farm._kinds, *heat))
    assert spent[0] == pytest.approx(spent[1], abs=1e-4)
    scene.assert_alike()


@often
@any_world
def test_an_enemy_that_dodged_is_not_hit_but_the_blow_is_paid_for(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene({**world, "reach": 1.5}, crowded, ATTACK)
    for farm in (scene.ours, scene.theirs):
        farm.bodies.x[scene.living] = np.arange(len(scene.living)) * 4 % farm.fields.side + 0.5
    for rule, farm, target in scene.each_with(fight, fight_plain):
        heat, who = scene.parts("damage_heat"), (scene.living, scene.action)
        rule(*who, target, farm.bodies, farm.fields.planes, farm._terms, farm._kinds, *heat)
    scene.assert_alike()


@often
@any_world
def test_share_is_as_specified(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene(world, crowded, SHARE)
    gifts = [
        rule(scene.living, scene.action, target, farm.bodies, farm._terms, farm._kinds)
        for rule, farm, target in scene.each_with(share, share_plain)
    ]
    assert gifts[0] == pytest.approx(gifts[1], abs=1e-4)
    scene.assert_alike()


def each(scene: Scene, kernel: Callable[..., Any], plain: Callable[..., Any], *fields: str) -> tuple[Any, Any]:
    """Run both on their own farm with the arguments named."""
    results = []
    for rule, farm in ((kernel, scene.ours), (plain, scene.theirs)):
        have = {"bodies": farm.bodies, "planes": farm.fields.planes, "terms": farm._terms}
        have |= {"living": scene.living, "action": scene.action}
        results.append(rule(*(have[name] for name in fields)))
    return results[0], results[1]


@often
@any_world
def test_communicate_is_as_specified(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene(world, crowded, 13)
    each(scene, communicate, communicate_plain, "living", "action", "bodies", "planes", "terms")
    scene.assert_alike()


@often
@any_world
def test_metabolise_is_as_specified(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene(world, crowded, REPRODUCE)
    for farm in (scene.ours, scene.theirs):
        farm.bodies.health[scene.living[::3]] -= 0.5
    spent, plain = each(scene, metabolise, metabolise_plain, "living", "bodies", "terms")
    assert spent == pytest.approx(plain, abs=1e-4)
    scene.assert_alike()


@often
@any_world
def test_die_is_as_specified(world: dict[str, Any], crowded: bool) -> None:
    scene = Scene(world, crowded, PASS)
    for farm in (scene.ours, scene.theirs):
        farm.bodies.health[scene.living[::3]] -= 1.5
        farm.bodies.hurt[scene.living[::2]] = 0
    farm = scene.ours
    terminated = np.zeros(farm.population.capacity, np.bool_)
    dead, cause = np.zeros((2, farm.population.capacity), np.int32)
    count, lost = die(scene.living, farm.bodies, farm._terms, 10, terminated, dead, cause)
    slots, causes, lost_plain = die_plain(scene.living, scene.theirs.bodies, scene.theirs._terms, 10)
    np.testing.assert_array_equal(dead[:count], slots)
    np.testing.assert_array_equal(cause[:count], causes)
    np.testing.assert_array_equal(scene.living[terminated[scene.living]], slots)
    assert lost == pytest.approx(lost_plain, abs=1e-4)
    scene.assert_alike()


@often
@given(world=worlds, every=st.integers(1, 9), step=st.integers(0, 20), growth=st.sampled_from([0.0, 0.02, 1.0]))
def test_regrow_is_as_specified(world: dict[str, Any], every: int, step: int, growth: float) -> None:
    scene = Scene(world, False, PASS)
    lasts = lasting(growth, every)
    grown = [
        rule(step, every, farm.fields.planes, farm.fields.capacity, lasts)
        for rule, farm in ((regrow, scene.ours), (regrow_plain, scene.theirs))
    ]
    assert grown[0] == pytest.approx(grown[1], abs=1e-3)
    scene.assert_alike()


def test_a_row_grows_alike_however_far_apart_its_turns_are() -> None:
    """The closed form of the logistic equation, against Euler's method in small steps."""
    rate, full, here = 0.05, 2.0, 0.3
    slow = here
    for _ in range(48 * 1000):
        slow += rate / 1000 * slow * (1 - slow / full)
    for every in (1, 4, 16):
        planes, capacity = np.full((16, 1, 3), here, np.float32), np.full((16, 1), full, np.float32)
        for step in range(48):
            regrow(step, every, planes, capacity, lasting(rate, every))
        np.testing.assert_allclose(planes[:, 0, RESOURCES], slow, rtol=1e-3)


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9])
def test_planes_fade_by_decay_however_often_they_are_folded(decay: float) -> None:
    fields = farm_of(channels=("trails", "landmarks"), decay=decay, size=9).fields
    trails = fields.index("trails")
    truth = np.zeros((9, 9))
    random = np.random.default_rng(0)
    marks = fields.values("landmarks").copy()
    for _ in range(400):
        y, x = random.integers(0, 9, 2)
        fields.planes[y, x, trails] += 1 / fields.scale[trails]
        truth[y, x] += 1
        np.testing.assert_allclose(fields.values("trails"), truth, rtol=1e-4, atol=1e-6)
        fields.fade()
        truth *= decay
    np.testing.assert_array_equal(fields.values("landmarks"), marks)
