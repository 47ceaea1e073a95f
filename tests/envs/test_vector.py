"""Rows of a VectorEnv hold exactly what their world says of whoever is in each slot, and no transition two lives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from env_checks import Plain, check_rows
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics
from hypothesis import given, settings
from hypothesis import strategies as st
from little_worlds import LITTLE, config_of, env_of

from teem.envs import play, vector
from teem.envs.play import Play, resting
from teem.envs.returning import Returning
from teem.envs.vector import Vector
from teem.errors import UsageError


@given(
    seed=st.integers(0, 2**63 - 1), founders=st.integers(1, 12), spare=st.integers(0, 8),
    extinction=st.sampled_from(["stop", "reseed"]), age_max=st.integers(2, 20), refill=st.booleans(),
    fame=st.integers(1, 16),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_rows_of_a_farm_are_as_its_world_has_them(
    seed: int, founders: int, spare: int, extinction: str, age_max: int, refill: bool, fame: int
) -> None:
    people = {"population.founders": founders, "population.capacity": founders + spare, "population.fame": fame}
    other = {"population.extinction": extinction, "world.age_max": age_max, "steps": 20}
    config = config_of("farm", **people, **other)
    check_rows(Vector(config, refill=refill), config, seed, 40, refill=refill)


@given(
    seed=st.integers(0, 2**63 - 1), name=st.sampled_from(["crawlers", "torques", "treasure"]), refill=st.booleans()
)  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_rows_of_other_worlds_are_as_they_have_them(seed: int, name: str, refill: bool) -> None:
    config = config_of(name)
    check_rows(Vector(config, refill=refill), config, seed, 25, refill=refill)


# ---- faults that must be found


class Seamless(Vector):
    """Says nothing of ends."""

    def step(self, actions: Any) -> Any:
        views, reward, terminated, truncated, infos = super().step(actions)
        return views, reward, 0 * terminated, truncated, infos


class Stale(Vector):
    """Shows those who come what the dead saw."""

    def step(self, actions: Any) -> Any:
        views, reward, terminated, truncated, infos = super().step(actions)
        for row in np.flatnonzero(terminated):
            views[row] = infos["final_obs"][row]
        return views, reward, terminated, truncated, infos


class Late(Vector):
    """Last views are those of the next episode."""

    def _last(self, passage: Any) -> Any:
        last = super()._last(passage)
        for row in np.flatnonzero(last.get("_final_obs", ())):
            last["final_obs"][row] = self._play.seen[row]
        return last


class Haunted(Play):
    """Rows that nobody is in are rewarded."""

    def advance(self, action: Any) -> Any:
        passage = super().advance(action)
        passage.reward[np.setdiff1d(np.arange(len(passage.reward)), passage.slot)] = 0.5
        return passage


class Changeling(Returning):
    """Those who come again have other bodies."""

    def ask(self, dead: Any, step: int) -> None:
        self._world.population.genome[dead] = 0.5
        super().ask(dead, step)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (Seamless, "terminations: not the world's"),
        (Stale, "observations: not the world's"),
        (Late, "final_obs: not what was perceived last"),
        (Haunted, "rewards: not the world's"),
        (Changeling, "observations: not the world's"),
    ],
)
def test_a_planted_fault_is_named(fault: type, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of("farm")
    if not issubclass(fault, Vector):
        monkeypatch.setattr(*((vector, "Play") if fault is Haunted else (play, "Returning")), fault)
        fault = Vector
    with pytest.raises(AssertionError, match=named):
        check_rows(fault(config), config, 1, 40, refill=True)


# ---- whoever dies comes again


@pytest.mark.parametrize("name", ["farm", "crawlers"])
def test_whoever_dies_comes_again_with_the_same_body_and_a_new_id(name: str) -> None:
    env = env_of(name, "vector", **{"population.capacity": 0, "world.maturity": 10**6, "steps": 0})
    _, infos = env.reset(seed=3)
    people = env.world.population
    bodies, kinds = sorted(map(bytes, people.genome)), sorted(people.kind)
    ids, waits, deaths = set(infos["id"].tolist()), 0, 0
    for _ in range(60):
        actions = resting(env.world)
        before = infos["id"]
        views, reward, terminated, _, infos = env.step(actions)
        vacant = infos["id"] < 0
        assert not views[vacant].any() and not infos["acts"][vacant].any()
        assert not (reward[before < 0] != 0).any() and not terminated[before < 0].any()
        new = set(infos["id"][infos["id"] != before].tolist()) - {-1}
        assert not new & ids, "an id came twice"
        ids |= new
        waits, deaths = waits + int(vacant.sum()), deaths + int(terminated.sum())
    assert deaths >= 10
    assert waits <= deaths  # a step at most; none where creatures come back before anybody decides
    while (people.id < 0).any():
        env.step(actions)
    assert sorted(map(bytes, people.genome)) == bodies and sorted(people.kind) == kinds


def test_who_does_not_fit_into_the_guest_room_waits_its_turn() -> None:
    many = {"population.founders": 12, "population.capacity": 12, "population.fame": 2, "world.maturity": 10**6}
    env = env_of("farm", "vector", **many, **{"world.age_max": 5, "steps": 0})
    env.reset(seed=1)
    seen = []
    for _ in range(16):
        env.step(resting(env.world))
        seen.append(len(env._play.living))
    assert seen[:10] == [12, 12, 12, 12, 12, 2, 4, 6, 8, 10]  # an empty world is not shown to anybody


def test_the_returning_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    env = env_of("farm", "vector", **{"population.fame": 2})
    world = env.world
    returning, slots = Returning(world), world.population.living[:5].copy()
    returning.ask(slots, 0)
    assert len(returning) == 5
    assert world.guests is not None
    assert np.array_equal(world.guests.genome, world.population.genome[slots[:2]])
    world.guests.leave(2)
    returning.ask(slots[:0], 1)
    assert np.array_equal(world.guests.genome, world.population.genome[slots[2:4]])
    assert len(returning) == 3


def test_rows_may_stay_vacant_until_somebody_is_born() -> None:
    quiet = {"world.maturity": 10**6, "world.age_max": 4, "population.extinction": "stop", "steps": 0}
    env = env_of("farm", "vector", refill=False, **quiet)
    _, infos = env.reset(seed=3)
    first = infos["id"]
    for _ in range(8):
        _, _, terminated, _, infos = env.step(resting(env.world))
        if terminated.any():
            break
    assert env.vacant >= env.num_envs - (first >= 0).sum()
    for _ in range(8):
        *_, infos = env.step(resting(env.world))
    assert (infos["id"] >= 0).any(), "when all are dead, another world begins"


# ---- as Gymnasium has it


def test_gymnasiums_wrappers_read_its_infos() -> None:
    env = env_of("farm", "vector")
    counted = RecordEpisodeStatistics(env)
    counted.reset(seed=3)
    ends = 0
    for _ in range(30):
        *_, terminated, truncated, infos = counted.step(env.action_space.sample())
        ends += int((terminated | truncated).sum())
        assert ("episode" in infos) == bool((terminated | truncated).any())
    assert counted.episode_count == ends > 20
    listed = DictInfoToList(env_of("farm", "vector"))
    _, infos = listed.reset(seed=3)
    assert [info["id"] for info in infos[:3]] == [0, 1, 2]


@pytest.mark.parametrize("name", LITTLE)
def test_spaces_hold_what_comes_and_goes(name: str) -> None:
    env = env_of(name, "vector")
    views, infos = env.reset(seed=1)
    assert env.observation_space.contains(views)
    for _ in range(5):
        views, reward, *_ = env.step(env.action_space.sample())
        assert env.observation_space.contains(views) and reward.dtype == np.float32
    assert ("branches" in infos) == (name == "torques")
    if name != "torques":
        masks = env.action_masks()
        assert masks.shape[0] == env.num_envs and masks.any(axis=1).all()


def listed(step: Any) -> Any:
    """A step with its last views as a list, which NumPy can compare."""
    *parts, infos = step
    return [*parts, {**infos, "final_obs": list(infos.get("final_obs", ()))}]


def test_the_same_seed_gives_the_same_rows_and_what_came_before_is_kept() -> None:
    one, other = env_of("farm", "vector", steps=15), env_of("farm", "vector", steps=15, **{"runtime.threads": 2})
    for seed in (3, None):
        np.testing.assert_equal(one.reset(seed=seed), other.reset(seed=seed))
        draws = np.random.default_rng(0)
        for _ in range(40):  # over the ends of two worlds
            actions = draws.integers(0, 15, one.num_envs)
            before = one.step(actions)
            kept = [np.array(part) for part in before[:4]]
            np.testing.assert_equal(listed(before), listed(other.step(actions)))
        one.step(actions), other.step(actions)
        for part, copy in zip(before, kept, strict=False):
            assert np.array_equal(part, copy)
    other.close()
    other.close()


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        (np.zeros(3, int), r"actions has shape \[3\]: give 20 of them, one a row"),
        (np.zeros((20, 2), int), r"the action of row 0 has shape \[2\]: give a whole number from 0 to 14"),
        (np.zeros(20), "the action of row 0 is"),
        (np.full(20, 15), "the action of row 0 is 15: give a whole number"),
        (1, r"actions has shape \[\]"),
    ],
)
def test_actions_that_are_none_are_told(actions: Any, told: str) -> None:
    env = env_of("farm", "vector")
    with pytest.raises(UsageError, match=r"call reset\(\)"):
        env.step(resting(env.world))
    env.reset()
    with pytest.raises(UsageError, match=told):
        env.step(actions)


def test_plain_worlds_are_played_by_the_book() -> None:
    plain = Plain(config_of("farm"), 1)
    told = plain.step({})
    assert set(told["reward"]) == set(range(12))
