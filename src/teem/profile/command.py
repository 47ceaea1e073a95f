"""`teem profile`: every phase that was asked for, a page each, and what costs most."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from teem.errors import UsageError
from teem.measure.machine import machine
from teem.profile.component import profile_component
from teem.profile.functions import function_named
from teem.profile.line import profile_line
from teem.profile.macro import profile_macro
from teem.profile.memory import profile_memory
from teem.profile.report import COSTS, Report
from teem.profile.stage import Stage
from teem.profile.subject import Subject, find_subject
from teem.profile.system import profile_system
from teem.runtime.present import Compiling
from teem.runtime.warmup import is_warm, warm

PHASES: dict[str, Callable[[Stage], Report]] = {
    "macro": profile_macro,
    "component": profile_component,
    "line": profile_line,
    "memory": profile_memory,
    "system": profile_system,
}
PROFILES = Path("profiles")  # where profiles lie that were given no folder


def profile(given: Namespace) -> int:
    """Profile what the command line names; prints the costs, and where the pages lie."""
    subject = _checked(given)
    if not is_warm(subject.config):
        warm(subject.config, Compiling())
    out = _fresh(given.out, subject)
    phases = list(PHASES) if given.phase == "all" else [given.phase]
    reports, stage = _measure(subject, given, out, phases)
    told = _summary(subject, stage, reports)
    (out / "profile.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if given.json:
        print(json.dumps({**told, "out": str(out)}))
    else:
        print(_in_words(told, reports, out))
    return 0


def _checked(given: Namespace) -> Subject:
    """The subject; every fault at once, before anything is written."""
    faults = []
    if given.steps < 1:
        faults.append(f"--steps is {given.steps}: give at least 1")
    if given.out is not None and given.out.exists() and (not given.out.is_dir() or any(given.out.iterdir())):
        faults.append(f"--out {given.out} is not an empty folder: give another")
    subject = None
    try:
        subject = find_subject(given.subject, given.agents)
    except UsageError as error:
        faults = [*error.faults, *faults]
    for name in given.function:  # after the settings, whose modules are imported
        try:
            function_named(name)
        except ValueError as error:
            faults.append(f"--function {error}")
    if faults or subject is None:
        raise UsageError(faults)
    return subject


def _fresh(out: Path | None, subject: Subject) -> Path:
    """A folder for the pages: as given, or the first free one of profiles/NAME-AGENTS, -2, -3 and so on."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        return out
    name = f"{subject.name}-{subject.config.population.founders}"
    number = 1
    while True:
        out = PROFILES / (name if number == 1 else f"{name}-{number}")
        try:
            out.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        return out


def _measure(subject: Subject, given: Namespace, out: Path, phases: list[str]) -> tuple[list[Report], Stage]:
    begun = time.perf_counter()
    reports = []
    current = ""

    def say(what: str) -> None:
        print(f"{time.perf_counter() - begun:5.0f} s  {current}: {what}", file=sys.stderr, flush=True)

    with Stage(subject, given.steps, out, say, tuple(given.function)) as stage:
        for current in phases:
            report = PHASES[current](stage)
            report.write(out, _about(subject, given.steps))
            reports.append(report)
    return reports, stage


def _about(subject: Subject, steps: int) -> str:
    """What was profiled, where, and what is to be known about it."""
    here = machine()
    begun = f"from its checkpoint of step {subject.step}" if subject.saved else "from its founders"
    lines = [
        f"{subject.name}, {steps} steps {begun}; seed {subject.config.seed}, "
        f"{subject.config.population.founders} founders, capacity {subject.config.capacity}, "
        f"{subject.config.learning.algorithm}.",
        f"On {here['cpu']}, {here['cores']} cores; Python {here['python']}, numpy {here['numpy']}, "
        f"numba {here['numba']}, torch {here['torch']}.",
        *subject.notes,
    ]
    return "\n".join(f"{line}  " for line in lines).rstrip()


def _summary(subject: Subject, stage: Stage, reports: list[Report]) -> dict[str, Any]:
    return {
        "subject": subject.name,
        "notes": list(subject.notes),
        "same_state": len(set(stage.digests.values())) <= 1,
        "digests": stage.digests,
        "machine": machine(),
        "phases": {
            one.phase: {
                "costs": [str(cost) for cost in one.costs[:COSTS]],
                "remarks": one.remarks,
                "missing": one.missing,
            }
            for one in reports
        },
    }


def _in_words(told: dict[str, Any], reports: list[Report], out: Path) -> str:
    lines = []
    for report in reports:
        lines.append(f"{report.title}")
        lines += [f"  {number}. {cost}" for number, cost in enumerate(report.costs[:COSTS], 1)]
        lines += [f"  {one}" for one in (*report.remarks, *report.missing)]
    if len(told["digests"]) > 1:
        same = "the same" if told["same_state"] else "NOT the same: a defect, please report it"
        lines.append(f"state after each of {len(told['digests'])} plays: {same}")
    pages = ", ".join(f"{one.phase}.md" for one in reports)
    lines.append(f"read {out}: {pages}")
    return "\n".join(lines)
