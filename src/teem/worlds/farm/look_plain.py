"""The specification of looking: one agent, one cell, one other at a time, from settings and positions alone.

It is the twin of `look`, for tests and the doctor: O(n^2), no index, no tables, in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.worlds.farm.bodies import (
    ACTIONS,
    ATTACK,
    DIRECTIONS,
    GATHER,
    REPRODUCE,
    SHARE,
    SIGHT,
    SPEED,
    WAY_X,
    WAY_Y,
    Bodies,
)
from teem.worlds.farm.view import ZONES, channel_order, observation_shape, plane_names

Cell = tuple[int, int]
Known = dict[int, dict[Cell, int]]
"""For each agent, by id: the cells it knows to be empty, and the step in which it saw each last."""

_PLANE_OF = {"obstacles": "rock", "terrain_cost": "terrain"}  # where a channel's plane has another name
_OF_AGENTS = ("self_health", "allies", "enemies", "visibility", "known_empty", "ally_signal", "goal")
_POINTS = ("allies", "enemies", "ally_signal", "goal")
_WORTH_GATHERING = 0.02  # joules on offer


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to be seen in a step."""

    living: NDArray[np.int32]
    step: int
    bodies: Bodies
    map: dict[str, NDArray[np.float32]]  # planes by name, as they are now
    settings: FarmSettings
    size: int

    def cell(self, y: int, x: int) -> Cell | None:
        """A cell brought onto the map; None beyond a wall."""
        if self.settings.edge == "torus":
            return y % self.size, x % self.size
        return (y, x) if 0 <= y < self.size and 0 <= x < self.size else None

    def way(self, origin: np.float32, there: np.float32) -> float:
        """The shortest way along an axis, signed; the straight one, of two alike."""
        straight = float(there) - float(origin)
        if self.settings.edge == "bounded":
            return straight
        return straight - self.size * round(straight / self.size)


def look_plain(
    living: NDArray[np.int32],
    step: int,
    room: int,
    bodies: Bodies,
    planes: NDArray[np.float32],
    scale: NDArray[np.float32],
    capacity: NDArray[np.float32],
    settings: FarmSettings,
    size: int,
    known: Known,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int32], NDArray[np.int32]]:
    """What each of the living perceives: (values, mask, ally, enemy), by slot; changes `known` alone.

    `values[capacity, *shape]`, `mask[capacity, actions]`; `ally` and `enemy` are the slots of the nearest in
    reach, -1 for none. Hand in the same `known`, empty at first, step by step.
    """
    names, slots = channel_order(settings), len(bodies.id)
    pictures = {name: planes[:, :, k] * scale[k] for k, name in enumerate(plane_names(settings))}
    scene = Scene(living, step, bodies, pictures, settings, size)
    values = np.zeros((slots, *observation_shape(settings)), np.float32)
    mask = np.zeros((slots, len(ACTIONS)), np.bool_)
    ally, enemy = np.full(slots, -1, np.int32), np.full(slots, -1, np.int32)
    for i in living:
        ally[i], enemy[i] = nearest(scene, i, True), nearest(scene, i, False)
        windows = perceive(scene, i, known.setdefault(int(bodies.id[i]), {}))
        if settings.view == "full":
            values[i] = np.stack([windows[name] for name in names], axis=2)
        else:
            drawn = [draw_zones(windows[name], name in _POINTS) for name in names]
            values[i] = np.concatenate([*drawn, feel(scene, i, ally[i], enemy[i])])
        mask[i] = legal(scene, i, ally[i], enemy[i], room, capacity)
    return values, mask, ally, enemy


def sight_of(scene: Scene, i: int) -> int:
    """How many cells far agent i sees: from 2 to the farm's radius, by its sight trait."""
    return 2 + floor(0.5 + float(scene.bodies.genome[i, SIGHT]) * (scene.settings.sight - 2))


def around(scene: Scene, i: int, reach: int) -> Iterator[tuple[int, int, Cell | None]]:
    """Offsets (dy, dx) of the cells around agent i, row by row, each with its cell."""
    y, x = floor(scene.bodies.y[i]), floor(scene.bodies.x[i])
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            yield dy, dx, scene.cell(y + dy, x + dx)


def friends(scene: Scene, i: int, j: int) -> bool:
    """Whether i takes j for an ally: its own kind, unless that kind is solitary."""
    kind = scene.bodies.kind
    return bool(kind[i] == kind[j]) and not scene.settings.kinds[kind[i]].solitary


def nearest(scene: Scene, i: int, ally: bool) -> int:
    """The slot of the nearest ally (or enemy) in reach, of equals the one with the lowest id; -1: none."""
    bodies, best = scene.bodies, (np.inf, np.inf, -1)
    for j in scene.living:
        dx, dy = scene.way(bodies.x[i], bodies.x[j]), scene.way(bodies.y[i], bodies.y[j])
        in_reach = np.float32(dx * dx + dy * dy) <= np.float32(scene.settings.reach) ** 2
        if j != i and in_reach and friends(scene, i, j) == ally:
            best = min(best, (dx * dx + dy * dy, int(bodies.id[j]), int(j)))
    return best[2]


def perceive(scene: Scene, i: int, known: dict[Cell, int]) -> dict[str, NDArray[np.float64]]:
    """Every channel's window around agent i, `[2r+1, 2r+1]`, its own cell in the middle."""
    settings, bodies = scene.settings, scene.bodies
    width, own = 2 * settings.sight + 1, sight_of(scene, i)
    names = {*settings.channels, "allies", "enemies", "visibility", "known_empty", "goal", "self_health"}
    windows = {name: np.zeros((width, width)) for name in names}
    windows["self_health"][:] = bodies.health[i]
    see_map(scene, i, own, windows)
    see_others(scene, i, own, windows)
    see_goal(scene, i, own, windows["goal"])
    visible = see_through(scene, i, own)
    windows["visibility"][:] = visible
    if settings.occlusion:
        for name in names - {"self_health", "goal"}:
            windows[name][~visible] = 0
    remember(scene, i, visible, windows, known)
    return windows


def see_map(scene: Scene, i: int, own: int, windows: dict[str, NDArray[np.float64]]) -> None:
    """Copy each plane's cells as far as i sees; beyond a wall all is rock."""
    radius = scene.settings.sight
    for name in set(windows) - set(_OF_AGENTS):
        picture = scene.map[_PLANE_OF.get(name, name)]
        unit = scene.settings.cell_capacity if name == "resources" else 1.0
        for dy, dx, cell in around(scene, i, own):
            beyond = 1.0 if name == "obstacles" else 0.0
            windows[name][radius + dy, radius + dx] = picture[cell] / unit if cell else beyond


def see_others(scene: Scene, i: int, own: int, windows: dict[str, NDArray[np.float64]]) -> None:
    """Put everyone's health, and the allies' signals, onto the cells they are in."""
    bodies = scene.bodies
    for j in scene.living:
        if j != i:
            dx = scene.way(bodies.x[i], bodies.x[j]) + bodies.x[i] % 1.0
            dy = scene.way(bodies.y[i], bodies.y[j]) + bodies.y[i] % 1.0
            ally = friends(scene, i, j)
            deposit(scene, dy, dx, own, bodies.health[j], windows["allies" if ally else "enemies"])
            if ally and "ally_signal" in windows:
                deposit(scene, dy, dx, own, bodies.signal[j], windows["ally_signal"])


def see_goal(scene: Scene, i: int, own: int, window: NDArray[np.float64]) -> None:
    """Put the worth of i's goal onto its cell, or onto the cell in sight nearest to it along each axis."""
    bodies = scene.bodies
    dx = scene.way(bodies.x[i], bodies.goal_x[i]) + bodies.x[i] % 1.0
    dy = scene.way(bodies.y[i], bodies.goal_y[i]) + bodies.y[i] % 1.0
    dx, dy = (min(max(way, 0.5 - own), 0.5 + own) for way in (dx, dy))
    deposit(scene, dy, dx, own, bodies.goal_worth[i], window)


def deposit(scene: Scene, dy: float, dx: float, own: int, amount: np.float32, window: NDArray[np.float64]) -> None:
    """Put a point, as seen from the middle cell's corner, onto its cell, or in parts onto the nearest four."""
    radius, bilinear = scene.settings.sight, scene.settings.deposit == "bilinear"
    if max(abs(dy), abs(dx)) > own + 2:
        return
    for row in range(-own, own + 1):
        for column in range(-own, own + 1):
            if bilinear:
                near_y, near_x = max(0.0, 1 - abs(dy - row - 0.5)), max(0.0, 1 - abs(dx - column - 0.5))
                window[radius + row, radius + column] += near_y * near_x * amount
            elif floor(dy) == row and floor(dx) == column:
                window[radius + row, radius + column] += amount


def see_through(scene: Scene, i: int, own: int) -> NDArray[np.bool_]:
    """Which cells of the window a line of sight reaches: no rock and no wall lies between."""
    radius, rock = scene.settings.sight, scene.map["rock"]
    visible = np.zeros((2 * radius + 1, 2 * radius + 1), np.bool_)
    visible[radius, radius] = True
    y, x = floor(scene.bodies.y[i]), floor(scene.bodies.x[i])
    cells = sorted(around(scene, i, own), key=lambda cell: max(abs(cell[0]), abs(cell[1])))
    for dy, dx, _ in cells[1:]:
        ring = max(abs(dy), abs(dx))
        last_y, last_x = (round(way * (ring - 1) / ring) for way in (dy, dx))
        last = scene.cell(y + last_y, x + last_x)
        clear = last is not None and rock[last] == 0
        visible[radius + dy, radius + dx] = visible[radius + last_y, radius + last_x] and clear
    return visible


def remember(
    scene: Scene,
    i: int,
    visible: NDArray[np.bool_],
    windows: dict[str, NDArray[np.float64]],
    known: dict[Cell, int],
) -> None:
    """Note which cells are seen empty now, forget those out of the window, and show what is known."""
    settings, radius = scene.settings, scene.settings.sight
    window = {cell: (radius + dy, radius + dx) for dy, dx, cell in around(scene, i, radius) if cell}
    somebody = sum(windows[name] for name in ("allies", "enemies") if name in settings.channels)
    for cell in set(known) - set(window):
        del known[cell]
    for cell, at in window.items():
        if visible[at]:
            known.pop(cell, None)
            taken = scene.map["rock"][cell] > 0 or scene.map["resources"][cell] > 0
            if not taken and not np.broadcast_to(somebody, visible.shape)[at] > 0:
                known[cell] = scene.step
        if cell in known:
            windows["known_empty"][at] = float(np.float32(settings.decay)) ** (scene.step - known[cell])


def draw_zones(window: NDArray[np.float64], points: bool) -> NDArray[np.float64]:
    """A window drawn together into zones: points are summed, anything else is averaged."""
    radius = len(window) // 2
    members: dict[str, list[float]] = {zone: [] for zone in ZONES}
    for (row, column), value in np.ndenumerate(window):
        members[zone_of(row - radius, column - radius)].append(float(value))
    return np.array([sum(cells) if points else sum(cells) / len(cells) for cells in members.values()])


def zone_of(dy: int, dx: int) -> str:
    """The name of an offset's zone: one of nine cells near by, or one of eight blocks around them."""
    near = abs(dy) <= 1 and abs(dx) <= 1
    least = 1 if near else 2
    across = "north" if dy <= -least else "south" if dy >= least else ""
    along = "west" if dx <= -least else "east" if dx >= least else ""
    return ("" if near else "far_") + (across + along or "here")


def feel(scene: Scene, i: int, ally: int, enemy: int) -> list[float]:
    """The own senses, in the order of `view.OWN_SENSES`."""
    bodies, settings = scene.bodies, scene.settings
    return [
        bodies.energy[i] / settings.energy_max,
        bodies.health[i],
        (scene.step - bodies.born[i]) / settings.age_max,
        bodies.gathered[i] / settings.gather_rate,
        bodies.hurt[i],
        float(ripe(scene, i)),
        bodies.signal[i],
        bodies.x[i] % 1.0 - 0.5,
        bodies.y[i] % 1.0 - 0.5,
        bodies.energy[ally] / settings.energy_max if ally >= 0 else 0.0,
        bodies.health[enemy] if enemy >= 0 else 0.0,
    ]


def ripe(scene: Scene, i: int) -> bool:
    """Whether agent i is old and rich enough to breed."""
    rich = scene.bodies.energy[i] >= np.float32(scene.settings.breed_energy)
    return bool(rich and scene.step - scene.bodies.born[i] >= scene.settings.maturity)


def legal(scene: Scene, i: int, ally: int, enemy: int, room: int, capacity: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which actions would do something; to defend, to communicate and to pass are always legal."""
    bodies, settings = scene.bodies, scene.settings
    here = floor(bodies.y[i]), floor(bodies.x[i])
    mask = np.ones(len(ACTIONS), np.bool_)
    distance = np.float32(settings.move_distance) * np.float32(0.5 + 0.5 * bodies.genome[i, SPEED])
    for way in range(len(DIRECTIONS)):
        y, x = (
            bodies.y[i] + distance * WAY_Y[way],
            bodies.x[i] + distance * WAY_X[way],
        )  # float32, as places are
        there = scene.cell(floor(y), floor(x))
        mask[way] = there is not None and scene.map["rock"][there] == 0
    offer = max(0.0, scene.map["resources"][here] - np.float32(settings.roots) * capacity[here])
    mask[GATHER] = offer > _WORTH_GATHERING and bodies.energy[i] < settings.energy_max
    mask[SHARE] = ally >= 0 and bodies.energy[i] > 0
    mask[ATTACK] = enemy >= 0
    mask[REPRODUCE] = room > 0 and ripe(scene, i)
    return mask
