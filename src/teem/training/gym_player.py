"""Plays versions of any policy that is a function of what is observed, in a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
