"""Rows as Stable-Baselines3's VecEnv: ends and last views where it looks for them, and one policy that learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from little_worlds import LITTLE, config_of, env_of
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common import vec_env

from teem.envs.sb3 import Rows


def check_ends(env: Any, name: str) -> None:
    """Raise AssertionError unless its rows end as those of `Vector` do, which are checked against the world."""
    vector = env_of(name, "vector", steps=25)
    env.seed(5)
    assert np.array_equal(env.reset(), vector.reset(seed=5)[0])
    vector.action_space.seed(1)
    ends = 0
    for _ in range(40):
        actions = vector.action_space.sample()
        views, reward, done, infos = env.step(actions)
        same, its_reward, terminated, truncated, told = vector.step(actions)
        assert np.array_equal(views, same) and np.array_equal(reward, its_reward)
        assert np.array_equal(done, terminated | truncated) and len(infos) == env.num_envs
        for row, info in enumerate(infos):
            assert ("terminal_observation" in info) == done[row]
            if done[row]:
                assert np.array_equal(info["terminal_observation"], told["final_obs"][row]), "not the last view"
                assert info["TimeLimit.truncated"] is bool(truncated[row]), "cut off, or not"
        ends += int(done.sum())
    assert ends > 5


@pytest.mark.parametrize("name", LITTLE)
def test_rows_end_as_stable_baselines_expects(name: str) -> None:
    check_ends(env_of(name, "sb3", steps=25), name)


class Hasty(Rows):
    """Last views are those of the next life."""

    def step_wait(self) -> Any:
        views, reward, done, infos = super().step_wait()
        for row in np.flatnonzero(done):
            infos[row]["terminal_observation"] = views[row]
        return views, reward, done, infos


class Endless(Rows):
    """Every end is a cut."""

    def step_wait(self) -> Any:
        views, reward, done, infos = super().step_wait()
        for row in np.flatnonzero(done):
            infos[row]["TimeLimit.truncated"] = True
        return views, reward, done, infos


@pytest.mark.parametrize(("fault", "named"), [(Hasty, "not the last view"), (Endless, "cut off, or not")])
def test_a_planted_fault_is_named(fault: type[Rows], named: str) -> None:
    with pytest.raises(AssertionError, match=named):
        check_ends(fault(config_of("farm", steps=25)), "farm")


def test_wrappers_of_stable_baselines_count_lives() -> None:
    env = vec_env.VecCheckNan(vec_env.VecMonitor(env_of("farm", "sb3")), raise_exception=True)
    env.reset()
    episodes = 0
    for _ in range(30):
        *_, infos = env.step(np.full(env.num_envs, 8))
        episodes += sum("episode" in info for info in infos)
    assert episodes > 20


def test_attributes_and_methods_are_those_of_the_rows_together() -> None:
    env = env_of("farm", "sb3", render_mode="rgb_array")
    env.reset()
    assert env.get_attr("num_envs", [0, 1]) == [20, 20]
    assert env.has_attr("action_masks") and not env.has_attr("nothing")
    assert np.array_equal(np.stack(env.env_method("action_masks")), env.vector.action_masks())
    assert env.env_is_wrapped(object, 3) == [False]
    env.set_attr("vacant", 5)
    assert env.get_attr("vacant", 0) == [5]
    assert env.render().shape[2] == 3
    env.close()


@pytest.mark.parametrize("name", LITTLE)
def test_a_policy_of_stable_baselines_can_be_trained(name: str) -> None:
    env = env_of(name, "sb3")
    few = {"n_steps": 4, "batch_size": 2 * env.num_envs, "n_epochs": 1, "seed": 1, "device": "cpu"}
    PPO("MlpPolicy", env, **few).learn(5 * env.num_envs)
    env.close()


def test_a_policy_that_minds_masks_does_only_what_is_legal() -> None:
    env = env_of("farm", "sb3")
    policy = MaskablePPO("MlpPolicy", env, n_steps=4, batch_size=2 * env.num_envs, n_epochs=1, seed=1, device="cpu")
    policy.learn(5 * env.num_envs)
    views = env.reset()
    for _ in range(10):
        legal = env.vector.action_masks()
        actions, _ = policy.predict(views, action_masks=legal)
        assert legal[np.arange(env.num_envs), actions].all()
        views, *_ = env.step(actions)
