"""What the tools are given, looked at before anything begins, so that everything wrong is told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from teem.errors import UsageError
from teem.training.gym_player import MakeEnv
from teem.training.schedules import Schedule, as_schedule
from teem.training.stopping import Condition, Stopping


class Faults:
    """Everything that is wrong with what was given, gathered to be told at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, make: Callable[[], Any]) -> Any:
        """What is made; None, and the faults noted, where that can't be."""
        try:
            return make()
        except UsageError as error:
            self.found += error.faults
            return None

    def expect_none(self) -> None:
        """Raise them."""
        if self.found:
            raise UsageError(self.found)


def plan(
    check: Faults,
    eval_every: int | Schedule,
    stop: Sequence[Condition | Callable[..., str | None]],
    episodes: int,
    timeout_s: float,
) -> tuple[Schedule, Stopping]:
    """When to evaluate and when to stop; faults are noted, of how an evaluation is made, too."""
    schedule, stopping = check(lambda: as_schedule(eval_every)), check(lambda: Stopping(*stop))
    check(lambda: _expect_episodes(episodes))
    check(lambda: expect_patience(timeout_s))
    return schedule, stopping


def _expect_episodes(episodes: int) -> None:
    """Raise UsageError unless an evaluation can be of so many."""
    if isinstance(episodes, bool) or not isinstance(episodes, int) or episodes < 1:
        raise UsageError(f"episodes is {episodes}: an evaluation needs 1 or more")


def expect_patience(timeout_s: float) -> None:
    """Raise UsageError unless an evaluation may take so many seconds."""
    if not timeout_s > 0:
        raise UsageError(f"timeout_s is {timeout_s}: give the seconds that an evaluation may take, more than 0")


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
