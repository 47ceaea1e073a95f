"""`teem bench`: choose, measure, keep, show, and compare with a baseline."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from teem.bench import counts, valgrind
from teem.bench import results as files
from teem.bench.measure import OURS, Effort, measure_suite
from teem.bench.plot import write_plots
from teem.bench.regress import Verdict, judge, keep, not_judged, of_machine
from teem.bench.results import Results, ScenarioResult
from teem.bench.scenario import Suite, choose, ready_suites
from teem.bench.show import render, render_beside, render_counts, render_list, render_verdicts
from teem.errors import UsageError

QUICK = 9  # repeats
CONFIRMED_BY = 3  # times the repeats
BESIDE = 3  # launches of two trees side by side: fewer don't tell how lucky each was


def bench(given: Namespace) -> int:
    """Measure scenarios, or take what was measured; exit 1 if a case fails or is slower than the baseline allows."""
    known = ready_suites()
    if given.list:
        return _list(known, given.json)
    chosen, effort = _understand(given, known)
    if given.counts:
        return _count(given, chosen, effort)
    if given.before:
        return _beside(given, chosen, effort)
    before = files.read(given.baseline) if given.baseline else []
    after = files.read(given.results)[0] if given.results else measure(chosen, effort)
    if given.out:
        files.write(given.out, after)
    if given.save_baseline:
        keep(given.save_baseline, after)
    if given.plots:
        for path in write_plots(given.plots, after.scenarios):
            print(f"drawn: {path}", file=sys.stderr)
    told: dict[str, Any] = {"results": msgspec.to_builtins(after), "failed": after.failed}
    if not given.json:
        Console().print(render(after))
    code = 1 if after.failed else 0
    if given.baseline:
        code = max(code, _compare(given, before, after, chosen, effort, told))
    for case in after.failed:
        print(f"failed: {case}", file=sys.stderr)
    if given.json:
        print(msgspec.json.encode(told).decode())
    return code


def _list(known: dict[str, Suite], as_json: bool) -> int:
    if as_json:
        listed = {
            key: {"about": suite.about, "scenarios": {one.name: one.about for one in suite.scenario}}
            for key, suite in known.items()
        }
        print(msgspec.json.encode(listed).decode())
    else:
        Console().print(render_list(known))
    return 0


def _understand(given: Namespace, known: dict[str, Suite]) -> tuple[dict[str, Suite], Effort]:
    """What is to be measured and how; UsageError tells everything that is wrong."""
    counts = {"repeats": given.repeats, "launches": given.launches}
    faults = [f"--{name} is {n}: give 1 or more" for name, n in counts.items() if n is not None and n < 1]
    for name in ("baseline", "results"):
        path = getattr(given, name)
        if path and not path.is_file():
            faults.append(f"--{name} {path} is no file: give one that `teem bench --out` wrote")
    faults += [fault for name in ("out", "save_baseline") if (fault := _refuse(name, getattr(given, name)))]
    untimed = ("quick", "repeats", "results", "out", "plots")
    if given.counts and (useless := [f"--{name}" for name in untimed if getattr(given, name)]):
        faults.append(f"{', '.join(useless)} with --counts: leave out what is about time")
    if given.before:
        apart = ("baseline", "results", "save_baseline", "counts", "plots")
        if useless := [f"--{name.replace('_', '-')}" for name in apart if getattr(given, name)]:
            faults.append(f"{', '.join(useless)} with --before: compare with one or the other")
        try:
            _sources(given.before)
        except UsageError as error:
            faults += error.faults
    chosen: dict[str, Suite] = {}
    if given.results and given.names:
        faults.append("scenarios are named and --results given: measure the ones, or take the others")
    elif not given.results:
        try:
            chosen = choose(given.names or list(known), known)
        except UsageError as error:
            faults += error.faults
    if faults:
        raise UsageError(faults)
    usual = Effort(quick=True, repeats=QUICK) if given.quick else Effort()
    return chosen, msgspec.structs.replace(
        usual,
        repeats=given.repeats or usual.repeats,
        launches=given.launches or (BESIDE if given.before else usual.launches),
    )


def _count(given: Namespace, chosen: dict[str, Suite], effort: Effort) -> int:
    """Count instructions instead of measuring time; exit 1 if something takes more of them, or fails."""
    console = Console(stderr=given.json)
    if why := valgrind.refusal():
        console.print(f"not counted: {why}")
        return 0
    kept = counts.read(given.baseline) if given.baseline else []
    after = counts.count(chosen, effort.launches, _announce)
    if given.save_baseline:
        counts.keep(given.save_baseline, after)
    before = counts.of_setting(kept, after.of)
    verdicts = counts.judge(before, after, chosen) if before else []
    console.print(render_counts(after, verdicts))
    if given.baseline and before is None:
        console.print(f"not judged: {given.baseline} has no counts of {after.of}")
    for case, reason in after.failed.items():
        console.print(f"failed: {case}: {reason}", style="bold red")
    if given.json:
        print(msgspec.json.encode({"counts": after, "verdicts": verdicts}).decode())
    return 1 if after.failed or any(one.word == "slower" for one in verdicts) else 0


def _beside(given: Namespace, chosen: dict[str, Suite], effort: Effort) -> int:
    """Measure these sources and others in turn, and say what has changed; exit 1 if a case fails."""
    found = measure_trees(chosen, effort, {"before": _sources(given.before), "now": None})
    before, now = found["before"], found["now"]
    verdicts = judge(before, now, paired=True)
    if given.out:
        files.write(given.out, now)
    if given.json:
        told = {"before": before, "results": now, "verdicts": verdicts}
        print(msgspec.json.encode(told).decode())
    else:
        Console().print(render(now), render_beside(verdicts, before, now), sep="\n")
    failed = [f"{name}: {case}" for name, one in found.items() for case in one.failed]
    for case in failed:
        print(f"failed: {case}", file=sys.stderr)
    return 1 if failed else 0


def _sources(path: Path) -> Path:
    """The folder with a checkout's sources, or path itself; UsageError if teem is in neither."""
    for folder in (path / "src", path):
        if (folder / "teem" / "bench" / "worker.py").is_file():
            return folder.resolve()
    raise UsageError(f"--before {path} holds no teem with a bench: give a checkout, or the folder that teem lies in")


def _refuse(option: str, path: Path | None) -> str | None:
    """Why a file can't be written there, as far as looking can tell: better now than after minutes of measuring."""
    if path is None:
        return None
    there = next(one for one in (path, *path.absolute().parents) if one.exists())
    if path.is_dir() or (there != path and not there.is_dir()) or not os.access(there, os.W_OK):
        return f"--{option.replace('_', '-')} {path} can't be written: give a file in a folder that can"
    return None


def measure(suites: dict[str, Suite], effort: Effort) -> Results:
    """Every scenario of these suites."""
    return measure_trees(suites, effort, OURS)[""]


def measure_trees(suites: dict[str, Suite], effort: Effort, trees: Mapping[str, Path | None]) -> dict[str, Results]:
    """Every scenario of these suites, by the sources of each tree, in turn."""
    begun, load = files.now(), files.load()
    scenarios: dict[str, dict[str, ScenarioResult]] = {tree: {} for tree in trees}
    for name, suite in suites.items():
        for tree, found in measure_suite(name, suite, effort, _progress, trees).items():
            scenarios[tree] |= found
    loads = load, files.load()
    return {
        tree: Results(machine=files.this_machine(), scenarios=found, quick=effort.quick, begun=begun, load=loads)
        for tree, found in scenarios.items()
    }


def _progress(what: str, done: int, of: int) -> None:
    _announce(f"measuring {done + 1} of {of}: {what}")


def _announce(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _compare(
    given: Namespace,
    kept: Sequence[Results],
    after: Results,
    suites: dict[str, Suite],
    effort: Effort,
    told: dict[str, Any],
) -> int:
    """Say what has changed since the baseline; 1 if something is slower, and is so when measured again."""
    console = Console(stderr=given.json)
    before = of_machine(kept, after.machine.get("cpu"))
    if before is None:
        processors = ", ".join(str(one.machine.get("cpu")) for one in kept)
        console.print(f"not judged: {given.baseline} is of {processors}, this is {after.machine.get('cpu')}")
        return 0
    verdicts = judge(before, after)
    slower = [one for one in verdicts if one.word == "slower"]
    if slower and suites:
        slower = confirm(slower, before, suites, effort)
    told |= {"verdicts": msgspec.to_builtins(verdicts), "slower": msgspec.to_builtins(slower)}
    console.print(render_verdicts(verdicts, slower))
    for name in not_judged(before, after):
        console.print(f"not judged, since the baseline has no such case: {name}")
    for one in slower:
        console.print(f"slower: {one.scenario}: {one.case}: {one.change.value:.2f} times the baseline's cost")
    return 1 if slower else 0


def confirm(slower: Sequence[Verdict], before: Results, suites: dict[str, Suite], effort: Effort) -> list[Verdict]:
    """Those that are slower in a second, longer measurement too, in processes begun anew, or fail in it."""
    names = {one.scenario for one in slower}
    again = {
        key: msgspec.structs.replace(suite, scenario=found)
        for key, suite in suites.items()
        if (found := tuple(one for one in suite.scenario if one.name in names))
    }
    longer = msgspec.structs.replace(effort, repeats=CONFIRMED_BY * effort.repeats)
    second = {(one.scenario, one.case): one for one in judge(before, measure(again, longer))}
    sure = [second.get((one.scenario, one.case), one) for one in slower]
    return [one for one in sure if one.word == "slower"]
