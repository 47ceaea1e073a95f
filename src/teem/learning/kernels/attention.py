"""An attention Q-network over tokens, with an action a branch, acted and updated: one agent after the other.

Action branching: Tavakoli et al. 2018, https://arxiv.org/abs/1711.08946. As in dueling.py an agent's whole update
happens while its weights are in the cache, and neither threads nor the order of rows change a bit; nor does what
bodies the others have, since only tokens that its own batch has are worked on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.learning.kernels.attention_backward import backward
from teem.learning.kernels.attention_forward import forward, value_of
from teem.learning.kernels.attention_places import fill, lay_out, stride, tokens_of
from teem.learning.kernels.dense import aligned
from teem.learning.kernels.update import draw, finite, step_by
from teem.learning.ring import room_to_draw, widen_row, write_priority

_ZERO = np.float32(0)
_ONE = np.float32(1)
_HALF = np.float32(0.5)


@njit(nogil=True, cache=True)
def update_agents(  # type: ignore[no-untyped-def]
    begin, stop, rows, ids, shape, at, room, networks, ring, rule, seed, step, loss, faults
):
    """Update the networks of rows[begin:stop] from their own replay rows; see KernelAttention.update.

    `at` says where a batch lies in memory, `room` how much has to be turned at once.
    """
    h, d, turned, gradient = aligned(at.size), aligned(at.size), aligned(room), aligned(networks.weights.shape[1])
    used, token = np.zeros(shape.kinds.shape[0], np.int64), np.zeros(at.x - at.absent, np.int64)
    best, goal = np.zeros(at.value - at.advantage, np.int64), np.zeros(rule.batch, np.float32)
    error, mass = np.zeros(rule.batch, np.float32), np.empty(ring.priority.shape[1], np.float64)
    drawn, ahead = room_to_draw(rule.batch), room_to_draw(rule.batch)
    found_ahead = draw(begin, stop, rows, ids, ring, mass, ahead, rule, seed, step)
    for i in range(begin, stop):
        row = rows[i]
        network = row if networks.weights.shape[0] > 1 else 0  # one row: shared by all
        weights, target = networks.weights[network], networks.target[network]
        drawn, ahead, found = ahead, drawn, found_ahead
        found_ahead = draw(i + 1, stop, rows, ids, ring, mass, ahead, rule, seed, step)
        mean_loss = np.float32(np.nan)
        if found and finite(networks, network):
            _load(ring.observation[row], drawn.after, shape, at, h, used, token)
            for pick in range(2):  # the online network picks the bins, unless the target does, which values them
                forward(target if pick == 1 or not rule.double else weights, shape, at, h, used, rule.batch)
                if pick == 0:
                    _find_best(shape.bins, at, h, used[1] * rule.batch, best)
            _set_goals(shape.bins, at, h, used[1], best, drawn, goal)
            _load(ring.observation[row], drawn.before, shape, at, h, used, token)
            forward(weights, shape, at, h, used, rule.batch)
            mean_loss = _compare(ring.action[row], shape, at, h, d, used[1], token, drawn, goal, error)
            backward(weights, shape, at, h, d, used, turned, gradient, rule.batch)
        if not (np.isfinite(mean_loss) and step_by(gradient, network, networks, rule)):
            faults[row] += 1
            continue
        loss[row] = mean_loss
        if ring.priority.shape[1] > 0:
            write_priority(row, drawn.before, error, np.float32(rule.alpha), ring)


@njit(**INNER)
def _load(observation, places, shape, at, h, used, token):  # type: ignore[no-untyped-def]
    """Widen the states at these places of a row's ring, and lay out their tokens."""
    words = h.view(np.uint32)
    for s in range(places.shape[0]):
        first = at.seen + s * shape.size
        widen_row(observation[places[s]], words[first : first + shape.size])
    lay_out(shape, at, h, used, token, places.shape[0])


@njit(**INNER)
def _find_best(bins, at, h, columns, best):  # type: ignore[no-untyped-def]
    """The bin of the largest advantage for each branch of each next state."""
    across = stride(columns)
    for j in range(columns):
        best[j] = 0
        for b in range(1, bins):
            if h[at.advantage + b * across + j] > h[at.advantage + best[j] * across + j]:
                best[j] = b


@njit(**INNER)
def _set_goals(bins, at, h, branches, best, drawn, goal):  # type: ignore[no-untyped-def]
    """The reward, and the mean of what the target expects of the branches that are there."""
    batch = goal.shape[0]
    across = stride(branches * batch)
    for s in range(batch):
        total, there = _ZERO, _ZERO
        for column in range(s, branches * batch, batch):
            if h[at.absent + batch + column] == _ZERO:
                total += value_of(at, h, across, bins, column, s, best[column])
                there += _ONE
        goal[s] = drawn.reward[s]
        if there > _ZERO:
            goal[s] += drawn.discount[s] * (total / there)


@njit(nogil=True, cache=True)
def _compare(action, shape, at, h, d, branches, token, drawn, goal, error):  # type: ignore[no-untyped-def]
    """The weighted mean of the Huber losses, averaged over each state's branches, and its slope at the values."""
    batch, bins, most = goal.shape[0], shape.bins, shape.kinds[1, 0]
    across = stride(branches * batch)
    fill(d[at.advantage : at.advantage + bins * across], _ZERO)
    fill(d[at.value : at.value + batch], _ZERO)
    total = _ZERO
    for s in range(batch):
        there, losses, error[s] = _ZERO, _ZERO, _ZERO
        for column in range(s, branches * batch, batch):
            there += _ONE if h[at.absent + batch + column] == _ZERO else _ZERO
        for j in range(branches):
            column = j * batch + s
            if h[at.absent + batch + column] != _ZERO:
                continue
            taken = np.int64(action[drawn.before[s] * most + token[1 + j] - 1])
            miss = value_of(at, h, across, bins, column, s, taken) - goal[s]
            size = abs(miss)
            losses += _HALF * miss * miss if size < _ONE else size - _HALF
            slope = min(max(miss, -_ONE), _ONE) * drawn.weight[s] / (there * np.float32(batch))
            d[at.value + s] += slope
            for b in range(bins):
                d[at.advantage + b * across + column] = -slope / np.float32(bins)
            d[at.advantage + taken * across + column] += slope
            error[s] += size / there
        if there > _ZERO:
            total += drawn.weight[s] * (losses / there)
    return total / np.float32(batch)


@njit(nogil=True, cache=True)
def act_agents(begin, stop, rows, shape, at, block, weights, observation, out, shares):  # type: ignore[no-untyped-def]
    """out[row, branch, bin] = the values of rows[begin:stop], 0 for absent branches, `block` at a time.

    `shares[n, heads, queries, tokens]`, zeros, takes how much each asking token of rows[i] looks at each token,
    unless it is empty.
    """
    h, used = aligned(at.size), np.zeros(shape.kinds.shape[0], np.int64)
    token = np.zeros(at.x - at.absent, np.int64)
    for first in range(begin, stop, block):
        samples = min(block, stop - first)
        for s in range(samples):
            row, seen = rows[first + s], at.seen + s * shape.size
            for j in range(shape.size):
                h[seen + j] = observation[row, j]
        lay_out(shape, at, h, used, token, samples)
        forward(weights[rows[first] if weights.shape[0] > 1 else 0], shape, at, h, used, samples)
        for s in range(samples):
            _write_values(out[rows[first + s]], s, samples, shape.bins, at, h, used[1], token)
            if shares.shape[0] > 0:
                _write_shares(shares[first + s], s, samples, at, h, 1 + used[1], tokens_of(used), token)


@njit(**INNER)
def _write_values(out, s, samples, bins, at, h, branches, token):  # type: ignore[no-untyped-def]
    """out[branch, bin] = the values of the sample's branches, 0 for those it hasn't got."""
    across = stride(branches * samples)
    for branch in range(out.shape[0]):
        for b in range(bins):
            out[branch, b] = _ZERO
    for j in range(branches):
        if h[at.absent + (1 + j) * samples + s] == _ZERO:
            for b in range(bins):
                out[token[1 + j] - 1, b] = value_of(at, h, across, bins, j * samples + s, s, b)


@njit(**INNER)
def _write_shares(out, s, samples, at, h, queries, tokens, token):  # type: ignore[no-untyped-def]
    """out[head, query, token] = the sample's shares; an absent asking token's stay as they are."""
    heads = out.shape[0]
    for t in range(tokens):
        for head in range(heads):
            for q in range(queries):
                if h[at.absent + q * samples + s] == _ZERO:
                    place = at.share + ((t * heads + head) * queries + q) * samples + s
                    out[head, token[q], token[t]] = h[place]
