"""Evaluations of a run while it goes on: its checkpoints are played in fresh worlds, by a process beside it."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

from teem.config.cohorts import those_who_learn
from teem.config.settings import Config
from teem.evaluate.contest import contest_of
from teem.evaluate.episodes import evaluation_config, play_world, world_seed
from teem.evaluate.saved import Saved, of_cohort, settings_of
from teem.evaluate.trained import trained_of
from teem.record import archive, checkpoint
from teem.record.folder import CHECKPOINTS, CONFIG
from teem.runtime import words
from teem.runtime.loop import Run
from teem.threads import Threads
from teem.training.evaluation import Evaluation
from teem.training.evaluations import Evaluations
from teem.training.files import link
from teem.training.pictures import Pictures
from teem.training.schedules import Every
from teem.training.stopping import Condition, NoImprovement, RewardThreshold, Stopping
from teem.training.tracker import PerformanceTracker

LOOK_S = 0.1  # between two looks at what is under way


class RunPlayer:
    """Plays a run's checkpoints: its trained alone, in fresh worlds that are the same each time.

    They are those of a `cohort`, where there are cohorts.
    """

    def __init__(self, run: Path, cohort: str, worlds: int, steps: int) -> None:
        self._run, self._cohort, self._worlds, self._steps = run, cohort, worlds, steps
        self._copy = Path()  # of the checkpoint that was played last

    def play(self, policy: Path) -> tuple[list[float], list[int]]:
        """Wait for the checkpoint whose folder `policy` names, and play it; results and steps of each world."""
        there = Path(policy.read_text("utf-8"))
        while not there.is_dir():  # it is still being written; whoever asked ends this when it takes too long
            time.sleep(0.05)
        self._copy = policy.with_name(f"{policy.name}-run")
        copied = self._copy / CHECKPOINTS / there.name
        copied.parent.mkdir(parents=True)
        link(there, copied)  # the run keeps only a few
        shutil.copyfile(self._run / CONFIG, self._copy / CONFIG)
        saved = of_cohort(_saved(self._copy, copied), self._cohort)
        trained, contest = trained_of(saved), contest_of(saved.config)
        steps, results = self._steps or contest.steps, []
        threads = Threads(1)
        for index in range(self._worlds):
            config = evaluation_config(saved.config, world_seed(saved.config.seed, index), None)
            sides = {"trained": saved.config.learning.algorithm}
            results.append(float(play_world(config, sides, trained, steps, threads)["trained"][0] * contest.scale))
        threads.close()
        return results, [steps] * self._worlds

    def keep(self, path: Path) -> None:
        """Leave what was played as a run's folder, which `teem evaluate` takes."""
        self._copy.rename(path)

    def close(self) -> None:
        """Nothing is held."""


def _saved(run: Path, there: Path) -> Saved:
    step = checkpoint.steps_of(there.parent)[-1]
    state, _ = archive.read(there, step)
    return Saved(run, settings_of(run), step, state, ())


class Beside:
    """What a run's loop tells of each step, so that it is evaluated when that is due."""

    def __init__(self, run: Run) -> None:
        settings, folder = run.config.evaluation, run.folder.path
        contest = contest_of(run.config)
        pictures = Pictures() if settings.pictures else None
        self.unit = contest.unit
        self.cohort = _cohort_of(run.config)
        self.said: str | None = None  # of the last result
        self._run, self._begun, self._look_at = run, time.monotonic(), 0.0
        self._tracker = PerformanceTracker(folder)
        if self._tracker.history is not None:
            self._tracker.history.rewind(run.step)  # as its record was
        self._tracker.take_up()
        self._evaluations = Evaluations(
            folder,
            self._tracker,
            Every(steps=settings.every),
            Stopping(*_conditions(run.config)),
            RunPlayer(folder.absolute(), self.cohort, settings.worlds, settings.steps),
            self._snapshot,
            begun=run.step,
            model="run",
            timeout_s=settings.timeout,
            pictures=pictures if pictures and pictures.possible else None,
            tell=self._tell,
        )

    @property
    def enough(self) -> str | None:
        """Why the run is to end; None while it isn't."""
        return self._evaluations.reason

    @property
    def counts(self) -> dict[str, int]:
        """Evaluations so far, by how they ended."""
        found = self._evaluations.summary()["evaluations"]
        return {name: found[name] for name in ("done", "failed", "timed_out", "refused")}

    @property
    def result(self) -> float | None:
        """What the last that was done came to."""
        return self._tracker.results[-1].mean if self._tracker.results else None

    def on_step(self) -> None:
        """A step was made."""
        seconds = time.monotonic() - self._begun
        self._evaluations.ask_when_due(self._run.step, seconds)
        if seconds >= self._look_at:
            self._look_at = seconds + LOOK_S
            self._evaluations.hear(self._run.step, seconds)

    def end(self) -> dict[str, Any]:
        """The run has ended, and what it saved last is on the disk; what came of it all, for the report."""
        self._evaluations.end(self._run.step, at_end=self._run.checkpointer.last_step == self._run.step)
        found = self._evaluations.summary() | {"unit": self.unit, "cohort": self.cohort}
        if self._tracker.history is not None:
            self._tracker.history.ended(self._run.step, time.time(), self.enough or "the run ended")
        self._tracker.close()
        self._evaluations.draw()
        return found

    def close(self) -> None:
        """Let everything go, also amid the run."""
        self._evaluations.close()
        self._tracker.close()

    def _snapshot(self, path: Path) -> None:
        run = self._run
        if run.checkpointer.last_asked != run.step:
            run.save()
        path.write_text(str(checkpoint.folder_of(run.folder.checkpoints.absolute(), run.step)), encoding="utf-8")

    def _tell(self, found: Evaluation) -> None:
        log = {"of_step": found.step, "status": found.status, "fault": found.fault, "seconds": found.seconds}
        result = {"result": found.mean, "unit": self.unit} if found.done else {}
        self._run.folder.log("evaluated", step=self._run.step, **log, **result)
        if found.done:
            mean, spread = words.number(found.mean), words.number(found.std)
            whose = f"{self.cohort}, " if self.cohort else ""
            self.said = f"{whose}step {words.count(found.step)} came to {mean} ± {spread} {self.unit}"
            if not sys.stderr.isatty():  # where there is no panel
                print(f"evaluated: {self.said}", file=sys.stderr)


def _cohort_of(config: Config) -> str:
    """Whose networks are evaluated; "" where there are no cohorts."""
    if not config.learning.cohorts:
        return ""
    return config.evaluation.cohort or those_who_learn(config.learning)[0]


def _conditions(config: Config) -> list[Condition]:
    found: list[Condition] = []
    if config.evaluation.enough:
        found.append(RewardThreshold(config.evaluation.enough))
    if config.evaluation.patience:
        found.append(NoImprovement(config.evaluation.patience))
    return found
