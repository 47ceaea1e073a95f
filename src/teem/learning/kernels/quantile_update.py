"""An update of a network of quantiles in one go, agent after agent: `quantile_loss`, its gradient, and the step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.learning.kernels.dense import aligned, forward
from teem.learning.kernels.quantile_backward import (
    NOISES,
    Side,
    differentiate,
    features_of,
    noise_of,
    side_of,
    whole_lanes,
)
from teem.learning.kernels.quantiles import (
    Room,
    combine,
    dueling,
    embed,
    finish,
    go_in,
    middles,
    mix,
    see,
)
from teem.learning.kernels.sparse import Listed, list_rows, mostly_zeros, room_to_list
from teem.learning.kernels.update import draw, finite, step_by
from teem.learning.quantile_draws import draw_fractions, draw_noise
from teem.learning.ring import room_to_draw, widen_row, write_priority
from teem.rng import Stream

_NOISE = int(Stream.NOISE)


class Asked(NamedTuple):
    """Which quantiles an update compares."""

    online: int  # fractions of a state
    target: int  # fractions of a next state
    judging: int  # fractions by whose mean the next action is chosen
    kappa: float


class _Scratch(NamedTuple):
    """What one thread needs to update one agent after the other."""

    seen: NDArray[np.float32]  # psi's inputs and outputs, states above next states
    h: NDArray[np.float32]  # f's inputs and outputs, a row a fraction
    cosines: NDArray[np.float32]  # [fractions, cosines]
    embedded: NDArray[np.float32]  # [fractions, psi's width]
    out: NDArray[np.float32]  # [batch, head's width] what is expected of next states
    mixed: NDArray[np.float32]  # f's weights with noise
    d_seen: NDArray[np.float32]  # the loss's slope at psi's inputs and outputs
    d: NDArray[np.float32]  # and at f's
    d_mixed: NDArray[np.float32]  # and at f's weights with noise
    gradient: NDArray[np.float32]  # [size], padded with zeros as the stack's rows are
    side: Side
    zeros: NDArray[np.float32]  # [widest]
    turned: NDArray[np.float32]  # [largest weight]
    noise: NDArray[np.float32]  # [3 x noise]
    tau: NDArray[np.float32]  # fractions of the states, then of the next states
    middles: NDArray[np.float32]  # fractions that judge
    best: NDArray[np.int64]  # [batch, branches] action to bootstrap from; -1: none is legal, or there is no branch
    goal: NDArray[np.float32]  # [batch, quantiles of the target]
    error: NDArray[np.float32]  # [batch] size of the expected TD error
    mass: NDArray[np.float64]  # [length], for prioritised draws
    places: NDArray[np.int64]  # [2 x batch] of the states, then of the next states, in the ring
    listed: Listed  # psi's inputs, states above next states, where they are sparse
    turned_list: Listed  # the states' by input
    room: Room


@njit(nogil=True, cache=True)
def make_scratch(shape, asked, size, batch, length):  # type: ignore[no-untyped-def]
    """Scratch for networks of `size` weights that learn from `batch` transitions of rings this long."""
    widest, largest, weights, noise = 0, 0, 0, 0
    for layers in (shape.psi, shape.f):
        for layer in range(layers.shape[0]):
            widest = max(widest, layers[layer, 0], layers[layer, 1])
            largest = max(largest, layers[layer, 0] * layers[layer, 1])
    for layer in range(shape.sigma.shape[0]):
        weights += (shape.f[layer, 0] + 1) * shape.f[layer, 1]
        noise += shape.f[layer, 0] + shape.f[layer, 1]
    many = batch * max(asked.online, asked.target, asked.judging)
    return _Scratch(
        aligned(2 * batch * shape.psi_places[-1]),
        aligned(many * shape.f_places[-1]),
        aligned(many * shape.embed[0]),
        aligned(many * shape.psi[-1, 1]),
        aligned(batch * shape.f[-1, 1]),
        aligned(weights),
        aligned(batch * shape.psi_places[-1]),
        aligned(batch * asked.online * shape.f_places[-1]),
        aligned(weights),
        aligned(size),
        side_of(shape, asked.online),
        aligned(max(widest, whole_lanes(asked.online))),
        aligned(largest),
        np.empty(NOISES * noise, np.float32),
        np.empty(batch * (asked.online + asked.target), np.float32),
        middles(asked.judging),
        np.empty(batch * shape.branches, np.int64),
        np.empty(batch * asked.target * shape.quantiles, np.float32),
        np.empty(batch, np.float32),
        np.empty(length, np.float64),
        np.empty(2 * batch, np.int64),
        room_to_list(2 * batch, shape.psi[0, 0]),
        Listed(
            np.zeros(max(batch, shape.psi[0, 0]) + 1, np.int64),
            np.empty(batch * shape.psi[0, 0], np.int64),
            np.empty(batch * shape.psi[0, 0], np.float32),
        ),
        Room(
            aligned(max(asked.online, asked.target, asked.judging) * shape.psi[-1, 1]),
            np.empty(shape.psi[-1, 1], np.int64),
        ),
    )


@njit(nogil=True, cache=True)
def update_agents(begin, stop, scratch, rows, ids, shape, asked, networks, ring, rule, seed, step, loss, faults):  # type: ignore[no-untyped-def]
    """Update the networks of rows[begin:stop] from their own replay rows; see KernelQuantiles.update."""
    drawn = room_to_draw(rule.batch)
    for i in range(begin, stop):
        row = rows[i]
        mean_loss = np.float32(np.nan)
        if draw(i, stop, rows, ids, ring, scratch.mass, drawn, rule, seed, step) and finite(networks, row):
            weights, target = networks.weights[row], networks.target[row]
            sparse = _load(row, ids[i], shape, ring, scratch, drawn, seed, step)
            _judge(weights if rule.double else target, row, shape, asked, ring, scratch, drawn, rule.double, sparse)
            _aim(target, shape, asked, scratch, drawn, sparse)
            _value(weights, shape, asked, scratch, rule.batch, sparse)
            mean_loss = _compare(row, shape, asked, ring, scratch, drawn)
            differentiate(weights, shape, asked, scratch, rule.batch, sparse)
        if not (np.isfinite(mean_loss) and step_by(scratch.gradient, row, networks, rule)):
            faults[row] += 1
            continue
        loss[row] = mean_loss
        if ring.priority.shape[1] > 0:
            write_priority(row, drawn.before, scratch.error, np.float32(rule.alpha), ring)


@njit(**INNER)
def _load(row, agent, shape, ring, scratch, drawn, seed, step):  # type: ignore[no-untyped-def]
    """Draw tau and noise, and read the states and below them the next states: as psi's input, or as a list.

    Returns whether they are listed, because the first of them is mostly zeros.
    """
    batch, inputs, states = drawn.before.shape[0], shape.psi[0, 0], ring.observation[row]
    draw_noise(seed, _NOISE, step, agent, scratch.noise)
    if shape.embed[0] > 0:
        draw_fractions(seed, step, agent, scratch.tau)
    scratch.places[:batch], scratch.places[batch:] = drawn.before, drawn.after
    if mostly_zeros(states[scratch.places[0]]):
        list_rows(states, scratch.places, scratch.listed)
        return True
    words = scratch.seen.view(np.uint32)
    for i in range(2 * batch):
        widen_row(states[scratch.places[i]], words[i * inputs : (i + 1) * inputs])
    return False


@njit(nogil=True, cache=True)
def _ready(weights, shape, scratch, which):  # type: ignore[no-untyped-def]
    """f's weights, and its layers in them: with noise `which` where there is any."""
    if shape.sigma.shape[0] == 0:
        return weights, shape.f
    mix(weights, shape, noise_of(scratch, which), 0, scratch.mixed)
    return scratch.mixed, shape.mixed


@njit(nogil=True, cache=True)
def _run(weights, f_weights, layers, shape, scratch, batch, first, tau, count, shared, sparse):  # type: ignore[no-untyped-def]
    """Run the network on the states from row `first` on, each with `count` fractions, up to the head's inputs."""
    see(weights, shape, scratch.seen, 2 * batch, first, batch, sparse, scratch.listed)
    features = features_of(shape, scratch, batch, first)
    if shape.embed[0] > 0:
        embed(weights, shape, tau, scratch.cosines, scratch.embedded)
    go_in(f_weights, layers, shape, features, scratch.embedded, batch, count, shared, scratch.h, scratch.room)


@njit(nogil=True, cache=True)
def _head(f_weights, layers, shape, scratch, many):  # type: ignore[no-untyped-def]
    """Run the head on each fraction of each state."""
    last = layers.shape[0] - 1
    forward(f_weights, layers[last:], shape.f_places[last:], scratch.h, many, 0, many)


@njit(nogil=True, cache=True)
def _judge(weights, row, shape, asked, ring, scratch, drawn, double, sparse):  # type: ignore[no-untyped-def]
    """Find the legal action of the highest mean in each next state, for each branch that is there."""
    batch = drawn.after.shape[0]
    f_weights, layers = _ready(weights, shape, scratch, 2 if double else 1)
    tau, count = scratch.middles, asked.judging
    _run(weights, f_weights, layers, shape, scratch, batch, batch, tau, count, True, sparse)
    finish(f_weights, layers, shape, scratch.h, batch, count, scratch.out)
    width = shape.f[-1, 1] // shape.quantiles
    for i in range(batch):
        legal = ring.mask[row, drawn.after[i]]
        out = scratch.out[i * shape.f[-1, 1] : (i + 1) * shape.f[-1, 1]]
        for branch in range(shape.branches):
            best, most = -1, np.float32(0)
            for a in range(shape.actions):
                advantage = np.float32(0)  # summed over the quantiles; the value is the same for all
                for q in range(shape.quantiles):
                    advantage += out[q * width + 1 + branch * shape.actions + a]
                bit = np.uint64(a) if shape.branches == 1 else np.uint64(branch)
                if (legal >> bit) & np.uint64(1) and (best < 0 or advantage > most):
                    best, most = a, advantage
            scratch.best[i * shape.branches + branch] = best


@njit(**INNER)
def _aim(target, shape, asked, scratch, drawn, sparse):  # type: ignore[no-untyped-def]
    """Write what each next state's best action returns by the target network, and so the goals."""
    batch = drawn.after.shape[0]
    tau = scratch.tau[batch * asked.online :]
    f_weights, layers = _ready(target, shape, scratch, 1)
    _run(target, f_weights, layers, shape, scratch, batch, batch, tau, asked.target, False, sparse)
    many = batch * asked.target
    _head(f_weights, layers, shape, scratch, many)
    out, count = shape.f_places[-2] * many, asked.target * shape.quantiles
    width = shape.f[-1, 1] // shape.quantiles
    for i in range(batch):
        for k in range(count):
            at = out + (i * count + k) * width
            total, there = np.float32(0), np.float32(0)
            for branch in range(shape.branches):
                best = scratch.best[i * shape.branches + branch]
                if best >= 0:
                    total += dueling(scratch.h, at, at + 1 + branch * shape.actions, shape.actions, best)
                    there += np.float32(1)
            expected = total / there if there > 0 else total
            scratch.goal[i * count + k] = drawn.reward[i] + drawn.discount[i] * expected


@njit(nogil=True, cache=True)
def _value(weights, shape, asked, scratch, batch, sparse):  # type: ignore[no-untyped-def]
    """The quantiles of the states, everything on the way to them kept."""
    f_weights, layers = _ready(weights, shape, scratch, 0)
    tau, count, width = scratch.tau[: batch * asked.online], asked.online, shape.psi[-1, 1]
    _run(weights, f_weights, layers, shape, scratch, batch, 0, tau, count, False, sparse)
    if shape.embed[0] > 0 and layers.shape[0] == 1:  # the gradient needs the products
        combine(features_of(shape, scratch, batch, 0), scratch.embedded, batch, count, width, False, scratch.h)
    _head(f_weights, layers, shape, scratch, batch * count)


@njit(nogil=True, cache=True)
def _compare(row, shape, asked, ring, scratch, drawn):  # type: ignore[no-untyped-def]
    """The weighted mean of the batch's quantile regression losses, and its slope at the head's output."""
    batch, branches, actions = drawn.before.shape[0], shape.branches, shape.actions
    count, width = asked.online * shape.quantiles, shape.f[-1, 1] // shape.quantiles
    out = shape.f_places[-2] * batch * asked.online  # of h and of d alike
    goals = asked.target * shape.quantiles
    h, d = scratch.h, scratch.d
    total = np.float32(0)
    for i in range(batch):
        mask = ring.mask[row, drawn.before[i]] if branches > 1 else np.uint64(1)
        there = np.float32(0)
        for branch in range(branches):
            there += np.float32((mask >> np.uint64(branch)) & np.uint64(1))
        goal = scratch.goal[i * goals : (i + 1) * goals]
        begin = out + i * count * width
        d[begin : begin + count * width] = np.float32(0)
        losses, scratch.error[i] = np.float32(0), np.float32(0)
        for branch in range(branches):
            if not (mask >> np.uint64(branch)) & np.uint64(1):
                continue
            taken = np.int64(ring.action[row, drawn.before[i] * branches + branch])
            scale = drawn.weight[i] / (there * np.float32(batch))
            bias = np.float32(0)
            for k in range(count):
                at = begin + k * width
                first = at + 1 + branch * actions
                tau = scratch.tau[i * count + k] if shape.embed[0] > 0 else (np.float32(k) + 0.5) / np.float32(count)
                z = dueling(h, at, first, actions, taken)
                one, slope, distance = _regress(z, goal, np.float32(tau), np.float32(asked.kappa))
                losses += one
                bias += distance
                _spread(d, at, first, actions, taken, slope * scale)
            scratch.error[i] += abs(bias / np.float32(count)) / there
        if there > 0:
            total += drawn.weight[i] * (losses / there)
    return total / np.float32(batch)


@njit(error_model="numpy", **INNER)
def _regress(z, goal, tau, kappa):  # type: ignore[no-untyped-def]
    """One quantile's loss, the mean over the goals [n]; its slope in z; and the goals' mean distance from z."""
    losses, slopes, distances = np.float32(0), np.float32(0), np.float32(0)
    for j in range(goal.shape[0]):
        delta = goal[j] - z
        size = abs(delta)
        near = min(size, kappa)
        pull = np.float32(1) - tau if delta < 0 else tau
        losses += pull * near * (size - np.float32(0.5) * near)
        slopes -= pull * near if delta > 0 else -pull * near
        distances += delta
    part = np.float32(1) / np.float32(goal.shape[0])
    return losses * part / kappa, slopes * part / kappa, distances * part


@njit(nogil=True, cache=True, inline="always")
def _spread(d, at, first, actions, taken, slope):  # type: ignore[no-untyped-def]
    """Add the slope in one action's quantile to those in the value and the branch's advantages."""
    d[at] += slope
    for a in range(first, first + actions):
        d[a] -= slope / np.float32(actions)
    d[first + taken] += slope
