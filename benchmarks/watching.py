"""What it costs to measure a run, and whether real runs raise alarms.

python benchmarks/watching.py cost [--agents 1000] [--pairs 10] [--still]    with and without spans and metrics
python benchmarks/watching.py clean [--runs 5] [--steps 3000]      runs in which nothing is wrong
python benchmarks/watching.py leaks [--steps 3000]                 a culprit planted in each
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from teem.config.load import load_config
from teem.measure.spans import Spans
from teem.record.folder import RunFolder
from teem.runtime.loop import Run

BLOCK = 150  # steps
WARM_UP = 400
POINTS = 127
_NOTHING = contextlib.nullcontext()


def begin(folder: str, name: str = "farm", **settings: Any) -> Run:
    config = load_config(name, {key.replace("__", "."): value for key, value in settings.items()})
    return Run.create(config, RunFolder.create(Path(folder) / "run", "run"))


@contextlib.contextmanager
def unmeasured(run: Run) -> Iterator[None]:
    """No spans and no samples."""
    kept = Spans.__call__, Spans.add, Spans.close_step, run.watch._next
    Spans.__call__ = lambda self, name: _NOTHING  # type: ignore[method-assign]
    Spans.add = lambda self, *told: None  # type: ignore[method-assign]
    Spans.close_step = lambda self: None  # type: ignore[method-assign]
    run.watch._next = float("inf")
    try:
        yield
    finally:
        Spans.__call__, Spans.add, Spans.close_step, run.watch._next = kept  # type: ignore[method-assign]


def cost(agents: int, pairs: int, still: bool) -> None:
    """CPU time of all threads with and without, in turn, in the same run; nobody learns if it is `still`."""
    with tempfile.TemporaryDirectory() as folder:
        run = begin(
            folder, population__founders=agents, population__extinction="reseed", runtime__threads=1, steps=0,
            learning__enabled=not still,
        )  # fmt: skip
        for _ in range(WARM_UP):
            run.advance()
        ratios = []
        for _ in range(pairs):
            on = _block(run)
            with unmeasured(run):
                off = _block(run)
            ratios.append(on / off)
        for _ in range(POINTS):  # so that a look has a history to look at
            run.advance()
            run.watch._take([run.watch._sample(time.perf_counter())])
        samples = [_cpu(lambda: run.watch._sample(time.perf_counter())) for _ in range(20)]
        taken = [_cpu(lambda: run.watch._take([run.watch._sample(time.perf_counter())])) for _ in range(20)]
        looks = [_cpu(run.watch._look) for _ in range(5)]
        spans = _cpu(lambda: [_span(run) for _ in range(1000)]) / 1000
        step = off / BLOCK
        run.finish("steps")
    every, ahead = run.config.metrics.every, run.config.forecast.every
    share = spans / step + (np.median(samples) + np.median(taken)) / every + np.median(looks) / ahead
    median, low, high = np.median(ratios), *np.percentile(ratios, (25, 75))
    print(f"on / off, CPU a step: {median:.4f} (quartiles {low:.4f} to {high:.4f}, {pairs} pairs of {BLOCK} steps)")
    print(f"a step {1e3 * step:.2f} ms CPU; its spans {1e3 * spans:.3f} ms: {100 * spans / step:.2f}%")
    print(
        f"a sample {1e3 * np.median(samples):.2f} ms between steps and {1e3 * np.median(taken):.2f} ms in the thread, "
        f"every {every:g} s: {100 * (np.median(samples) + np.median(taken)) / every:.2f}%"
    )
    print(
        f"a look ahead {1e3 * np.median(looks):.1f} ms in the thread, every {ahead:g} s: "
        f"{100 * np.median(looks) / ahead:.2f}%; in all {100 * share:.2f}%"
    )


def _span(run: Run) -> None:
    """As many spans as a step has."""
    scratch = _scratch
    for name in run.spans.names:
        with scratch(name):
            pass
    scratch.close_step()


_scratch = Spans()


def _block(run: Run) -> float:
    return _cpu(lambda: [run.advance() for _ in range(BLOCK)])


def _cpu(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def study(name: str, plant: Callable[[Run, int], None], seed: int, steps: int, **settings: Any) -> list[dict[str, Any]]:
    """A short run that is looked at often; the alarms it raised, at which step each."""
    with tempfile.TemporaryDirectory() as folder:
        run = begin(
            folder, name, seed=seed, steps=steps, metrics__every=0.05, forecast__every=1, runtime__threads=1,
            checkpoint__at_end=False, **settings,
        )  # fmt: skip
        raised: dict[str, dict[str, Any]] = {}
        while run.step < steps:
            run.advance()
            plant(run, run.step)
            for one in run.watch.alarms:
                raised.setdefault(one.name, {"step": run.step, **one.as_dict()})
        points = len(run.watch.history)
        run.finish("steps")
    print(json.dumps({"world": name, "seed": seed, "steps": steps, "points": points, "alarms": list(raised.values())}))
    return list(raised.values())


def clean(runs: int, steps: int) -> None:
    """Runs of each world with tight limits: half as much memory again as the process has, twice the frames."""
    from teem.measure.machine import rss_mb

    alarms = 0
    for seed in range(runs):
        name = ("farm", "treasure", "crawlers")[seed % 3]
        alarms += len(
            study(name, lambda run, step: None, seed, steps, forecast__memory_limit=1.5 * (rss_mb() or 400) + 300)
        )
    print(f"{alarms} alarms in {runs} runs")


def leaks(steps: int) -> None:
    """Culprits of the kinds that slow such systems."""
    held: list[list[float]] = []
    table = [np.zeros((0, 64))]
    stop = threading.Event()

    def unbounded_list(run: Run, step: int) -> None:
        held.extend([float(step)] * 4 for _ in range(1000))

    def plot_in_the_loop(run: Run, step: int) -> None:
        if step % 10 == 0:
            _spend(1e-4 * step)

    def threads_that_stay(run: Run, step: int) -> None:
        if step % 10 == 0:
            threading.Thread(target=stop.wait, daemon=True).start()

    def growing_table(run: Run, step: int) -> None:
        if step % 20 == 0:
            table[0] = np.vstack([table[0], np.ones((2000, 64))])

    for plant in (unbounded_list, plot_in_the_loop, threads_that_stay, growing_table):
        print(plant.__name__)
        study("farm", plant, 7, steps, forecast__memory_limit=800, population__founders=50)
        held.clear()
        table[0] = np.zeros((0, 64))
    stop.set()


def _spend(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="cost", choices=("cost", "clean", "leaks"))
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--still", action="store_true", help="nobody learns")
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3000)
    given = parser.parse_args()
    if given.what == "cost":
        cost(given.agents, given.pairs, given.still)
    elif given.what == "clean":
        clean(given.runs, given.steps)
    else:
        leaks(given.steps)


if __name__ == "__main__":
    main()
