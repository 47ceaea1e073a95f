"""A world as an image, in the colours of the terminal's panel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.config.settings import WorldSettings
from teem.runtime.panel import painter
from teem.runtime.picture import colour
from teem.worlds.base import World

SIDE = 128  # cells of the picture along an edge, at most
_DOTS = 4  # pixels of a cell along an edge
_A_SECOND = 10  # pictures, of a world that knows no seconds


def image(settings: WorldSettings, world: World) -> NDArray[np.uint8]:
    """The world as it is now, `[height, width, 3]`, red, green and blue."""
    maps = world.map()
    numbers = painter(settings, maps).paint(maps, world.population, SIDE)
    there, where = np.unique(numbers, return_inverse=True)
    colours = np.array([colour(int(number)) for number in there], np.uint8)
    dots: NDArray[np.uint8] = colours[where.reshape(numbers.shape)].repeat(_DOTS, 0).repeat(_DOTS, 1)
    return dots


def metadata_of(settings: WorldSettings) -> dict[str, Any]:
    """What environments say of themselves; so many pictures a second show creatures as fast as they are."""
    rate = round(1 / (settings.dt * settings.decision)) if isinstance(settings, CrawlersSettings) else _A_SECOND
    name = f"teem_{type(settings).__struct_config__.tag}"
    return {"name": name, "render_modes": ["rgb_array"], "render_fps": max(1, rate)}
