"""Whether `auto` is as fast as the best fixed execution, and what more cores would bring.

    python benchmarks/execution.py modes             # 10 to 10,000 agents, every execution in turn in one run
    python benchmarks/execution.py cores             # measured with one and two threads, modelled to 48

`modes` plays one run of each size and switches its execution every few steps, in an order by chance, so that all see
the same world and the same machine: what else it does concerns them alike. Medians of steps are compared, with an
interval by resampling rounds, and beside them the quicker quarter of each one's steps, in which little else ran.

`cores` measures what the model needs, by medians: a step's time outside shared ranges, each kernel's inside them, and
what handing over takes. Then it adds up what a step would take with more cores: `serial + each kernel's best way`,
where one shared by p threads takes `kernel / p + a helper x (p - 1) + a range + a part's share of the GIL x parts`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np

from teem.config.load import load_config
from teem.execution import MODES, Execution, cut
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.pools import Pools

FIXED: tuple[Execution, ...] = MODES
SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)
CORES = (1, 2, 4, 8, 16, 24, 32, 48)
INTERVAL = 4  # steps in which everybody learns once; a piece is a multiple
LARGE = 1 << 16  # of a range that is cut as finely as any
WARM = 80  # steps until everybody learns
QUIET = {"record.enabled": False, "checkpoint.every": 0, "checkpoint.at_end": False, "metrics.enabled": False}


@contextmanager
def played(world: str, agents: int, threads: int, execution: Execution = "auto") -> Iterator[Run]:
    """A warm run of so many agents, who neither breed nor die out."""
    given = {"population.founders": agents, "learning.replay.length": 128, "runtime.threads": threads, "steps": 0}
    config = load_config(world, {**QUIET, **given, "runtime.execution": execution})
    with tempfile.TemporaryDirectory(prefix="teem-execution-") as folder:
        run = Run.create(config, RunFolder.create(Path(folder) / "run", "execution"))
        for _ in range(WARM if agents < 5000 else WARM // 2):
            run.advance()
        yield run
        run.finish("steps")
        run.folder.close()


def piece_of(agents: int) -> int:
    """Steps before another execution has its turn, a multiple of the interval."""
    return INTERVAL * max(1, min(16, 3000 // agents))


def modes(world: str, sizes: list[int], threads: int, rounds: int) -> None:
    """The table of executions by agents."""
    print(f"| {world}, {threads} threads: agents | " + " | ".join(f"{one} ms" for one in FIXED), end=" | ")
    print("auto ms | auto / best (95%) | the same, quiet quarter | auto runs |")
    print("| --- " * (len(FIXED) + 5) + "|")
    order: tuple[Execution, ...] = (*FIXED, "auto")
    for agents in sizes:
        with played(world, agents, threads) as run:
            steps, draws = piece_of(agents), np.random.default_rng(agents)
            for _ in range(8):
                play(run, "auto", steps)  # its first trials
            taken = np.empty((rounds, len(order), steps))  # ms
            for number in range(rounds):
                for place in draws.permutation(len(order)):
                    taken[number, place] = play(run, order[place], steps)
            print_row(agents, taken, run.pools)


def play(run: Run, execution: Execution, steps: int) -> list[float]:
    """So many steps in this execution; milliseconds of each."""
    run.pools.execution = execution
    taken = []
    for _ in range(steps):
        begun = perf_counter()
        run.advance()
        taken.append(1000 * (perf_counter() - begun))
    return taken


def quantile(taken: np.ndarray, percent: float) -> np.ndarray:
    """Of each execution's steps, over all rounds."""
    return np.percentile(taken.transpose(1, 0, 2).reshape(taken.shape[1], -1), percent, axis=1)


def ratio(taken: np.ndarray, percent: float) -> float:
    """Auto's quantile over the lowest of the fixed executions'."""
    found = quantile(taken, percent)
    return float(found[-1] / found[:-1].min())


def print_row(agents: int, taken: np.ndarray, pools: Pools) -> None:
    middle = quantile(taken, 50)
    draws = np.random.default_rng(7)
    again = [ratio(taken[draws.integers(0, len(taken), len(taken))], 50) for _ in range(500)]
    low, high = np.percentile(again, (2.5, 97.5))
    chosen = [one["mode"] for threads in pools.shared.values() for one in threads.choices.told().values()]
    runs = ", ".join(f"{chosen.count(mode)} {mode}" for mode in MODES if mode in chosen)
    marks = ["**" if place == middle[:-1].argmin() else "" for place in range(len(middle))]
    times = " | ".join(f"{mark}{one:.3g}{mark}" for mark, one in zip(marks, middle, strict=True))
    beside = f"{ratio(taken, 50):.3f} ({low:.3f} to {high:.3f}) | {ratio(taken, 25):.3f}"
    print(f"| {agents:,} | {times} | {beside} | {runs or 'nothing to share'} |", flush=True)


# ---- the model


@dataclass(frozen=True)
class Costs:
    """What handing over takes, in nanoseconds."""

    helper: float  # for each thread that is asked to help, on the caller's way
    wake: float  # until the first of them is there and again until it is gone, once a range
    part: float  # of the interpreter's lock, for each part that a thread takes


@dataclass(frozen=True)
class Step:
    """What a step takes in one thread, in nanoseconds."""

    serial: float  # outside shared ranges
    kernels: dict[str, tuple[float, float]]  # by name: calls a step, and what one takes

    @property
    def whole(self) -> float:
        return self.serial + sum(calls * each for calls, each in self.kernels.values())


def costs_of() -> Costs:
    """Ranges of nothing, in two threads: what is left is what handing over takes."""
    pools = Pools(2, "threaded")

    def nothing(start: int, stop: int) -> None: ...

    def taken(mode: Execution, total: int, times: int = 3000) -> float:
        pools.execution = mode
        each = []
        for _ in range(times):
            begun = perf_counter_ns()
            pools.ai.share(nothing, total, at_least=1)
            each.append(perf_counter_ns() - begun)
        return median(each)

    alone = taken("sequential", 2)
    asked = []
    for _ in range(3000):
        begun = perf_counter_ns()
        helper = pools["ai"].submit(lambda: None)
        asked.append(perf_counter_ns() - begun)
        assert helper is not None
        helper.result()
    both, many = taken("threaded", 2), taken("batched", 8)
    pools.close()
    helper_ns = median(asked)
    more = len(cut("batched", 8, 2, 1)) - 2
    return Costs(helper_ns, max(0.0, both - alone - helper_ns), max(0.0, many - both) / more)


def step_of(world: str, agents: int) -> Step:
    """A step in one thread, and its kernels apart."""
    with played(world, agents, 1, "sequential") as run:
        spent: dict[str, list[int]] = {}
        watched = [run.pools.ai, run.pools.physics]
        for threads in watched:
            threads.share = timing(threads.share, spent)  # type: ignore[method-assign]
        steps, serial = max(24, piece_of(agents)), []
        for each in spent.values():
            each.clear()
        for _ in range(steps):
            before, begun = sum(map(sum, spent.values())), perf_counter_ns()
            run.advance()
            serial.append(perf_counter_ns() - begun - (sum(map(sum, spent.values())) - before))
        kernels = {name: (len(each) / steps, median(each)) for name, each in spent.items() if each}
        return Step(median(serial), kernels)


def timing(share: Callable[..., None], spent: dict[str, list[int]]) -> Callable[..., None]:
    def timed(kernel: Callable[..., Any], total: int, *args: Any, **how: Any) -> None:
        begun = perf_counter_ns()
        share(kernel, total, *args, **how)
        name = getattr(kernel, "__name__", repr(kernel))
        spent.setdefault(name, []).append(perf_counter_ns() - begun)

    return timed


def modelled(step: Step, cores: int, costs: Costs) -> float:
    """Nanoseconds of a step with so many cores: each kernel in the execution that is best for it."""
    total = step.serial
    for calls, each in step.kernels.values():
        ways = [each]
        for mode in ("threaded", "batched"):
            parts = len(cut(mode, LARGE, cores, 1))
            handing = costs.helper * (cores - 1) + costs.wake + costs.part * parts
            ways.append(each / cores + handing if cores > 1 else each)
        total += calls * min(ways)
    return total


def cores(world: str, sizes: list[int]) -> None:
    """The table of speed-ups by cores."""
    costs = costs_of()
    print(f"handing over: {costs.helper / 1000:.1f} us a helper, {costs.wake / 1000:.1f} us a range, "
          f"{costs.part / 1000:.2f} us a part\n")  # fmt: skip
    print(f"| {world}: agents | a step, ms | outside shared ranges | measured, 2 | "
          + " | ".join(f"model, {count}" for count in CORES[1:]) + " |")  # fmt: skip
    print("| --- " * (4 + len(CORES[1:])) + "|")
    for agents in sizes:
        step = step_of(world, agents)
        with played(world, agents, 2) as run:
            piece = piece_of(agents)
            taken = np.array([(play(run, "sequential", piece), play(run, "auto", piece)) for _ in range(12)])
        alone, together = quantile(taken, 50)
        measured = float(alone / together)
        curve = " | ".join(f"{step.whole / modelled(step, count, costs):.2f}" for count in CORES[1:])
        print(f"| {agents:,} | {step.whole / 1e6:.3g} | {step.serial / step.whole:.0%} | {measured:.2f} | {curve} |",
              flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="modes", choices=("modes", "cores"))
    parser.add_argument("--world", default="farm")
    parser.add_argument("--agents", type=int, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=24)
    asked = parser.parse_args()
    if asked.study == "modes":
        modes(asked.world, asked.agents or list(SIZES), asked.threads, asked.rounds)
    else:
        cores(asked.world, asked.agents or [100, 1000, 10_000])


if __name__ == "__main__":
    main()
