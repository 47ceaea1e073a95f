"""Networks whose inputs are partly 0 in all states of a batch: these inputs are passed over.

They would add 0 times a weight to every sum, so results have the bits of dense.py where weights are finite. Agents see
the world as maps of which most cells are empty, and few of their inputs are ever anything else.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.learning.kernels.dense import backward, forward, lower, multiply, rectify, stop_where_flat, sum_rows
from teem.learning.kernels.sparse import multiply_alike
from teem.learning.kernels.tile import Matrix, address

_MOST = 0.85  # of the inputs that may be left for passing over the others to pay


@njit(**INNER)
def find_inputs(seen, drawn, union, names):  # type: ignore[no-untyped-def]
    """Which inputs aren't 0 in all of the drawn states: their names, or all where too few are 0 for it to pay.

    seen [length, inputs] bits of bfloat16; union uint16 and names int64 [inputs] are scratch, the result part of it.
    """
    inputs, kept = seen.shape[1], 0
    union[:] = np.uint16(0)
    for i in range(drawn.before.shape[0]):
        before, after = np.uint64(drawn.before[i]), np.uint64(drawn.after[i])  # a slice each would be counted
        for j in range(inputs):
            union[j] |= seen[before, j] | seen[after, j]
    for j in range(inputs):
        names[kept] = j  # written anyway: no branch to guess
        kept += union[j] != np.uint16(0)
    if kept <= _MOST * inputs:
        return names[:kept]
    for j in range(inputs):
        names[j] = j
    return names


@njit(**INNER)
def widen_some(seen, place, kept, out, begin):  # type: ignore[no-untyped-def]
    """Widen the inputs of seen[place] that are kept into the bits of float32, uint32, from out[begin] on."""
    row, to = np.uint64(place), np.uint64(begin)
    if kept.shape[0] == seen.shape[1]:
        for j in range(seen.shape[1]):
            out[to + np.uint64(j)] = np.uint32(seen[row, j]) << np.uint32(16)
        return
    for k in range(kept.shape[0]):
        out[to + np.uint64(k)] = np.uint32(seen[row, np.uint64(kept[k])]) << np.uint32(16)


@njit(**INNER)
def forward_some(weights, layers, places, h, height, first, rows, kept):  # type: ignore[no-untyped-def]
    """As dense.forward, from inputs of which `h` holds those that are kept, one row after the other."""
    inputs, outputs, w0, b0 = layers[0]
    if kept.shape[0] == inputs:
        forward(weights, layers, places, h, height, first, rows)
        return
    wide, y0 = kept.shape[0], places[1] * height + first * outputs
    bias, weight = Matrix(address(weights, b0), 0, 1), Matrix(address(weights, w0), outputs, 1)
    x, y = Matrix(address(h, first * wide), wide, 1), Matrix(address(h, y0), outputs, 1)
    multiply_alike(bias, x, kept, weight, y, rows, outputs, wide)
    if layers.shape[0] > 1:
        rectify(h[y0 : y0 + rows * outputs])
        forward(weights, layers[1:], places[1:], h, height, first, rows)


@njit(**INNER)
def backward_some(weights, layers, places, h, height, d, rows, zeros, turned, gradient, kept):  # type: ignore[no-untyped-def]
    """As dense.backward, after forward_some; the weights of inputs that are passed over have the gradient 0."""
    inputs, outputs, _, b0 = layers[0]
    if kept.shape[0] == inputs:
        backward(weights, layers, places, h, height, d, rows, zeros, turned, gradient)
        return
    above, size, wide = places[1] * rows, rows * outputs, kept.shape[0]
    if layers.shape[0] > 1:
        backward(weights, layers[1:], places[1:], h, height, d, rows, zeros, turned, gradient)
        lower(weights, layers, places, 1, d, rows, zeros, turned)
        stop_where_flat(d[above : above + size], h[places[1] * height : places[1] * height + size])
    sum_rows(d[above : above + size], gradient[b0 : b0 + outputs])
    x_turned, slope = Matrix(address(h, 0), 1, wide), Matrix(address(d, above), outputs, 1)
    nothing, close = Matrix(address(zeros, 0), 0, 1), Matrix(address(turned, 0), outputs, 1)
    multiply(nothing, x_turned, slope, close, wide, outputs, rows)
    _spread(turned, kept, layers[0], gradient)


@njit(nogil=True, cache=True)
def _spread(given, kept, layer, gradient):  # type: ignore[no-untyped-def]
    """Write the gradient of a layer's weight, of which the rows that are kept are given."""
    inputs, outputs, w0, _ = layer
    gradient[w0 : w0 + inputs * outputs] = np.float32(0)
    for k in range(kept.shape[0]):
        begin = w0 + kept[k] * outputs
        out, row = gradient[begin : begin + outputs], given[k * outputs : (k + 1) * outputs]
        for j in range(outputs):
            out[j] = row[j]
