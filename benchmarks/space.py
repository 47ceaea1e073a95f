"""How long each spatial index takes beside SciPy's cKDTree, and when a rebuild beats an update.

    python benchmarks/space.py [--threads 1] [--agents 1000 10000]

Points lie evenly on a torus, about 20 of them within the radius of each. Times are medians in milliseconds:
of processor time with one thread, so that a busy machine doesn't count, and of the clock with more. Each
ratio is cKDTree's time over the index's, both with as many threads.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from teem.space.index import Kind, SpatialIndex, build_index
from teem.threads import Threads

NAMES: tuple[Kind, ...] = ("grid", "hash", "quadtree", "kdtree")
SIZE = 1000.0
NEIGHBOURS = 20
REPEATS = 15


def milliseconds(work: Callable[[], Any], threads: int = 1, prepare: Callable[[], Any] = lambda: None) -> float:
    """The median time of `work`, each after an untimed `prepare`; compiled and warm."""
    clock = process_time if threads == 1 else perf_counter
    times = []
    for _ in range(REPEATS + 2):
        prepare()
        begun = clock()
        work()
        times.append((clock() - begun) * 1e3)
    return median(times[2:])


def points(agents: int) -> tuple[Any, Any, Any, float]:
    """Positions, who lives (in an order that is no order of space), and a radius that holds about 20."""
    random = np.random.default_rng(7)
    x, y = (random.random((2, agents), np.float32) * np.float32(SIZE)).astype(np.float32)
    living = random.permutation(agents).astype(np.int32)
    return x, y, living, float(np.sqrt(NEIGHBOURS / (np.pi * agents)) * SIZE)


Work = dict[str, Callable[[], Any]]


def scipy_work(agents: int, threads: int) -> Work:
    """cKDTree as one would use it directly; the nearest of a point is itself, so one more is asked for."""
    x, y, _, radius = points(agents)
    at = np.stack([x, y], axis=1).astype(np.float64) % SIZE
    tree = cKDTree(at, boxsize=np.full(2, SIZE))
    return {
        "build": lambda: cKDTree(at, boxsize=np.full(2, SIZE)),
        "within": lambda: tree.query_ball_point(at, radius, workers=threads),
        "in_range": lambda: tree.query_ball_point(at, radius, workers=threads, return_length=True),
        "nearest 1": lambda: tree.query(at, 2, workers=threads),
        "nearest 8": lambda: tree.query(at, 8, workers=threads),
    }


def index_work(name: Kind, agents: int, threads: Threads) -> Work:
    """The same questions to one of ours; a lazy index is made to build by a first question."""
    x, y, living, radius = points(agents)
    index = build_index(name, SIZE, True, agents, radius, threads)
    everyone = np.arange(agents, dtype=np.int32)

    def build() -> None:
        index.rebuild(x, y, living)
        index.in_range(x[:1], y[:1], 0.0)

    return {
        "build": build,
        "within": lambda: index.within(x, y, radius),
        "in_range": lambda: index.in_range(x, y, radius),
        "nearest 1": lambda: index.nearest(x, y, 1, exclude=everyone),
        "nearest 8": lambda: index.nearest(x, y, 8),
    }


def update_times(index: SpatialIndex, agents: int, share: float, stride: float) -> tuple[float, float]:
    """Telling of the moves of a share of the points, and rebuilding instead, steps being normal."""
    x, y, living, _ = points(agents)
    random = np.random.default_rng(1)
    slots = random.choice(living, max(1, round(share * agents)), replace=False)

    def step() -> None:
        for column in (x, y):
            column[slots] = np.mod(column[slots] + random.normal(0, stride, len(slots)), SIZE)

    index.rebuild(x, y, living)
    first = (x[:1], y[:1], 0.0)

    def tell() -> None:
        index.moved(slots)
        index.in_range(*first)

    def rebuild() -> None:
        index.rebuild(x, y, living)
        index.in_range(*first)

    return milliseconds(tell, prepare=step), milliseconds(rebuild, prepare=step)


def print_questions(agents: int, threads: Threads) -> None:
    """A table: one row an index, one column a question."""
    scipy = scipy_work(agents, threads.count)
    reference = {question: milliseconds(work, threads.count) for question, work in scipy.items()}
    print(f"\n{agents} agents, {threads.count} thread(s)    ms (cKDTree's time / this)")
    print(f"{'':10}" + "".join(f"{question:>18}" for question in reference))
    print(f"{'cKDTree':10}" + "".join(f"{time:>11.3f}       " for time in reference.values()))
    for name in NAMES:
        ours = index_work(name, agents, threads)
        times = {question: milliseconds(work, threads.count) for question, work in ours.items()}
        cells = (f"{time:>11.3f} ({reference[question] / time:4.1f})" for question, time in times.items())
        print(f"{name:10}" + "".join(cells))


def print_updates(agents: int, threads: Threads) -> None:
    """A table: telling of moves, and rebuilding, by the share that moved."""
    radius = points(agents)[3]
    print(f"\n{agents} agents: moved / rebuild, ms, by the share that moved")
    print("(near: normal steps of a tenth of the radius; far: of the whole plane)")
    shares = (1 / agents, 0.001, 0.01, 0.1, 0.5, 1.0)
    print(f"{'':18}" + "".join(f"{'one' if share * agents == 1 else f'{share:.1%}':>16}" for share in shares))
    for name in NAMES:
        index = build_index(name, SIZE, True, agents, radius, threads)
        for stride, far in ((radius / 10, "near"), (SIZE, "far")):
            pairs = (update_times(index, agents, share, stride) for share in shares)
            print(f"{name:10} {far:7}" + "".join(f"{told:>8.3f} /{built:>6.3f}" for told, built in pairs))


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--agents", type=int, nargs="+", default=[1000, 10000])
    settings = parser.parse_args()
    threads = Threads(settings.threads)
    for agents in settings.agents:
        print_questions(agents, threads)
        print_updates(agents, threads)
    threads.close()


if __name__ == "__main__":
    main()
