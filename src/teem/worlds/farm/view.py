"""How an agent looks: which channels, how far, and how the crop is drawn together into zones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.worlds.farm.channels import PLANE_CHANNELS, POINTS, registered
from teem.worlds.farm.fields import Fields

NEAR = ("northwest", "north", "northeast", "west", "here", "east", "southwest", "south", "southeast")
ZONES = (*NEAR, *(f"far_{name}" for name in NEAR if name != "here"))
OWN_SENSES = (
    "energy", "health", "age", "gathered", "hurt", "can_breed", "own_signal", "place_x", "place_y",
    "ally_energy", "enemy_health",
)  # fmt: skip


class View(NamedTuple):
    """What the looking kernels need to know; channel numbers are -1 for what is not perceived.

    Channels that are planes of the map come first, so that a cell's values are copied in one go.
    """

    radius: int
    channels: int
    rock_channel: int  # so that what lies beyond a wall looks like rock
    allies: int
    enemies: int
    ally_signal: int
    self_health: int
    goal: int
    visibility: int
    known_empty: int
    bilinear: bool
    occlusion: bool
    full: bool
    traces: bool  # lines of sight matter: a window is filled first, whatever the view
    stride: int  # how far apart a cell's channels are written: 1 in a window, the zones in a compact view


class Charts(NamedTuple):
    """The tables of a view. They stand apart, because handing an array on costs a kernel more than a number."""

    plane: NDArray[np.int32]  # [planes perceived] their numbers
    unit: NDArray[np.float32]  # [planes perceived] what each is divided by
    order: NDArray[np.int32]  # [cells of the window] from the middle outwards
    before: NDArray[np.int32]  # [cells of the window] the cell that a line of sight passes last
    zone: NDArray[np.int32]  # [cells of the window] its zone in the compact view
    zone_weight: NDArray[np.float32]  # [channels, zones] 1 for points, 1/cells for what is averaged
    block: NDArray[np.int32]  # [zones, 4] first and last row and column of each zone, from the middle
    place: NDArray[np.int32]  # [cells of the window] where a cell's first value is written


def channel_order(settings: FarmSettings) -> tuple[str, ...]:
    """The perceived channels, planes of the map first, otherwise as the user listed them."""
    planes = [name for name in settings.channels if name in PLANE_CHANNELS or name in registered]
    return (*planes, *(name for name in settings.channels if name not in planes))


def make_view(settings: FarmSettings, fields: Fields) -> tuple[View, Charts]:
    """Prepare what the looking kernels need for a farm's settings."""
    names = channel_order(settings)
    numbers = {name: number for number, name in enumerate(names)}
    planes = [_PLANE_OF.get(name, name) for name in names if name in PLANE_CHANNELS or name in registered]
    order, before = lines_of_sight(settings.sight)
    zone = zones(settings.sight)
    cells = np.bincount(zone, minlength=len(ZONES)).astype(np.float32)
    points = np.array([name in POINTS for name in names])
    full = settings.view == "full"
    traces = settings.occlusion or "visibility" in names or "known_empty" in names
    direct = not (full or traces)
    agent_channels = ("allies", "enemies", "ally_signal", "self_health", "goal", "visibility", "known_empty")
    view = View(
        radius=settings.sight,
        channels=len(names),
        rock_channel=numbers.get("obstacles", -1),
        bilinear=settings.deposit == "bilinear",
        occlusion=settings.occlusion,
        full=full,
        traces=traces,
        stride=len(ZONES) if direct else 1,
        **{name: numbers.get(name, -1) for name in agent_channels},
    )
    charts = Charts(
        plane=np.array([fields.index(name) for name in planes], np.int32),
        unit=np.array([settings.cell_capacity if name == "resources" else 1.0 for name in planes], np.float32),
        order=order,
        before=before,
        zone=zone,
        zone_weight=np.where(points[:, None], 1.0, 1.0 / cells).astype(np.float32),
        block=zone_blocks(settings.sight),
        place=zone if direct else np.arange(len(zone), dtype=np.int32) * np.int32(len(names)),
    )
    return view, charts


_PLANE_OF = {"obstacles": "rock", "terrain_cost": "terrain"}


def plane_names(settings: FarmSettings) -> tuple[str, ...]:
    """The planes that a farm keeps: those every farm has, then those that are perceived."""
    perceived = [_PLANE_OF.get(name, name) for name in channel_order(settings)]
    kept = [name for name in perceived if name in registered or name in ("damage_heat", "trails", "landmarks")]
    return ("resources", "rock", "terrain", *kept)


def zones(radius: int) -> NDArray[np.int32]:
    """The compact view's zone of each cell of the window: 3 x 3 near ones, and 8 far blocks around them."""
    offsets = np.arange(-radius, radius + 1)
    side = np.sign(offsets) * (np.abs(offsets) > 1)  # -1, 0, 1: which far block along an axis
    far_y, far_x = np.meshgrid(side, side, indexing="ij")
    near_y, near_x = np.meshgrid(offsets, offsets, indexing="ij")
    near = (np.abs(near_y) <= 1) & (np.abs(near_x) <= 1)
    block = (far_y + 1) * 3 + far_x + 1
    far = len(NEAR) + block - (block > 4)  # the middle block is the near field itself
    return np.where(near, (near_y + 1) * 3 + near_x + 1, far).astype(np.int32).ravel()


def zone_blocks(radius: int) -> NDArray[np.int32]:
    """First and last row, first and last column of each zone, in cells from the middle: `[zones, 4]`."""
    width = 2 * radius + 1
    zone = zones(radius).reshape(width, width)
    cells = [np.argwhere(zone == number) - radius for number in range(len(ZONES))]
    bounds = [(c[:, 0].min(), c[:, 0].max(), c[:, 1].min(), c[:, 1].max()) for c in cells]
    return np.array(bounds, np.int32)


def lines_of_sight(radius: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each cell of the window: the order from the middle outwards, and the cell passed just before it.

    A cell is visible when the one before it is, and is not rock: O(cells) for a whole window.
    """
    offsets = np.arange(-radius, radius + 1)
    y, x = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    ring = np.maximum(np.abs(y), np.abs(x))
    shrink = np.where(ring > 0, (ring - 1) / np.maximum(ring, 1), 0.0)
    before_y, before_x = (np.round(axis * shrink).astype(np.int32) for axis in (y, x))
    before = (before_y + radius) * (2 * radius + 1) + before_x + radius
    return np.argsort(ring, kind="stable").astype(np.int32), before.astype(np.int32)


def observation_names(settings: FarmSettings) -> tuple[str, ...]:
    """One name a value of the flattened observation."""
    names = channel_order(settings)
    if settings.view == "full":
        offsets = range(-settings.sight, settings.sight + 1)
        return tuple(f"{name}[{y},{x}]" for y in offsets for x in offsets for name in names)
    return (*(f"{name}.{zone}" for name in names for zone in ZONES), *OWN_SENSES)


def observation_shape(settings: FarmSettings) -> tuple[int, ...]:
    """Either the whole crop `[2r+1, 2r+1, channels]`, or zones and own senses in a row."""
    if settings.view == "full":
        width = 2 * settings.sight + 1
        return width, width, len(settings.channels)
    return (len(settings.channels) * len(ZONES) + len(OWN_SENSES),)
