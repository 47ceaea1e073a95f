"""Regrow: resources grow logistically (Verhulst 1838), some rows a step, so that no step pays for the whole map."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.fields import RESOURCES

_ZERO = np.float32(0.0)


def lasting(growth: float, steps: int) -> np.float32:
    """The factor exp(-growth * steps) with which the distance from fullness lasts over `steps`."""
    return np.float32(np.exp(-growth * steps))


@njit(nogil=True, cache=True)
def regrow(step, every, planes, capacity, lasts):  # type: ignore[no-untyped-def]
    """Let the rows whose turn it is grow by `every` steps at once; changes the resources.

    The logistic equation has a closed form, so a row's growth is exact however far apart its turns are.
    Returns the joules grown.
    """
    total = 0.0
    for y in range(step % every, planes.shape[0], every):
        for x in range(planes.shape[1]):
            full = capacity[y, x]
            here = planes[y, x, RESOURCES]
            if full > _ZERO and here > _ZERO:
                grown = here * full / (here + (full - here) * lasts)
                planes[y, x, RESOURCES] = grown
                total += grown - here
    return total


def regrow_plain(step, every, planes, capacity, lasts):  # type: ignore[no-untyped-def]
    """The specification of `regrow`."""
    rows = slice(step % every, None, every)
    full = capacity[rows].astype(np.float64)
    here = planes[rows, :, RESOURCES].astype(np.float64)
    fertile = (full > 0) & (here > 0)
    grown = np.where(fertile, here * full / np.where(fertile, here + (full - here) * lasts, 1), here)
    planes[rows, :, RESOURCES] = grown
    return float((grown - here).sum())
