"""Whether a long run stays as quick, and as large, as it was.

    python benchmarks/flat.py farm --agents 100 --steps 86400      a day, where a step is a second
    python benchmarks/flat.py crawlers --agents 16 --steps 36000   ten minutes, where 60 are a second

The world runs as `teem run` has it, recorded and measured. Printed by tenths of its steps: the processor time of a
step, as the median over pieces of 100 steps, resident memory, and how many lived. What is played before the first
tenth (`--warm`) fills what a run fills once, such as replays.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import make_run, warmed

from teem.measure.machine import rss_mb

PIECE = 100  # steps
TENTHS = 10


def play(world: str, agents: int, steps: int, warm: int, out: Path) -> list[tuple[float, float, float]]:
    """Milliseconds of processor time a step, megabytes and agents alive, of each tenth."""
    settings: dict[str, Any] = {"population.founders": agents} if agents else {}
    run = make_run(
        world, out, steps=0, runtime__threads=1, population__extinction="reseed", checkpoint__at_end=False, **settings
    )
    warmed(run, warm)
    tenths = []
    for tenth in range(TENTHS):
        pieces, alive = [], []
        for _ in range(max(1, steps // TENTHS // PIECE)):
            begun = time.process_time()
            warmed(run, PIECE)
            pieces.append((time.process_time() - begun) / PIECE * 1e3)
            alive.append(len(run.world.population.living))
        tenths.append((float(np.median(pieces)), rss_mb() or float("nan"), float(np.mean(alive))))
        milliseconds, megabytes, living = tenths[-1]
        print(
            f"{tenth + 1:3} of {TENTHS}, step {run.step:7}: {milliseconds:.3f} ms CPU a step (quartiles "
            f"{np.percentile(pieces, 25):.3f} to {np.percentile(pieces, 75):.3f}), {megabytes:.0f} MB, "
            f"{living:.0f} alive, {1e3 * milliseconds / living:.1f} us an agent-step",
            flush=True,
        )
    alarms = run.watch.alarms
    run.finish("steps")
    print(f"alarms: {alarms}")
    return tenths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", nargs="?", default="farm")
    parser.add_argument("--agents", type=int, default=0)
    parser.add_argument("--steps", type=int, default=86_400)
    parser.add_argument(
        "--warm", type=int, default=-1, help="steps before the first tenth; a tenth of them if not given"
    )
    given = parser.parse_args()
    warm = given.steps // TENTHS if given.warm < 0 else given.warm
    with tempfile.TemporaryDirectory() as folder:
        tenths = play(given.world, given.agents, given.steps, warm, Path(folder) / "run")
    first, last = tenths[0], tenths[-1]
    print(
        f"last over first tenth: {last[0] / first[0]:.3f} a step, {last[0] / last[2] / (first[0] / first[2]):.3f} an "
        f"agent-step, {last[1] / first[1]:.3f} memory"
    )


if __name__ == "__main__":
    main()
