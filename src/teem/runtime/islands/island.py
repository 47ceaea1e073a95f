"""An island: a run like any other in a folder of its own, played a slice at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teem.config.load import load_config
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.islands.migrants import Migrants, emigrants, immigrate
from teem.runtime.loop import Run
from teem.runtime.report import build_report

LEAVE_S = 60.0  # how long whoever played this island before may take to let go of its folder


@dataclass(frozen=True, slots=True)
class Standing:
    """How an island stands after a slice."""

    step: int
    saved: int  # the step of its newest checkpoint; -1: it has none
    over: str  # why there is nothing left to play: "steps" or "extinct"; "" while there is
    agents: int
    agent_steps: int
    updates: int
    settled: int  # migrants taken in by this slice
    emigrants: Migrants | None = None


class Island:
    """Island `index` of a run; its folder has its settings, and its checkpoints if it has played before.

    What it does depends on its settings and on what arrived before which slice, and on nothing else.
    """

    def __init__(self, index: int, folder: str) -> None:
        self._index, self._path = index, Path(folder)
        self._run: Run | None = None
        self._begun = time.perf_counter()

    def begin(self) -> Standing:
        """Take the run up at its newest checkpoint, or at its beginning if there is none."""
        folder = RunFolder.open_part(self._path, self._path, LEAVE_S)
        config = load_config(folder.config)
        if checkpoint.steps_of(folder.checkpoints):
            self._run = Run.resume(config, folder)
        else:
            folder.clear_record()
            self._run = Run.create(config, folder)
        self._begun = time.perf_counter()
        return self._standing(self._run, 0)

    def play(self, letters: Sequence[Migrants]) -> Standing:
        """Take in what arrived, then play to the end of the slice; migrants leave where they are due."""
        run = self._expect_run()
        settled = sum(immigrate(run, letter) for letter in letters)
        ray, steps = run.config.ray, run.config.steps
        end = (run.step // ray.slice + 1) * ray.slice
        if steps:
            end = min(end, steps)
        while run.step < end and not self._over(run):
            run.advance()
        due = ray.migrate_every and run.step % ray.migrate_every == 0 and not self._over(run)
        return self._standing(run, settled, emigrants(run, self._index, ray.migrants) if due else None)

    def finish(self, reason: str, letters: Sequence[Migrants] = ()) -> dict[str, Any]:
        """Take in what arrived, save, let the run go, and return its report, kept in its folder too."""
        run = self._expect_run()
        settled = sum(immigrate(run, letter) for letter in letters)
        if settled and run.config.checkpoint.at_end and run.checkpointer.last_step == run.step:
            run.save()  # the one of this step does not have them
        run.finish(reason)
        report = build_report(run, reason, time.perf_counter() - self._begun)
        guests = run.world.guests
        report["migration"] = {
            "waiting": 0 if guests is None else len(guests),
            "crowded_out": 0 if guests is None else guests.crowded_out,
            "came_last": settled,
        }
        run.folder.write_report(report)
        run.folder.close()
        return report

    def _expect_run(self) -> Run:
        if self._run is None:
            raise RuntimeError(f"island {self._index} has not begun")
        return self._run

    @staticmethod
    def _over(run: Run) -> str:
        if run.config.steps and run.step >= run.config.steps:
            return "steps"
        if not len(run.world.population.living) and run.config.population.extinction == "stop":
            return "extinct"
        return ""

    def _standing(self, run: Run, settled: int, leaving: Migrants | None = None) -> Standing:
        saved = run.checkpointer.last_step
        return Standing(
            step=run.step,
            saved=-1 if saved is None else saved,
            over=self._over(run),
            agents=len(run.world.population.living),
            agent_steps=run.totals.agent_steps,
            updates=run.totals.updates,
            settled=settled,
            emigrants=leaving,
        )
