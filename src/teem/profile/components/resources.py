"""Resources: what a step's regrowth costs, in memory and in a file, by rows and by tiles."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from teem.config.farm import FarmSettings
from teem.profile.components.bench import Bench, Part
from teem.profile.components.timing import Work, in_turn
from teem.profile.report import Table
from teem.runtime import words
from teem.worlds.farm.farm import Farm
from teem.worlds.farm.rules.regrow import lasting, regrow, regrow_tiles
from teem.worlds.farm.tiles import AT_ONCE, TALL, WIDE, Tiles

CALLED = {"memory": "map in memory", "mapped": "map in a file"}


def measure_resources(bench: Bench) -> Part:
    """Regrowth of the farm's map as it is, and of the same map kept or walked otherwise."""
    world = bench.world()
    if not isinstance(world, Farm):
        absent = f"Only the farm's map regrows cell by cell; what grows in the {world.name} is a rule's span."
        return Part("resources", [], {}, [absent])
    settings = bench.config.farm
    works: dict[str, Work] = {}
    for storage, called in CALLED.items():
        works |= {f"{way}, {called}": work for way, work in _ways(bench.world(storage=storage), settings).items()}
    times = in_turn(works, 4 * settings.regrow_every)
    side = world.fields.side
    rows = [(name, *one.row(), words.number(one.p50 * 1e6 / side**2)) for name, one in times.items()]
    used = "tiles" if world.fields.tiles else "rows in turn"
    note = (
        f"A step's regrowth of {side} x {side} cells; a row has its turn every {settings.regrow_every} steps. "
        f"This farm uses {used}, {CALLED[settings.storage]}. Tiles, for large maps, leave alone what is full and "
        "nobody sees."
    )
    head = ("how", "p50 ms", "p95 ms", "p99 ms", "ns a cell of the map")
    figures: dict[str, Any] = {"cells": side**2, **{name: one._asdict() for name, one in times.items()}}
    return Part("resources", [Table("Resources: regrowth", head, rows, note)], figures)


def _ways(world: Any, settings: FarmSettings) -> dict[str, Work]:
    """Both ways to regrow a farm's map, a step further at each call."""
    fields, bodies, living, every = world.fields, world.bodies, world.population.living, settings.regrow_every
    shape = -(-fields.side // TALL), -(-fields.side // WIDE)
    tiles = Tiles(np.zeros(shape, np.int64), np.zeros(shape, np.bool_))
    lasts, torus, by_row, by_tile = lasting(settings.growth, every), settings.edge == "torus", count(), count()
    return {
        "rows in turn": lambda: regrow(next(by_row), every, fields.planes, fields.capacity, lasts),
        "tiles": lambda: regrow_tiles(
            living, bodies.x, bodies.y, settings.sight, torus, next(by_tile), every, settings.growth, AT_ONCE,
            fields.planes, fields.capacity, tiles,
        ),
    }  # fmt: skip
