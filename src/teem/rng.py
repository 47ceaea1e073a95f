"""Counter-based random draws, keyed by (seed, stream, step, agent id, block).

No generator holds state, so a draw is the same whatever the slot, the thread or the order of calls, and a
resumed run needs nothing but its step. The bits are Philox-4x32-10 (Salmon et al., "Parallel random numbers:
as easy as 1, 2, 3", SC 2011, https://doi.org/10.1145/2063384.2063405).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Stream(IntEnum):
    """One number a purpose, so that no two purposes share a draw."""

    LAYOUT = 1
    FOUNDERS = 2
    GENOME = 3
    BREEDING = 4
    EXPLORE = 7
    REPLAY = 8
    WEIGHTS = 9
    MUTATION = 10
    POLICY = 11
    EVALUATION = 12
    TERRAIN = 13
    RESEED = 14
    LIFESPAN = 15
    ORDER = 20
    RESPAWN = 21
    GROWTH = 22
    FRACTION = 23  # tau, the fractions at which an implicit quantile network is asked for its quantiles
    NOISE = 24  # of noisy layers, in an update
    NOISY_ACT = 25  # of noisy layers, in a decision
    MIGRATION = 26  # to which island migrants go
    COHORT = 27  # to which cohort founders, and others without parents, belong


_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint32(0x9E3779B9)
_W1 = np.uint32(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_TO_UNIT = np.float32(1.0 / (1 << 24))


@njit(nogil=True, cache=True, inline="always")
def _philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Ten rounds of Philox-4x32 over the counter (c0..c3) with the key (k0, k1); all uint32."""
    for _ in range(10):
        p0 = _M0 * np.uint64(c0)
        p1 = _M1 * np.uint64(c2)
        c0, c1, c2, c3 = (
            np.uint32(np.uint32(p1 >> _SHIFT) ^ c1 ^ k0),
            np.uint32(p1 & _LOW),
            np.uint32(np.uint32(p0 >> _SHIFT) ^ c3 ^ k1),
            np.uint32(p0 & _LOW),
        )
        k0 = np.uint32(k0 + _W0)
        k1 = np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@njit(nogil=True, cache=True, inline="always")
def bits(seed, stream, step, agent, block):  # type: ignore[no-untyped-def]
    """Four uint32 words for one key; `step` and `agent` count up to 2**44, `block` to 2**32, `stream` to 2**8."""
    s = np.uint64(step)
    a = np.uint64(agent)
    k = np.uint64(seed)
    high = (np.uint64(stream) << np.uint64(24)) | ((s >> _SHIFT) << np.uint64(12)) | (a >> _SHIFT)
    return _philox(
        np.uint32(a & _LOW),
        np.uint32(block),
        np.uint32(s & _LOW),
        np.uint32(high),
        np.uint32(k & _LOW),
        np.uint32(k >> _SHIFT),
    )


@njit(nogil=True, cache=True, inline="always")
def to_unit(word):  # type: ignore[no-untyped-def]
    """A float32 in [0, 1) from one word (24 bits of it)."""
    return np.float32(word >> np.uint32(8)) * _TO_UNIT


@njit(nogil=True, cache=True, inline="always")
def uniform(seed, stream, step, agent):  # type: ignore[no-untyped-def]
    """One float32 in [0, 1)."""
    return to_unit(bits(seed, stream, step, agent, 0)[0])


@njit(nogil=True, cache=True, inline="always")
def to_normals(word_a, word_b):  # type: ignore[no-untyped-def]
    """Two independent standard normals, float32, from two words (Box and Muller 1958)."""
    u = (np.float64(word_a) + 1.0) * (1.0 / 4294967296.0)
    angle = 2.0 * np.pi * (np.float64(word_b) * (1.0 / 4294967296.0))
    radius = np.sqrt(-2.0 * np.log(u))
    return np.float32(radius * np.cos(angle)), np.float32(radius * np.sin(angle))


@njit(nogil=True, cache=True)
def _fill_uniforms(seed, stream, step, agents, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = to_unit(bits(seed, stream, step, agents[i], j)[0])


@njit(nogil=True, cache=True)
def _fill_normals(seed, stream, step, agents, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            word = bits(seed, stream, step, agents[i], j)
            out[i, j] = to_normals(word[0], word[1])[0]


def uniforms(seed: int, stream: Stream, step: int, agents: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """`[len(agents), count]` floats in [0, 1), one row an agent."""
    out = np.empty((len(agents), count), np.float32)
    _fill_uniforms(seed, int(stream), step, agents, out)
    return out


def normals(seed: int, stream: Stream, step: int, agents: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """`[len(agents), count]` standard normals, one row an agent."""
    out = np.empty((len(agents), count), np.float32)
    _fill_normals(seed, int(stream), step, agents, out)
    return out
