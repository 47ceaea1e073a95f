"""Creature-steps a second: bulk commands in, physics, every pose out.

    python benchmarks/physics.py [--creatures 3000] [--threads 2] [--steps 1] [--rounds 15]

Bodies have 1 to 4 limbs of two segments, half of them two wheels, on rough ground, all motors at work. Each round
times one thread and `--threads` in turn; CPU time is that of all threads together.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "worlds" / "crawlers"))

from creatures import mixed, rough

from teem.threads import Threads
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import Plan

TILES = 8


def world(plan: Plan, threads: Threads) -> Physics:
    count = len(plan.mass)
    physics = Physics(count, threads)
    tile, x = np.divmod(np.linspace(20.0, TILES * 100.0 - 20.0, count), 100.0)
    still = np.zeros(count, np.float32)
    physics.place(np.arange(count, dtype=np.int32), plan, tile.astype(np.int32), x.astype(np.float32), still + 3, still)
    return physics


def replacements(count: int) -> None:
    """Print how long it takes to put a new body in an old one's place."""
    physics, other = world(mixed(count), Threads(1)), mixed(200, seed=5)
    one, still = np.zeros(1, np.int32), np.zeros(1, np.float32)
    times = []
    for k in range(200):
        body = other.rows(np.array([k]))
        one[0] = k * 7 % count
        begun = perf_counter()
        physics.place(one, body, one, still, still, still)
        times.append(perf_counter() - begun)
    print(f"replace one creature: median {median(times) * 1e3:.4f} ms, of {count}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--creatures", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=1, help="physics steps between two commands")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    ground, plan, random = rough(TILES), mixed(asked.creatures), np.random.default_rng(0)
    begun = perf_counter()
    worlds = {count: world(plan, Threads(count)) for count in sorted({1, asked.threads})}
    for physics in worlds.values():
        physics.step(120, ground)
        physics.read()
    print(f"compiled or loaded, and settled, in {perf_counter() - begun:.1f} s")
    calls = max(1, 12 // asked.steps)
    commands = random.uniform(-1, 1, (asked.rounds * calls, *worlds[1].command.shape)).astype(np.float32)
    wall: dict[int, list[float]] = {count: [] for count in worlds}
    cpu: dict[int, list[float]] = {count: [] for count in worlds}
    for k in range(asked.rounds):
        for count, physics in worlds.items():
            begun, begun_cpu = perf_counter(), process_time()
            for call in range(calls):
                physics.command[:] = commands[k * calls + call]
                physics.step(asked.steps, ground)
                physics.read()
            done = asked.creatures * calls * asked.steps
            wall[count].append(done / (perf_counter() - begun))
            cpu[count].append(done / (process_time() - begun_cpu))
    for count in worlds:
        print(
            f"{asked.creatures} creatures, {asked.steps} steps a command, {count} thread(s): "
            f"{median(wall[count]):,.0f} creature-steps/s (best {max(wall[count]):,.0f}); "
            f"{median(cpu[count]):,.0f} a CPU second"
        )
    replacements(asked.creatures)


if __name__ == "__main__":
    main()
