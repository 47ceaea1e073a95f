"""What a capacity that grows costs: a farm that teems from 100 agents to 10,000, frame by frame.

    python benchmarks/growing.py [--agents 10000] [--runs 2] [--bare]
    python benchmarks/growing.py --beside [--pairs 16]

Runs with `population.capacity_min`, and with all slots from the start, take turns; both live the same lives. A frame
is compared with the median of its neighbours, since frames get longer as agents become more: what it has more is a
stall. `wall` is all that passed; `awake` is that without the time in which the thread that makes the steps could have
run and waited for a core that somebody else had; `cpu` is the processor time of that thread, what the system did for it
included, such as finding memory. On a machine that others use too, believe the second, and the third if processes are
stopped there. `--bare`: agents don't learn, so that frames are short and stalls stand out.

`--beside` measures the thread alone: a farm of 300 plays frames while 256 MB are lent to it 2 MiB at a time, and as
many frames without, in turn, in one process.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from threading import Thread
from time import perf_counter, thread_time
from typing import Any

import numpy as np
from _measuring import QUIET, make_run, run_alone
from numpy.typing import NDArray

from teem.measure.arrays import columns

FOUNDERS = 100
NEIGHBOURS = 10  # frames to either side
MUST_MS = 50.0
STEPS_MOST = 400
PLENTY = {
    "world.size": 700, "world.maturity": 2, "world.breed_energy": 4.0, "world.birth_energy": 1.0,
    "world.energy": 14.0, "world.age_max": 1000, "world.upkeep": 0.02, "world.cell_capacity": 4.0,
    "world.density": 0.8, "world.layout": "random", "runtime.threads": 1,
}  # fmt: skip


def teem(agents: str, least: str, learning: str) -> dict[str, Any]:
    """Let the farm teem until there are so many agents; `least` slots at the start, 0: all."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = {**QUIET, **PLENTY, "population.founders": FOUNDERS, "learning.enabled": learning == "True"}
        overrides |= {"population.capacity": int(agents), "population.capacity_min": int(least)}
        run = make_run("farm", Path(folder) / "run", **overrides)
        wall, awake, cpu, sizes = [], [], [], [run.world.population.size]
        while len(run.world.population.living) < 0.99 * int(agents) and run.step < STEPS_MOST:
            begun, work, waited = perf_counter(), thread_time(), waited_s()
            run.advance()
            wall.append(1e3 * (perf_counter() - begun))
            awake.append(wall[-1] - 1e3 * (waited_s() - waited))
            cpu.append(1e3 * (thread_time() - work))
            sizes.append(run.world.population.size)
        growths = int((np.diff(sizes) > 0).sum())
        population, own = run.world.population, perf_counter()
        for _ in range(1000):
            population.recycle()
            run.memory.on_step()
        own = (perf_counter() - own) / 1000
        told = {
            "alive": len(population.living), "steps": run.step, "growths": growths, "own_us": 1e6 * own,
            "ahead_s": run.memory.ahead_s, "lent_mb": run.memory.megabytes,
        }  # fmt: skip
        for name, frames in (("wall", wall), ("awake", awake), ("cpu", cpu)):
            told |= worst(np.array(frames), np.array(sizes), name)
        run.finish("steps")
        return told


def waited_s() -> float:
    """Seconds that this thread has waited for a core so far."""
    return int(Path("/proc/thread-self/schedstat").read_text("ascii").split()[1]) / 1e9


def beside(pairs: int) -> None:
    """Frames beside the thread that lends memory, and without it."""
    found: dict[str, dict[str, list[float]]] = {name: {"awake": [], "cpu": []} for name in ("beside", "alone")}
    lent_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        settings = {**QUIET, "population.founders": 300, "population.capacity": 400, "population.capacity_min": 300}
        run = make_run("farm", Path(folder) / "run", **settings, **{"runtime.threads": 1})
        for _ in range(60):
            run.advance()
        for _ in range(pairs):
            fresh = np.zeros((4096, 1 << 16), np.uint8)
            run.memory._columns = columns([("fresh", fresh)], len(fresh))
            for name in found:
                thread = Thread(target=run.memory._lend, args=([(0, len(fresh))],))
                before = run.memory.ahead_s
                if name == "beside":
                    thread.start()
                for _ in range(20):
                    begun, work, waited = perf_counter(), thread_time(), waited_s()
                    run.advance()
                    found[name]["awake"].append(1e3 * (perf_counter() - begun - waited_s() + waited))
                    found[name]["cpu"].append(1e3 * (thread_time() - work))
                    if name == "beside" and not thread.is_alive():
                        break
                if name == "beside":
                    thread.join()
                lent_s += run.memory.ahead_s - before
        run.memory._columns = []
        run.finish("steps")
    print(f"256 MB lent in {lent_s / pairs:.3f} s, {pairs} times")
    for name, series in found.items():
        for kind, frames in series.items():
            p50, p99 = np.percentile(frames, (50, 99))
            print(f"{name:8} {kind:6} {len(frames):5} frames: p50 {p50:.2f} p99 {p99:.2f} longest {max(frames):.2f} ms")


def worst(frames: NDArray[np.float64], sizes: NDArray[np.int64], name: str) -> dict[str, float]:
    """Milliseconds: the longest frame, the median, the worst stall, and the worst in a frame in which slots came."""
    first = 5  # frames in which everything is called for the first time
    usual = np.array([np.median(frames[max(first, i - NEIGHBOURS) : i + NEIGHBOURS + 1]) for i in range(len(frames))])
    stall, grew = frames - usual, np.diff(sizes) > 0
    stall, frames, grew = stall[first:], frames[first:], grew[first:]
    return {
        f"{name}_longest": float(frames.max()), f"{name}_median": float(np.median(frames)),
        f"{name}_stall": float(stall.max()), f"{name}_stall_p99": float(np.quantile(stall, 0.99)),
        f"{name}_stall_as_it_grew": float(stall[grew].max()) if grew.any() else 0.0,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--bare", action="store_true", help="agents don't learn")
    parser.add_argument("--beside", action="store_true", help="the thread alone")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--alone", nargs=4)
    given = parser.parse_args()
    if given.alone:
        import json

        print(json.dumps(teem(*given.alone[1:])))
        return
    if given.beside:
        beside(given.pairs)
        return
    for turn in range(given.runs):
        for least in (FOUNDERS, 0):
            told = run_alone(teem, str(given.agents), str(least), str(not given.bare))
            print(f"--- run {turn}, {'grown from 100' if least else 'all slots from the start'}")
            for name, value in told.items():
                print(f"{name:22} {value:12.4g}")
            if least:
                print(
                    f"{'must':22} {'met' if told['awake_stall_as_it_grew'] <= MUST_MS else 'NOT MET':>12}", flush=True
                )


if __name__ == "__main__":
    main()
