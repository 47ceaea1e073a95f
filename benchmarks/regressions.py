"""How often the comparison with a baseline is wrong: runs of unchanged code, and of code made slower.

    python benchmarks/regressions.py BASELINE [--counts] [--runs 10] [--doubled 0.2] [--beside-load]

Each run is what CI does: the components measured and compared with the baseline, and what looks slower measured again.
With `--counts` their instructions are counted instead, and compared with a baseline of those. `--doubled` plants a
fault in every component: that part of its calls is done twice and counted once. `--beside-load` keeps both cores busy
meanwhile. Prints each run's alarms, then how many there were of each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from teem.bench import counts, results
from teem.bench.command import QUICK, confirm, measure
from teem.bench.measure import Effort
from teem.bench.regress import Verdict, judge, of_machine
from teem.bench.scenario import Suite, ready_suites


@contextmanager
def load(cores: int) -> Any:
    """Processes that keep as many cores busy, at the lowest priority."""
    spinning = [
        subprocess.Popen([sys.executable, "-c", "import os\nos.nice(19)\nwhile True: pass"]) for _ in range(cores)
    ]
    try:
        yield
    finally:
        for one in spinning:
            one.kill()
            one.wait()


def slowed(suite: Suite, doubled: float) -> Suite:
    """The suite with a fault planted in every scenario."""
    each = tuple(msgspec.structs.replace(one, doubled=doubled) for one in suite.scenario)
    return msgspec.structs.replace(suite, scenario=each)


def timed(baseline: Path, suites: dict[str, Suite]) -> tuple[list[Verdict], list[Verdict]]:
    """What looked slower of all, and what still did when it was measured again."""
    effort = Effort(quick=True, repeats=QUICK, launches=3)
    before = of_machine(results.read(baseline), results.this_machine()["cpu"])
    if before is None:
        sys.exit(f"{baseline} is of another processor")
    verdicts = judge(before, measure(suites, effort))
    slower = [one for one in verdicts if one.word == "slower"]
    return verdicts, confirm(slower, before, suites, effort) if slower else []


def counted(baseline: Path, suites: dict[str, Suite]) -> tuple[list[Verdict], list[Verdict]]:
    """Every verdict, and those of more instructions than the budget allows; no second look is needed."""
    after = counts.count(suites, 1, lambda what: None)
    before = counts.of_setting(counts.read(baseline), after.of)
    if before is None or after.failed:
        sys.exit(f"{baseline} is of another setting than {after.of}, or cases failed: {after.failed}")
    verdicts = counts.judge(before, after, suites)
    return verdicts, [one for one in verdicts if one.word == "slower"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("baseline", type=Path)
    parser.add_argument("--counts", action="store_true")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--doubled", type=float, default=0.0)
    parser.add_argument("--beside-load", action="store_true")
    asked = parser.parse_args()
    suites = {"components": slowed(ready_suites()["components"], asked.doubled)}
    look = counted if asked.counts else timed
    looked, sure = Counter[str](), Counter[str]()
    with load(os.cpu_count() or 1 if asked.beside_load else 0):
        for run in range(asked.runs):
            verdicts, confirmed = look(asked.baseline, suites)
            slower = [one for one in verdicts if one.word == "slower"]
            looked.update(one.scenario for one in slower)
            sure.update(one.scenario for one in confirmed)
            changes = " ".join(f"{one.scenario} {one.change.value:.4g}" for one in verdicts)
            alarms = ", ".join(one.scenario for one in confirmed) or "none"
            print(f"run {run + 1}: alarms: {alarms}; looked slower: {len(slower)}; {changes}", flush=True)
    print(f"of {asked.runs} runs, {sum(sure.values())} alarms, after a second look; at first {sum(looked.values())}")
    for one in suites["components"].scenario:
        print(f"  {one.name:20} {sure[one.name]:3} alarms, {looked[one.name]:3} at first")


if __name__ == "__main__":
    main()
