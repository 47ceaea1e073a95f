"""What it gains to collect Python's garbage between steps: frames and pauses, with and without, in turn.

    python benchmarks/collecting.py [--agents 300] [--steps 300] [--pairs 8] [--imports torch]

One run plays pieces of steps, every other one with its collector on a budget (`runtime.collect`), the others with
Python's own; a little code that makes cycles stands for rules and channels of a user's own. A frame is the processor
time of the thread that makes the steps; a pause is a collection, by `gc.callbacks`. `--imports` loads more to look at.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import tempfile
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np
from _measuring import UNSAVED, make_run, warmed

from teem.measure.garbage import Garbage

WARM = 100


class Cycle:
    """What a user's own code may leave behind."""

    def __init__(self) -> None:
        self.me, self.held = self, [0] * 8


class Pauses:
    """Every collection's processor time, by generation."""

    def __init__(self) -> None:
        self.taken: dict[int, list[float]] = {0: [], 1: [], 2: []}
        self._begun = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begun = thread_time()
        else:
            self.taken[info["generation"]].append(1e3 * (thread_time() - self._begun))

    def told(self) -> str:
        each = (f"{generation}: {len(one)} of {sum(one):.1f} ms" for generation, one in self.taken.items())
        longest = max((took for one in self.taken.values() for took in one), default=0.0)
        return f"{', '.join(each)}; the longest {longest:.2f} ms"


def piece(run: Any, steps: int, cycles: int) -> list[float]:
    """Milliseconds of each frame."""
    frames = []
    for _ in range(steps):
        begun = thread_time()
        for _ in range(cycles):
            Cycle()
        run.advance()
        frames.append(1e3 * (thread_time() - begun))
    return frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--steps", type=int, default=300, help="of a piece")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--cycles", type=int, default=100, help="that are left behind in a step")
    parser.add_argument("--imports", default="", help="modules to load first, separated by commas")
    given = parser.parse_args()
    for module in filter(None, given.imports.split(",")):
        importlib.import_module(module)
    frames: dict[bool, list[float]] = {True: [], False: []}
    pauses = {True: Pauses(), False: Pauses()}
    with tempfile.TemporaryDirectory() as folder:
        settings = {**UNSAVED, "population.founders": given.agents, "runtime.threads": 1}
        run = warmed(make_run("farm", Path(folder) / "run", **settings), WARM)
        budget = Garbage(run.config.runtime.collect)
        for turn in range(2 * given.pairs):
            mine = turn % 2 == 0
            run.garbage = budget if mine else Garbage(0.0)
            with run.garbage:
                gc.callbacks.append(pauses[mine])
                frames[mine] += piece(run, given.steps, given.cycles)
                gc.callbacks.remove(pauses[mine])
        run.finish("steps")
    print(f"{len(gc.get_objects()):,} objects, {given.cycles} cycles a step, {given.agents} agents")
    for mine, name in ((True, "between steps"), (False, "Python's own")):
        p50, p95, p99 = np.percentile(frames[mine], (50, 95, 99))
        print(f"{name:14} frames: p50 {p50:.2f} p95 {p95:.2f} p99 {p99:.2f} longest {max(frames[mine]):.2f} ms CPU")
        print(f"{'':14} pauses by generation {pauses[mine].told()}")


if __name__ == "__main__":
    main()
