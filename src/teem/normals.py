"""Standard normals by the hundred, in loops that the compiler turns into vectors."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from teem.float_bits import bits_of, float_of
from teem.rng import bits

_ONE = np.float32(1)
_HALF = np.float32(0.5)
_QUARTER = np.float32(0.25)
_TWO = np.float32(2)
_UNIT = np.float32(1.0 / (1 << 24))
_EIGHT = np.uint32(8)
_LN2 = np.float32(math.log(2.0))
_ROOT_HALF = np.int32(0x3F3504F3)  # the bits of sqrt(1/2): mantissas are taken from there to sqrt(2)
_EXPONENT = np.int32(23)
_L3, _L5, _L7 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)
_S1, _S3, _S5, _S7, _S9 = (
    np.float32((-1) ** (k // 2) * (2 * math.pi) ** k / math.factorial(k)) for k in (1, 3, 5, 7, 9)
)


@njit(nogil=True, cache=True)
def draw_normals(seed, stream, step, agent, out):  # type: ignore[no-untyped-def]
    """Fill the flat float32 `out` with independent standard normals (Box and Muller 1958), to about 1e-5.

    A block of bits makes four of them, which lie a quarter of the (rounded up) length apart; none is beyond 5.8.
    """
    blocks = (out.shape[0] + 3) // 4
    words, normals = np.empty((4, blocks), np.uint32), np.empty(4 * blocks, np.float32)
    for block in range(blocks):
        words[0, block], words[1, block], words[2, block], words[3, block] = bits(seed, stream, step, agent, block)
    _bend(words[0], words[1], normals[:blocks], normals[blocks : 2 * blocks])
    _bend(words[2], words[3], normals[2 * blocks : 3 * blocks], normals[3 * blocks :])
    out[:] = normals[: out.shape[0]]


@njit(nogil=True, cache=True, error_model="numpy")  # a check for division by 0 would forbid vectors
def _bend(far, turned, across, along):  # type: ignore[no-untyped-def]
    """across, along = r cos(2 pi v), r sin(2 pi v) with r = sqrt(-2 ln u), of uniform u in (0, 1] and v."""
    for i in range(across.shape[0]):
        u = (np.float32(np.int32(far[i] >> _EIGHT)) + _ONE) * _UNIT
        r = np.sqrt(-_TWO * _ln(u))
        v = np.float32(np.int32(turned[i] >> _EIGHT)) * _UNIT - _HALF
        folded = _QUARTER - abs(abs(v) - _QUARTER)
        across[i] = r * _sine(_QUARTER - abs(v))
        along[i] = r * _sine(math.copysign(folded, v))


@njit(nogil=True, cache=True, inline="always")
def _ln(u):  # type: ignore[no-untyped-def]
    """The natural logarithm: the exponent's, and a series in (m - 1) / (m + 1) of the mantissa m."""
    raw = bits_of(u)
    exponent = (raw - _ROOT_HALF) >> _EXPONENT
    m = float_of(raw - (exponent << _EXPONENT))
    t = (m - _ONE) / (m + _ONE)
    t2 = t * t
    return _TWO * t * (_ONE + t2 * (_L3 + t2 * (_L5 + t2 * _L7))) + np.float32(exponent) * _LN2


@njit(nogil=True, cache=True, inline="always")
def _sine(turns):  # type: ignore[no-untyped-def]
    """The sine of an angle of at most a quarter turn either way."""
    t2 = turns * turns
    return turns * (_S1 + t2 * (_S3 + t2 * (_S5 + t2 * (_S7 + t2 * _S9))))
