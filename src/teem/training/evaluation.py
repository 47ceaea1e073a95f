"""What an evaluation found, and what plays one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np

Status = Literal["done", "failed", "timeout"]
DONE: Final = "done"
FAILED: Final = "failed"
TIMEOUT: Final = "timeout"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be evaluated: version and step of a policy, and where it lies."""

    version: int  # the first is 1
    step: int  # of the training, at which the policy was as it is here
    policy: Path  # as the player wrote it


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a version of a policy did, or why that isn't known. Only one that is `done` is a result."""

    version: int
    step: int
    status: Status
    rewards: tuple[float, ...] = ()  # of each episode, in all; undiscounted
    lengths: tuple[int, ...] = ()  # steps of each episode
    seconds: float = 0.0  # that it took
    fault: str = ""  # why it failed

    @property
    def done(self) -> bool:
        """Whether it is a result."""
        return self.status == DONE

    @property
    def mean(self) -> float:
        """The mean reward of an episode; NaN where there is no result."""
        return float(np.mean(self.rewards)) if self.rewards else float("nan")

    @property
    def std(self) -> float:
        """The standard deviation over the episodes."""
        return float(np.std(self.rewards)) if self.rewards else float("nan")

    @property
    def length(self) -> float:
        """The mean number of steps of an episode."""
        return float(np.mean(self.lengths)) if self.lengths else float("nan")

    @classmethod
    def of(cls, request: Request, rewards: Sequence[float], lengths: Sequence[int], seconds: float) -> Evaluation:
        """What was played; it failed where a reward is no number."""
        unknown = [number for number, reward in enumerate(rewards) if not isfinite(reward)]
        if unknown or not rewards:
            what = f"the reward of episode {unknown[0]} is {rewards[unknown[0]]}" if unknown else "nothing was played"
            return cls(request.version, request.step, FAILED, seconds=seconds, fault=what)
        plain = tuple(map(float, rewards)), tuple(map(int, lengths))
        return cls(request.version, request.step, DONE, *plain, seconds)


class Player(Protocol):
    """Plays versions of a policy in environments of its own. It is made where training goes on, and sent elsewhere.

    An instance travels once, before its first call, to the process that evaluates: what it holds must be picklable
    (by cloudpickle, so lambdas are).
    """

    def play(self, policy: Path) -> tuple[Sequence[float], Sequence[int]]:
        """Load a version from where it was written, and play its episodes; rewards and lengths of each."""
        ...

    def keep(self, path: Path) -> None:
        """Write the version that was loaded last as a file that its user can load."""
        ...

    def close(self) -> None:
        """Let the environments go."""
        ...
