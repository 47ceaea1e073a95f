"""The order of creatures along the world: the index that finds who is near whom on a strip.

The world is endless along x and some metres high, so neighbours along x are neighbours: sorting is all an index can do,
at no cost for the empty country between. `teem.space` serves planes of a known side; it would need one laid round the
living at every step, and nearly all its cells would be air.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.worlds.crawlers.ground import TILE


def by_place(living: NDArray[np.int32], tile: NDArray[np.int32], x: NDArray[np.float32]) -> NDArray[np.int32]:
    """The living from left to right; those at one place in the order given. `tile` and `x` are `[capacity]`."""
    return living[np.argsort(tile[living] * TILE + x[living].astype(np.float64), kind="stable")]
