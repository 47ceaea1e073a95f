"""The attention network backwards: from the loss's slope at the values to the gradient in every weight.

The slopes lie in a memory `d` as what they are slopes of does in `h`, see attention_places.py. A weight's gradient
is the layer's input times the slope at its output, which has to be turned for it: [columns, outputs].
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.learning.kernels.attention_lanes import multiply_lanes, turn
from teem.learning.kernels.attention_places import Places, fill, stride, tokens_of
from teem.learning.kernels.dense import multiply, stop_where_flat
from teem.learning.kernels.tile import TALL, Matrix, address

_ZERO = np.float32(0)
_SINGLE = np.int64(1)  # typed: a literal argument would compile the callee once more
_FLOAT = 4  # bytes


def room_to_turn(at: Places) -> int:
    """How large the largest slope is that has to be turned."""
    sizes = (at.query - at.x, at.share - at.key_value, at.context - at.y, at.above - at.context)
    return max(*sizes, at.advantage - at.trunk, at.value - at.advantage)


@njit(nogil=True, cache=True)
def backward(weights, shape, at, h, d, used, turned, gradient, samples):  # type: ignore[no-untyped-def]
    """Write the whole gradient from the slopes at the advantages and at the value; `turned` is scratch."""
    _back_from_branches(weights, shape, at, h, d, used, turned, gradient, samples)
    _back_from_context(weights, shape, at, h, d, used, turned, gradient, samples)
    _back_from_attention(weights, shape, at, h, d, used, turned, gradient, samples)
    _back_to_features(shape, at, h, d, used, turned, gradient, samples)


@njit(nogil=True, cache=True)
def _grow(given, inputs, slope, outputs, columns, place, zeros, turned, gradient):  # type: ignore[no-untyped-def]
    """Write a weight's gradient to `place`: given[inputs, columns] times the slope[outputs, columns], turned."""
    nothing = Matrix(zeros, 0, 1)
    right = Matrix(address(turned, 0), outputs, 1)
    turn(slope, right, outputs, columns)
    whole = inputs - 1 if inputs % TALL == 1 else inputs  # a bias alone in a tile is cheaper by itself
    multiply(nothing, given, right, Matrix(address(gradient, place), outputs, 1), whole, outputs, columns)
    if whole < inputs:
        ones = Matrix(given.begin + _FLOAT * whole * given.row, given.row, 1)
        bias = Matrix(address(gradient, place + whole * outputs), outputs, 1)
        multiply(nothing, ones, right, bias, inputs - whole, outputs, columns)


@njit(nogil=True, cache=True, inline="always")
def _back(start, weights, place, slope, below, inputs, outputs, columns):  # type: ignore[no-untyped-def]
    """below[inputs, columns] = start + the weight at `place` times the slope[outputs, columns]."""
    multiply(start, Matrix(address(weights, place), outputs, 1), slope, below, inputs, columns, outputs)


@njit(**INNER)
def _back_from_branches(weights, shape, at, h, d, used, turned, gradient, samples):  # type: ignore[no-untyped-def]
    """From the advantages through the trunk: the slopes at the branches' tokens and, summed, at the context's."""
    acting, zeros = used[1] * samples, address(h, at.zeros)
    across, apart, nothing = stride(acting), stride(acting + samples), Matrix(zeros, 0, 1)
    place = at.trunk
    for layer in range(shape.trunk.shape[0] - 1):
        place += (shape.trunk[layer, 1] + 1) * across
    last, bins = shape.trunk[-1, 1], shape.bins
    given, above = Matrix(address(h, place), across, 1), Matrix(address(d, at.advantage), across, 1)
    _grow(given, last + 1, above, bins, acting, shape.advantage, zeros, turned, gradient)
    slope = Matrix(address(d, place), across, 1)
    _back(nothing, weights, shape.advantage, above, slope, last, bins, acting)
    for layer in range(shape.trunk.shape[0] - 1, 0, -1):
        inputs, outputs, weight = shape.trunk[layer]
        _stop(d, h, place, outputs * across)
        place -= (inputs + 1) * across
        given, below = Matrix(address(h, place), across, 1), Matrix(address(d, place), across, 1)
        _grow(given, inputs + 1, slope, outputs, acting, weight, zeros, turned, gradient)
        _back(nothing, weights, weight, slope, below, inputs, outputs, acting)
        slope = below
    outputs, weight = shape.trunk[0, 1], shape.trunk[0, 2]
    _stop(d, h, at.trunk, outputs * across)
    given, below = Matrix(address(h, at.y + samples), apart, 1), Matrix(address(d, at.y + samples), apart, 1)
    _grow(given, shape.width, slope, outputs, acting, weight, zeros, turned, gradient)
    _back(nothing, weights, weight, slope, below, shape.width, outputs, acting)
    above, ones = (
        Matrix(address(d, at.above), stride(samples), 1),
        Matrix(given.begin + _FLOAT * shape.width * apart, 0, 0),
    )
    branches = Matrix(address(d, at.trunk), across, samples)
    multiply_lanes(nothing, ones, branches, above, outputs, used[1], samples)


@njit(**INNER)
def _back_from_context(weights, shape, at, h, d, used, turned, gradient, samples):  # type: ignore[no-untyped-def]
    """From the value and from what the context added to the branches, back to the agent's own token."""
    narrow, apart, zeros = stride(samples), stride((1 + used[1]) * samples), address(h, at.zeros)
    place = at.context
    for layer in range(shape.context.shape[0] - 1):
        place += (shape.context[layer, 1] + 1) * narrow
    last, outputs = shape.context[-1, 1], shape.trunk[0, 1]
    weight = shape.trunk[0, 2] + shape.width * outputs
    given, slope = Matrix(address(h, place), narrow, 1), Matrix(address(d, place), narrow, 1)
    value, above = Matrix(address(d, at.value), samples, 1), Matrix(address(d, at.above), narrow, 1)
    _grow(given, last + 1, value, _SINGLE, samples, shape.value, zeros, turned, gradient)
    _grow(given, last + 1, above, outputs, samples, weight, zeros, turned, gradient)
    part = Matrix(address(turned, 0), narrow, 1)
    _back(Matrix(zeros, 0, 1), weights, shape.value, value, part, last, _SINGLE, samples)
    _back(part, weights, weight, above, slope, last, outputs, samples)
    for layer in range(shape.context.shape[0] - 1, -1, -1):
        inputs, outputs, weight = shape.context[layer]
        _stop(d, h, place, outputs * narrow)
        if layer > 0:
            place -= (inputs + 1) * narrow
            given, below = Matrix(address(h, place), narrow, 1), Matrix(address(d, place), narrow, 1)
        else:
            given, below = Matrix(address(h, at.y), apart, 1), Matrix(address(d, at.y), apart, 1)
        _grow(given, inputs + 1, slope, outputs, samples, weight, zeros, turned, gradient)
        _back(Matrix(zeros, 0, 1), weights, weight, slope, below, inputs, outputs, samples)
        slope = below


@njit(**INNER)
def _back_from_attention(weights, shape, at, h, d, used, turned, gradient, samples):  # type: ignore[no-untyped-def]
    """From what the asking tokens have become, back to what every token was embedded as."""
    asked, tokens, queries = shape.heads * shape.head, tokens_of(used), 1 + used[1]
    columns, asking, width = tokens * samples, queries * samples, shape.width
    across, apart, zeros = stride(columns), stride(asking), address(h, at.zeros)
    nothing, y, x = Matrix(zeros, 0, 1), Matrix(address(d, at.y), apart, 1), Matrix(address(h, at.x), across, 1)
    gathered = Matrix(address(h, at.gathered), apart, 1)
    _grow(gathered, asked, y, width, asking, shape.gather, zeros, turned, gradient)
    _back(nothing, weights, shape.gather, y, Matrix(address(d, at.gathered), apart, 1), asked, width, asking)
    _back_from_shares(shape, at, h, d, tokens, queries, samples)
    _unshare(shape.head, at, h, d, tokens, shape.heads * asking)
    _back_from_scores(shape, at, h, d, tokens, queries, samples)
    query, key_value = Matrix(address(d, at.query), apart, 1), Matrix(address(d, at.key_value), across, 1)
    _grow(x, width + 1, query, asked, asking, shape.query, zeros, turned, gradient)
    _grow(x, width, key_value, 2 * asked, columns, shape.key_value, zeros, turned, gradient)
    direct = Matrix(address(turned, 0), apart, 1)  # y is x and what was gathered, so its slope is x's too
    _back(y, weights, shape.query, query, direct, width, asked, asking)
    _back(direct, weights, shape.key_value, key_value, Matrix(address(d, at.x), across, 1), width, 2 * asked, asking)
    others, rest = Matrix(address(d, at.key_value + asking), across, 1), Matrix(address(d, at.x + asking), across, 1)
    _back(nothing, weights, shape.key_value, others, rest, width, 2 * asked, columns - asking)


@njit(**INNER)
def _back_from_shares(shape, at, h, d, tokens, queries, samples):  # type: ignore[no-untyped-def]
    """The slopes at the shares and at the values, from those at what was gathered."""
    across, apart, heads_apart = stride(tokens * samples), stride(queries * samples), queries * samples
    nothing, tokens_apart = Matrix(address(h, at.zeros), 0, 1), shape.heads * heads_apart
    for head in range(shape.heads):
        first = at.gathered + head * shape.head * apart
        row = at.key_value + (shape.heads + head) * shape.head * across
        values = Matrix(address(h, row), samples, across)
        for i in range(queries):
            gathered = Matrix(address(d, first + i * samples), 0, apart)
            share = Matrix(address(d, at.share + head * heads_apart + i * samples), tokens_apart, 1)
            multiply_lanes(nothing, gathered, values, share, tokens, shape.head, samples)
        gathered = Matrix(address(d, first), apart, samples)
        for t in range(tokens):
            share = Matrix(address(h, at.share + t * tokens_apart + head * heads_apart), 0, samples)
            value = Matrix(address(d, row + t * samples), across, 1)
            multiply_lanes(nothing, share, gathered, value, shape.head, queries, samples)


@njit(**INNER)
def _unshare(head, at, h, d, tokens, across):  # type: ignore[no-untyped-def]
    """Softmax backwards: from the shares' slopes to the scores'."""
    scale = np.float32(1.0 / np.sqrt(head))
    mean = d[at.total : at.total + across]
    fill(mean, _ZERO)
    for t in range(tokens):
        begin, end = at.share + t * across, at.share + (t + 1) * across
        _add_product(h[begin:end], d[begin:end], mean)
    for t in range(tokens):
        begin, end = at.share + t * across, at.share + (t + 1) * across
        _lower(h[begin:end], d[begin:end], mean, scale)


@njit(**INNER)
def _add_product(share, slope, mean):  # type: ignore[no-untyped-def]
    for j in range(mean.shape[0]):
        mean[j] += share[j] * slope[j]


@njit(**INNER)
def _lower(share, slope, mean, scale):  # type: ignore[no-untyped-def]
    for j in range(mean.shape[0]):
        slope[j] = share[j] * (slope[j] - mean[j]) * scale


@njit(**INNER)
def _back_from_scores(shape, at, h, d, tokens, queries, samples):  # type: ignore[no-untyped-def]
    """The slopes at the queries and at the keys, from those at the scores."""
    across, apart, heads_apart = stride(tokens * samples), stride(queries * samples), queries * samples
    nothing, tokens_apart = Matrix(address(h, at.zeros), 0, 1), shape.heads * heads_apart
    for head in range(shape.heads):
        first, row = at.query + head * shape.head * apart, at.key_value + head * shape.head * across
        keys = Matrix(address(h, row), across, samples)
        for i in range(queries):
            score = Matrix(address(d, at.share + head * heads_apart + i * samples), 0, tokens_apart)
            query = Matrix(address(d, first + i * samples), apart, 1)
            multiply_lanes(nothing, score, keys, query, shape.head, tokens, samples)
        asking = Matrix(address(h, first), apart, samples)
        for t in range(tokens):
            score = Matrix(address(d, at.share + t * tokens_apart + head * heads_apart), 0, samples)
            key = Matrix(address(d, row + t * samples), across, 1)
            multiply_lanes(nothing, score, asking, key, shape.head, queries, samples)


@njit(**INNER)
def _back_to_features(shape, at, h, d, used, turned, gradient, samples):  # type: ignore[no-untyped-def]
    """The gradient of the embeddings."""
    across, zeros = stride(tokens_of(used) * samples), address(h, at.zeros)
    _stop(d, h, at.x, shape.width * across)
    x, features_at = at.x, at.features
    for k in range(shape.kinds.shape[0]):
        features, wide = shape.kinds[k, 1], used[k] * samples
        given, slope = Matrix(address(h, features_at), stride(wide), 1), Matrix(address(d, x), across, 1)
        _grow(given, features + 1, slope, shape.width, wide, shape.kinds[k, 5], zeros, turned, gradient)
        x += wide
        features_at += (features + 1) * stride(wide)


@njit(nogil=True, cache=True)
def _stop(d, h, place, count):  # type: ignore[no-untyped-def]
    """No slope passes where ReLU gave 0."""
    stop_where_flat(d[place : place + count], h[place : place + count])
