"""Matrix products over flat arrays, cut into register tiles."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.learning.kernels.tile import (
    GROUP,
    LANES,
    LOW,
    TALL,
    WIDE,
    Matrix,
    address,
    flat_half,
    flat_narrow,
    flat_rest,
    flat_wide,
    low_narrow,
    low_rest,
    low_wide,
    tall_narrow,
    tall_rest,
    tall_wide,
)

_ZERO = np.float32(0)
_DEEP = 256  # of the depth walked at once: a panel of b is 16 columns, and stays in the first cache


@njit(**INNER)
def multiply(start, a, b, out, rows, columns, depth):  # type: ignore[no-untyped-def]
    """out[rows, columns] = start[rows, columns] + a[rows, depth] @ b[depth, columns], each a Matrix.

    Where many rows use a panel of b again, the depth is cut: sums go on where they stopped, which changes no bit.
    """
    if rows < TALL:
        _multiply_flat(start, a, b, out, rows, columns, depth)
        return
    _multiply_tall(start, a, b, out, rows, columns, min(_DEEP, depth))
    whole = rows // TALL * TALL  # the last tile may overlap the one before, which would go on twice
    for first in range(_DEEP, depth, _DEEP):
        left, right = _moved(a, 0, first), _moved(b, first, 0)
        deep = min(_DEEP, depth - first)
        _multiply_tall(out, left, right, out, whole, columns, deep)
        below = _moved(out, whole, 0)
        _multiply_flat(below, _moved(left, whole, 0), right, below, rows - whole, columns, deep)


@njit(nogil=True, cache=True, inline="always")
def _moved(matrix, row, column):  # type: ignore[no-untyped-def]
    """The part of a matrix from [row, column] on."""
    return Matrix(matrix.begin + 4 * (row * matrix.row + column * matrix.step), matrix.row, matrix.step)


@njit(nogil=True, cache=True, inline="always")
def low_rows(rows):  # type: ignore[no-untyped-def]
    """How many of at least TALL rows go into low tiles, so that tall ones cover all others; 0 where none can."""
    for low in range(0, rows, LOW):
        if (rows - low) % TALL == 0:
            return low
    return 0


@njit(**INNER)
def _multiply_tall(start, a, b, out, rows, columns, depth):  # type: ignore[no-untyped-def]
    """TALL rows at a time, then LOW; the last tall tile may overlap the one before, and writes the same numbers."""
    tall = rows - low_rows(rows)
    column = 0
    while column < columns:
        left = columns - column
        width = WIDE * LANES if left >= WIDE * LANES else min(left, LANES)
        for tile in range((tall + TALL - 1) // TALL):
            row = min(tile * TALL, rows - TALL)
            if width == WIDE * LANES:
                tall_wide(start, a, b, out, row, column, depth, 0, 0)
            elif width == LANES:
                tall_narrow(start, a, b, out, row, column, depth, 0, 0)
            else:
                tall_rest(start, a, b, out, row, column, depth, width, 0)
        for row in range(tall, rows, LOW):
            if width == WIDE * LANES:
                low_wide(start, a, b, out, row, column, depth, 0, 0)
            elif width == LANES:
                low_narrow(start, a, b, out, row, column, depth, 0, 0)
            else:
                low_rest(start, a, b, out, row, column, depth, width, 0)
        column += width


@njit(**INNER)
def _multiply_flat(start, a, b, out, rows, columns, depth):  # type: ignore[no-untyped-def]
    """A row at a time, as many columns at once as there are."""
    for row in range(rows):
        column = 0
        while column < columns:
            left = columns - column
            if left >= 4 * LANES:
                flat_wide(start, a, b, out, row, column, depth, 0, 0)
                column += 4 * LANES
            elif left >= 2 * LANES:
                flat_half(start, a, b, out, row, column, depth, 0, 0)
                column += 2 * LANES
            elif left >= LANES:
                flat_narrow(start, a, b, out, row, column, depth, 0, 0)
                column += LANES
            else:
                flat_rest(start, a, b, out, row, column, depth, left, 0)
                column = columns


@njit(nogil=True, cache=True)
def forward(weights, layers, places, h, height, first, rows):  # type: ignore[no-untyped-def]
    """Run `rows` rows from row `first` on through dense layers with ReLU between them.

    `layers[layer]` is (inputs, outputs, place of the weight, place of the bias) in the flat `weights`. `h`
    holds each layer's input, then the output, `height` rows each: layer k's begins at places[k] * height.
    """
    last = layers.shape[0] - 1
    for layer in range(last + 1):
        inputs, outputs, w0, b0 = layers[layer]
        y0 = places[layer + 1] * height + first * outputs
        x = Matrix(address(h, places[layer] * height + first * inputs), inputs, 1)
        y = Matrix(address(h, y0), outputs, 1)
        bias, weight = Matrix(address(weights, b0), 0, 1), Matrix(address(weights, w0), outputs, 1)
        multiply(bias, x, weight, y, rows, outputs, inputs)
        if layer < last:
            rectify(h[y0 : y0 + rows * outputs])


@njit(nogil=True, cache=True)
def backward(weights, layers, places, h, height, d, rows, zeros, turned, gradient):  # type: ignore[no-untyped-def]
    """Write the whole flat gradient from the loss's slope at the output, the last part of `d`.

    `d` is laid out as `h` is but `rows` rows high; `zeros` is as long as the widest layer and `turned` as the
    largest weight, which is read by columns here.
    """
    for layer in range(layers.shape[0] - 1, -1, -1):
        weigh(layers, places, layer, h, height, d, rows, zeros, gradient)
        if layer > 0:
            lower(weights, layers, places, layer, d, rows, zeros, turned)
            x0, below, size = places[layer] * height, places[layer] * rows, rows * layers[layer, 0]
            stop_where_flat(d[below : below + size], h[x0 : x0 + size])


@njit(**INNER)
def weigh(layers, places, layer, h, height, d, rows, zeros, gradient):  # type: ignore[no-untyped-def]
    """Write the gradient of one layer's weight and bias, see backward."""
    inputs, outputs, w0, b0 = layers[layer]
    above = places[layer + 1] * rows
    sum_rows(d[above : above + rows * outputs], gradient[b0 : b0 + outputs])
    x_turned = Matrix(address(h, places[layer] * height), 1, inputs)
    slope, weight_slope = Matrix(address(d, above), outputs, 1), Matrix(address(gradient, w0), outputs, 1)
    multiply(Matrix(address(zeros, 0), 0, 1), x_turned, slope, weight_slope, inputs, outputs, rows)


@njit(nogil=True, cache=True)
def lower(weights, layers, places, layer, d, rows, zeros, turned):  # type: ignore[no-untyped-def]
    """Write the slope at one layer's input into `d`, see backward."""
    inputs, outputs, w0, _ = layers[layer]
    turn(weights[w0 : w0 + inputs * outputs], inputs, outputs, turned)
    slope = Matrix(address(d, places[layer + 1] * rows), outputs, 1)
    below, weight_turned = Matrix(address(d, places[layer] * rows), inputs, 1), Matrix(address(turned, 0), inputs, 1)
    multiply(Matrix(address(zeros, 0), 0, 1), slope, weight_turned, below, rows, inputs, outputs)


@njit(**INNER)
def rectify(h):  # type: ignore[no-untyped-def]
    """ReLU; NaN stays NaN, for the gate to see.

    What is added is nothing, but keeps LLVM from storing only where it changes something, under a mask, which some
    processors do slowly (see put_all).
    """
    for j in range(h.shape[0]):
        h[j] = _ZERO if h[j] < _ZERO else h[j] + _ZERO


@njit(**INNER)
def stop_where_flat(d, h):  # type: ignore[no-untyped-def]
    """No slope passes where ReLU gave 0."""
    for j in range(h.shape[0]):
        d[j] = d[j] if h[j] > 0 else np.float32(0)


@njit(**INNER)
def sum_rows(d, out):  # type: ignore[no-untyped-def]
    """out[columns] = the sum over the rows of d, flat."""
    columns = out.shape[0]
    for j in range(columns):
        out[j] = d[j]
    for first in range(columns, d.shape[0], columns):
        row = d[first : first + columns]
        for j in range(columns):
            out[j] += row[j]


@njit(nogil=True, cache=True)
def turn(weight, inputs, outputs, out):  # type: ignore[no-untyped-def]
    """out[outputs, inputs] = the weight [inputs, outputs], turned; both flat."""
    for j in range(outputs):
        for i in range(inputs):
            out[j * inputs + i] = weight[i * outputs + j]


@njit(**INNER)
def aligned(count):  # type: ignore[no-untyped-def]
    """Zeros [count or a little more], whole groups that begin at a cache line."""
    whole = (count + GROUP - 1) // GROUP * GROUP
    memory = np.zeros(whole + LANES, np.float32)
    skip = (-(memory.ctypes.data // 4)) % LANES
    return memory[skip : skip + whole]
