"""Histories of real runs in which nothing was wrong (`benchmarks/histories.py`), and leaks planted onto them.

These were recorded after the forecast's last rule was found, and looked at once: nothing in it is owed to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curves = dict[str, Floats]
"""By name, and `step`: a number a sample `[samples]`."""

FILE = Path(__file__).with_name("recorded.npz")
RUNS = 20
TENTH = 10.0  # what is recorded is a tenth of a run that goes on until its leak has come to the limit


@cache
def _file() -> dict[str, NDArray[np.float32]]:
    with np.load(FILE) as told:
        return {name: told[name] for name in told.files}


def about(number: int) -> str:
    """Which world, and what happened to it."""
    return str(_file()["about"][number])


def background(number: int) -> Curves:
    """A run as it was."""
    prefix = f"{number}/"
    return {
        name.removeprefix(prefix): column.astype(np.float64)
        for name, column in _file().items()
        if name.startswith(prefix)
    }


def samples_of(curves: Curves) -> Iterator[tuple[float, dict[str, float]]]:
    """The clock and every number, a sample at a time."""
    for index, step in enumerate(curves["step"]):
        yield float(step), {name: float(column[index]) for name, column in curves.items() if name != "step"}


def usual(column: Floats) -> float:
    """What a number is in the end."""
    return float(np.nanmedian(column[-30:]))


def part_of(curves: Curves) -> Floats:
    """How much of the time until the limit has passed at each sample."""
    steps = curves["step"]
    return (steps - steps[0]) / (steps[-1] - steps[0]) / TENTH


# ---- leaks: each changes the curves and returns the limit that it comes to after ten times as many steps


def unbounded_list(curves: Curves, rng: np.random.Generator) -> float:
    megabytes = usual(curves["memory"]) * rng.uniform(1.0, 2.0)
    limit = usual(curves["memory"]) + megabytes
    curves["memory"] += megabytes * part_of(curves)
    curves["python_blocks"] += 1e6 * megabytes / rng.uniform(60, 120) * part_of(curves)
    return limit


def growing_table(curves: Curves, rng: np.random.Generator) -> float:
    """Arrays that are stacked anew: what is allocated rises with each, what is resident in a few large steps."""
    megabytes = usual(curves["memory"]) * rng.uniform(1.0, 2.0)
    limit = usual(curves["memory"]) + megabytes
    grown = megabytes * part_of(curves)
    jump = grown[-1] / rng.uniform(2, 5)
    curves["memory"] += np.floor(grown / jump + rng.random()) * jump
    curves["allocated"] += grown
    return limit


def plot_in_the_loop(curves: Curves, rng: np.random.Generator) -> float:
    return _slowed(curves, rng, ["outside"])


def slower_span(curves: Curves, rng: np.random.Generator) -> float:
    """A part of the world's rules takes longer and longer, and so does what is around it."""
    return _slowed(curves, rng, list({"span.world", deepest(curves)}))


def _slowed(curves: Curves, rng: np.random.Generator, where: list[str]) -> float:
    """What takes the processor for longer and longer waits for it as often as all else did at that moment."""
    at_work = curves["frame"] - curves["core_wait"]
    held_up = curves["frame"] / np.maximum(at_work, 0.05 * curves["frame"])
    grown = usual(at_work) * rng.uniform(1.0, 2.0)
    more = grown * part_of(curves) * rng.normal(1.0, 0.05, len(at_work))
    for name in (*where, "frame"):
        curves[name] = curves[name] + more * held_up
    curves["core_wait"] = curves["core_wait"] + more * (held_up - 1)
    return usual(at_work) + grown


def threads_that_stay(curves: Curves, rng: np.random.Generator) -> float:
    threads = usual(curves["threads"])
    limit = rng.uniform(300, 1000)
    curves["threads"] = curves["threads"] + np.floor((limit - threads) * part_of(curves))
    return limit


def deepest(curves: Curves) -> str:
    """The largest part of the world's rules; the rules themselves where they have none."""
    parts = [name for name in curves if name.startswith("span.world.") and name != "span.world.look"]
    return max(parts, key=lambda name: usual(curves[name]), default="span.world")


Leak = Callable[[Curves, np.random.Generator], float]
LEAKS: dict[Leak, tuple[str, str]] = {
    unbounded_list: ("memory", "objects"),
    growing_table: ("memory", "arrays"),
    plot_in_the_loop: ("frame", "between steps"),
    slower_span: ("frame", "span world"),
    threads_that_stay: ("threads", "threads"),
}
"""What comes to its limit, and what is to blame."""


def planted() -> list[tuple[int, Leak]]:
    """Twenty leaks, each on a run of its own; four of a kind."""
    kinds = list(LEAKS)
    return [(number, kinds[(number // 2) % len(kinds)]) for number in range(RUNS)]
