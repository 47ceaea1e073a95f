"""From a batch of one agent's observations to its branches' values: the attention network, forwards.

How everything lies in memory is told in attention_places.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.learning.kernels.attention_lanes import exp, multiply_lanes
from teem.learning.kernels.attention_places import fill, stride, tokens_of
from teem.learning.kernels.dense import multiply, rectify
from teem.learning.kernels.tile import Matrix, address

_ZERO = np.float32(0)
_ONE = np.float32(1)
_SINGLE = np.int64(1)  # typed: a literal argument would compile the callee once more


@njit(nogil=True, cache=True)
def forward(weights, shape, at, h, used, samples):  # type: ignore[no-untyped-def]
    """Run the samples, laid out, through the network of the flat `weights`."""
    embed(weights, shape, at, h, used, samples)
    attend(weights, shape, at, h, used, samples)
    answer(weights, shape, at, h, used, samples)


@njit(nogil=True, cache=True)
def embed(weights, shape, at, h, used, samples):  # type: ignore[no-untyped-def]
    """x = relu(features @ weight + bias), kind by kind."""
    columns = tokens_of(used) * samples
    across = stride(columns)
    x, features_at = at.x, at.features
    for k in range(shape.kinds.shape[0]):
        features, wide = shape.kinds[k, 1], used[k] * samples
        given, out = Matrix(address(h, features_at), stride(wide), 1), Matrix(address(h, x), across, 1)
        weigh(weights, shape.kinds[k, 5], features + 1, shape.width, given, out, wide, at, h)
        x += wide
        features_at += (features + 1) * stride(wide)
    _close(h, at.x, shape.width, across, columns)


@njit(nogil=True, cache=True, inline="always")
def weigh(weights, place, inputs, outputs, given, out, columns, at, h):  # type: ignore[no-untyped-def]
    """out[outputs, columns] = the weight at `place`, turned, times given[inputs, columns]."""
    nothing = Matrix(address(h, at.zeros), 0, 1)
    if columns == 1 and out.row == 1:  # a row times the weight as it is, the same sums
        left, right = Matrix(given.begin, 0, given.row), Matrix(address(weights, place), outputs, 1)
        multiply(nothing, left, right, out, columns, outputs, inputs)
    else:
        multiply(nothing, Matrix(address(weights, place), 1, outputs), given, out, outputs, columns, inputs)


@njit(**INNER)
def attend(weights, shape, at, h, used, samples):  # type: ignore[no-untyped-def]
    """y = x + what each asking token gathers from all tokens that are present."""
    asked, tokens, queries = shape.heads * shape.head, tokens_of(used), 1 + used[1]
    columns, asking = tokens * samples, queries * samples
    across, apart = stride(columns), stride(asking)
    x, y = Matrix(address(h, at.x), across, 1), Matrix(address(h, at.y), apart, 1)
    query, key_value = Matrix(address(h, at.query), apart, 1), Matrix(address(h, at.key_value), across, 1)
    weigh(weights, shape.query, shape.width + 1, asked, x, query, asking, at, h)
    weigh(weights, shape.key_value, shape.width, 2 * asked, x, key_value, columns, at, h)
    _score(shape, at, h, tokens, queries, samples)
    _share(shape.head, at, h, tokens, shape.heads * asking)
    _collect(shape, at, h, tokens, queries, samples)
    gather, gathered = Matrix(address(weights, shape.gather), 1, shape.width), Matrix(address(h, at.gathered), apart, 1)
    multiply(x, gather, gathered, y, shape.width, asking, asked)
    ones = at.y + shape.width * apart
    fill(h[ones : ones + asking], _ONE)


@njit(**INNER)
def _score(shape, at, h, tokens, queries, samples):  # type: ignore[no-untyped-def]
    """How well each query matches each key."""
    across, apart, heads_apart = stride(tokens * samples), stride(queries * samples), queries * samples
    absent = Matrix(address(h, at.absent), samples, 1)
    for head in range(shape.heads):
        first = head * shape.head
        keys = Matrix(address(h, at.key_value + first * across), samples, across)
        for i in range(queries):
            query = Matrix(address(h, at.query + first * apart + i * samples), 0, apart)
            score = Matrix(address(h, at.share + head * heads_apart + i * samples), shape.heads * heads_apart, 1)
            multiply_lanes(absent, query, keys, score, tokens, shape.head, samples)


@njit(nogil=True, cache=True)
def _share(head, at, h, tokens, across):  # type: ignore[no-untyped-def]
    """Softmax of the scores over the tokens, for every query, head and sample at once."""
    scale = np.float32(1.0 / np.sqrt(head))
    largest, total = h[at.largest : at.largest + across], h[at.total : at.total + across]
    _take(h[at.share : at.share + across], largest)
    for t in range(1, tokens):
        _take_larger(h[at.share + t * across : at.share + (t + 1) * across], largest)
    fill(total, _ZERO)
    for t in range(tokens):
        _raise(h[at.share + t * across : at.share + (t + 1) * across], largest, scale, total)
    for j in range(across):
        total[j] = _ONE / total[j]
    for t in range(tokens):
        _scale(h[at.share + t * across : at.share + (t + 1) * across], total)


@njit(nogil=True, cache=True)
def _take(score, largest):  # type: ignore[no-untyped-def]
    for j in range(largest.shape[0]):
        largest[j] = score[j]


@njit(**INNER)
def _take_larger(score, largest):  # type: ignore[no-untyped-def]
    for j in range(largest.shape[0]):
        so_far = largest[j] + _ZERO  # see rectify
        largest[j] = so_far if so_far > score[j] else score[j]


@njit(**INNER)
def _raise(score, largest, scale, total):  # type: ignore[no-untyped-def]
    """score = e^((score - largest) * scale), and total grows by it."""
    for j in range(largest.shape[0]):
        raised = exp((score[j] - largest[j]) * scale)
        score[j] = raised
        total[j] += raised


@njit(nogil=True, cache=True)
def _scale(share, by):  # type: ignore[no-untyped-def]
    for j in range(by.shape[0]):
        share[j] *= by[j]


@njit(nogil=True, cache=True)
def _collect(shape, at, h, tokens, queries, samples):  # type: ignore[no-untyped-def]
    """Each query's values, by their shares."""
    across, apart, heads_apart = stride(tokens * samples), stride(queries * samples), queries * samples
    nothing = Matrix(address(h, at.zeros), 0, 1)
    for head in range(shape.heads):
        first = head * shape.head
        values = Matrix(address(h, at.key_value + (shape.heads * shape.head + first) * across), across, samples)
        for i in range(queries):
            share = Matrix(address(h, at.share + head * heads_apart + i * samples), 0, shape.heads * heads_apart)
            out = Matrix(address(h, at.gathered + first * apart + i * samples), apart, 1)
            multiply_lanes(nothing, share, values, out, shape.head, tokens, samples)


@njit(nogil=True, cache=True)
def answer(weights, shape, at, h, used, samples):  # type: ignore[no-untyped-def]
    """The context from the agent's own token, and from it and each branch's the advantages of its bins."""
    branches = used[1]
    narrow, acting = stride(samples), branches * samples
    apart, across = stride((1 + branches) * samples), stride(acting)
    given, place = Matrix(address(h, at.y), apart, 1), at.context
    for layer in range(shape.context.shape[0]):
        inputs, outputs, weight = shape.context[layer]
        out = Matrix(address(h, place), narrow, 1)
        weigh(weights, weight, inputs + 1, outputs, given, out, samples, at, h)
        _close(h, place, outputs, narrow, samples)
        given = out
        place += (outputs + 1) * narrow
    last = shape.context[-1, 1]
    value = Matrix(address(h, at.value), samples, 1)
    weigh(weights, shape.value, last + 1, _SINGLE, given, value, samples, at, h)
    inputs, outputs, weight = shape.trunk[0]
    above = Matrix(address(h, at.above), narrow, 1)
    weigh(weights, weight + shape.width * outputs, last + 1, outputs, given, above, samples, at, h)
    given, place = Matrix(address(h, at.trunk), across, 1), at.trunk
    for j in range(0, acting, samples):  # a branch's own part is added to what the context adds to all
        y, out = Matrix(address(h, at.y + samples + j), apart, 1), Matrix(address(h, at.trunk + j), across, 1)
        multiply(above, Matrix(address(weights, weight), 1, outputs), y, out, outputs, samples, shape.width)
    _close(h, place, outputs, across, acting)
    for layer in range(1, shape.trunk.shape[0]):
        place += (outputs + 1) * across
        inputs, outputs, weight = shape.trunk[layer]
        out = Matrix(address(h, place), across, 1)
        weigh(weights, weight, inputs + 1, outputs, given, out, acting, at, h)
        _close(h, place, outputs, across, acting)
        given = out
    advantage = Matrix(address(h, at.advantage), across, 1)
    weigh(weights, shape.advantage, outputs + 1, shape.bins, given, advantage, acting, at, h)


@njit(**INNER)
def _close(h, place, rows, across, columns):  # type: ignore[no-untyped-def]
    """ReLU on a layer's output, and the row of ones under it."""
    end = place + rows * across
    rectify(h[place:end])
    fill(h[end : end + columns], _ONE)


@njit(**INNER)
def value_of(at, h, across, bins, column, sample, chosen):  # type: ignore[no-untyped-def]
    """q of one bin of the branch and sample in a column: the value, and its advantage over the mean."""
    mean = _ZERO
    for b in range(bins):
        mean += h[at.advantage + b * across + column]
    return h[at.value + sample] + h[at.advantage + chosen * across + column] - mean / np.float32(bins)
