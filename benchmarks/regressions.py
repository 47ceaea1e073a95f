"""How often the comparison with a baseline is wrong: runs of unchanged code, and of code made slower.

    python benchmarks/regressions.py BASELINE [--runs 10] [--doubled 0.2] [--beside-load]

Each run is what CI does: the components measured and compared with the baseline, and what looks slower measured again.
`--doubled` plants a fault in every component: that part of its calls is done twice and counted once. `--beside-load`
keeps both cores busy meanwhile. Prints each run's alarms, then how many there were of each.
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

from teem.bench import results
from teem.bench.command import QUICK, confirm, measure
from teem.bench.measure import Effort
from teem.bench.regress import judge, of_machine
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("baseline", type=Path)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--doubled", type=float, default=0.0)
    parser.add_argument("--beside-load", action="store_true")
    asked = parser.parse_args()
    suites = {"components": slowed(ready_suites()["components"], asked.doubled)}
    effort = Effort(quick=True, repeats=QUICK, launches=3)
    before = of_machine(results.read(asked.baseline), results.this_machine()["cpu"])
    if before is None:
        sys.exit(f"{asked.baseline} is of another processor")
    looked, sure = Counter[str](), Counter[str]()
    with load(os.cpu_count() or 1 if asked.beside_load else 0):
        for run in range(asked.runs):
            verdicts = judge(before, measure(suites, effort))
            slower = [one for one in verdicts if one.word == "slower"]
            confirmed = confirm(slower, before, suites, effort) if slower else []
            looked.update(one.scenario for one in slower)
            sure.update(one.scenario for one in confirmed)
            changes = " ".join(f"{one.scenario} {one.change.value:.2f}" for one in verdicts)
            alarms = ", ".join(one.scenario for one in confirmed) or "none"
            print(f"run {run + 1}: alarms: {alarms}; looked slower: {len(slower)}; {changes}", flush=True)
    print(f"of {asked.runs} runs, {sum(sure.values())} alarms, after a second look; at first {sum(looked.values())}")
    for one in suites["components"].scenario:
        print(f"  {one.name:20} {sure[one.name]:3} alarms, {looked[one.name]:3} at first")


if __name__ == "__main__":
    main()
