"""Continuous actions, a number from -1 to 1 for each branch: drawn evenly, or from a normal distribution each.

Every kernel walks `rows[start:stop]`, so it can be shared among threads. Draws are keyed by the agent's id and by the
branch. A branch that an agent hasn't got is 0 and counts for nothing.
"""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.rng import Stream, bits, to_normals, to_unit

if TYPE_CHECKING:
    from torch import Tensor

_EXPLORE = int(Stream.EXPLORE)
HALF_LOG_TAU = 0.5 * log(2 * pi)
_HALF_LOG_TAU = np.float32(HALF_LOG_TAU)
_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)


@njit(nogil=True, cache=True)
def draw_evenly(start, stop, mask, ids, rows, step, seed, action):  # type: ignore[no-untyped-def]
    """Any number from -1 to 1, each as likely: mask bool and action f32, both [capacity, branches]."""
    for i in range(start, stop):
        row = rows[i]
        for branch in range(action.shape[1]):
            unit = to_unit(bits(seed, _EXPLORE, step, ids[i], branch)[0])
            action[row, branch] = np.float32(2) * unit - np.float32(1) if mask[row, branch] else _ZERO


@njit(nogil=True, cache=True)
def draw_normally(start, stop, head, mask, ids, rows, step, seed, spread, drawn):  # type: ignore[no-untyped-def]
    """A draw from each branch's normal distribution; with a `spread` of 0, its mean.

    head f32 [capacity, 2 x branches] means, then logarithms of standard deviations, mask bool and drawn f32
    [capacity, branches], ids int64 [n] beside rows int32 [n]. Where that is not finite, 0 is drawn.
    """
    branches = drawn.shape[1]
    for i in range(start, stop):
        row = rows[i]
        for branch in range(branches):
            word = bits(seed, _EXPLORE, step, ids[i], branch)
            normal = to_normals(word[0], word[1])[0]
            value = head[row, branch] + spread * np.exp(head[row, branches + branch]) * normal
            drawn[row, branch] = value if mask[row, branch] and np.isfinite(value) else _ZERO


@njit(nogil=True, cache=True)
def log_density(start, stop, head, mask, drawn, rows, out):  # type: ignore[no-untyped-def]
    """Write the log of the density of what each row drew, all its branches together, to `out[row]`."""
    branches = drawn.shape[1]
    for i in range(start, stop):
        row = rows[i]
        total = _ZERO
        for branch in range(branches):
            if mask[row, branch]:
                log_deviation = head[row, branches + branch]
                off = (drawn[row, branch] - head[row, branch]) * np.exp(-log_deviation)
                total -= _HALF * off * off + log_deviation + _HALF_LOG_TAU
        out[row] = total


def draw_normally_plain(
    head: NDArray[np.float32], mask: NDArray[np.bool_], normals: NDArray[np.float32]
) -> NDArray[np.float64]:
    """What `draw_normally` does, for head [n, 2 x branches] and a standard normal a branch: the specification."""
    mean, log_deviation = np.split(head.astype(np.float64), 2, axis=1)
    value = mean + np.exp(log_deviation) * normals
    return np.where(mask & np.isfinite(value), value, 0.0)


def gaussian(head: Tensor, mask: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """The log density of what was drawn, and the entropy, both [m]: sums over the branches there are."""
    mean, log_deviation = head.chunk(2, -1)
    off = (drawn - mean) * (-log_deviation).exp()
    density = -(0.5 * off * off + log_deviation + HALF_LOG_TAU)
    entropy = log_deviation + (0.5 + HALF_LOG_TAU)
    return density.masked_fill(~mask, 0.0).sum(-1), entropy.masked_fill(~mask, 0.0).sum(-1)
