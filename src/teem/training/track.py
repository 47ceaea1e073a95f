"""The training tools around a loop of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from teem.errors import UsageError
from teem.training.expect import Faults, maker, plan, rehearse
from teem.training.files import Snapshot
from teem.training.gym_player import GymPlayer, MakeEnv, Policy, write_policy
from teem.training.pictures import Pictures
from teem.training.schedules import Schedule
from teem.training.stopping import Condition
from teem.training.tracker import PerformanceTracker
from teem.training.training import Training


class track:  # noqa: N801 - it reads as what is done: `with track(...) as training:`
    """Tracks, evaluates, draws and stops a loop of one's own.

        with track(make_env, policy=act, eval_every=5000, log_dir="runs/mine") as training:
            while not training.stopped:
                ...
                training.step(reward, terminated or truncated)

    `policy` is a function from an observation to an action. At each evaluation it travels as it is then, with all
    that it refers to, to another process, where `eval_env` makes an environment. Without either nothing is evaluated.
    """

    def __init__(
        self,
        eval_env: MakeEnv | str | None = None,
        policy: Policy | None = None,
        eval_every: int | Schedule = 5000,
        log_dir: str | Path | None = None,
        *,
        episodes: int = 10,
        seed: int | None = 0,
        timeout_s: float = 60.0,
        stop: Sequence[Condition | Callable[..., str | None]] = (),
        pictures: Pictures | None = None,
        at_end: bool = True,
        verbose: int = 0,
    ) -> None:
        check = Faults()
        schedule, stopping = plan(check, eval_every, stop, episodes, timeout_s)
        if (eval_env is None) != (policy is None):
            check.found.append("an evaluation needs both eval_env and policy: give both, or neither")
        self._player: GymPlayer | None = None
        if eval_env is not None and (make_env := check(lambda: maker(eval_env))):
            check(lambda: rehearse(make_env))
            self._player = GymPlayer(make_env, episodes, seed)
        if policy is not None and not callable(policy):
            check.found.append(f"policy is {policy!r}: give a function from an observation to an action")
        check.expect_none()
        self.training = Training(
            schedule, stopping, log_dir, pictures or Pictures(), ("evaluation",), "policy.pickle", timeout_s, verbose
        )
        self.steps = 0
        self.summary: dict[str, Any] = {}
        self._write: Snapshot = partial(write_policy, policy or _none)
        self._at_end = at_end
        self._sums = np.zeros((2, 0))  # reward and length so far, of each environment

    @property
    def stopped(self) -> str | None:
        """Why training is to stop; None while it isn't."""
        return self.training.reason

    @property
    def tracker(self) -> PerformanceTracker:
        """What was reported so far, and where to report more: `tracker.update(step, loss=...)`."""
        return self.training.tracker

    def __enter__(self) -> track:
        self.training.begin(self.steps, self._player, self._write)
        return self

    def step(self, rewards: ArrayLike, dones: ArrayLike) -> bool:
        """Tell of a step in one environment, or in several `[environments]` at once; False when it is enough."""
        gained, over = np.atleast_1d(np.asarray(rewards, np.float64)), np.atleast_1d(np.asarray(dones, np.bool_))
        if self._sums.shape[1] != len(gained) or len(over) != len(gained):
            if len(over) != len(gained) or self._sums.shape[1]:
                raise UsageError(
                    f"{len(gained)} rewards and {len(over)} dones, {self._sums.shape[1] or len(gained)} before: give "
                    "one of each for every environment"
                )
            self._sums = np.zeros((2, len(gained)))
        self.steps += len(gained)
        self._sums[0] += gained
        self._sums[1] += 1
        if over.any():
            for reward, length in self._sums[:, over].T:
                self.tracker.episode(self.steps, float(reward), int(length))
            self._sums[:, over] = 0
        return self.training.on_step(self.steps)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.summary = self.training.end(self.steps, self._at_end, self._write)
        else:
            self.training.close()


def _none(observation: Any) -> Any:
    """Stands for a policy where nothing is evaluated."""
    raise UsageError("no policy was given")
