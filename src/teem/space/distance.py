"""How far apart two points are: the one arithmetic that every index and its plain twin share.

Distances are float32, without contraction: `dx = px - qx`, moved by one `period` when it is longer than half
of it, and `dx * dx + dy * dy <= radius * radius`, boundary included. An index may look at as many candidates
as it likes; only this decides who is in, so all indexes agree to the bit. A bounded plane is a torus whose
period is infinite: no gap is ever longer than half of it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Two roundings of a coordinate, one of a product and one of a square: 4 * 2**-24 of the longest length, and
# as much again for the rounding of cell numbers. Candidates are looked for this much farther out.
SLACK = np.float32(2e-6)
_HALF = np.float32(0.5)


@njit(nogil=True, cache=True, inline="always")
def gap(q, p, period):  # type: ignore[no-untyped-def]
    """The shortest way from q to p along one axis, signed; float32."""
    half = period * _HALF
    d = p - q
    if d > half:
        d = d - period
    elif d < -half:
        d = d + period
    return d


@njit(nogil=True, cache=True, inline="always")
def distance2(qx, qy, px, py, period):  # type: ignore[no-untyped-def]
    """The squared distance from q to p; float32."""
    dx = gap(qx, px, period)
    dy = gap(qy, py, period)
    return dx * dx + dy * dy


@njit(nogil=True, cache=True, inline="always")
def reach(q, radius, size):  # type: ignore[no-untyped-def]
    """How far from q candidates must be looked for, so that no rounding hides one; float32."""
    return radius + (abs(q) + radius + size) * SLACK


def distance2_plain(
    qx: NDArray[np.float32],  # [m]
    qy: NDArray[np.float32],
    px: NDArray[np.float32],  # [n]
    py: NDArray[np.float32],
    period: np.float32,
) -> NDArray[np.float32]:
    """`[m, n]` squared distances, the specification of `distance2`."""
    half = period * _HALF
    square = np.zeros((len(qx), len(px)), np.float32)
    for q, p in ((qx, px), (qy, py)):
        d = p[None, :] - q[:, None]
        d = np.where(d > half, d - period, np.where(d < -half, d + period, d))
        square += d * d
    return square


def onto_plane(q: NDArray[np.float32], size: np.float32) -> NDArray[np.float32]:
    """The same points of a torus, each coordinate in [0, size); those already there keep their bits."""
    wrapped = q - np.floor(q / size) * size
    wrapped = np.where((wrapped >= 0) & (wrapped < size), wrapped, np.float32(0))
    return np.where((q >= 0) & (q < size), q, wrapped).astype(np.float32)
