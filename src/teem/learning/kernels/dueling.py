"""A dueling Q-network of one action or of one a branch: one agent after the other, each update in one go.

Dueling: Wang et al. 2016, https://arxiv.org/abs/1511.06581. Double: van Hasselt et al. 2016,
https://arxiv.org/abs/1509.06461. Branches: Tavakoli et al. 2018, https://arxiv.org/abs/1711.08946. An agent's whole
update happens while its weights are in the cache; nothing is shared between agents, so neither threads nor the order
of rows change a bit. Inputs that are 0 in all states of a batch are passed over: they would add 0 times a weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.learning.kernels.dense import aligned, forward
from teem.learning.kernels.passing import backward_some, find_inputs, forward_some, widen_some
from teem.learning.kernels.update import draw, finite, step_by
from teem.learning.ring import room_to_draw, write_priority


class Shape(NamedTuple):
    """The network: its dense layers, and where their inputs and the output lie in scratch."""

    layers: NDArray[np.int64]  # [layers, 4] inputs, outputs, place of the weight, place of the bias
    places: NDArray[np.int64]  # [layers + 2] running sum of widths
    branches: int  # the output is the value, then each branch's advantages


class _Scratch(NamedTuple):
    """What one thread needs to update one agent after the other."""

    h: NDArray[np.float32]  # every layer's input and the output, states above next states, see dense.forward
    d: NDArray[np.float32]  # the loss's slope at each of them, for the states alone
    gradient: NDArray[np.float32]  # [size], padded with zeros as the stack's rows are
    zeros: NDArray[np.float32]  # [widest]
    turned: NDArray[np.float32]  # [largest weight]
    best: NDArray[np.int64]  # [batch, branches] action to bootstrap from; -1: none is legal, or there is no branch
    error: NDArray[np.float32]  # [batch] TD error's size
    mass: NDArray[np.float64]  # [length], for prioritised draws
    union: NDArray[np.uint16]  # [inputs] 0: the input is 0 in all states of the batch
    names: NDArray[np.int64]  # [inputs] the others, one after the other


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
        np.empty(batch * shape.branches, np.int64),
        np.empty(batch, np.float32),
        np.empty(length, np.float64),
        np.empty(shape.layers[0, 0], np.uint16),
        np.empty(shape.layers[0, 0], np.int64),
    )


@njit(nogil=True, cache=True)
def update_agents(begin, stop, rows, ids, shape, networks, ring, rule, seed, step, loss, faults):  # type: ignore[no-untyped-def]
    """Update the networks of rows[begin:stop] from their own replay rows; see KernelQ.update.

    The next agent's batch is drawn before this agent's is used: its entries are on their way meanwhile.
    """
    scratch = _scratch(shape, networks.weights.shape[1], rule.batch, ring.priority.shape[1])
    drawn, ahead = room_to_draw(rule.batch), room_to_draw(rule.batch)
    found_ahead = draw(begin, stop, rows, ids, ring, scratch.mass, ahead, rule, seed, step)
    for i in range(begin, stop):
        row = rows[i]
        network = row if networks.weights.shape[0] > 1 else 0  # one row: shared by all
        drawn, ahead, found = ahead, drawn, found_ahead
        found_ahead = draw(i + 1, stop, rows, ids, ring, scratch.mass, ahead, rule, seed, step)
        mean_loss = np.float32(np.nan)
        if found and finite(networks, network):
            kept = _load_states(row, ring, scratch, drawn)
            _value(network, networks, row, shape, ring, scratch, drawn, rule, kept)
            mean_loss = _compare(row, shape, ring, scratch, drawn)
            _differentiate(networks.weights[network], shape, scratch, rule.batch, kept)
        if not (np.isfinite(mean_loss) and step_by(scratch.gradient, network, networks, rule)):
            faults[row] += 1
            continue
        loss[row] = mean_loss
        if ring.priority.shape[1] > 0:
            write_priority(row, drawn.before, scratch.error, np.float32(rule.alpha), ring)


@njit(**INNER)
def _load_states(row, ring, scratch, drawn):  # type: ignore[no-untyped-def]
    """Widen the states into the upper rows of the first layer's input, the next states into the lower.

    Returns the inputs that are kept: rows are so wide.
    """
    words = scratch.h.view(np.uint32)
    batch = drawn.before.shape[0]
    seen = ring.observation[row]
    kept = find_inputs(seen, drawn, scratch.union, scratch.names)
    wide = kept.shape[0]
    for i in range(batch):
        widen_some(seen, drawn.before[i], kept, words, i * wide)
        widen_some(seen, drawn.after[i], kept, words, (batch + i) * wide)
    return kept


@njit(nogil=True, cache=True)
def _value(network, networks, row, shape, ring, scratch, drawn, rule, kept):  # type: ignore[no-untyped-def]
    """Value the states by the network and the next states by the target, at the action either finds best."""
    batch = rule.batch
    layers, places = shape.layers, shape.places
    weights, target = networks.weights[network], networks.target[network]
    if rule.double:
        forward_some(weights, layers, places, scratch.h, 2 * batch, 0, 2 * batch, kept)
        _find_best(row, shape, ring, scratch, drawn)
        forward_some(target, layers, places, scratch.h, 2 * batch, batch, batch, kept)
    else:
        forward_some(weights, layers, places, scratch.h, 2 * batch, 0, batch, kept)
        forward_some(target, layers, places, scratch.h, 2 * batch, batch, batch, kept)
        _find_best(row, shape, ring, scratch, drawn)


@njit(**INNER)
def _find_best(row, shape, ring, scratch, drawn):  # type: ignore[no-untyped-def]
    """The legal action of the largest advantage in each next state, for each branch that is there."""
    width, branches = shape.layers[-1, 1], shape.branches
    batch, actions = drawn.after.shape[0], (width - 1) // branches
    for i in range(batch):
        legal = ring.mask[row, drawn.after[i]]
        at = shape.places[-2] * 2 * batch + (batch + i) * width + 1
        for branch in range(branches):
            best = -1
            for a in range(actions):
                bit = np.uint64(a) if branches == 1 else np.uint64(branch)
                if (legal >> bit) & np.uint64(1) and (best < 0 or scratch.h[at + a] > scratch.h[at + best]):
                    best = a
            scratch.best[i * branches + branch] = best
            at += actions


@njit(nogil=True, cache=True, inline="always")
def _dueling(h, at, first, actions, action):  # type: ignore[no-untyped-def]
    """q of one action: the value at `at`, and its advantage over the mean of those from `first` on."""
    mean = np.float32(0)
    for a in range(first, first + actions):
        mean += h[a]
    return h[at] + h[first + action] - mean / np.float32(actions)


@njit(nogil=True, cache=True, inline="always")
def _expect(h, bests, branches, at, i, actions):  # type: ignore[no-untyped-def]
    """What is expected of the i-th next state, whose output is at `at`: the mean over its branches."""
    total, there = np.float32(0), np.float32(0)
    for branch in range(branches):
        best = bests[i * branches + branch]
        if best >= 0:
            total += _dueling(h, at, at + 1 + branch * actions, actions, best)
            there += np.float32(1)
    return total / there if there > 0 else total


@njit(nogil=True, cache=True)
def _compare(row, shape, ring, scratch, drawn):  # type: ignore[no-untyped-def]
    """TD errors, the weighted mean of their Huber losses, and its slope at the network's output.

    Of several branches, those count that are there, and each as much as its part in the mean over them.
    """
    width, branches = shape.layers[-1, 1], shape.branches
    batch, actions = drawn.before.shape[0], (width - 1) // branches
    out, slopes = shape.places[-2] * 2 * batch, shape.places[-2] * batch
    h, d, bests, errors = scratch.h, scratch.d, scratch.best, scratch.error
    masks, actions_done, before = ring.mask[row], ring.action[row], drawn.before
    total = np.float32(0)
    for i in range(batch):
        wanted = drawn.reward[i] + drawn.discount[i] * _expect(
            h, bests, branches, out + (batch + i) * width, i, actions
        )
        mask = masks[before[i]] if branches > 1 else np.uint64(1)
        there, losses, errors[i] = _count(mask, branches), np.float32(0), np.float32(0)
        d[slopes + i * width : slopes + (i + 1) * width] = np.float32(0)
        for branch in range(branches):
            if not (mask >> np.uint64(branch)) & np.uint64(1):
                continue
            at, first = out + i * width, 1 + branch * actions
            taken = np.int64(actions_done[before[i] * branches + branch])
            error = _dueling(h, at, at + first, actions, taken) - wanted
            size = abs(error)
            losses += np.float32(0.5) * error * error if size < np.float32(1) else size - np.float32(0.5)
            errors[i] += size / there
            slope = min(max(error, np.float32(-1)), np.float32(1)) * drawn.weight[i] / (there * np.float32(batch))
            at = slopes + i * width
            d[at] += slope
            for a in range(at + first, at + first + actions):
                d[a] = -slope / np.float32(actions)
            d[at + first + taken] += slope
        if there > 0:
            total += drawn.weight[i] * (losses / there)
    return total / np.float32(batch)


@njit(nogil=True, cache=True, inline="always")
def _count(mask, branches):  # type: ignore[no-untyped-def]
    """How many branches the mask names."""
    there = np.float32(0)
    for branch in range(branches):
        there += np.float32((mask >> np.uint64(branch)) & np.uint64(1))
    return there


@njit(**INNER)
def _differentiate(weights, shape, scratch, batch, kept):  # type: ignore[no-untyped-def]
    """The gradient of the loss in every weight."""
    layers, places = shape.layers, shape.places
    backward_some(
        weights, layers, places, scratch.h, 2 * batch, scratch.d, batch,
        scratch.zeros, scratch.turned, scratch.gradient, kept,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def act_agents(begin, stop, rows, shape, weights, observation, out):  # type: ignore[no-untyped-def]
    """out[row] = the action values of rows[begin:stop]; rows that share one network go 32 at a time."""
    block = 1 if weights.shape[0] > 1 else 32
    layers, places = shape.layers, shape.places
    inputs, width = layers[0, 0], layers[-1, 1]
    actions = (width - 1) // shape.branches
    h = aligned(block * places[-1])
    for begun in range(begin, stop, block):
        count = min(block, stop - begun)
        for i in range(count):
            row = rows[begun + i]
            for j in range(inputs):
                h[i * inputs + j] = observation[row, j]
        network = rows[begun] if weights.shape[0] > 1 else 0
        forward(weights[network], layers, places, h, block, 0, count)
        for i in range(count):
            at = places[-2] * block + i * width
            for branch in range(shape.branches):
                first, mean = branch * actions, np.float32(0)
                for a in range(first, first + actions):
                    mean += h[at + 1 + a]
                rest = h[at] - mean / np.float32(actions)
                for a in range(first, first + actions):
                    out[rows[begun + i], a] = rest + h[at + 1 + a]
