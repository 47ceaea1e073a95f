"""A training with all its tools: tracked, evaluated beside, drawn, stopped when it is enough, and reported."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teem.measure.channel import Channel
from teem.training.diagnosis import Diagnosis
from teem.training.evaluation import Evaluation, Player, Request
from teem.training.evaluator import Evaluator
from teem.training.pace import Pace, Rate
from teem.training.pictures import Pictures
from teem.training.schedules import Schedule
from teem.training.stopping import Progress, Stopping
from teem.training.tracker import PerformanceTracker, writable

LOOK_S = 0.05  # between two looks at what is under way
MARK_S = 2.0  # between two rates
DIAGNOSE_MARKS = 8  # rates between two looks at what grows
SUMMARY = "summary.json"

Snapshot = Callable[[Path], None]
"""Writes the policy as it is now to a path, as its player reads it."""


class Training:
    """What goes along with a training, whatever trains: `begin`, then `on_step` after every step, then `end`.

    Nothing here makes training wait but the snapshot that an evaluation is made of.
    """

    def __init__(
        self,
        schedule: Schedule,
        stopping: Stopping,
        log_dir: str | Path | None = None,
        pictures: Pictures | None = None,
        parts: Sequence[str] = ("evaluation",),
        model: str = "model",
        timeout_s: float = 60.0,
        verbose: int = 1,
    ) -> None:
        """Without a `log_dir` nothing outlives this object. `model` is the name of files that policies are kept in."""
        self._passing = tempfile.TemporaryDirectory(prefix="teem-training-") if log_dir is None else None
        self.folder = writable(self._passing.name if self._passing else log_dir or ".")
        self.tracker = PerformanceTracker(log_dir)
        self.pace = Pace(tuple(parts))
        self.best: Evaluation | None = None
        self.alarms: list[str] = []
        self._schedule, self._stopping, self._timeout_s, self._verbose = schedule, stopping, timeout_s, verbose
        self._pictures = pictures if log_dir is not None and pictures and pictures.possible else None
        self._model = model
        self._scratch = tempfile.TemporaryDirectory(prefix=".evaluating-", dir=self.folder)
        self._evaluator: Evaluator | None = None
        self._snapshot: Snapshot | None = None
        self._diagnosis = Diagnosis()
        self._channel: Channel[tuple[int, Rate, int]] = Channel("diagnosis", self._diagnose)
        self._samples = self._version = 0
        self._look_at = self._mark_at = 0.0
        self._marked = 0
        self._first_rate: Rate | None = None
        self._ended = False

    @property
    def best_model(self) -> Path:
        """Where the version with the best evaluation lies, once there was one."""
        return self.folder / f"best_{self._model}"

    @property
    def last_model(self) -> Path:
        """Where the version that was evaluated last lies, and at the end the last of all."""
        return self.folder / f"last_{self._model}"

    @property
    def ended(self) -> bool:
        """Whether it has come to its end, and can't be used again."""
        return self._ended

    @property
    def evaluator(self) -> Evaluator | None:
        """What evaluates, once training has begun."""
        return self._evaluator

    def begin(self, step: int, player: Player | None, snapshot: Snapshot | None) -> None:
        """Training begins at this step; without a player nothing is evaluated."""
        self._snapshot = snapshot
        self.pace = Pace(self.pace.parts)  # begins now
        if player is not None:
            self._evaluator = Evaluator(player, Path(self._scratch.name), self._timeout_s, self.last_model)
            self._evaluator.start()
        self._mark(step)

    def on_step(self, step: int) -> bool:
        """Go on to `step`; False when training is to stop, `reason` says why."""
        seconds = self.pace.seconds
        if self._evaluator is not None and self._schedule.due(step, seconds):
            self.evaluate(step)
        if seconds < self._look_at:
            return self._stopping.reason is None
        self._look_at = seconds + LOOK_S
        self._hear()
        if seconds >= self._mark_at:
            self._mark_at = seconds + MARK_S
            self._mark(step)
        return self._stopping.look(Progress(step, seconds, tuple(self.tracker.results))) is None

    @property
    def reason(self) -> str | None:
        """Why training is to stop."""
        return self._stopping.reason

    def evaluate(self, step: int) -> bool:
        """Evaluate the policy as it is now; False where one is still under way, or none is made any more."""
        evaluator, snapshot = self._evaluator, self._snapshot
        if evaluator is None or snapshot is None or evaluator.busy or evaluator.given_up:
            if evaluator is not None:
                evaluator.refused += 1
            return False
        self._version += 1
        path = Path(self._scratch.name) / f"version-{self._version}"
        try:
            self.pace.timed("evaluation", snapshot)(path)
        except Exception as error:  # such as a full disk: training goes on, and the evaluation has failed
            self._settle(Evaluation(self._version, step, "failed", fault=f"no snapshot: {error}"), path)
            return False
        return evaluator.ask(Request(self._version, step, path))

    def end(self, step: int, at_end: bool, keep: Snapshot | None) -> dict[str, Any]:
        """Training has ended: hear what is under way, evaluate once more if wanted, keep the last, and report."""
        if self._ended:
            return self.summary(step)
        self._ended = True
        self._mark(step)
        if (evaluator := self._evaluator) is not None:
            self._settle(evaluator.wait())
            newest = self.tracker.results[-1].step if self.tracker.results else -1
            if at_end and newest < step and self.evaluate(step):
                self._settle(evaluator.wait())
            evaluator.close()
        if keep is not None:
            _replace(self.last_model, keep)
        self._channel.close(5.0)
        found = self.summary(step)
        if self.tracker.history is not None:
            self.tracker.history.ended(step, time.time(), found["stopped"] or "training ended")
            self.tracker.close()
            (self.folder / SUMMARY).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            if self._pictures is not None:
                self._pictures.end(self.folder)
        self._scratch.cleanup()
        return found

    def close(self) -> None:
        """Let everything go, also amid training."""
        if self._evaluator is not None:
            self._evaluator.close()
        if self._pictures is not None:
            self._pictures.close()
        self._channel.close(1.0)
        self.tracker.close()
        self._scratch.cleanup()

    def summary(self, step: int) -> dict[str, Any]:
        """Everything that is known by now, as JSON takes it."""
        evaluator = self._evaluator
        rate = self.pace.rate()
        return {
            "step": step,
            "seconds": self.pace.seconds,
            "fps": step_rates(self.tracker, rate),
            "shares": rate.shares if rate else None,
            "stopped": self._stopping.reason,
            "episodes": self.tracker.episodes,
            "best": _plain(self.best),
            "last": _plain(self.tracker.results[-1] if self.tracker.results else None),
            "evaluations": None if evaluator is None else {
                "done": evaluator.done, "failed": evaluator.failed, "timed_out": evaluator.timed_out,
                "refused": evaluator.refused, "given_up": evaluator.given_up, "fault": evaluator.fault,
                "processes": evaluator.started,
            },
            "not_finite": self.tracker.not_finite,
            "alarms": self.alarms,
            "grows": self._diagnosis.found,
            "history_rows_lost": self.tracker.history.lost if self.tracker.history else 0,
        }  # fmt: skip

    def _hear(self) -> None:
        if self._evaluator is not None and self._evaluator.busy:
            self._settle(self._evaluator.poll())

    def _settle(self, found: Evaluation | None, path: Path | None = None) -> None:
        """Take in what came of an evaluation."""
        if found is None:
            return
        (path or Path(self._scratch.name) / f"version-{found.version}").unlink(missing_ok=True)
        self._schedule.took(found.seconds)
        self.tracker.evaluated(found)
        if not found.done:
            warnings.warn(f"the evaluation of step {found.step} {_why(found)}", stacklevel=2)
            if self._evaluator is not None and self._evaluator.given_up:
                warnings.warn("nothing is evaluated any more: too many evaluations failed in a row", stacklevel=2)
            return
        if self._verbose:
            print(f"step {found.step}: reward {found.mean:.4g} ± {found.std:.2g} an episode, length {found.length:.4g}")
        if self.best is None or found.mean > self.best.mean:
            self.best = found
            if self.last_model.exists():
                _link(self.last_model, self.best_model)
        if self._pictures is not None and self.tracker.history is not None:
            self.tracker.history.flush()
            self._pictures.evaluated(self.folder)

    def _mark(self, step: int) -> None:
        """Note how fast training goes, and hand a sample over to be looked at."""
        self.pace.mark(step)
        lately, rate = self.pace.rate(1), self.pace.rate()
        if lately is None or rate is None:
            self._marked = step
            return
        self.tracker.update(step, fps=lately.fps, **{f"share_{name}": each for name, each in lately.shares.items()})
        self._channel.put((step, lately, step - self._marked))
        self._marked = step

    def _diagnose(self, samples: Sequence[tuple[int, Rate, int]]) -> None:
        """In a thread of its own: remember, and now and then look at all of it."""
        for step, rate, steps in samples:
            self._diagnosis.sample(step, rate, steps)
            self._samples += 1
            if self._samples % DIAGNOSE_MARKS == 0 and len(self.alarms) < 100:
                self.alarms += self._diagnosis.look()


def step_rates(tracker: PerformanceTracker, rate: Rate | None) -> dict[str, float | None]:
    """Steps a second lately, and in the first and the last tenth of the rates that were noted."""
    if "fps" not in tracker.series:
        return {"lately": rate.fps if rate else None, "first_tenth": None, "last_tenth": None}
    points = tracker.curve("fps")
    tenth = max(1, len(points.mean) // 10)
    return {
        "lately": rate.fps if rate else None,
        "first_tenth": float(np.median(points.mean[:tenth])),
        "last_tenth": float(np.median(points.mean[-tenth:])),
    }


def _plain(found: Evaluation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"step": found.step, "version": found.version, "mean": found.mean, "std": found.std, "length": found.length}


def _why(found: Evaluation) -> str:
    return "took too long: " + found.fault if found.status == "timeout" else "failed: " + found.fault


def _replace(path: Path, keep: Snapshot) -> None:
    partial = path.with_name(f"partial-{path.name}")
    keep(partial)
    partial.replace(path)


def _link(path: Path, to: Path) -> None:
    """Have the same file under another name too; what is written to the first later is another file."""
    partial = to.with_name(f"partial-{to.name}")
    partial.unlink(missing_ok=True)
    try:
        os.link(path, partial)
    except OSError:  # a file system without them
        shutil.copyfile(path, partial)
    partial.replace(to)
