"""Where a batch of one agent's tokens lies in memory: which there are, and their features in rows.

All layers lie in one flat memory, feature by feature: [features, columns]. A column is one token of one sample, and
the samples of a token lie side by side: column = token x samples + sample. A row of ones under each layer's input
makes the bias, which follows its weight in memory, one more row of it. A token that no sample of the batch has gets
no columns; one that only some have is there for all, and is masked where it is absent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.learning.kernels.attention_lanes import multiply_lanes, turn
from teem.learning.kernels.tile import LANES, Matrix, address

Whole = NDArray[np.int64]

_ABSENT = np.float32(-1e30)  # added to an absent token's score: its share becomes exactly 0
_ZERO = np.float32(0)
_ONE = np.float32(1)
_SINGLE = np.int64(1)  # typed: a literal argument would compile the callee once more


class Shape(NamedTuple):
    """The network: its kinds of tokens, its widths, and where each weight begins in a flat row."""

    kinds: Whole  # [kinds, 6] most tokens, features, optional, first feature, first token, place of the weight
    size: int  # of an observation
    width: int  # of a token
    heads: int
    head: int  # width of a head
    bins: int
    query: int
    key_value: int
    gather: int
    context: Whole  # [layers, 3] inputs, outputs, place of the weight
    trunk: Whole  # [layers, 3] likewise; the first one's inputs are a token's and the context's
    advantage: int
    value: int


class Places(NamedTuple):
    """Where each part of a batch begins in a flat memory, with room for whatever tokens it may have.

    Memories of this layout hold the states, the next states, and the loss's slopes at the states.
    """

    zeros: int  # as many as there are columns, or as a layer is wide: what sums start from
    seen: int  # [samples, size] the observations
    turned: int  # [size, samples] them, turned
    present: int  # [tokens, samples] 1 or 0
    absent: int  # [tokens, samples] what is added to a score
    features: int  # kind by kind, [features + 1, tokens of the kind x samples]
    x: int  # [width + 1, tokens x samples] embedded
    query: int  # [heads x head, queries x samples]
    key_value: int  # [2 x heads x head, tokens x samples] keys above values
    share: int  # [tokens, heads, queries, samples] scores, then shares of attention
    largest: int  # [heads, queries, samples] score
    total: int  # [heads, queries, samples] sum of the exponentials, then one over it
    gathered: int  # [heads x head, queries x samples]
    y: int  # [width + 1, queries x samples] what a token has become
    context: int  # layer by layer, [outputs + 1, samples]
    above: int  # [outputs of the first trunk layer, samples] what the context adds to every branch's
    trunk: int  # layer by layer, [outputs + 1, branches x samples]
    advantage: int  # [bins, branches x samples]
    value: int  # [samples]
    size: int


def places_of(shape: Shape, samples: int) -> Places:
    """Where everything lies for a batch of `samples`."""
    tokens, branches = int(shape.kinds[:, 0].sum()), int(shape.kinds[1, 0])
    queries, asked = 1 + branches, shape.heads * shape.head
    columns, asking, acting = (_stride(many * samples) for many in (tokens, queries, branches))
    above = int(shape.trunk[0, 1])
    widest = max(shape.width, 2 * asked, shape.bins, int(shape.context[:, 1].max()), int(shape.trunk[:, 1].max()))
    sizes = {
        "zeros": max(columns, widest),
        "seen": samples * shape.size,
        "turned": samples * shape.size,
        "present": tokens * samples,
        "absent": tokens * samples,
        "features": sum((int(kind[1]) + 1) * _stride(int(kind[0]) * samples) for kind in shape.kinds),
        "x": (shape.width + 1) * columns,
        "query": asked * asking,
        "key_value": 2 * asked * columns,
        "share": tokens * shape.heads * queries * samples,
        "largest": shape.heads * queries * samples,
        "total": shape.heads * queries * samples,
        "gathered": asked * asking,
        "y": (shape.width + 1) * asking,
        "context": int((shape.context[:, 1] + 1).sum()) * _stride(samples),
        "above": above * _stride(samples),
        "trunk": int((shape.trunk[:, 1] + 1).sum()) * acting,
        "advantage": shape.bins * acting,
        "value": samples,
    }
    begins, end = {}, 0
    for name, size in sizes.items():
        begins[name] = end
        end += -(-size // LANES) * LANES
    return Places(**begins, size=end)


def _stride(columns: int) -> int:
    """As `stride`: it never falls as columns grow, so that room for the most tokens is room for fewer."""
    return (-(-columns // LANES) | 1) * LANES if columns > 1 else 1


@njit(nogil=True, cache=True)
def stride(columns):  # type: ignore[no-untyped-def]
    """Numbers from one row to the next: whole cache lines, an odd number of them, so that the rows of a column
    don't all fall into the same few places of the cache. A single column is a row of numbers, side by side.
    """
    return ((columns + LANES - 1) // LANES | 1) * LANES if columns > 1 else 1


@njit(nogil=True, cache=True)
def lay_out(shape, at, h, used, token, samples):  # type: ignore[no-untyped-def]
    """Find which tokens the samples `seen` have, and put their features in rows.

    used[kind] is how many of a kind any sample has, token[...] which ones these are.
    """
    turn(Matrix(address(h, at.seen), shape.size, 1), Matrix(address(h, at.turned), samples, 1), samples, shape.size)
    nothing, tokens, features_at = Matrix(address(h, at.zeros), 0, 1), 0, at.features
    for k in range(shape.kinds.shape[0]):
        count, features, optional, begin, first, _ = shape.kinds[k]
        used[k] = 0
        for i in range(count):
            here = at.turned + (begin + i * features) * samples
            there = (tokens + used[k]) * samples
            present, absent = at.present + there, at.absent + there
            if optional:
                found = _tell(h[here : here + samples], h[present : present + samples], h[absent : absent + samples])
            else:
                found = True
                fill(h[present : present + samples], _ONE)
                fill(h[absent : absent + samples], _ZERO)
            if found:
                token[tokens + used[k]] = first + i
                used[k] += 1
        across = stride(used[k] * samples)
        for u in range(used[k]):
            here = at.turned + (begin + (token[tokens + u] - first) * features) * samples
            present = Matrix(address(h, at.present + (tokens + u) * samples), 0, 0)
            seen = Matrix(address(h, here), samples, 0)
            out = Matrix(address(h, features_at + u * samples), across, 1)
            multiply_lanes(nothing, present, seen, out, features, _SINGLE, samples)
        ones = features_at + features * across
        fill(h[ones : ones + used[k] * samples], _ONE)
        tokens += used[k]
        features_at += (features + 1) * across


@njit(nogil=True, cache=True)
def _tell(seen, present, absent):  # type: ignore[no-untyped-def]
    """Write in which samples a token is present and what its absence adds to a score; whether it is in any."""
    found = False
    for s in range(seen.shape[0]):
        present[s] = _ZERO if seen[s] == _ZERO else _ONE
        absent[s] = _ABSENT if seen[s] == _ZERO else _ZERO
        found |= seen[s] != _ZERO
    return found


@njit(nogil=True, cache=True)
def fill(h, value):  # type: ignore[no-untyped-def]
    """The value everywhere."""
    for j in range(h.shape[0]):
        h[j] = value


@njit(**INNER)
def tokens_of(used):  # type: ignore[no-untyped-def]
    """How many tokens the batch has."""
    tokens = 0
    for k in range(used.shape[0]):
        tokens += used[k]
    return tokens
