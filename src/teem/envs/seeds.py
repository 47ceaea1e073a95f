"""Which world a reset begins: the same seed, the same worlds one after the other."""

from __future__ import annotations

import numpy as np

from teem.config.load import show
from teem.errors import UsageError

_MOST = 2**63 - 1


def check_seed(seed: int) -> int:
    """The seed itself; raises UsageError unless a world can have it."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= _MOST:
        raise UsageError(f"seed is {show(seed)}: give a whole number from 0 to {_MOST}")
    return int(seed)


def drawn_seed(random: np.random.Generator) -> int:
    """The seed of the next world, where none is asked for."""
    return int(random.integers(_MOST, endpoint=True))
