"""The rule of own_rule.py as a numba kernel: the same bits, many times as fast.

python examples/own_rule_compiled.py [--steps 90] [--worlds 64]
"""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np
from numba import njit
from own_rule import CHANCE, ENTITIES, GROUND, creep

import teem
from teem.measure.spans import Spans
from teem.rng import Stream, uniform
from teem.threads import Threads
from teem.worlds.catalogue import make_world

STREAM = int(Stream.POLICY)
LEAST = np.float32(CHANCE)


@njit
def creep_compiled(columns, numbers, seed, step):
    """As `creep`: what was lava when the step began spreads, what it has spread to does not yet."""
    lava = numbers[0]
    worlds, height, width = columns.cells.shape
    for w in range(worlds):
        cells, before = columns.cells[w], columns.cells[w].copy()
        for row in range(height):
            for column in range(width):
                if before[row, column] != GROUND or columns.people[w, row, column] != 0:
                    continue
                beside = (
                    (row > 0 and before[row - 1, column] == lava)
                    or (row + 1 < height and before[row + 1, column] == lava)
                    or (column > 0 and before[row, column - 1] == lava)
                    or (column + 1 < width and before[row, column + 1] == lava)
                )
                cell = w * height * width + row * width + column
                if beside and uniform(seed, STREAM, step, cell) < LEAST:
                    cells[row, column] = lava


def played(rule: str, worlds: int, steps: int) -> tuple[bytes, float]:
    """All cells of as many worlds after so many steps of the heuristic, and milliseconds a step."""
    settings = {"world.rules": rule, "world.entities": ENTITIES, "population.founders": 2 * worlds}
    world = make_world(teem.load_config("treasure", {**settings, "world.worlds": worlds}), Threads(1), Spans())
    action = np.zeros(2 * worlds, np.int32)
    for step in range(steps + 1):
        if step == 1:
            begun = perf_counter()  # when all is compiled
        world.heuristic(world.observe(), action)
        world.step(action)
    return world.map()["entities"].tobytes(), (perf_counter() - begun) * 1e3 / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--worlds", type=int, default=64)
    given = parser.parse_args()
    teem.register_rule("creep", creep, ("lava",))
    teem.register_rule("creep_compiled", creep_compiled, ("lava",))
    (plain, slow), (compiled, fast) = (played(rule, given.worlds, given.steps) for rule in ("creep", "creep_compiled"))
    same = "the same bits" if plain == compiled else "NOT the same bits"
    print(f"plain {slow:.2f} ms a step, compiled {fast:.2f} ms: {same}")


if __name__ == "__main__":
    main()
