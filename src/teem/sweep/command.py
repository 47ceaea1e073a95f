"""`teem sweep`: every setting with every seed, or a search for the best, side by side, and what can be told apart."""

from __future__ import annotations

import hashlib
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from teem.config.settings import Config
from teem.errors import UsageError
from teem.measure.machine import cores
from teem.record.folder import refuse_folder
from teem.sweep.asked import Asked, Chosen, make_plan
from teem.sweep.plan import Plan, expect_plan, plan_text
from teem.sweep.workers import Places, share

if TYPE_CHECKING:
    from teem.runtime.interrupt import Stop
    from teem.sweep.show import Report
    from teem.sweep.study import Study

SWEEPS = Path("sweeps")  # where sweeps lie that were given no folder


def sweep(given: Namespace) -> int:
    """Play what the command line asks for, or go on with it; exit 1 if a run failed."""
    plan, configs, places, folder = _checked(given)
    _compile([config for _, config in configs])
    from teem.runtime.interrupt import Interrupts
    from teem.sweep.study import Study

    study = Study(folder, plan, given.metric)
    try:
        with Interrupts() as interrupts:
            if plan.search is not None:
                _search(study, given, places, interrupts)
            else:
                for values, config in configs:
                    study.take(values, config)
                study.play(study.jobs, places, interrupts, headless=given.headless)
            stopped = interrupts.asked
        report = study.report(given.test)
        study.write(report)
    finally:
        study.close()
    _tell(report, folder, given.json, stopped or not report.is_whole)
    return 1 if any(one.outcome == "failed" for one in report.missing) else 0


def _search(study: Study, given: Namespace, places: Places, stop: Stop) -> None:
    """Try settings until there are as many as asked for; as many side by side as keep the workers busy."""
    from teem.sweep.search import Trials

    trials = Trials(study, given.world, given.settings, given.search)
    together = max(1, -(-places.workers // len(study.plan.seeds)))
    failed: set[int] = set()  # settings whose runs did; the next call plays them again
    while not stop.asked:
        while trials.left and len(trials.open) - len(failed) < together:
            trials.ask()
        jobs = [job for number, some in trials.open.items() if number not in failed for job in some]
        if not jobs:
            return
        tried = given.search - trials.left - len(trials.open)
        study.play(jobs, places, stop, headless=given.headless, what=f"{tried} of {given.search} settings tried; ")
        trials.tell(study.value)
        failed = set(trials.open)


def _checked(given: Namespace) -> tuple[Plan, Chosen, Places, Path]:
    """What is to be played and where; everything that is wrong is told at once, before anything is written."""
    faults = list(given.faults)
    plan: Plan | None = None
    configs: Chosen = []
    places: Places | None = None
    asked = Asked(
        given.world, given.settings, given.seeds, given.set, given.range, given.search, given.metric, given.minimise
    )
    try:
        plan, configs = make_plan(asked)
    except UsageError as error:
        faults += error.faults
    try:
        places = share([config for _, config in configs], given.workers, cores())
    except UsageError as error:
        faults += error.faults
    if given.search is not None:
        from teem.sweep.search import expect_optuna

        try:
            expect_optuna()
        except UsageError as error:
            faults += error.faults
    if given.out is not None:
        faults += refuse_folder(given.out)
    if faults or plan is None or places is None:
        raise UsageError(faults)
    folder = given.out or SWEEPS / f"{plan.source}-{hashlib.sha256(plan_text(plan).encode()).hexdigest()[:8]}"
    expect_plan(folder, plan)
    return plan, configs, places, folder


def _compile(configs: Sequence[Config]) -> None:
    """Have the kernels compiled once, and not by every run side by side."""
    from teem.runtime.present import Compiling
    from teem.runtime.warmup import is_warm, warm

    for config in configs:
        if not is_warm(config):
            warm(config, Compiling())


def _tell(report: Report, folder: Path, as_json: bool, unfinished: bool) -> None:
    from teem.sweep.show import as_dict, as_text

    if as_json:
        print(json.dumps({**as_dict(report), "out": str(folder)}))
    else:
        print(as_text(report))
        print(f"kept in {folder}: report.md, report.json, results.jsonl, a folder a run; curves: teem plot {folder}")
    if unfinished:
        print("the same command goes on with what isn't done", file=sys.stderr)
