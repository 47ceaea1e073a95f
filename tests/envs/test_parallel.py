"""A ParallelEnv says of everybody exactly what its world does, by names that are never given twice."""

from __future__ import annotations

import warnings
from typing import Any

import msgspec
import numpy as np
import pytest
from env_checks import check_parallel
from hypothesis import given, settings
from hypothesis import strategies as st
from little_worlds import LITTLE, WEARY, config_of, env_of
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils import parallel_to_aec

from teem.envs import parallel
from teem.envs.parallel import Parallel
from teem.envs.play import Passage, Play
from teem.errors import UsageError


@pytest.mark.parametrize("name", LITTLE)
def test_pettingzoo_finds_no_fault(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*possible_agents")  # those who will be born can't be named
        warnings.filterwarnings("ignore", "No agents present")  # when the world is over
        parallel_api_test(env_of(name), num_cycles=60)
        parallel_seed_test(lambda: env_of(name), num_cycles=20)
    assert "Passed Parallel API test" in capsys.readouterr().out


@pytest.mark.parametrize("name", LITTLE)
@pytest.mark.filterwarnings("ignore")
def test_agents_can_take_turns_in_pettingzoos_other_api(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    api_test(parallel_to_aec(env_of(name)), num_cycles=60)
    assert "Passed API test" in capsys.readouterr().out


@given(
    seed=st.integers(0, 2**63 - 1), founders=st.integers(1, 12), spare=st.integers(0, 8),
    extinction=st.sampled_from(["stop", "reseed"]), age_max=st.integers(2, 20),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_lives_on_a_farm_are_told_as_they_are(
    seed: int, founders: int, spare: int, extinction: str, age_max: int
) -> None:
    people = {"population.founders": founders, "population.capacity": founders + spare}
    config = config_of("farm", **people, **{"population.extinction": extinction, "world.age_max": age_max})
    check_parallel(Parallel(config), config, seed, 30)


@given(seed=st.integers(0, 2**63 - 1), name=st.sampled_from(["crawlers", "torques", "treasure"]))
@settings(max_examples=12, deadline=None)
def test_lives_and_episodes_of_other_worlds_are_told_as_they_are(seed: int, name: str) -> None:
    config = config_of(name)
    check_parallel(Parallel(config), config, seed, 20)


@pytest.mark.parametrize("more", [{"world.turns": 3}, WEARY])
def test_who_does_not_decide_is_told_so(more: dict[str, Any]) -> None:
    config = config_of("crawlers", **more)
    env = Parallel(config)
    check_parallel(env, config, 5, 25)
    _, infos = env.reset(seed=5)
    assert {info["decides"] for info in infos.values()} == {True, False} if "world.turns" in more else True
    late = [name for name, info in infos.items() if not info["decides"]]
    env.step({name: np.zeros(len(env.world.branches), int) for name in env.agents if name not in late})


def test_there_are_births_and_deaths_to_look_at() -> None:
    config = config_of("farm")
    assert check_parallel(Parallel(config), config, 1, 40) > 30


# ---- faults that must be found


class Forgetful(Parallel):
    """Names by slot, which come again."""

    def _join(self, slots: Any) -> list[str]:
        names = [f"agent_{slot}" for slot in slots]
        super()._join(slots)
        self.agents = self.agents[: len(self.agents) - len(names)] + names
        return names


class Haunted(Parallel):
    """Rewards those who have left."""

    def step(self, actions: Any) -> Any:
        before = getattr(self, "before", {})
        views, rewards, *rest = super().step(actions)
        self.before = dict(rewards)
        return views, {**dict.fromkeys(before, 1.0), **rewards}, *rest


class Careless(Parallel):
    """Misses the last of the newborn."""

    def _newcomers(self) -> Any:
        return super()._newcomers()[: -1 if self._next_id else None]


class Generous(Parallel):
    """Everything is legal."""

    def _tell_legal(self, infos: Any) -> None:
        super()._tell_legal(infos)
        for info in infos.values():
            info["action_mask"] = np.ones(len(self._play.world.actions), np.int8)


class Immortal(Parallel):
    """Nobody terminates."""

    def step(self, actions: Any) -> Any:
        views, rewards, terminated, *rest = super().step(actions)
        return views, rewards, dict.fromkeys(terminated, False), *rest


class Sleepy(Play):
    """Doesn't look after every fifth step."""

    def _look(self) -> Any:
        if self.world.step_count % 5 != 4:
            return super()._look()
        return self.world.observe()


class Swapped(Play):
    """Everybody gets the reward of somebody else."""

    def advance(self, action: Any) -> Passage:
        passage = super().advance(action)
        passage.reward[passage.slot] = np.roll(passage.reward[passage.slot], 1)
        return passage


class Blank(Play):
    """What the dead perceived last is lost."""

    def advance(self, action: Any) -> Passage:
        passage = super().advance(action)
        passage.final[passage.died] = 0
        return passage


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (Forgetful, "a name was given twice|births: not each once"),
        (Haunted, "agents: not the same in all"),
        (Careless, "births: not each once"),
        (Generous, "action_mask: not the world's"),
        (Immortal, "terminated: not the world's"),
        (Sleepy, "views: not the world's"),
        (Swapped, "rewards: not the world's"),
        (Blank, "views: not what was perceived last"),
    ],
)
def test_a_planted_fault_is_named(fault: type, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of("farm")
    if issubclass(fault, Play):
        monkeypatch.setattr(parallel, "Play", fault)
        fault = Parallel
    with pytest.raises(AssertionError, match=named):
        check_parallel(fault(config), config, 1, 40)


# ---- worlds that begin and end


def test_everybody_is_cut_off_when_the_steps_are_over() -> None:
    env = env_of("farm", steps=5)
    env.reset()
    for _ in range(5):
        before = env.agents
        _, _, terminated, truncated, _ = env.step(dict.fromkeys(env.agents, 8))
    assert env.agents == []
    assert all(terminated[name] != truncated[name] for name in before)
    with pytest.raises(UsageError, match=r"call reset\(\)"):
        env.step({})


def played(env: Parallel, seed: int | None) -> list[Any]:
    told = [env.reset(seed=seed)]
    return told + [env.step(dict.fromkeys(env.agents, step % 15)) for step in range(10)]


def test_the_same_seed_plays_the_same_world_and_resets_go_on_to_others() -> None:
    env, other = env_of("farm"), env_of("farm", **{"runtime.threads": 2})
    for seed in (3, None, None):
        np.testing.assert_equal(played(env, seed), played(other, seed))
    first = env_of("farm", seed=11).reset()
    np.testing.assert_equal(first, env.reset(seed=11))
    assert not np.array_equal(first[0]["agent_0"], env.reset()[0]["agent_0"])
    other.close()


def test_a_picture_is_drawn_where_it_is_asked_for() -> None:
    for name in LITTLE:
        env = env_of(name, render_mode="rgb_array")
        env.reset()
        picture = env.render()
        assert picture is not None and picture.dtype == np.uint8 and picture.shape[2] == 3
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2
    assert env_of("farm").render() is None


# ---- what can't be done


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"agent_1": None}, "the action of agent_1 is None: give a whole number from 0 to 14"),
        ({"agent_1": 15}, "the action of agent_1 is 15: give"),
        ({"agent_1": -1}, "the action of agent_1 is -1"),
        ({"agent_1": 1.5}, "the action of agent_1 is 1.5"),
        ({"agent_1": float("nan")}, "the action of agent_1 is nan"),
        ({"agent_1": [1, 2]}, r"the action of agent_1 has shape \[2\]"),
        ({"agent_1": [[1], [1, 2]]}, "the action of agent_1 is no array"),
        ({"agent_999": 1}, "actions has 'agent_999', who is unknown: act for those in env.agents"),
        ({"agent_01": 1}, "actions has 'agent_01', who is unknown"),
        ({7: 1}, "actions has 7, who is unknown"),
    ],
)
def test_an_action_that_is_none_is_told(change: dict[Any, Any], told: str) -> None:
    env = env_of("farm")
    env.reset()
    with pytest.raises(UsageError, match=told):
        env.step({**dict.fromkeys(env.agents, 8), **change})


def test_actions_must_be_by_name() -> None:
    env = env_of("farm")
    env.reset()
    with pytest.raises(UsageError, match="actions is None: give a dictionary"):
        env.step(None)


def test_missing_actions_and_those_of_the_dead_are_told_at_once() -> None:
    env = env_of("farm", **{"world.age_max": 3})
    env.reset()
    dead = env.agents[0]
    while dead in env.agents:
        env.step(dict.fromkeys(env.agents, 8))
    with pytest.raises(UsageError, match=f"(?s)actions has '{dead}', who has left.*actions lacks {env.agents[0]}"):
        env.step({dead: 8, **dict.fromkeys(env.agents[1:], 8)})


def test_continuous_actions_must_be_finite_and_as_many_as_branches() -> None:
    env = env_of("torques")
    env.reset()
    branches = len(env.world.branches)
    fine = {name: np.zeros(branches, np.float32) for name in env.agents}
    for wrong, told in (
        (np.full(branches, np.nan), "agent_0 has a value that is not finite"),
        (np.zeros(branches + 1), rf"agent_0 has shape \[{branches + 1}\]: give {branches} numbers from -1 to 1"),
    ):
        with pytest.raises(UsageError, match=told):
            env.step({**fine, "agent_0": wrong})
    env.step(fine)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "7"])
def test_a_seed_that_is_none_is_told(seed: Any) -> None:
    with pytest.raises(UsageError, match="give a whole number from 0 to"):
        env_of("farm").reset(seed=seed)


def test_possible_agents_are_named_only_where_nobody_is_born() -> None:
    assert env_of("treasure").possible_agents == [f"agent_{number}" for number in range(6)]
    assert not hasattr(env_of("farm"), "possible_agents")
    assert env_of("farm").max_num_agents == 20


def test_the_settings_are_not_those_of_another_seed_afterwards() -> None:
    config = config_of("farm", seed=4)
    env = Parallel(config)
    env.reset(seed=9)
    assert env._config == config == msgspec.structs.replace(config, seed=4)
