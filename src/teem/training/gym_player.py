"""Plays versions of any policy that is a function of what is observed, in a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

from teem.errors import UsageError

MakeEnv = Callable[[], Any]
Policy = Callable[[Any], Any]
"""From an observation to an action."""


class GymPlayer:
    """Episodes one after the other in one environment, which is seeded before the first of each evaluation."""

    def __init__(self, make_env: MakeEnv, episodes: int, seed: int | None) -> None:
        self._make_env, self._episodes, self._seed = make_env, episodes, seed
        self._env: Any = None
        self._version = b""

    def play(self, policy: Path) -> tuple[list[float], list[int]]:
        """Load a version, and play it."""
        import cloudpickle

        self._version = policy.read_bytes()
        act: Policy = cloudpickle.loads(self._version)
        if self._env is None:
            self._env = self._make_env()
        rewards, lengths = [], []
        for episode in range(self._episodes):
            observation, _ = self._env.reset(seed=self._seed if episode == 0 else None)
            reward, length, over = 0.0, 0, False
            while not over:
                observation, gained, terminated, truncated, _ = self._env.step(act(observation))
                reward, length, over = reward + float(gained), length + 1, terminated or truncated
            rewards.append(reward)
            lengths.append(length)
        return rewards, lengths

    def keep(self, path: Path) -> None:
        """Write the version as it came: `cloudpickle.loads` gives the policy."""
        path.write_bytes(self._version)

    def close(self) -> None:
        """Close the environment."""
        if self._env is not None:
            self._env.close()


def write_policy(policy: Policy, path: Path) -> None:
    """Write a policy as it is now, with all that it refers to."""
    import cloudpickle

    path.write_bytes(cloudpickle.dumps(policy))


def maker(eval_env: MakeEnv | str) -> MakeEnv:
    """What makes the environment, from that or from its id; UsageError where it is neither."""
    if isinstance(eval_env, str):
        import gymnasium

        if eval_env not in gymnasium.registry:
            raise UsageError(f"eval_env {eval_env!r} is nothing that Gymnasium knows: give an id, or a function")
        return _Known(eval_env)
    if eval_env is None or not callable(eval_env):
        raise UsageError(
            f"eval_env is {eval_env!r}: give a function that makes an environment, such as lambda: "
            "gymnasium.make('CartPole-v1'); it is called in another process"
        )
    return eval_env


class _Known:
    """Makes an environment by its id."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self) -> Any:
        import gymnasium

        return gymnasium.make(self._name)


def rehearse(make_env: MakeEnv) -> None:
    """Make the environment once, here, and take a step in it; UsageError where it can't be, or its reward is none."""
    try:
        env = make_env()
        env.reset()
        reward = env.step(env.action_space.sample())[1]
        env.close()
    except Exception as error:  # whatever a user's environment raises
        raise UsageError(f"eval_env could not be made and stepped: {type(error).__name__}: {error}") from error
    if not isfinite(reward):
        raise UsageError(f"eval_env gave the reward {reward} in its first step: rewards must be numbers")
