"""What is drawn for networks of quantiles: fractions tau, and the noise of noisy layers; keyed by the agent's id."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.normals import draw_normals
from teem.rng import Stream, bits, to_unit

_FRACTION = int(Stream.FRACTION)

Floats = NDArray[np.float32]


@njit(**INNER)
def draw_fractions(seed, step, agent, out):  # type: ignore[no-untyped-def]
    """Fill the flat `out` with fractions uniform in [0, 1), four a block of bits."""
    for first in range(0, out.shape[0], 4):
        words = bits(seed, _FRACTION, step, agent, first // 4)
        for part in range(min(4, out.shape[0] - first)):
            out[first + part] = to_unit(words[part])


@njit(**INNER)
def draw_noise(seed, stream, step, agent, out):  # type: ignore[no-untyped-def]
    """Fill the flat `out` with sgn(x) sqrt|x| of standard normals x: factorised noise (Fortunato 2018, section 3)."""
    draw_normals(seed, stream, step, agent, out)
    for i in range(out.shape[0]):
        out[i] = math.copysign(np.sqrt(abs(out[i])), out[i])


@njit(nogil=True, cache=True)
def _fill_fractions(seed, step, ids, out):  # type: ignore[no-untyped-def]
    for i in range(ids.shape[0]):
        draw_fractions(seed, step, ids[i], out[i])


@njit(nogil=True, cache=True)
def _fill_noise(seed, stream, step, ids, out):  # type: ignore[no-untyped-def]
    for i in range(ids.shape[0]):
        draw_noise(seed, stream, step, ids[i], out[i])


def fractions(seed: int, step: int, ids: NDArray[np.int64], count: int) -> Floats:
    """`[len(ids), count]` fractions, a row an agent."""
    out = np.empty((len(ids), count), np.float32)
    _fill_fractions(seed, step, ids, out)
    return out


def noise(seed: int, stream: Stream, step: int, ids: NDArray[np.int64], count: int) -> Floats:
    """`[len(ids), count]` draws of factorised noise, a row an agent."""
    out = np.empty((len(ids), count), np.float32)
    _fill_noise(seed, int(stream), step, ids, out)
    return out
