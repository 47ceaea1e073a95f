"""What actions are worth by networks of quantiles, one agent after the other.

Acting reads each weight once, so that it costs what the weights' way into the processor costs: what is multiplied
by zero is not read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.fetch import fetch
from teem.inner import INNER
from teem.learning.kernels.dense import aligned, forward, multiply, rectify
from teem.learning.kernels.quantiles import (
    Room,
    embed_cosines,
    fill_cosines,
    finish,
    go_in,
    middles,
    mix,
    mix_live,
    name_live,
    pack,
)
from teem.learning.kernels.tile import LANES, Matrix, address
from teem.learning.quantile_draws import draw_noise
from teem.rng import Stream

_NOISY_ACT = int(Stream.NOISY_ACT)
_AHEAD = 3  # rows of weights sent for before they are read: they don't follow each other


class _Scratch(NamedTuple):
    """What one thread needs to act for one agent after the other."""

    seen: NDArray[np.float32]  # psi's inputs and outputs
    h: NDArray[np.float32]  # f's inputs and outputs, a row a fraction
    cosines: NDArray[np.float32]  # [fractions, cosines] of fractions that are always the same
    embedded: NDArray[np.float32]  # [fractions, psi's width]
    worth: NDArray[np.float32]  # [head's width]
    noise: NDArray[np.float32]
    mixed: NDArray[np.float32]  # f's weights with noise
    names: NDArray[np.int64]  # [inputs] which are not 0
    room: Room


@njit(nogil=True, cache=True)
def make_scratch(shape, fractions):  # type: ignore[no-untyped-def]
    """Scratch for networks of this shape that act by the mean of so many quantiles."""
    width, noise, mixed = shape.psi[-1, 1], 0, 0
    for layer in range(shape.sigma.shape[0]):
        noise += shape.f[layer, 0] + shape.f[layer, 1]
        mixed += (shape.f[layer, 0] + 1) * shape.f[layer, 1]
    cosines = aligned(fractions * shape.embed[0])
    if shape.embed[0] > 0:
        fill_cosines(middles(fractions), shape.embed[0], cosines)
    return _Scratch(
        aligned(shape.psi_places[-1]),
        aligned(fractions * shape.f_places[-1]),
        cosines,
        aligned(fractions * width),
        aligned(shape.f[-1, 1]),
        np.empty(noise, np.float32),
        aligned(mixed),
        np.empty(shape.psi[0, 0], np.int64),
        Room(aligned(fractions * width), np.empty(width, np.int64)),
    )


@njit(nogil=True, cache=True)
def act_agents(begin, stop, scratch, rows, ids, shape, fractions, weights, noisy, observation, seed, step, out):  # type: ignore[no-untyped-def]
    """out[row] = the mean of each action's quantiles, of rows[begin:stop]; with noise keyed by `ids` if `noisy`."""
    h, embedded, mixed, draws, room = scratch.h, scratch.embedded, scratch.mixed, scratch.noise, scratch.room
    for i in range(begin, stop):
        row = rows[i]
        own = weights[row]
        features = _look(own, shape, observation[row], scratch.seen, scratch.names)
        if shape.embed[0] > 0:
            embed_cosines(own, shape, fractions, scratch.cosines, embedded)
        f_weights, layers = own, shape.f
        if noisy:
            draw_noise(seed, _NOISY_ACT, step, ids[i], draws)
            f_weights, layers = mixed, shape.mixed
        if noisy and shape.embed[0] > 0 and shape.f.shape[0] > 1:
            _enter_noisy(own, shape, draws, features, embedded, fractions, mixed, h, room)
            mix(own, shape, draws, 1, mixed)
        else:
            if noisy:
                mix(own, shape, draws, 0, mixed)
            go_in(f_weights, layers, shape, features, embedded, 1, fractions, True, h, room)
        finish(f_weights, layers, shape, h, 1, fractions, scratch.worth)
        _duel(scratch.worth, shape, out[row])


@njit(**INNER)
def _enter_noisy(weights, shape, noise, features, embedded, fractions, mixed, h, room):  # type: ignore[no-untyped-def]
    """f's hidden layer with noise on one agent's products: only weights of features that aren't 0 are read and mixed.

    They lie in `mixed` until the head's weights are mixed, which come after them.
    """
    inputs, outputs, _, _ = shape.f[0]
    live = name_live(features, room.names)
    mix_live(weights, shape, noise, room.names, live, mixed)
    for k in range(fractions):
        pack(features, embedded[k * inputs : (k + 1) * inputs], room.names, room.packed[k * live : (k + 1) * live])
    y0 = shape.f_places[1] * fractions
    bias, weight = Matrix(address(mixed, live * outputs), 0, 1), Matrix(address(mixed, 0), outputs, 1)
    packed, y = Matrix(address(room.packed, 0), live, 1), Matrix(address(h, y0), outputs, 1)
    multiply(bias, packed, weight, y, fractions, outputs, live)
    rectify(h[y0 : y0 + fractions * outputs])


@njit(nogil=True, cache=True)
def _look(weights, shape, observation, seen, names):  # type: ignore[no-untyped-def]
    """psi's features of one observation; inputs of 0 are passed over, with their weights."""
    inputs, outputs, w0, b0 = shape.psi[0]
    first = seen[inputs : inputs + outputs]
    first[:] = weights[b0 : b0 + outputs]
    live = name_live(observation, names)
    for k in range(live):
        ahead = w0 + names[min(k + _AHEAD, live - 1)] * outputs
        for j in range(0, outputs, LANES):
            fetch(weights, ahead + j)
        at = w0 + names[k] * outputs
        _add_times(weights[at : at + outputs], observation[names[k]], first)
    rectify(first)
    if shape.psi.shape[0] == 1:
        return first
    forward(weights, shape.psi[1:], shape.psi_places[1:] - inputs, seen[inputs:], 1, 0, 1)
    features = seen[shape.psi_places[-2] : shape.psi_places[-1]]
    rectify(features)
    return features


@njit(**INNER)
def _add_times(weights, factor, out):  # type: ignore[no-untyped-def]
    for j in range(out.shape[0]):
        out[j] += weights[j] * factor


@njit(nogil=True, cache=True)
def _duel(worth, shape, out):  # type: ignore[no-untyped-def]
    """Means over the quantiles side by side: the value, and each advantage less the mean of its branch's."""
    actions, width = shape.actions, shape.f[-1, 1] // shape.quantiles
    for branch in range(shape.branches):
        first = 1 + branch * actions
        out[branch * actions : (branch + 1) * actions] = np.float32(0)
        for q in range(shape.quantiles):
            at = q * width
            mean = np.float32(0)
            for a in range(actions):
                mean += worth[at + first + a]
            rest = worth[at] - mean / np.float32(actions)
            for a in range(actions):
                out[branch * actions + a] += (rest + worth[at + first + a]) / np.float32(shape.quantiles)
