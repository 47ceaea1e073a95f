"""Looking again, slowly and by other means, so that what agents were shown can be compared with what is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.worlds.base import Observation, World
from teem.worlds.farm.farm import Farm
from teem.worlds.farm.look_plain import look_plain
from teem.worlds.treasure.treasure import Treasure

RECOUNTED = ("allies", "enemies")
EDGE = 1e-3  # cells: so near the edge of the window, rounding decides who is in it
MARGIN = 3  # cells beyond the sight that the specification is told about
SPECIFIED = 8  # agents a look


@dataclass(frozen=True, slots=True)
class Recount:
    """Whose health was in the window: at least and at most so much, and what was shown."""

    least: NDArray[np.float64]  # [m]
    most: NDArray[np.float64]  # [m]
    shown: NDArray[np.float64]  # [m]


@dataclass(frozen=True, slots=True)
class Look:
    """What some agents were shown, and what they should have been shown."""

    recounts: dict[str, Recount]  # of the channels that are perceived, of RECOUNTED
    id: NDArray[np.int64]  # [k] of those for whom the specification was asked
    shown: NDArray[np.float32]  # [k, D]
    specified: NDArray[np.float32]  # [k, D]
    legal: NDArray[np.bool_]  # [k, A]
    legal_specified: NDArray[np.bool_]  # [k, A]


def look_again(world: World, config: Config, observation: Observation, watched: NDArray[np.int64]) -> Look | None:
    """Look once more after `world.observe()`; None in a world without a specification."""
    if isinstance(world, Treasure):
        return _look_again_at_treasure(world, observation, watched)
    if not isinstance(world, Farm):
        return None
    rows = observation.living[watched]
    values = observation.values.reshape(len(observation.values), -1)
    recounts = {
        name: recount(world, config, rows, _channel(values[rows], world.observation_names, name), name == "allies")
        for name in RECOUNTED
        if name in config.farm.channels
    }
    some = rows[:: max(1, len(rows) // SPECIFIED)][:SPECIFIED]
    specified, legal = specify(world, config, some)
    return Look(recounts, world.population.id[some], values[some], specified, observation.mask[some], legal)


def _look_again_at_treasure(world: Treasure, observation: Observation, watched: NDArray[np.int64]) -> Look:
    """Look once more in a treasure world, where all is in sight that lies in the window; only the newest views."""
    rows = observation.living[watched]
    some = rows[:: max(1, len(rows) // SPECIFIED)][:SPECIFIED]
    specified = observation.values[some].copy()
    for n, i in enumerate(some):
        specified[n, -1] = world.see_plain(int(i))
    flat = (len(some), -1)
    legal = observation.mask[some]
    ids = world.population.id[some]
    shown = observation.values[some].reshape(flat)
    return Look({}, ids, shown, specified.reshape(flat), legal, np.ones_like(legal))


def _channel(values: NDArray[np.float32], names: tuple[str, ...], channel: str) -> NDArray[np.float64]:
    """All that a channel shows, summed over its cells or zones."""
    columns = [number for number, name in enumerate(names) if name.startswith((f"{channel}.", f"{channel}["))]
    shown: NDArray[np.float64] = values[:, columns].sum(axis=1, dtype=np.float64)
    return shown


def recount(world: Farm, config: Config, rows: NDArray[np.int32], shown: NDArray[np.float64], allies: bool) -> Recount:
    """Sum the health of all allies, or of all enemies, in each row's window, one pair after the other.

    A point spread over four cells (bilinear) may lie half in, and rock may hide one (occlusion).
    """
    people, settings = world.population, config.farm
    reach = sight_of(world, config, rows)
    edge = 0.5 if settings.deposit == "bilinear" else 0.0
    least, most = np.zeros(len(rows)), np.zeros(len(rows))
    solitary = np.array([kind.solitary for kind in settings.kinds])
    for n, i in enumerate(rows):
        others = people.living[people.living != i]
        friends = (people.kind[others] == people.kind[i]) & ~solitary[people.kind[i]]
        mine = others[friends == allies]
        away = np.maximum(
            _beyond(people.x[mine], people.x[i], reach[n], world.fields.side, settings.edge),
            _beyond(people.y[mine], people.y[i], reach[n], world.fields.side, settings.edge),
        )
        health = people.health[mine].astype(np.float64)
        most[n] = health[away < edge + EDGE].sum()
        least[n] = 0.0 if settings.occlusion else health[away < -edge - EDGE].sum()
    return Recount(least, most, shown)


def sight_of(world: World, config: Config, rows: NDArray[np.int32]) -> NDArray[np.float64]:
    """How many cells to each side of its own each row sees; none if the world has no such trait."""
    if "sight" not in world.traits:
        return np.empty(0)
    sight = world.population.genome[rows, world.traits.index("sight")].astype(np.float64)
    return np.asarray(2 + np.floor(0.5 + sight * (config.farm.sight - 2)))


def _beyond(there: NDArray[np.float32], here: np.float32, reach: float, side: int, edge: str) -> NDArray[np.float64]:
    """How far along an axis places lie beyond the window, which reaches so many cells from the own one; < 0: in it."""
    middle = np.floor(np.float64(here)) + 0.5
    gap = there.astype(np.float64) - middle
    if edge == "torus":
        gap -= side * np.round(gap / side)
    beyond: NDArray[np.float64] = np.abs(gap) - (reach + 0.5)
    return beyond


def specify(world: Farm, config: Config, rows: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What the specification says the rows see, `[k, D]`, and may do; of others it is told who is near."""
    people, fields, settings = world.population, world.fields, config.farm
    far = max(settings.sight + MARGIN, settings.reach + 1)
    values = np.empty((len(rows), np.prod(world.observation_shape)), np.float32)
    legal = np.empty((len(rows), len(world.actions)), np.bool_)
    for n, i in enumerate(rows):
        away = [
            _beyond(place[people.living], place[i], far, fields.side, settings.edge) for place in (people.x, people.y)
        ]
        near = people.living[np.maximum(*away) < 0]
        seen, mask, _, _ = look_plain(
            near, world.step_count, people.room_next, world.bodies, fields.planes, fields.scale,
            fields.capacity, settings, fields.side, {},
        )  # fmt: skip
        values[n] = seen[i].ravel()
        legal[n] = mask[i]
    return values, legal
