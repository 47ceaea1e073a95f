"""A rule of one's own for the treasure world, in plain Python: lava creeps into bare cells beside it.

python examples/own_rule.py [--steps 90]
"""

from __future__ import annotations

import argparse

import numpy as np

import teem
from teem.measure.spans import Spans
from teem.rng import Stream, uniforms
from teem.threads import Threads
from teem.worlds.catalogue import make_world
from teem.worlds.treasure.drawing import draw

CHANCE = 0.02  # a step and cell beside lava
GROUND = 0

LAVA = {"name": "lava", "glyph": "^", "colour": "#ff7b54", "share": 0.01, "value": -1.0}
ENTITIES = [
    {"name": "ground", "glyph": "."},
    {"name": "wall", "glyph": "#", "share": 0.05, "passable": False},
    {"name": "gem", "glyph": "o", "share": 0.05, "value": 1.0, "taken": True, "respawns": True},
    LAVA,
]


def creep(columns, numbers, seed, step):
    """Spread the first of the entities by their `numbers`; a draw is keyed by the step, the world and the cell."""
    (lava,) = numbers
    for w, (cells, people) in enumerate(zip(columns.cells, columns.people, strict=True)):
        chances = uniforms(seed, Stream.POLICY, step, cells_of(w, cells), 1)[:, 0].reshape(cells.shape)
        beside = set()
        for row, column in zip(*(cells == lava).nonzero(), strict=True):
            beside |= {(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)}
        for row, column in beside:
            inside = 0 <= row < cells.shape[0] and 0 <= column < cells.shape[1]
            if inside and chances[row, column] < CHANCE and not people[row, column] and cells[row, column] == GROUND:
                cells[row, column] = lava


def cells_of(w, cells):
    """A number for each cell of all worlds, to draw by."""
    return w * cells.size + np.arange(cells.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=90)
    given = parser.parse_args()
    teem.register_rule("creep", creep, ("lava",))  # before the settings are read
    settings = {"world.rules": "creep", "world.entities": ENTITIES, "population.founders": 2}
    world = make_world(teem.load_config("treasure", {**settings, "world.worlds": 1}), Threads(1), Spans())
    for _ in range(given.steps):
        observation = world.observe()
        action = observation.mask.argmax(axis=1).astype("int32")
        world.heuristic(observation, action)
        world.step(action)
    print(draw(world))
    print(f"{(world.map()['entities'] == 3).sum()} cells of lava after {given.steps} steps")


if __name__ == "__main__":
    main()
