"""Record how real runs go in which nothing is wrong, for the tests of the forecast.

    python benchmarks/histories.py [--samples 100] [--every 0.25] [--only 3] FILE.npz

Twenty runs of ready-made worlds, each in a process of its own: some alone, some beside a process that takes a core
for a while now and then, some that are stopped now and then, as on a machine that others use too. What the watch
remembers of every sample is kept, in single precision cut to some bits.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import make_run

ALONE, BURNER, STOPPED = "alone", "beside a burner", "stopped"
RUNS: tuple[tuple[str, int, str], ...] = (  # world, founders, what happens
    ("farm", 50, ALONE), ("farm", 300, ALONE), ("farm", 150, BURNER), ("farm", 100, STOPPED),
    ("farm", 300, BURNER), ("farm", 50, STOPPED), ("treasure", 0, ALONE), ("treasure", 0, ALONE),
    ("treasure", 0, BURNER), ("treasure-small", 0, STOPPED), ("treasure-small", 0, ALONE), ("treasure", 0, STOPPED),
    ("crawlers", 16, ALONE), ("crawlers", 32, ALONE), ("crawlers", 16, BURNER), ("crawlers", 24, STOPPED),
    ("crawlers", 32, STOPPED), ("farm-cohorts", 0, ALONE), ("farm-cohorts", 0, BURNER), ("order-and-chaos", 0, ALONE),
)  # fmt: skip
BITS = {"memory": 14, "allocated": 14, "python_blocks": 14, "disk": 14}  # kept of a number's 23; 9 of others
WARM_UP = 100


@contextmanager
def disturbed(how: str, seed: int) -> Iterator[None]:
    """Something happens to this process while the block lasts, now and then."""
    over, chance = threading.Event(), random.Random(seed)
    script = {BURNER: _BURN, STOPPED: _STOP, ALONE: ""}[how]
    child = subprocess.Popen([sys.executable, "-c", script, str(os.getpid()), str(chance.random())]) if script else None
    try:
        yield
    finally:
        over.set()
        if child:
            child.send_signal(signal.SIGTERM)
            child.wait()


_BURN = """
import random, sys, time
random.seed(sys.argv[2])
while True:
    time.sleep(random.uniform(1, 12))
    until = time.process_time() + random.uniform(0.5, 6)
    while time.process_time() < until:
        pass
"""
_STOP = """
import os, random, signal, sys, time
random.seed(sys.argv[2])
signal.signal(signal.SIGTERM, lambda *told: sys.exit())
try:
    while True:
        time.sleep(random.uniform(1, 10))
        os.kill(int(sys.argv[1]), signal.SIGSTOP)
        time.sleep(random.expovariate(1.5))
        os.kill(int(sys.argv[1]), signal.SIGCONT)
finally:
    os.kill(int(sys.argv[1]), signal.SIGCONT)
"""


def record(number: int, samples: int, every: float, out: Path) -> None:
    """Play one of the runs until it has so many samples."""
    world, founders, how = RUNS[number]
    settings: dict[str, Any] = {"population.founders": founders} if founders else {}
    kept: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, disturbed(how, number):
        run = make_run(
            world, Path(folder) / "run", seed=100 + number, steps=0, runtime__threads=1, metrics__every=every,
            forecast__enabled=False, checkpoint__at_end=False, population__extinction="reseed", **settings,
        )  # fmt: skip
        add = run.watch.history.add

        def keep(clock: float, values: Mapping[str, float]) -> None:
            kept.append({"step": clock, **values})
            add(clock, values)

        run.watch.history.add = keep
        while len(kept) < samples:
            run.advance()
        run.finish("steps")
    write(kept[:samples], out)
    print(f"{number}: {world}, {how}: {int(kept[-1]['step'])} steps, {len(kept[0])} curves", flush=True)


def write(kept: list[dict[str, float]], out: Path) -> None:
    """A column a curve; what is kept of each number suffices to tell it from its neighbours."""
    names = list(dict.fromkeys(name for sample in kept for name in sample))
    table = {name: np.array([one.get(name, np.nan) for one in kept]) for name in names}
    np.savez(
        out, **{name: column if name == "step" else cut(column, BITS.get(name, 9)) for name, column in table.items()}
    )


def cut(column: np.ndarray, bits: int) -> np.ndarray:
    """Single precision of so many bits."""
    raw = column.astype(np.float32).view(np.uint32)
    half = np.uint32(1 << (22 - bits))
    kept = ((raw + half) & ~np.uint32((1 << (23 - bits)) - 1)).view(np.float32)
    return np.where(np.isfinite(column), kept, np.float32(np.nan))


def pack(parts: list[Path], out: Path) -> None:
    """All of them in one compressed file, as NUMBER/CURVE; what they are in `about`."""
    columns: dict[str, np.ndarray] = {"about": np.array([f"{world}, {how}" for world, _, how in RUNS])}
    for number, part in enumerate(parts):
        if part.exists():
            with np.load(part) as told:
                columns |= {f"{number}/{name}": told[name].astype(np.float32) for name in told.files}
    np.savez_compressed(out, **columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--every", type=float, default=0.25)
    parser.add_argument("--only", type=int, nargs="*", default=range(len(RUNS)))
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone is not None:
        record(given.alone, given.samples, given.every, given.out)
        return
    parts = [given.out.with_name(f"{given.out.stem}-{number}.npz") for number in range(len(RUNS))]
    for number in given.only:
        options = ["--samples", str(given.samples), "--every", str(given.every), "--alone", str(number)]
        subprocess.run([sys.executable, __file__, str(parts[number]), *options], check=True)
    pack(parts, given.out)


if __name__ == "__main__":
    main()
