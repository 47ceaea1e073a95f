"""Who breeds when there isn't room for everybody's child."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.rng import Stream, uniforms


def first_in_turn(
    able: NDArray[np.int32], id_: NDArray[np.int64], room: int, seed: int, step: int
) -> NDArray[np.int32]:
    """Those of the slots `able`, by rising id, who breed now: at most `room`, drawn by their `id_[capacity]`."""
    if len(able) <= room:
        return able
    ids = id_[able]
    turn = uniforms(seed, Stream.BREEDING, step, ids, 1)[:, 0]
    first: NDArray[np.int32] = able[np.sort(np.lexsort((ids, turn))[:room])]
    return first
