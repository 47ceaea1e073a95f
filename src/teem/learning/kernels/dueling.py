"""A dueling Q-network, acted and updated: one agent after the other, each update in one go.

Dueling: Wang et al. 2016, https://arxiv.org/abs/1511.06581. Double: van Hasselt et al. 2016,
https://arxiv.org/abs/1509.06461. An agent's whole update happens while its weights are in the cache; nothing
is shared between agents, so neither threads nor the order of rows change a bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.learning.kernels.adam import adam
from teem.learning.kernels.dense import aligned, backward, forward
from teem.learning.kernels.tile import LANES, fetch, sum_of_squares
from teem.learning.ring import draw_row, room_to_draw, widen_row, write_priority

_WORDS = 32  # bfloat16 in a cache line
_MOST_LINES = 64  # of a column that are fetched before the draw; longer rings are drawn from too thinly


class Shape(NamedTuple):
    """The network: its dense layers, and where their inputs and the output lie in scratch."""

    layers: NDArray[np.int64]  # [layers, 4] inputs, outputs, place of the weight, place of the bias
    places: NDArray[np.int64]  # [layers + 2] running sum of widths


class Networks(NamedTuple):
    """The arrays of a Stack."""

    weights: NDArray[np.float32]  # [rows, size]
    target: NDArray[np.float32]  # [rows, size]
    moment1: NDArray[np.float32]  # [rows, size]
    moment2: NDArray[np.float32]  # [rows, size]
    updates: NDArray[np.int64]  # [rows]


class Rule(NamedTuple):
    """What an update is, besides the data."""

    batch: int
    n_step: int
    gamma: float
    double: bool
    lr: float
    tau: float
    grad_clip: float  # 0: none
    alpha: float  # of priorities
    beta: float


class _Scratch(NamedTuple):
    """What one thread needs to update one agent after the other."""

    h: NDArray[np.float32]  # every layer's input and the output, states above next states, see dense.forward
    d: NDArray[np.float32]  # the loss's slope at each of them, for the states alone
    gradient: NDArray[np.float32]  # [size], padded with zeros as the stack's rows are
    zeros: NDArray[np.float32]  # [widest]
    turned: NDArray[np.float32]  # [largest weight]
    best: NDArray[np.int64]  # [batch] action to bootstrap from; -1: none is legal
    error: NDArray[np.float32]  # [batch] TD error
    mass: NDArray[np.float64]  # [length], for prioritised draws


@njit(nogil=True, cache=True)
def _scratch(shape, size, batch, length):  # type: ignore[no-untyped-def]
    total = shape.places[-1]
    widest, largest = 0, 0
    for layer in range(shape.layers.shape[0]):
        widest = max(widest, shape.layers[layer, 0], shape.layers[layer, 1])
        largest = max(largest, shape.layers[layer, 0] * shape.layers[layer, 1])
    return _Scratch(
        aligned(2 * batch * total),
        aligned(batch * total),
        aligned(size),
        aligned(widest),
        aligned(largest),
        np.empty(batch, np.int64),
        np.empty(batch, np.float32),
        np.empty(length, np.float64),
    )


@njit(nogil=True, cache=True)
def update_agents(begin, stop, rows, ids, shape, networks, ring, rule, seed, step, loss, faults):  # type: ignore[no-untyped-def]
    """Update the networks of rows[begin:stop] from their own replay rows; see KernelQ.update.

    The next agent's batch is drawn before this agent's is used: its entries are on their way meanwhile.
    """
    scratch = _scratch(shape, networks.weights.shape[1], rule.batch, ring.priority.shape[1])
    drawn, ahead = room_to_draw(rule.batch), room_to_draw(rule.batch)
    found_ahead = _draw(begin, stop, rows, ids, ring, scratch, ahead, rule, seed, step)
    for i in range(begin, stop):
        row = rows[i]
        network = row if networks.weights.shape[0] > 1 else 0  # one row: shared by all
        drawn, ahead, found = ahead, drawn, found_ahead
        found_ahead = _draw(i + 1, stop, rows, ids, ring, scratch, ahead, rule, seed, step)
        mean_loss = np.float32(np.nan)
        if found and _finite(networks, network):
            _load_states(row, shape, ring, scratch, drawn)
            _value(network, networks, row, shape, ring, scratch, drawn, rule)
            mean_loss = _compare(row, shape, ring, scratch, drawn)
            _differentiate(networks.weights[network], shape, scratch, rule.batch)
        if not (np.isfinite(mean_loss) and _step(network, networks, scratch, rule)):
            faults[row] += 1
            continue
        loss[row] = mean_loss
        if ring.priority.shape[1] > 0:
            write_priority(row, drawn.before, scratch.error, np.float32(rule.alpha), ring)


@njit(nogil=True, cache=True)
def _draw(i, stop, rows, ids, ring, scratch, drawn, rule, seed, step):  # type: ignore[no-untyped-def]
    """Draw the batch of rows[i], if there is one, and send for what it will be read from."""
    if i >= stop:
        return False
    row = rows[i]
    gamma = np.float32(rule.gamma)
    found = draw_row(row, ids[i], seed, step, rule.n_step, gamma, rule.beta, ring, scratch.mass, drawn)
    if found:
        _fetch_entries(row, ring, drawn)
    if i + 1 < stop:
        _fetch_row(ring.end, rows[i + 1], 64)  # ends and rewards, which the next draw walks
        _fetch_row(ring.reward, rows[i + 1], LANES)
    return found


@njit(nogil=True, cache=True)
def _fetch_entries(row, ring, drawn):  # type: ignore[no-untyped-def]
    """Send for the drawn entries."""
    _, length, inputs = ring.observation.shape
    for k in range(drawn.before.shape[0]):
        before, after = row * length + drawn.before[k], row * length + drawn.after[k]
        fetch(ring.mask, after)
        fetch(ring.action, before)
        for j in range(0, inputs, _WORDS):
            fetch(ring.observation, before * inputs + j)
            fetch(ring.observation, after * inputs + j)


@njit(nogil=True, cache=True)
def _fetch_row(column, row, line):  # type: ignore[no-untyped-def]
    """Send for a row of a ring's column, `line` numbers a cache line."""
    length = column.shape[1]
    for j in range(0, min(length, _MOST_LINES * line), line):
        fetch(column, row * length + j)


@njit(nogil=True, cache=True)
def _finite(networks, network):  # type: ignore[no-untyped-def]
    """Whether network and target are sound; reading them in a row also brings them into the cache."""
    return np.isfinite(sum_of_squares(networks.weights[network])) and np.isfinite(
        sum_of_squares(networks.target[network])
    )


@njit(nogil=True, cache=True)
def _load_states(row, shape, ring, scratch, drawn):  # type: ignore[no-untyped-def]
    """Widen the states into the upper rows of the first layer's input, the next states into the lower."""
    inputs = shape.layers[0, 0]
    words = scratch.h.view(np.uint32)
    batch = drawn.before.shape[0]
    for i in range(batch):
        widen_row(ring.observation[row, drawn.before[i]], words[i * inputs : (i + 1) * inputs])
        widen_row(ring.observation[row, drawn.after[i]], words[(batch + i) * inputs : (batch + i + 1) * inputs])


@njit(nogil=True, cache=True)
def _value(network, networks, row, shape, ring, scratch, drawn, rule):  # type: ignore[no-untyped-def]
    """Value the states by the network and the next states by the target, at the action either finds best."""
    batch = rule.batch
    layers, places = shape
    weights, target = networks.weights[network], networks.target[network]
    if rule.double:
        forward(weights, layers, places, scratch.h, 2 * batch, 0, 2 * batch)
        _find_best(row, shape, ring, scratch, drawn)
        forward(target, layers, places, scratch.h, 2 * batch, batch, batch)
    else:
        forward(weights, layers, places, scratch.h, 2 * batch, 0, batch)
        forward(target, layers, places, scratch.h, 2 * batch, batch, batch)
        _find_best(row, shape, ring, scratch, drawn)


@njit(nogil=True, cache=True)
def _find_best(row, shape, ring, scratch, drawn):  # type: ignore[no-untyped-def]
    """The legal action of the largest advantage in each next state."""
    width = shape.layers[-1, 1]
    batch = drawn.after.shape[0]
    for i in range(batch):
        legal = ring.mask[row, drawn.after[i]]
        at = shape.places[-2] * 2 * batch + (batch + i) * width + 1
        best = -1
        for a in range(width - 1):
            if (legal >> np.uint64(a)) & np.uint64(1) and (best < 0 or scratch.h[at + a] > scratch.h[at + best]):
                best = a
        scratch.best[i] = best


@njit(nogil=True, cache=True)
def _dueling(h, at, width, action):  # type: ignore[no-untyped-def]
    """q of one action: the value, and its advantage over the mean."""
    mean = np.float32(0)
    for a in range(1, width):
        mean += h[at + a]
    return h[at] + h[at + 1 + action] - mean / np.float32(width - 1)


@njit(nogil=True, cache=True)
def _compare(row, shape, ring, scratch, drawn):  # type: ignore[no-untyped-def]
    """TD errors, the weighted mean of their Huber losses, and its slope at the network's output."""
    width = shape.layers[-1, 1]
    batch = drawn.before.shape[0]
    out = shape.places[-2] * 2 * batch
    slopes = shape.places[-2] * batch
    total = np.float32(0)
    for i in range(batch):
        wanted = drawn.reward[i]
        if scratch.best[i] >= 0:
            wanted += drawn.discount[i] * _dueling(scratch.h, out + (batch + i) * width, width, scratch.best[i])
        taken = np.int64(ring.action[row, drawn.before[i]])
        error = _dueling(scratch.h, out + i * width, width, taken) - wanted
        size = abs(error)
        huber = np.float32(0.5) * error * error if size < np.float32(1) else size - np.float32(0.5)
        slope = min(max(error, np.float32(-1)), np.float32(1)) * drawn.weight[i] / np.float32(batch)
        scratch.error[i] = error
        total += drawn.weight[i] * huber
        at = slopes + i * width
        scratch.d[at] = slope
        for a in range(1, width):
            scratch.d[at + a] = -slope / np.float32(width - 1)
        scratch.d[at + 1 + taken] += slope
    return total / np.float32(batch)


@njit(nogil=True, cache=True)
def _differentiate(weights, shape, scratch, batch):  # type: ignore[no-untyped-def]
    """The gradient of the loss in every weight."""
    layers, places = shape
    backward(
        weights, layers, places, scratch.h, 2 * batch, scratch.d, batch,
        scratch.zeros, scratch.turned, scratch.gradient,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _step(network, networks, scratch, rule):  # type: ignore[no-untyped-def]
    """Step by the clipped gradient; touches nothing and returns False unless it is finite."""
    square = sum_of_squares(scratch.gradient)
    if not np.isfinite(square):
        return False
    scale = np.float32(1)
    if rule.grad_clip > 0:  # as torch.nn.utils.clip_grad_norm_
        scale = np.float32(min(1.0, rule.grad_clip / (np.sqrt(square) + 1e-6)))
    networks.updates[network] += 1
    adam(
        networks.weights[network],
        networks.target[network],
        networks.moment1[network],
        networks.moment2[network],
        scratch.gradient,
        scale,
        rule.lr,
        np.float32(rule.tau),
        networks.updates[network],
    )
    return True


@njit(nogil=True, cache=True)
def act_agents(begin, stop, rows, shape, weights, observation, out):  # type: ignore[no-untyped-def]
    """out[row] = the action values of rows[begin:stop]; rows that share one network go 32 at a time."""
    block = 1 if weights.shape[0] > 1 else 32
    layers, places = shape
    inputs, width = layers[0, 0], layers[-1, 1]
    h = aligned(block * places[-1])
    for first in range(begin, stop, block):
        count = min(block, stop - first)
        for i in range(count):
            row = rows[first + i]
            for j in range(inputs):
                h[i * inputs + j] = observation[row, j]
        network = rows[first] if weights.shape[0] > 1 else 0
        forward(weights[network], layers, places, h, block, 0, count)
        for i in range(count):
            at = places[-2] * block + i * width
            mean = np.float32(0)
            for a in range(1, width):
                mean += h[at + a]
            rest = h[at] - mean / np.float32(width - 1)
            for a in range(width - 1):
                out[rows[first + i], a] = rest + h[at + 1 + a]
