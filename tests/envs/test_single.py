"""A Gymnasium Env of one agent: its life as the world has it, among others who rest or act by rule of thumb."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from env_checks import Plain, any_of
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from little_worlds import LITTLE, config_of, env_of
from stable_baselines3.common.env_checker import check_env as check_sb3_env

from teem.envs.single import Single
from teem.errors import UsageError


@pytest.mark.parametrize("name", LITTLE)
def test_gymnasium_finds_no_fault(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*(minimum value is -infinity|maximum value is infinity|having a spec)")
        check_env(env_of(name, "single", render_mode="rgb_array"))


@pytest.mark.parametrize("name", LITTLE)
def test_stable_baselines_finds_no_fault(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings(
            "ignore", ".*(unconventional shape|is an image|image input|minimal resolution|upper and)"
        )
        check_sb3_env(env_of(name, "single"))


def check_life(env: Single, name: str, seed: int, others: str, more: dict[str, Any]) -> None:
    """Raise AssertionError unless the agent's life is what a world of its own says of its founder."""
    draws, plain = np.random.default_rng(seed), Plain(config_of(name, **more), seed)
    view, _ = env.reset(seed=seed)
    for _ in range(25):
        assert 0 not in plain.view or np.array_equal(view, plain.view[0]), "observation: not the world's"
        action, total = any_of(env.action_space, draws), 0.0
        view, reward, terminated, truncated, _ = env.step(action)
        while True:
            told = plain.step({**plain.heuristic(others), 0: action})
            total += told["reward"][0]
            if told["terminated"][0] or told["truncated"][0] or 0 in plain.decides:
                break
        assert reward == total, "reward: not the world's"
        assert (terminated, truncated) == (told["terminated"][0], told["truncated"][0]), "end: not the world's"
        if terminated or truncated:
            assert np.array_equal(view, told["final"][0]), "observation: not what was perceived last"
            return


@given(
    seed=st.integers(0, 2**63 - 1), name=st.sampled_from([*LITTLE]), others=st.sampled_from(["heuristic", "resting"])
)
@settings(max_examples=16, deadline=None)
def test_a_life_is_told_as_it_is(seed: int, name: str, others: str) -> None:
    check_life(Single(config_of(name), others=others), name, seed, others, {})


def test_a_step_lasts_until_the_agent_decides_again() -> None:
    more = {"world.turns": 3}
    check_life(Single(config_of("crawlers", **more)), "crawlers", 5, "heuristic", more)


def test_what_others_do_makes_a_difference() -> None:
    config = config_of("farm")
    with pytest.raises(AssertionError, match="not the world's"):
        check_life(Single(config, others="resting"), "farm", 1, "heuristic", {})


def test_a_reward_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = Single(config_of("treasure"))
    monkeypatch.setattr(faulty, "_go_on", lambda go_on=faulty._go_on: (lambda told: (told[0], 0.0, told[2]))(go_on()))
    with pytest.raises(AssertionError, match="reward: not the world's"):
        check_life(faulty, "treasure", 1, "heuristic", {})


def test_a_life_that_is_over_takes_no_action() -> None:
    env = env_of("farm", "single", **{"world.age_max": 3})
    with pytest.raises(UsageError, match=r"call reset\(\)"):
        env.step(8)
    env.reset()
    while not env.step(8)[2]:
        pass
    with pytest.raises(UsageError, match=r"call reset\(\)"):
        env.step(8)
    with pytest.raises(UsageError, match="the action of the agent is 15: give a whole number from 0 to 14"):
        env.reset()
        env.step(15)


def test_resets_go_on_to_other_worlds_and_a_seed_brings_the_first_one_back() -> None:
    env = env_of("farm", "single", seed=4)
    first, second = env.reset()[0], env.reset()[0]
    assert not np.array_equal(first, second)
    assert np.array_equal(env.reset(seed=4)[0], first) and np.array_equal(env.reset()[0], second)


def test_it_says_what_is_legal_as_sb3_contrib_asks() -> None:
    for name in ("farm", "crawlers"):
        env = env_of(name, "single")
        _, infos = env.reset(seed=1)
        assert np.array_equal(env.action_masks(), np.concatenate([np.ravel(infos["action_mask"])]).ravel())
        env.action_space.sample(infos["action_mask"])
