"""The innermost loops of attention: sums of products lane by lane, a transposition, an exponential.

A lane is one sample of a batch. Queries, keys and values lie channel by channel, the samples of a token side by side,
so that what a sample's query says to its key is a product of two vectors of lanes. As in tile.py, each sum runs over
its depth in rising order and each fused multiply-add rounds once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from teem.float_bits import bits_of, float_of
from teem.inner import INNER
from teem.learning.kernels.tile import FLOAT, INDEX, INT32, LANES, VECTOR, Operand, first_lanes, fma, put_all

_ROWS = 8  # sums kept in registers at once
_ZERO = np.float32(0)


def _lane_products(rows: int, *, masked: bool) -> Callable[..., None]:
    """Build out[r] = start[r] + sum over k of a[k] * b[r, k] for `rows` rows from `row` on, each a vector of lanes.

    Of a only the step counts, of start and out only the row; `lane` is the vector's first, and with `masked` only
    its first `lanes` are read and written.
    """

    @intrinsic
    def products(typing, start, a, b, out, row, depth, lane, lanes):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
            start, a, b, out = (Operand(builder, each) for each in args[:4])
            first, depth, lane, lanes = args[4:]
            mask = first_lanes(builder, lanes) if masked else None
            nothing = INDEX(0)
            row = [builder.add(first, INDEX(r)) for r in range(rows)]
            sums = [cgutils.alloca_once(builder, VECTOR) for _ in range(rows)]
            for r in range(rows):
                builder.store(start.vector(builder.add(start.place(row[r], nothing), lane), mask), sums[r])
            with cgutils.for_range(builder, depth) as loop:
                k = loop.index
                left = a.vector(builder.add(a.place(nothing, k), lane), mask)
                for r in range(rows):
                    right = b.vector(builder.add(b.place(row[r], k), lane), mask)
                    builder.store(fma(builder, left, right, builder.load(sums[r], typ=VECTOR)), sums[r])
            vectors = [builder.load(each, typ=VECTOR) for each in sums]
            places = [builder.add(out.place(each, nothing), lane) for each in row]
            put_all(builder, out, vectors, places, lanes if masked else None)
            return context.get_dummy_value()

        n = types.int64
        return types.void(start, a, b, out, n, n, n, n), build

    built: Callable[..., None] = products
    return built


_many = _lane_products(_ROWS, masked=False)
_many_rest = _lane_products(_ROWS, masked=True)
_one = _lane_products(1, masked=False)
_one_rest = _lane_products(1, masked=True)


@njit(**INNER)
def multiply_lanes(start, a, b, out, rows, depth, lanes):  # type: ignore[no-untyped-def]
    """out[r, s] = start[r, s] + sum over k of a[k, s] * b[r, k, s] for each of `lanes` samples s.

    Each is a Matrix whose samples lie side by side: `row` leads to the next r, `step` to the next k. The last rows
    are worked on together with some of those before them, whose numbers are written again.
    """
    for lane in range(0, lanes, LANES):
        left = lanes - lane
        row = 0
        while row < rows:
            if rows >= _ROWS:
                first = min(row, rows - _ROWS)
                if left >= LANES:
                    _many(start, a, b, out, first, depth, lane, 0)
                else:
                    _many_rest(start, a, b, out, first, depth, lane, left)
                row += _ROWS
            else:
                if left >= LANES:
                    _one(start, a, b, out, row, depth, lane, 0)
                else:
                    _one_rest(start, a, b, out, row, depth, lane, left)
                row += 1


@intrinsic
def _turn_block(typing, a, out, row, column):  # type: ignore[no-untyped-def]
    """out[column + j, row + i] = a[row + i, column + j] for a block of 16 x 16, by four rounds of exchange."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        a, out = (Operand(builder, each) for each in args[:2])
        row, column = args[2:]
        block = [a.vector(a.place(builder.add(row, INDEX(i)), column)) for i in range(LANES)]
        span = 1
        while span < LANES:
            block = _exchange(builder, block, span)
            span *= 2
        for j, each in enumerate(block):
            out.put(each, out.place(builder.add(column, INDEX(j)), row))
        return context.get_dummy_value()

    return types.void(a, out, types.int64, types.int64), build


def _exchange(builder: Any, block: list[Any], span: int) -> list[Any]:
    """Swap the upper right with the lower left part of every square of 2 x `span` rows."""
    out = list(block)
    lanes = range(LANES)
    upper = [lane if not lane & span else LANES + lane - span for lane in lanes]
    lower = [lane + span if not lane & span else LANES + lane for lane in lanes]
    kind = ir.VectorType(INT32, LANES)
    for i in range(LANES):
        if not i & span:
            out[i] = builder.shuffle_vector(block[i], block[i + span], kind(upper))
            out[i + span] = builder.shuffle_vector(block[i], block[i + span], kind(lower))
    return out


@intrinsic
def _move(typing, a, out, row, column):  # type: ignore[no-untyped-def]
    """out[column, row] = a[row, column]."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        a, out = (Operand(builder, each) for each in args[:2])
        value = builder.load(a.at(a.place(args[2], args[3]), FLOAT), typ=FLOAT, align=4)
        builder.store(value, out.at(out.place(args[3], args[2]), FLOAT), align=4)
        return context.get_dummy_value()

    return types.void(a, out, types.int64, types.int64), build


turn_block: Callable[..., None] = _turn_block
move: Callable[..., None] = _move


@njit(nogil=True, cache=True)
def turn(a, out, rows, columns):  # type: ignore[no-untyped-def]
    """out[columns, rows] = a[rows, columns], turned; each a Matrix whose `step` is 1.

    The last block each way may overlap the one before, and writes the same numbers again.
    """
    if rows < LANES or columns < LANES:
        for row in range(rows):
            for column in range(columns):
                move(a, out, row, column)
        return
    for row in range(0, rows, LANES):
        for column in range(0, columns, LANES):
            turn_block(a, out, min(row, rows - LANES), min(column, columns - LANES))


_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # so few digits that a product with a small whole number is exact
_LN2_LOW = np.float32(-2.12194440e-4)
_ROUND = np.float32(12582912.0)  # 1.5 x 2^23: what is added to it is rounded to a whole number
_LEAST = np.float32(-87.0)
_BIAS = np.int32(127 - 0x4B400000)  # of an exponent, less the bits of _ROUND
_EXPONENT = np.int32(23)
_E2 = np.float32(1.0 / 2.0)
_E3 = np.float32(1.0 / 6.0)
_E4 = np.float32(1.0 / 24.0)
_E5 = np.float32(1.0 / 120.0)
_E6 = np.float32(1.0 / 720.0)
_ONE = np.float32(1)


@njit(nogil=True, cache=True)
def exp(x):  # type: ignore[no-untyped-def]
    """e^x of a float32 <= 0 to a few parts in 10^7, exactly 0 below -87; loops over it vectorise."""
    shifted = x * _LOG2E + _ROUND
    whole = shifted - _ROUND
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    series = _ONE + r * (_ONE + r * (_E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * _E6)))))
    power = float_of((bits_of(shifted) + _BIAS) << _EXPONENT)
    return _ZERO if x < _LEAST else series * power
