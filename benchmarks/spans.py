"""What the engine's own spans and their trace cost of a step.

    python benchmarks/spans.py [--agents 1000] [--steps 200] [--repeats 5]

The spans of a farm's steps are counted, then as many are entered and left around nothing, and the step's durations
filed, in pieces between the pieces of the run: processor time both, so that a busy machine doesn't count. The share
is the upper bound of what leaving all of them out could win.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from _measuring import QUIET, make_run, warmed

from teem.measure.spans import Spans
from teem.measure.trace import Trace

WARM = 150
EMPTY = 2000  # steps of nothing but spans, in a piece


def empty_step_us(names: list[str], spans: Spans) -> float:
    """Microseconds that a step's spans take, around nothing."""
    begun = process_time()
    for _ in range(EMPTY):
        for name in names:
            with spans(name):
                pass
        spans.close_step()
    return (process_time() - begun) / EMPTY * 1e6


def names_of_a_step(run: Any) -> list[str]:
    """Every span that a step enters, as often as it does."""
    trace = run.spans.trace = Trace(1 << 16)
    warmed(run, 20)
    run.spans.trace = None
    told = {row: name for name, row in run.spans.names.items()}
    names = [told[row] for row, _, _ in trace.spans()]
    return names[: len(names) // 20]


def measure(agents: int, steps: int, repeats: int, learning: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        overrides = {**QUIET, "population.founders": agents, "learning.enabled": learning}
        run = warmed(make_run("farm", Path(folder) / "run", **overrides), WARM)
        names = names_of_a_step(run)
        bare, traced = Spans(), Spans()
        traced.trace = Trace()
        pieces = []
        for _ in range(repeats):
            begun = process_time()
            warmed(run, steps)
            step = (process_time() - begun) / steps * 1e6
            pieces.append((step, empty_step_us(names, bare), empty_step_us(names, traced)))
        run.finish("steps")
    step, spans, with_trace = np.median(pieces, axis=0)
    shares = np.array([(one[1] / one[0], one[2] / one[0]) for one in pieces]) * 100
    print(
        f"{agents} agents, learning {'on' if learning else 'off'}: {step / 1e3:.2f} ms CPU a step; {len(names)} spans: "
        f"{spans:.1f} us, {np.median(shares[:, 0]):.2f}% (most {shares[:, 0].max():.2f}%); traced {with_trace:.1f} us, "
        f"{np.median(shares[:, 1]):.2f}% (most {shares[:, 1].max():.2f}%)",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    for learning in (True, False):
        measure(given.agents, given.steps, given.repeats, learning)
