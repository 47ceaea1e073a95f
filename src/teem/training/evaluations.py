"""The evaluations of a training: when they are due, what came of them, the best and the last model, and enough."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from teem.training.evaluation import FAILED, Evaluation, Player, Request
from teem.training.evaluator import Evaluator
from teem.training.files import Snapshot, link, put, remove, scratch_in
from teem.training.pictures import Pictures
from teem.training.schedules import Schedule
from teem.training.stopping import Progress, Stopping
from teem.training.tracker import PerformanceTracker

Tell = Callable[[Evaluation], None]


class Evaluations:
    """Asks for evaluations when they are due and hears of them; training waits for nothing but the snapshot."""

    def __init__(
        self,
        folder: Path,
        tracker: PerformanceTracker,
        schedule: Schedule,
        stopping: Stopping,
        player: Player | None,
        snapshot: Snapshot,
        *,
        begun: int = 0,
        model: str = "model",
        timeout_s: float = 60.0,
        pictures: Pictures | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Without a player nothing is evaluated. `model` is the name of the files that policies are kept in.

        Training begins, or goes on, at the step `begun`: what was due by then isn't any more.
        """
        self.best: Evaluation | None
        self.best_model, self.last_model = folder / f"best_{model}", folder / f"last_{model}"
        self._folder, self._tracker, self._schedule, self._stopping = folder, tracker, schedule, stopping
        self._snapshot, self._pictures, self._tell = snapshot, pictures, tell
        if begun:
            schedule.due(begun, 0.0)
        self._scratch = scratch_in(folder)
        self._version = max((each.version for each in tracker.results), default=0)
        self.best = max(tracker.results, key=lambda each: each.mean, default=None) if self.best_model.exists() else None
        self.evaluator: Evaluator | None = None
        if player is not None:
            self.evaluator = Evaluator(player, Path(self._scratch.name), timeout_s, self.last_model)
            self.evaluator.start()

    @property
    def reason(self) -> str | None:
        """Why training is to stop."""
        return self._stopping.reason

    @property
    def next_step(self) -> float:
        """At which an evaluation is due: infinity where it goes by the clock, 0 where a schedule doesn't tell."""
        return inf if self.evaluator is None else getattr(self._schedule, "next_step", 0)

    def ask_when_due(self, step: int, seconds: float) -> None:
        """Begin an evaluation if it is time; asked after every step."""
        if self.evaluator is not None and self._schedule.due(step, seconds):
            self.ask(step)

    def ask(self, step: int) -> bool:
        """Evaluate the policy as it is now; False where one is still under way, or none is made any more."""
        if (evaluator := self.evaluator) is None or not evaluator.free:
            return False
        self._version += 1
        path = self._path(self._version)
        try:
            self._snapshot(path)
        except Exception as error:  # such as a full disk: training goes on, and the evaluation has failed
            self._take_in(Evaluation(self._version, step, FAILED, fault=f"no snapshot: {error}"))
            return False
        return evaluator.ask(Request(self._version, step, path))

    def hear(self, step: int, seconds: float) -> str | None:
        """Take in what has come, without waiting; why training is to stop, if it is."""
        if self.evaluator is not None and (found := self.evaluator.poll()) is not None:
            self._take_in(found)
        return self._stopping.look(Progress(step, seconds, tuple(self._tracker.results)))

    def end(self, step: int, at_end: bool) -> None:
        """Hear what is under way, evaluate once more if that is wanted and new, and let the process go."""
        if self.evaluator is not None:
            if (found := self.evaluator.wait()) is not None:
                self._take_in(found)
            newest = self._tracker.results[-1].step if self._tracker.results else -1
            if at_end and newest < step and self.ask(step) and (found := self.evaluator.wait()) is not None:
                self._take_in(found)
        self.close()

    def draw(self) -> None:
        """Draw a last time."""
        if self._pictures is not None:
            self._pictures.end(self._folder)

    def close(self) -> None:
        """Let everything go, also amid training."""
        if self.evaluator is not None:
            self.evaluator.close()
        if self._pictures is not None:
            self._pictures.close()
        self._scratch.cleanup()

    def summary(self) -> dict[str, Any]:
        """What is known by now, as JSON takes it."""
        last = self._tracker.results[-1] if self._tracker.results else None
        return {
            "stopped": self._stopping.reason,
            "best": _plain(self.best),
            "last": _plain(last),
            "evaluations": None if self.evaluator is None else self.evaluator.counts(),
        }

    def _path(self, version: int) -> Path:
        return Path(self._scratch.name) / f"version-{version}"

    def _take_in(self, found: Evaluation) -> None:
        """Keep what came of an evaluation, and the model if it is the best."""
        remove(self._path(found.version))
        self._schedule.took(found.seconds)
        self._tracker.evaluated(found)
        if not found.done:
            warnings.warn(f"the evaluation of step {found.step} is no result: {found.fault}", stacklevel=2)
            if self.evaluator is not None and self.evaluator.given_up:
                warnings.warn("nothing is evaluated any more: too many evaluations failed in a row", stacklevel=2)
        elif self.best is None or found.mean > self.best.mean:
            self.best = found
            put(self.best_model, partial(link, self.last_model))
        if self._tell is not None:
            self._tell(found)
        if self._pictures is not None and self._tracker.history is not None:
            self._tracker.history.flush()
            self._pictures.evaluated(self._folder)


def _plain(found: Evaluation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"step": found.step, "version": found.version, "mean": found.mean, "std": found.std, "length": found.length}
