"""Histories of runs that never were: levels, noise as it was recorded, and whatever is planted in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from teem.measure.history import History

Floats = NDArray[np.float64]
SPANS = {"observe": 1.5, "act": 2.0, "world": 3.0, "world.move": 1.0, "world.fight": 1.2, "remember": 0.8, "learn": 4.0}
OUTSIDE_MS = 0.3
STEPS = 200  # a sample


def busy(rng: np.random.Generator, samples: int) -> Floats:
    """How much slower the machine is than when it is alone: hours that differ, and neighbours that come and go."""
    hour = 1 + 0.3 * rng.random() * np.sin(np.linspace(0, 2 * np.pi * rng.random(), samples) + 6 * rng.random())
    visits = np.zeros(samples)
    for _ in range(rng.integers(0, 5)):
        begin = rng.integers(0, samples)
        visits[begin : begin + rng.integers(3, samples // 4)] += 0.6 * rng.random()
    return hour * (1 + visits)


def noisy(rng: np.random.Generator, samples: int, deviation: float) -> Floats:
    """Factors about 1 that are like their neighbours, with an outlier now and then (a process that was stopped)."""
    noise = np.zeros(samples)
    for sample in range(1, samples):
        noise[sample] = 0.6 * noise[sample - 1] + 0.8 * deviation * rng.standard_normal()
    noise[rng.random(samples) < 0.02] += rng.exponential(3.0)
    return 1 + noise


def samples_of(
    rng: np.random.Generator,
    samples: int,
    plant: Callable[[dict[str, Floats], Floats, Floats], None] = lambda curves, steps, slower: None,
) -> Iterator[tuple[float, dict[str, float]]]:
    """The clock and every number of a run, a sample at a time; `plant` changes the curves it is given, by step."""
    steps = STEPS * np.arange(1.0, samples + 1)
    slower = busy(rng, samples)
    curves = {f"span.{name}": ms * slower * noisy(rng, samples, 0.05) for name, ms in SPANS.items()}
    curves["outside"] = OUTSIDE_MS * slower * noisy(rng, samples, 0.1)
    warm = 1 - np.exp(-steps / (STEPS * 5 * (1 + rng.random())))
    curves["memory"] = 400 + 40 * warm + np.cumsum(rng.random(samples) < 0.05) * 0.2 + rng.standard_normal(samples)
    curves["threads"] = np.full(samples, 5.0)
    curves["open_files"] = 12.0 + (rng.random(samples) < 0.1)
    curves["python_blocks"] = 9e5 + 2e3 * rng.standard_normal(samples) + 5e3 * warm
    curves["alive"] = 300 + 20 * np.sin(steps / (STEPS * 40)) + 3 * rng.standard_normal(samples)
    plant(curves, steps, slower)
    outer = [curve for name, curve in curves.items() if name.startswith("span.") and name.count(".") == 1]
    curves["frame"] = sum(outer, curves["outside"])
    for index, step in enumerate(steps):
        yield float(step), {name: float(curve[index]) for name, curve in curves.items()}


def history_of(samples: Iterator[tuple[float, dict[str, float]]]) -> History:
    """All of them remembered."""
    history = History()
    for clock, values in samples:
        history.add(clock, values)
    return history
