"""What cells can hold, as numbers: a row an entity, so that rules look things up instead of asking what they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.treasure import AGENT, TreasureSettings

GROUND = 0  # the first entity: bare cells
PASSABLE, VALUE, TAKEN, LEAVES, RESPAWNS, GROWTH, ENDS = range(7)  # columns of the table

Table = NDArray[np.float32]  # [entities, 7]


def number_of(name: str, settings: TreasureSettings) -> int:
    """The number of an entity by its name; KeyError where there is none."""
    for number, entity in enumerate(settings.entities):
        if entity.name == name:
            return number
    raise KeyError(name)


def table_of(settings: TreasureSettings) -> Table:
    """What rules need to know of each entity, `[entities, 7]`."""
    rows = [
        (
            entity.passable,
            entity.value,
            entity.taken,
            number_of(entity.leaves, settings) if entity.leaves else GROUND,
            entity.respawns,
            entity.growth,
            entity.ends,
        )
        for entity in settings.entities
    ]
    return np.array(rows, np.float32)


def chances_of(settings: TreasureSettings) -> NDArray[np.float32]:
    """Where each entity's part of [0, 1) ends when a cell is laid out, `[entities]`; what others leave is ground."""
    shares = np.array([entity.share for entity in settings.entities], np.float64)
    shares[GROUND] = 1.0 - shares[1:].sum()
    return np.cumsum(shares).astype(np.float32)


def palette_of(settings: TreasureSettings) -> NDArray[np.float32]:
    """How each entity, and at last an agent, looks: `[entities + 1, channels]`, one-hot or red, green and blue."""
    count = len(settings.entities) + 1
    if settings.view == "onehot":
        return np.eye(count, dtype=np.float32)
    colours = [*(entity.colour for entity in settings.entities), settings.colour]
    return np.array([rgb(colour) for colour in colours], np.float32) / np.float32(255)


def channels_of(settings: TreasureSettings) -> tuple[str, ...]:
    """The names of a cell's values."""
    if settings.view == "rgb":
        return ("red", "green", "blue")
    return (*(entity.name for entity in settings.entities), AGENT)


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of "#rrggbb", 0 to 255 each."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
