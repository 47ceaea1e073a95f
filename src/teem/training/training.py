"""A training with all its tools: tracked, evaluated beside, drawn, stopped when it is enough, and reported."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from teem.measure.channel import Channel
from teem.training.diagnosis import Diagnosis
from teem.training.evaluation import Evaluation, Player
from teem.training.evaluations import Evaluations
from teem.training.files import Snapshot, put
from teem.training.history import FILE
from teem.training.looks import LOOK_S
from teem.training.pace import Pace, Rate
from teem.training.pictures import FILE as PICTURE
from teem.training.pictures import Pictures
from teem.training.process import Program
from teem.training.schedules import Schedule
from teem.training.stopping import Stopping
from teem.training.tracker import PerformanceTracker, writable

MARK_S = 2.0  # between two rates
DIAGNOSE_MARKS = 8  # rates between two looks at what grows
ALARMS_MOST = 100
SUMMARY = "summary.json"


class Training:
    """What goes along with a training, whatever trains: `begin`, then `on_step` after every step, then `end`."""

    def __init__(
        self,
        schedule: Schedule,
        stopping: Stopping,
        log_dir: str | Path | None = None,
        pictures: Pictures | None = None,
        parts: Sequence[str] = ("evaluation",),
        model: str = "model",
        timeout_s: float = 60.0,
        verbose: int = 0,
    ) -> None:
        """Without a `log_dir` nothing outlives this object. `parts` are those whose time is told apart."""
        self._passing = tempfile.TemporaryDirectory(prefix="teem-training-") if log_dir is None else None
        self.folder = writable(self._passing.name if self._passing else log_dir or ".")
        self.tracker = PerformanceTracker(log_dir)
        self.pace = Pace(tuple(parts))
        self.evaluations: Evaluations | None = None  # once training has begun
        self.alarms: list[str] = []
        self.ended = False
        self._schedule, self._stopping, self._timeout_s, self._verbose = schedule, stopping, timeout_s, verbose
        self._model = model
        self._pictures = pictures if log_dir is not None and pictures and pictures.possible else None
        self._diagnosis = Diagnosis()
        self._channel: Channel[tuple[int, Rate, int]] = Channel("diagnosis", self._diagnose)
        self._samples = self._marked = 0
        self._look_at = self._mark_at = 0.0

    @property
    def best_model(self) -> Path:
        """Where the version with the best evaluation lies, once there was one."""
        return self.folder / f"best_{self._model}"

    @property
    def reason(self) -> str | None:
        """Why training is to stop; None while it isn't."""
        return self._stopping.reason

    @property
    def due_step(self) -> float:
        """Before which `on_step` need not be called for what goes by steps."""
        assert self.evaluations is not None
        return min(self._stopping.most_steps, self.evaluations.next_step)

    def begin(self, step: int, player: Player | None, snapshot: Snapshot) -> None:
        """Training begins at this step; without a player nothing is evaluated."""
        if self.tracker.history is not None and self.tracker.history.last_step > step:
            self._set_aside()
        self.tracker.take_up()
        self.pace = Pace(self.pace.parts)  # its clock begins now
        self.evaluations = Evaluations(
            self.folder,
            self.tracker,
            self._schedule,
            self._stopping,
            player,
            self.pace.timed("evaluation", snapshot),
            begun=step,
            model=self._model,
            timeout_s=self._timeout_s,
            pictures=self._pictures,
            tell=self._tell,
        )
        self._mark(step)

    def on_step(self, step: int, between: bool = True) -> bool:
        """Go on to `step`; False when training is to stop, `reason` says why. Meant to be called after every step.

        A rate is noted only `between` two rounds of acting and learning, where there are such rounds.
        """
        assert self.evaluations is not None
        seconds = self.pace.seconds
        self.evaluations.ask_when_due(step, seconds)
        if seconds < self._look_at and step < self._stopping.most_steps:
            return self._stopping.reason is None
        self._look_at = seconds + LOOK_S
        if between:
            self.between(step)
        return self.evaluations.hear(step, seconds) is None

    def between(self, step: int) -> None:
        """Here acting begins anew after learning: note the rate if it is time."""
        if self.pace.seconds >= self._mark_at:
            self._mark_at = self.pace.seconds + MARK_S
            self._mark(step)

    def rest(self) -> None:
        """Have all processes beside stand still until `go_on`: learning wants every core."""
        for each in self._beside():
            each.rest()

    def go_on(self) -> None:
        """Have them go on."""
        for each in self._beside():
            each.go_on()

    def end(self, step: int, at_end: bool, keep: Snapshot) -> dict[str, Any]:
        """Training has ended: hear what is under way, evaluate once more if wanted, keep the last, and report."""
        assert self.evaluations is not None
        self.ended = True
        self.go_on()
        self._mark(step)
        self.evaluations.end(step, at_end)
        if self.evaluations.evaluator is not None:
            put(self.evaluations.last_model, keep)
        self._channel.close(5.0)
        self._diagnosis.close()
        found = self.summary(step)
        if self.tracker.history is not None:
            self.tracker.history.ended(step, time.time(), found["stopped"] or "training ended")
            self.tracker.close()
            (self.folder / SUMMARY).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            self.evaluations.draw()
        return found

    def close(self) -> None:
        """Let everything go, also amid training."""
        self.ended = True
        if self.evaluations is not None:
            self.evaluations.close()
        self._channel.close(1.0)
        self._diagnosis.close()
        self.tracker.close()

    def summary(self, step: int) -> dict[str, Any]:
        """Everything that is known by now, as JSON takes it."""
        rate = self.pace.rate()
        return {
            "step": step,
            "seconds": self.pace.seconds,
            "fps": {"lately": rate.fps if rate else None, **rates_of(self.tracker)},
            "shares": rate.shares if rate else None,
            **(self.evaluations.summary() if self.evaluations is not None else {}),
            "episodes": self.tracker.episodes,
            "not_finite": self.tracker.not_finite,
            "alarms": self.alarms,
            "grows": self._diagnosis.as_dicts(),
            "history_rows_lost": self.tracker.history.lost if self.tracker.history else 0,
        }

    def _beside(self) -> Iterator[Program]:
        """The processes that there are now; a look, in its thread, may end its own at any time."""
        evaluator = self.evaluations.evaluator if self.evaluations is not None else None
        for each in (evaluator, self._pictures, self._diagnosis):
            if each is not None and (process := each.process) is not None:
                yield process

    def _set_aside(self) -> None:
        """Another training, which came farther, is kept in the folder: put it into one of its own."""
        self.tracker.close()
        number = next(number for number in count(1) if not (self.folder / f"earlier-{number}").exists())
        earlier = self.folder / f"earlier-{number}"
        earlier.mkdir()
        models = (f"best_{self._model}", f"last_{self._model}")
        for name in (FILE, SUMMARY, PICTURE, *models):
            if (self.folder / name).exists():
                (self.folder / name).rename(earlier / name)
        self.tracker = PerformanceTracker(self.folder)

    def _tell(self, found: Evaluation) -> None:
        if self._verbose and found.done:
            print(f"step {found.step}: reward {found.mean:.4g} ± {found.std:.2g} an episode, length {found.length:.4g}")

    def _mark(self, step: int) -> None:
        """Note how fast training goes, and hand a sample over to be looked at."""
        self.pace.mark(step)
        lately = self.pace.rate(1)
        if lately is not None:
            shares = {f"share_{name}": each for name, each in lately.shares.items()}
            self.tracker.update(step, fps=lately.fps, **shares)
            self._channel.put((step, lately, step - self._marked))
        self._marked = step

    def _diagnose(self, samples: Sequence[tuple[int, Rate, int]]) -> None:
        """In a thread of its own: remember, and now and then look at all of it."""
        for step, rate, steps in samples:
            self._diagnosis.sample(step, rate, steps)
            self._samples += 1
            if self._samples % DIAGNOSE_MARKS == 0 and len(self.alarms) < ALARMS_MOST:
                self.alarms += self._diagnosis.look()


def rates_of(tracker: PerformanceTracker) -> dict[str, float | None]:
    """Steps a second in the first and the last tenth of the rates that were noted: medians."""
    if "fps" not in tracker.series:
        return {"first_tenth": None, "last_tenth": None}
    rates = tracker.curve("fps").mean
    tenth = max(1, len(rates) // 10)
    return {"first_tenth": float(np.median(rates[:tenth])), "last_tenth": float(np.median(rates[-tenth:]))}
