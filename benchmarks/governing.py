"""A governor in real runs whose load doubles: how soon 95% of the steps are within their time again.

python benchmarks/governing.py doubles [--runs 5] [--agents 200]    every agent is joined by a copy of itself
python benchmarks/governing.py cost [--pairs 20]                    a watchdog beside none, in turn, in the same run

The target is one and a half times the 95th percentile that the run has before. Each run is made with a governor and,
to see that there is something to shed, without one. Times are the wall's; where others want the processor as well,
`--clock cpu` takes those in which the run had it, for the governor as for what is told.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from teem.config.load import load_config
from teem.measure.governor import Governor
from teem.record.folder import RunFolder
from teem.runtime.governing import bounds_of
from teem.runtime.islands.migrants import emigrants, immigrate
from teem.runtime.loop import Run

STEADY = {  # nobody is born or dies, so that the load is what is asked for
    "world.upkeep": 0.0, "world.starvation": 1e-9, "world.attack_damage": 0.0,
    "world.maturity": 10**6, "world.age_max": 10**6,
    "learning.interval": 1, "checkpoint.every": 0, "checkpoint.at_end": False, "runtime.threads": 1, "steps": 0,
}  # fmt: skip
BEFORE, AFTER_S = 150, 8.0  # steps, seconds
WITHIN_S = 5.0
WINDOW_S = 1.0  # in which the 95th percentile is taken


def begin(folder: str, agents: int, seed: int, **more: Any) -> Run:
    settings = {
        "population.founders": agents,
        "population.capacity": 2 * agents,
        "population.fame": agents,
        "seed": seed,
    }
    config = load_config("farm", {**STEADY, **settings, **more})
    return Run.create(config, RunFolder.create(Path(folder) / "run", "run"))


class Clock:
    """Times the steps of a run, and learning in them, by the wall or by the CPU time of the thread that makes them."""

    def __init__(self, run: Run, kind: str) -> None:
        self.now = time.perf_counter if kind == "wall" else time.thread_time
        self.run, self.ms, self.learning_ms = run, 0.0, 0.0
        self._learn = run.policies.learn
        run.policies.learn = self.learn  # type: ignore[method-assign]
        run.governing.measure = lambda: (self.ms, self.learning_ms)  # type: ignore[method-assign]

    def step(self) -> float:
        """Make one; the milliseconds it took."""
        begun = self.now()
        self.run.advance()
        self.ms = 1000 * (self.now() - begun)
        return self.ms

    def learn(self) -> int:
        begun = self.now()
        made = self._learn()
        self.learning_ms = 1000 * (self.now() - begun)
        return made


def double(run: Run) -> None:
    """Every agent is joined by a copy of itself with its network, in the next steps."""
    immigrate(run, emigrants(run, 1, len(run.world.population.living)))


def doubled(agents: int, seed: int, kind: str, *, governed: bool) -> dict[str, float]:
    """A run whose load doubles: when it was last above its target, and what was shed."""
    with tempfile.TemporaryDirectory() as folder:
        run = begin(folder, agents, seed)
        clock = Clock(run, kind)
        for _ in range(BEFORE):
            clock.step()
        target = 1.5 * float(np.percentile([clock.step() for _ in range(BEFORE)], 95))
        if governed:
            run.governing._governor = Governor(target, bounds_of(run))
            for _ in range(BEFORE):
                clock.step()
        double(run)
        begun, at, took = clock.now(), [], []
        while clock.now() - begun < AFTER_S:
            took.append(clock.step())
            at.append(clock.now() - begun)
        told = {
            "target_ms": target,
            "agents": float(len(run.world.population.living)),
            "back_s": back_after(np.array(at), np.array(took), target),
            "p95_after_ms": float(np.percentile(np.array(took)[np.array(at) > WITHIN_S], 95)),
            "learning": run.governing.controls.learning,
            "changes": float(run.governing.changes),
        }
        run.finish("steps")
        run.folder.close()
    return told


def back_after(at: np.ndarray, took: np.ndarray, target: float) -> float:
    """Seconds until the 95th percentile of a second's steps is below the target; infinite where it never is."""
    for end in np.arange(WINDOW_S / 2, AFTER_S, 0.1):
        lately = took[(at > end - WINDOW_S) & (at <= end)]
        if len(lately) and np.percentile(lately, 95) < target:
            return float(end)
    return float("inf")


def doubles(runs: int, agents: int, kind: str) -> None:
    print("seed  governed  target ms  agents  p95 below it again after s  p95 ms after 5 s  learning  changes")
    within = 0
    for seed in range(1, runs + 1):
        for governed in (True, False):
            told = doubled(agents, seed, kind, governed=governed)
            within += governed and told["back_s"] <= WITHIN_S
            print(
                f"{seed:4}  {governed!s:8}  {told['target_ms']:9.2f}  {told['agents']:6.0f}  {told['back_s']:26.1f}  "
                f"{told['p95_after_ms']:16.2f}  {told['learning']:8.3f}  {told['changes']:7.0f}",
                flush=True,
            )
    print(f"within {WITHIN_S:g} s in {within} of {runs} governed runs")


def cost(pairs: int, agents: int) -> None:
    """CPU time of all threads with the watchdog's thread and without, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        run = begin(folder, agents, 1)
        for _ in range(2 * BEFORE):
            run.advance()
        ratios = []
        for _ in range(pairs):
            on = cpu(run)
            run.watchdog._over.set()
            off = cpu(run)
            run.watchdog._over.clear()
            run.watchdog._start()
            ratios.append(on / off)
        looks = [look(run) for _ in range(200)]
        run.finish("steps")
        run.folder.close()
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    print(f"on / off, CPU: {middle:.4f} (quartiles {low:.4f} to {high:.4f}, {pairs} pairs)")
    print(f"a look, ten a second: {1e6 * np.median(looks):.0f} us of CPU")


def cpu(run: Run, steps: int = 100) -> float:
    begun = time.process_time()
    for _ in range(steps):
        run.advance()
    return time.process_time() - begun


def look(run: Run) -> float:
    begun = time.thread_time()
    run.watchdog.look()
    return time.thread_time() - begun


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("doubles", "cost"), default="doubles")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    doubles(given.runs, given.agents, given.clock) if given.what == "doubles" else cost(given.pairs, given.agents)
