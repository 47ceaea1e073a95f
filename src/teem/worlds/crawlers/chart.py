"""The chart of the ground: what lies along it, a row each, for pictures of the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.worlds.crawlers.food import PLACES, Items
from teem.worlds.crawlers.ground import SAMPLES, SPACING, TILE, Ground


def chart(ground: Ground, items: Items) -> dict[str, NDArray[np.float32]]:
    """The ground's height, how far each sample is from where the world began, and the food there, `[1, samples]`."""
    samples = len(ground.height)
    metres = ground.first * TILE + SPACING * np.arange(samples)
    food = np.zeros(samples, np.float32)
    tiles = items.first - ground.first + np.arange(len(items.x)) // PLACES
    food[tiles * SAMPLES + (items.x / SPACING).astype(np.int64)] = items.amount
    return {"height": ground.height[None], "metres": metres.astype(np.float32)[None], "food": food[None]}
