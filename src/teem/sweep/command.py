"""`teem sweep`: every setting with every seed, side by side, and what can be told apart."""

from __future__ import annotations

import hashlib
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from teem.config.settings import Config
from teem.errors import UsageError
from teem.record.folder import refuse_folder
from teem.sweep.plan import Plan, Values, expect_plan, make_plan, plan_text
from teem.sweep.workers import Places, cores, share

SWEEPS = Path("sweeps")  # where sweeps lie that were given no folder


def sweep(given: Namespace) -> int:
    """Play what the command line asks for, or go on with it; exit 1 if a run failed."""
    plan, configs, places, folder = _checked(given)
    _compile([config for _, config in configs])
    from teem.runtime.interrupt import Interrupts
    from teem.sweep.show import as_dict, as_text
    from teem.sweep.study import Study

    study = Study(folder, plan, given.metric)
    try:
        for values, config in configs:
            study.take(values, config)
        with Interrupts() as interrupts:
            study.play(study.jobs, places, interrupts, headless=given.headless)
        report = study.report(given.test)
        study.write(report)
    finally:
        study.close()
    if given.json:
        print(json.dumps({**as_dict(report), "out": str(folder)}))
    else:
        print(as_text(report))
        print(f"kept in {folder}: report.md, report.json, results.jsonl, a folder a run; curves: teem plot {folder}")
    if not report.is_whole:
        print("the same command goes on with what isn't done", file=sys.stderr)
    return 1 if any(one.outcome == "failed" for one in report.missing) else 0


def _checked(given: Namespace) -> tuple[Plan, list[tuple[Values, Config]], Places, Path]:
    """What is to be played and where; everything that is wrong is told at once, before anything is written."""
    faults = list(given.faults)
    plan: Plan | None = None
    configs: list[tuple[Values, Config]] = []
    places: Places | None = None
    try:
        plan, configs = make_plan(given.world, given.settings, given.set, given.seeds)
    except UsageError as error:
        faults += error.faults
    try:
        places = share([config for _, config in configs], given.workers, cores())
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
