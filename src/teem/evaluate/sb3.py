"""Teem's training tools as one callback of Stable-Baselines3 (Raffin et al. 2021).

from teem.evaluate.sb3 import TeemCallback

model.learn(1_000_000, callback=TeemCallback(make_env, eval_every=5000, log_dir="runs/first"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from itertools import takewhile
from math import isfinite
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from teem.errors import TeemError, UsageError
from teem.evaluate.sb3_player import MakeEnv, Sb3Player, vectorised, write_version
from teem.measure.machine import cores
from teem.training.expect import Faults, maker, plan
from teem.training.looks import Looks
from teem.training.pictures import Pictures
from teem.training.rounds import Rounds
from teem.training.schedules import Schedule
from teem.training.stopping import Condition
from teem.training.tracker import PerformanceTracker
from teem.training.training import Training

try:
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
except ImportError as error:
    raise TeemError("TeemCallback needs Stable-Baselines3: pip install 'teem[sb3]'") from error

TIMED_MOST = 16  # steps in a row of which the parts are timed, since that costs some us a step
ONE_IN = 8  # looks, after one of which they are
PARTS = ("environment", "inference", "learning", "evaluation", "callback")
SAMPLED = ("environment", "inference", "callback")  # of them, those that are timed now and then


class TeemCallback(BaseCallback):
    """Tracks, evaluates, draws and stops a training of any algorithm of SB3 or sb3-contrib.

    `eval_env` makes the environment to evaluate in (or is its id): a function, since it is made in another process.
    `eval_every` is a number of steps, or a schedule of `teem.training.schedules`; `stop` are conditions of
    `teem.training.stopping`, or functions. With a `log_dir` the whole history (`history.db`), the best and the last
    model, curves and a summary are kept there; without, the models lie in a folder that goes with this object.
    Each evaluation plays `episodes` episodes from the same `seed` (None: as chance has it), by SB3's own
    `evaluate_policy`.
    """

    def __init__(
        self,
        eval_env: MakeEnv | str,
        eval_every: int | Schedule = 5000,
        log_dir: str | Path | None = None,
        *,
        episodes: int = 10,
        seed: int | None = 0,
        deterministic: bool = True,
        timeout_s: float = 60.0,
        stop: Sequence[Condition | Callable[..., str | None]] = (),
        pictures: Pictures | None = None,
        at_end: bool = True,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        check = Faults()
        schedule, stopping = plan(check, eval_every, stop, episodes, timeout_s)
        make_env = check(lambda: maker(eval_env))
        self._spaces = check(lambda: _rehearse(make_env)) if make_env else None
        check.expect_none()
        self._settings = schedule, stopping, pictures or Pictures()
        self._others = log_dir, PARTS, "model.zip", timeout_s, verbose
        self.training = self._new_training()
        self.summary: dict[str, Any] = {}
        self._play = (make_env, episodes, seed, deterministic)
        self._at_end, self._logged = at_end, 0
        self._undo: list[Callable[[], None]] = []
        self._rounds = Rounds(1, 1)
        self._looks, self._look_at = Looks(), 0  # the next at so many calls
        self._timed_at, self._weight = 0, 1.0  # the last timed call, and how many others each stands for
        self._sums: np.ndarray[Any, Any] | None = None  # rewards and lengths so far, where nothing monitors them
        self._heard: Episodes | None = None  # of an algorithm whose loop doesn't tell of its steps

    def _new_training(self) -> Training:
        """One that knows nothing of another: schedules and conditions remember what they have seen."""
        schedule, stopping, pictures = deepcopy(self._settings)
        log_dir, parts, model, timeout_s, verbose = self._others
        return Training(schedule, stopping, log_dir, pictures, parts, model, timeout_s, verbose)

    @property
    def tracker(self) -> PerformanceTracker:
        """What was reported so far."""
        return self.training.tracker

    @property
    def best_model(self) -> Path:
        """Where the best model lies, for `load`."""
        return self.training.best_model

    def _init_callback(self) -> None:
        observed, acted = self._spaces or (None, None)
        faults = [
            f"eval_env {what} {theirs}, but the model's environment {mine}: evaluate in one of the same spaces"
            for what, theirs, mine in (
                ("observes", observed, self.model.observation_space), ("acts by", acted, self.model.action_space)
            )
            if theirs != mine
        ]  # fmt: skip
        if faults:
            self.training.close()
            raise UsageError(faults)

    def _on_training_start(self) -> None:
        if self.training.ended:  # `learn` is called again
            self.training = self._new_training()
        try:
            player = Sb3Player(self.model, *self._play)
        except UsageError:
            self.training.close()
            raise
        self.training.begin(self.num_timesteps, player, partial(write_version, self.model))
        on_cores = self.model.device.type == "cpu"
        self._rounds = Rounds(torch.get_num_threads() if on_cores else 0, cores())
        self._looks, self._look_at, self._timed_at = Looks(), self.n_calls, self.n_calls
        self._heard = self._sums = None
        if not isinstance(self.model, OnPolicyAlgorithm | OffPolicyAlgorithm):
            self._heard = Episodes(self.model)
        elif not _is_monitored(self.training_env):
            self._sums = np.zeros((2, self.training_env.num_envs))

    def _time_parts(self) -> None:
        """Begin to time the environment, the policy, and this.

        It is done by attributes of the instances, none of which is among what a model or its `VecNormalize` saves.
        """
        venv, policy, pace = self.training_env.unwrapped, self.model.policy, self.training.pace
        pace.sample()
        infer = "forward" if isinstance(self.model, OnPolicyAlgorithm) else "predict"
        timed = [(venv, "step_async", "environment"), (venv, "step_wait", "environment"), (policy, infer, "inference")]
        for subject, name, part in timed:
            setattr(subject, name, pace.timed(part, getattr(subject, name), self._weight))
            self._undo.append(partial(delattr, subject, name))
        self.on_step = self._timed_step  # type: ignore[method-assign]  # until the timing ends
        self._undo.append(partial(delattr, self, "on_step"))

    def _stop_timing(self) -> None:
        for undo in self._undo:
            undo()
        self._undo.clear()

    def _on_rollout_end(self) -> None:
        self._hear()  # ARS forgets them when the next begins
        if self._rounds.acted(perf_counter_ns()):
            self.training.rest()

    def _on_rollout_start(self) -> None:
        self.training.go_on()
        self.training.pace.spent_ns["learning"] += self._rounds.learnt(perf_counter_ns())
        self.training.between(self.num_timesteps)

    def update_locals(self, locals_: dict[str, Any]) -> None:
        """Refer to the local variables of the library's loop, that the base class copies at every step."""
        self.locals = locals_

    def on_step(self) -> bool:
        """Almost always there is nothing to do: between two calls of the library even a little costs a hundredth.

        Hence not by way of the base class, which calls `_on_step` each time.
        """
        self.n_calls += 1
        self.num_timesteps = self.model.num_timesteps
        dones = self.locals.get("dones")
        if self._sums is not None:
            self._sums[0] += self._rewards()
            self._sums[1] += 1
        if dones is not None and True in dones.tolist():  # half of what NumPy takes to look for it
            self._count_episodes(dones)
        return True if self.n_calls < self._look_at else self._on_step()

    def _timed_step(self) -> bool:
        spent = self.training.pace.spent_ns
        begun, evaluated = perf_counter_ns(), spent["evaluation"]
        go_on = TeemCallback.on_step(self)
        spent["callback"] += round(self._weight * (perf_counter_ns() - begun - (spent["evaluation"] - evaluated)))
        if not self._undo:  # it was the last of the sample
            self.training.pace.sampled(SAMPLED)
        return go_on

    def _on_step(self) -> bool:
        """Look at what is under way, and say when to look again."""
        training = self.training
        self._hear()
        go_on = training.on_step(self.num_timesteps, between=False)
        if training.tracker.results and training.tracker.results[-1].version != self._logged:
            self._log()
        due = (training.due_step - self.num_timesteps) / self.training_env.num_envs
        steps = self._looks.until_next(training.pace.seconds, due)
        if self._undo:
            self._stop_timing()
        elif self._looks.count % ONE_IN == 1:
            steps = min(steps, TIMED_MOST)
            self._weight = (self.n_calls + steps - self._timed_at) / steps
            self._timed_at = self.n_calls + steps
            self._time_parts()
        self._look_at = self.n_calls + steps
        return go_on

    def _rewards(self) -> Any:
        """Of each environment, as it gave them."""
        normalize = self.model.get_vec_normalize_env()
        return self.locals["rewards"] if normalize is None else normalize.get_original_reward()

    def _count_episodes(self, dones: Any) -> None:
        infos, tracker = self.locals["infos"], self.training.tracker
        for row in np.flatnonzero(dones):
            if self._sums is not None:
                reward, length = self._sums[:, row]
                self._sums[:, row] = 0
            elif "episode" in infos[row]:
                reward, length = infos[row]["episode"]["r"], infos[row]["episode"]["l"]
            else:  # a wrapper below the monitor ends episodes of its own, such as lives
                continue
            tracker.episode(self.num_timesteps, float(reward), int(length))

    def _hear(self) -> None:
        """Of episodes that no step told of."""
        if self._heard is not None:
            for reward, length in self._heard.new():
                self.training.tracker.episode(self.num_timesteps, reward, length)

    def _log(self) -> None:
        """Tell SB3's logger of the last result, as its own `EvalCallback` does."""
        last = self.training.tracker.results[-1]
        self._logged = last.version
        self.logger.record("eval/mean_reward", last.mean)
        self.logger.record("eval/mean_ep_length", last.length)

    def _on_training_end(self) -> None:
        if self._undo:
            self._stop_timing()
            self.training.pace.sampled(SAMPLED)
        self.summary = self.training.end(self.num_timesteps, self._at_end, self._keep)

    def _keep(self, path: Path) -> None:
        self.model.save(path)


class Episodes:
    """Those of ARS, which plays whole episodes by itself: it tells of them by what it remembers of the last."""

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model = model
        self._last = next(reversed(model.ep_info_buffer or ()), None)

    def new(self) -> list[tuple[float, int]]:
        """Rewards and lengths of those that ended since this was asked last."""
        ended = reversed(self._model.ep_info_buffer or ())
        found = list(takewhile(lambda one: one is not self._last, ended))[::-1]
        if found:
            self._last = found[-1]
        return [(float(one["r"]), int(one["l"])) for one in found]


def _rehearse(make_env: MakeEnv) -> tuple[Any, Any]:
    """Make the environment once, here, and take a step in it; its spaces."""
    try:
        env = vectorised(make_env, BaseAlgorithm)
    except Exception as error:  # whatever a user's environment raises
        raise UsageError(f"eval_env could not be made: {type(error).__name__}: {error}") from error
    try:
        env.reset()
        rewards = env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))[1]
    except Exception as error:  # as above
        raise UsageError(f"eval_env could not make a step: {type(error).__name__}: {error}") from error
    finally:
        env.close()
    if not all(isfinite(reward) for reward in rewards):
        raise UsageError(f"eval_env gave the reward {rewards.tolist()} in its first step: rewards must be numbers")
    return env.observation_space, env.action_space


def _is_monitored(env: Any) -> bool:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecMonitor, is_vecenv_wrapped

    return is_vecenv_wrapped(env, VecMonitor) or bool(env.env_is_wrapped(Monitor)[0])
