"""A sweep in its folder: held by one process, its plan written first, its runs played and its report written."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from teem.config.dump import dump_config
from teem.config.settings import Config
from teem.errors import UsageError
from teem.record.disk import write_text
from teem.record.folder import acquire
from teem.runtime import words
from teem.runtime.interrupt import Stop
from teem.runtime.progress import ProgressLine
from teem.sweep.compare import Standing, Test, compare, standing
from teem.sweep.plan import PLAN, Plan, Search, Values, expect_plan, named, plan_text
from teem.sweep.results import Result, Results, as_json, expect_metric, figure, result_of, unknown
from teem.sweep.runs import Job, settings_file
from teem.sweep.show import Report, as_dict, as_markdown, as_text
from teem.sweep.workers import Places, Playing, Workers


class Study:
    """The settings and seeds of a sweep, and the folder that their runs lie in, held until `close`."""

    def __init__(self, folder: Path, plan: Plan, metric: str) -> None:
        """Take hold of a folder, and go on with what it holds; UsageError if that is another sweep."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = acquire(folder)
        try:
            expect_plan(folder, plan)
            write_text(folder / PLAN, plan_text(plan))
        except BaseException:
            os.close(self._lock)
            raise
        self.folder = folder
        self.plan = plan
        self.metric = metric
        self.results = Results(folder)
        self._names: list[str] = []
        self._configs: list[Config | None] = []
        self._refused: list[str] = []  # settings that can't be played, and why

    def take(self, values: Values, config: Config | None, refused: str = "") -> list[Job]:
        """Take in a setting, and return its runs; its file is there before the first of them begins.

        One that can't be played has no config, and says why; it keeps its number.
        """
        self._names.append(named(values))
        self._configs.append(config)
        number = len(self._names)
        if config is None:
            self._refused.append(f"{self._names[-1]}: {refused}")
            return []
        text, file = dump_config(config), settings_file(self.folder, number)
        if not file.exists() or file.read_text("utf-8") != text:
            write_text(file, text)
        return [Job(number, seed, config.steps, self.folder) for seed in self.plan.seeds]

    @property
    def jobs(self) -> list[Job]:
        """Every run of the settings so far: all of them with the first seed, then all with the next."""
        return [
            Job(number, seed, config.steps, self.folder)
            for seed in self.plan.seeds
            for number, config in enumerate(self._configs, 1)
            if config is not None
        ]

    def play(self, jobs: Sequence[Job], places: Places, stop: Stop, *, headless: bool, what: str = "") -> None:
        """Play those of the runs that are not done; UsageError, once all have stopped, if there is no such metric."""
        for report in (job.report() for job in jobs if job.state() == "done"):
            expect_metric(report or {}, self.metric)
        round_ = Round(self, jobs, stop, headless, what)
        own_threads = any(config is not None and config.runtime.threads for config in self._configs)
        round_.play(Workers(places, round_, own_threads=own_threads))

    def value(self, number: int) -> float | None:
        """The mean over seeds of a setting's figure; None unless all of its runs are done, and have one."""
        reports = [job.report() if job.state() == "done" else None for job in self.jobs if job.setting == number]
        figures = [figure(report or {}, self.metric) for report in reports]
        known = [one for one in figures if one is not None]
        return sum(known) / len(known) if known and len(known) == len(figures) else None

    def report(self, test: Test) -> Report:
        """What is known by now."""
        jobs, last = self.jobs, self.results.last()
        values: dict[int, dict[int, float]] = {number: {} for number in range(1, len(self._names) + 1)}
        missing, done, unit, waiting = [], 0, "", 0
        for job in jobs:
            told = job.report() if job.state() == "done" else None
            if told is not None:
                done += 1
                unit = unit or _unit(self.metric, told)
                value = figure(told, self.metric)
                if value is None:
                    missing.append(_without(job, self.metric, unknown(told, self.metric)))
                else:
                    values[job.setting][job.seed] = value
            elif (job.setting, job.seed) in last:
                missing.append(last[job.setting, job.seed])
            else:
                waiting += 1
        standings = [standing(name, values[number]) for number, name in enumerate(self._names, 1)]
        search = self.plan.search
        return Report(
            world=self.plan.source, metric=self.metric, unit=unit, test=test, runs=len(jobs), done=done,
            settings=standings, contrasts=[] if search else compare(standings, test), missing=missing,
            waiting=waiting, refused=self._refused, best=best(standings, len(self.plan.seeds), search),
        )  # fmt: skip

    def write(self, report: Report) -> None:
        """Keep the report."""
        write_text(self.folder / "report.txt", as_text(report))
        write_text(self.folder / "report.md", as_markdown(report))
        write_text(self.folder / "report.json", as_json(as_dict(report)))

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._lock)


class Round:
    """Runs that are played side by side, and how far they are; they stop when the user says so, or the metric fails."""

    def __init__(self, study: Study, jobs: Sequence[Job], stop: Stop, headless: bool, what: str) -> None:
        states = {job: job.state() for job in jobs}
        self._study = study
        self._stop = stop
        self._what = what  # these are, of a search
        self._left = [job for job in jobs if states[job] != "done"]
        self._all = list(jobs)
        self._done_before = len(jobs) - len(self._left)
        self._made = {job: job.steps if states[job] == "done" else job.steps_made() for job in jobs}
        self._made_before = sum(self._made.values())
        self._ended = dict.fromkeys(("done", "failed", "stopped"), 0)
        self._begun = time.monotonic()
        self._line = ProgressLine(self._say, headless=headless)
        self._fault: UsageError | None = None

    @property
    def asked(self) -> bool:
        """Whether it is to stop."""
        return self._stop.asked or self._fault is not None

    def play(self, workers: Workers) -> None:
        """Play what is left."""
        self._playing = workers.playing
        try:
            workers.play(self._left, self._note, self._line.show)
        finally:
            self._line.close()
        if self._fault is not None:
            raise self._fault

    def _note(self, one: Playing, code: int) -> None:
        """A run's process has ended."""
        study, job = self._study, one.job
        result = result_of(job, study.metric, code, time.monotonic() - one.begun)
        study.results.add(result)
        self._ended[result.outcome] += 1
        report = job.report()
        if result.outcome == "done" and report is not None:
            self._made[job] = job.steps
            try:
                expect_metric(report, study.metric)
            except UsageError as error:
                self._fault = error
        elif result.outcome == "failed":
            print(f"failed: {job.name}: {result.why}", file=sys.stderr, flush=True)

    def _say(self) -> str:
        for one in self._playing:
            self._made[one.job] = min(one.job.steps_made(), one.job.steps)
        made, of = sum(self._made.values()), sum(job.steps for job in self._all)
        ended, spent = self._ended, time.monotonic() - self._begun
        now = made - self._made_before
        left = words.duration(spent / now * (of - made)) if now else words.UNKNOWN
        failed = f", {ended['failed']} failed" if ended["failed"] else ""
        stopping = "; stopping, they save first" if self.asked else f"; {left} left"
        return (
            f"{self._what}{self._done_before + ended['done']} of {len(self._all)} runs done{failed}, "
            f"{len(self._playing)} playing; {words.percent(made / of)} of all steps{stopping}"
        )


def _without(job: Job, metric: str, why: str) -> Result:
    return Result(setting=job.setting, seed=job.seed, outcome="done", metric=metric, why=why)


def _unit(metric: str, report: dict[str, object]) -> str:
    """The unit of what agents achieve; that of another figure is in its name."""
    feats = report.get("feats")
    unit = str(feats.get("unit", "")) if metric.startswith("feats.") and isinstance(feats, dict) else ""
    return f"{unit} a step lived" if unit and metric == "feats.per_step" else unit


def best(standings: Sequence[Standing], seeds: int, search: Search | None) -> int | None:
    """The number of the setting that a search found, of those that all seeds have a figure of."""
    if search is None:
        return None
    means = {number: one.mean for number, one in enumerate(standings, 1) if len(one.values) == seeds}
    known = {number: mean for number, mean in means.items() if mean is not None}
    return (min if search.minimise else max)(known, key=lambda number: known[number], default=None)
