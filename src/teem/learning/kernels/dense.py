"""Matrix products over flat arrays, cut into register tiles."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.learning.kernels.tile import (
    LANES,
    TALL,
    WIDE,
    flat_narrow,
    flat_rest,
    flat_wide,
    sum_of_squares,
    tall_narrow,
    tall_rest,
    tall_wide,
)


@njit(nogil=True, cache=True)
def multiply(start, s0, s_row, a, a0, a_row, a_step, b, b0, b_row, out, o0, o_row, rows, columns, depth):  # type: ignore[no-untyped-def]
    """out[rows, columns] = start[rows, columns] + a[rows, depth] @ b[depth, columns].

    Arrays are flat float32; `x0` is the place of the first element, `x_row` the way from one row to the next
    and `a_step` from one element of a row of `a` to the next, so that `a` may be read transposed. The last tall
    tile may overlap the one before: it writes the same numbers again.
    """
    column = 0
    while column < columns:
        left = columns - column
        width = LANES * WIDE if left >= LANES * WIDE else min(LANES, left)
        s, b_, o = s0 + column, b0 + column, o0 + column
        if rows < TALL:
            width = LANES * 4 if left >= LANES * 4 else min(LANES, left)
            for row in range(rows):
                sr, ar, orow = s + row * s_row, a0 + row * a_row, o + row * o_row
                if width > LANES:
                    flat_wide(start, sr, s_row, a, ar, a_row, a_step, b, b_, b_row, out, orow, o_row, depth, 0)
                elif width == LANES:
                    flat_narrow(start, sr, s_row, a, ar, a_row, a_step, b, b_, b_row, out, orow, o_row, depth, 0)
                else:
                    flat_rest(start, sr, s_row, a, ar, a_row, a_step, b, b_, b_row, out, orow, o_row, depth, width)
        else:
            for tile in range((rows + TALL - 1) // TALL):
                row = min(tile * TALL, rows - TALL)
                sr, ar, orow = s + row * s_row, a0 + row * a_row, o + row * o_row
                if width == LANES * WIDE:
                    tall_wide(start, sr, s_row, a, ar, a_row, a_step, b, b_, b_row, out, orow, o_row, depth, 0)
                elif width == LANES:
                    tall_narrow(start, sr, s_row, a, ar, a_row, a_step, b, b_, b_row, out, orow, o_row, depth, 0)
                else:
                    tall_rest(start, sr, s_row, a, ar, a_row, a_step, b, b_, b_row, out, orow, o_row, depth, width)
        column += width


@njit(nogil=True, cache=True)
def forward(weights, layers, places, h, height, first, rows):  # type: ignore[no-untyped-def]
    """Run `rows` rows from row `first` on through dense layers with ReLU between them.

    `layers[layer]` is (inputs, outputs, place of the weight, place of the bias) in the flat `weights`. `h` holds
    each layer's input, then the output, `height` rows each: that of layer `k` begins at `places[k] * height`.
    """
    last = layers.shape[0] - 1
    for layer in range(last + 1):
        inputs, outputs, w0, b0 = layers[layer]
        x0 = places[layer] * height + first * inputs
        y0 = places[layer + 1] * height + first * outputs
        multiply(weights, b0, 0, h, x0, inputs, 1, weights, w0, outputs, h, y0, outputs, rows, outputs, inputs)
        if layer < last:
            _rectify(h[y0 : y0 + rows * outputs])


@njit(nogil=True, cache=True)
def backward(weights, layers, places, h, height, d, rows, zeros, turned, gradient):  # type: ignore[no-untyped-def]
    """Write the whole flat gradient from the loss's slope at the output, the last part of `d`.

    `d` is laid out as `h` is but `rows` rows high; `zeros` is as long as the widest layer and `turned` as the
    largest weight, which is read by columns here.
    """
    for layer in range(layers.shape[0] - 1, -1, -1):
        inputs, outputs, w0, b0 = layers[layer]
        x0, below, here = places[layer] * height, places[layer] * rows, places[layer + 1] * rows
        _sum_rows(d[here : here + rows * outputs], gradient[b0 : b0 + outputs])
        multiply(zeros, 0, 0, h, x0, 1, inputs, d, here, outputs, gradient, w0, outputs, inputs, outputs, rows)
        if layer > 0:
            _turn(weights[w0 : w0 + inputs * outputs], inputs, outputs, turned)
            multiply(zeros, 0, 0, d, here, outputs, 1, turned, 0, inputs, d, below, inputs, rows, inputs, outputs)
            _stop_where_flat(d[below : below + rows * inputs], h[x0 : x0 + rows * inputs])


@njit(nogil=True, cache=True)
def _rectify(h):  # type: ignore[no-untyped-def]
    """ReLU; NaN stays NaN, for the gate to see."""
    for j in range(h.shape[0]):
        h[j] = np.float32(0) if h[j] < 0 else h[j]


@njit(nogil=True, cache=True)
def _stop_where_flat(d, h):  # type: ignore[no-untyped-def]
    """No slope passes where ReLU gave 0."""
    for j in range(h.shape[0]):
        d[j] = d[j] if h[j] > 0 else np.float32(0)


@njit(nogil=True, cache=True)
def _sum_rows(d, out):  # type: ignore[no-untyped-def]
    """out[columns] = the sum over the rows of d, flat."""
    columns = out.shape[0]
    out[:] = d[:columns]
    for first in range(columns, d.shape[0], columns):
        row = d[first : first + columns]
        for j in range(columns):
            out[j] += row[j]


@njit(nogil=True, cache=True)
def _turn(weight, inputs, outputs, out):  # type: ignore[no-untyped-def]
    """out[outputs, inputs] = the weight [inputs, outputs], turned; both flat."""
    for j in range(outputs):
        for i in range(inputs):
            out[j * inputs + i] = weight[i * outputs + j]


@njit(nogil=True, cache=True)
def squares(values):  # type: ignore[no-untyped-def]
    """The sum of squares of whole vectors, in a fixed order; finite only if every value is."""
    return sum_of_squares(values, 0, values.shape[0] // LANES)


@njit(nogil=True, cache=True)
def aligned(count):  # type: ignore[no-untyped-def]
    """Zeros [count or a little more], whole cache lines that begin at one."""
    lines = (count + LANES - 1) // LANES * LANES
    memory = np.zeros(lines + LANES, np.float32)
    skip = (-(memory.ctypes.data // 4)) % LANES
    return memory[skip : skip + lines]
