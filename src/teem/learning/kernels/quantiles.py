"""A network of quantiles, forwards: how it sees, embeds fractions, and what its quantiles are.

The specification is `quantile_networks.Quantiles`. Noise is mixed into a layer's weights once a pass, and then costs
nothing more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.learning.kernels.dense import forward, multiply, rectify
from teem.learning.kernels.sparse import blocks_of, multiply_alike, multiply_listed
from teem.learning.kernels.tile import LANES, Matrix, address


class Room(NamedTuple):
    """Scratch for the products of one row's features that aren't 0."""

    packed: NDArray[np.float32]  # [fractions x psi's width]
    names: NDArray[np.int64]  # [psi's width] which features


class Shape(NamedTuple):
    """The network; a layer is (inputs, outputs, place of the weight, place of the bias)."""

    psi: NDArray[np.int64]  # [layers, 4]
    psi_places: NDArray[np.int64]  # [layers + 2] running sum of widths, see dense.forward
    embed: NDArray[np.int64]  # [4]; no inputs: no fraction is embedded
    f: NDArray[np.int64]  # [layers, 4] a hidden one, if any, and the head
    f_places: NDArray[np.int64]  # [layers + 2]
    sigma: NDArray[np.int64]  # [layers, 2] places of the noise's deviations of weight and bias; [0, 2]: no noise
    mixed: NDArray[np.int64]  # [layers, 4] f, where its weights with noise lie by themselves
    quantiles: int  # that the head has side by side
    branches: int
    actions: int


@njit(**INNER)
def mix(weights, shape, noise, first, out):  # type: ignore[no-untyped-def]
    """Write f's weights from layer `first` on, with this noise, into `out`, laid out as `shape.mixed` says."""
    at = 0
    for layer in range(shape.sigma.shape[0]):
        inputs, outputs, w0, b0 = shape.f[layer]
        if layer < first:
            at += inputs + outputs
            continue
        w_sigma, b_sigma = shape.sigma[layer]
        w_out, b_out = shape.mixed[layer, 2], shape.mixed[layer, 3]
        across = noise[at + inputs : at + inputs + outputs]
        for i in range(inputs):
            k, along = i * outputs, noise[at + i]
            if outputs < LANES:  # too short to cut out
                for j in range(outputs):
                    out[w_out + k + j] = weights[w0 + k + j] + weights[w_sigma + k + j] * (along * across[j])
                continue
            mean, deviation = weights[w0 + k : w0 + k + outputs], weights[w_sigma + k : w_sigma + k + outputs]
            _mix_row(mean, deviation, along, across, out[w_out + k : w_out + k + outputs])
        bias, deviation = weights[b0 : b0 + outputs], weights[b_sigma : b_sigma + outputs]
        _mix_row(bias, deviation, np.float32(1), across, out[b_out : b_out + outputs])
        at += inputs + outputs


@njit(**INNER)
def mix_live(weights, shape, noise, names, live, out):  # type: ignore[no-untyped-def]
    """Write the named rows of f's hidden layer with this noise into `out`, one after the other, then its bias."""
    inputs, outputs, w0, b0 = shape.f[0]
    w_sigma, b_sigma = shape.sigma[0]
    across = noise[inputs : inputs + outputs]
    for k in range(live):
        row, at = names[k], names[k] * outputs
        mean, deviation = weights[w0 + at : w0 + at + outputs], weights[w_sigma + at : w_sigma + at + outputs]
        _mix_row(mean, deviation, noise[row], across, out[k * outputs : (k + 1) * outputs])
    bias, deviation = weights[b0 : b0 + outputs], weights[b_sigma : b_sigma + outputs]
    _mix_row(bias, deviation, np.float32(1), across, out[live * outputs : (live + 1) * outputs])


@njit(**INNER)
def _mix_row(mean, deviation, along, across, out):  # type: ignore[no-untyped-def]
    """out = mean + deviation x noise, where the noise is along x across."""
    for j in range(out.shape[0]):
        out[j] = mean[j] + deviation[j] * (along * across[j])


@njit(nogil=True, cache=True)
def see(weights, shape, h, height, first, rows, sparse, listed):  # type: ignore[no-untyped-def]
    """Run psi on the rows from `first` on, whose inputs are in `h`, as dense.forward does, with ReLU after each layer.

    Where inputs are `sparse` they are `listed` instead, all rows of `h`.
    """
    inputs, outputs, w0, b0 = shape.psi[0]
    y0 = shape.psi_places[1] * height + first * outputs
    bias, weight = Matrix(address(weights, b0), 0, 1), Matrix(address(weights, w0), outputs, 1)
    y = Matrix(address(h, y0), outputs, 1)
    if sparse:
        multiply_listed(bias, listed, blocks_of(inputs), height, first, weight, y, rows, outputs)
    else:
        multiply(bias, Matrix(address(h, first * inputs), inputs, 1), weight, y, rows, outputs, inputs)
    rectify(h[y0 : y0 + rows * outputs])
    if shape.psi.shape[0] > 1:
        forward(weights, shape.psi[1:], shape.psi_places[1:], h, height, first, rows)
        at = features_at(shape, height, first)
        rectify(h[at : at + rows * shape.psi[-1, 1]])


@njit(nogil=True, cache=True, inline="always")
def features_at(shape, height, row):  # type: ignore[no-untyped-def]
    """Where in psi's scratch a row's features begin."""
    return shape.psi_places[-2] * height + row * shape.psi[-1, 1]


@njit(nogil=True, cache=True)
def embed(weights, shape, tau, cosines, out):  # type: ignore[no-untyped-def]
    """Write phi of each of the fractions `tau` [n] into `out` [n, psi's width], by way of `cosines` [n, cosines]."""
    fill_cosines(tau, shape.embed[0], cosines)
    embed_cosines(weights, shape, tau.shape[0], cosines, out)


@njit(**INNER)
def embed_cosines(weights, shape, fractions, cosines, out):  # type: ignore[no-untyped-def]
    """Write phi of as many fractions, whose `cosines` [fractions, cosines] are known, into `out`."""
    count, width, w0, b0 = shape.embed
    bias, weight = Matrix(address(weights, b0), 0, 1), Matrix(address(weights, w0), width, 1)
    known, y = Matrix(address(cosines, 0), count, 1), Matrix(address(out, 0), width, 1)
    multiply(bias, known, weight, y, fractions, width, count)
    rectify(out[: fractions * width])


@njit(**INNER)
def fill_cosines(tau, count, out):  # type: ignore[no-untyped-def]
    """out[k, i] = cos(i pi tau[k]), for `count` i, by cos((i + 1) x) = 2 cos x cos(i x) - cos((i - 1) x).

    Each waits for the one before: two k are done side by side.
    """
    last = tau.shape[0] - 1
    for k in range(0, last + 1, 2):
        other = min(k + 1, last)
        one, two = out[k * count : (k + 1) * count], out[other * count : (other + 1) * count]
        here1, here2 = np.cos(np.pi * np.float64(tau[k])), np.cos(np.pi * np.float64(tau[other]))
        before1 = before2 = 1.0
        double1, double2 = 2.0 * here1, 2.0 * here2
        one[0] = two[0] = np.float32(1)
        for i in range(1, count):
            one[i], two[i] = np.float32(here1), np.float32(here2)
            before1, here1 = here1, double1 * here1 - before1
            before2, here2 = here2, double2 * here2 - before2


@njit(**INNER)
def combine(features, embedded, rows, count, width, shared, out):  # type: ignore[no-untyped-def]
    """out[row, k] = features[row] x embedded[row, k], or x embedded[k] where all rows share their fractions."""
    for row in range(rows):
        seen = features[row * width : (row + 1) * width]
        for k in range(count):
            at, other = (row * count + k) * width, (k if shared else row * count + k) * width
            here, there = out[at : at + width], embedded[other : other + width]
            for j in range(width):
                here[j] = seen[j] * there[j]


@njit(**INNER)
def go_in(f_weights, layers, shape, features, embedded, rows, count, shared, h, room):  # type: ignore[no-untyped-def]
    """Run f up to the head's inputs, on features x embedded as `combine` has it; `h` is f's, see dense.forward.

    With a hidden layer and an embedding the products themselves are not written to `h`.
    """
    many, width = rows * count, shape.psi[-1, 1]
    if shape.embed[0] > 0 and layers.shape[0] == 1:
        combine(features, embedded, rows, count, width, shared, h)
        return
    if shape.embed[0] > 0:
        _enter(f_weights, layers, shape, features, embedded, rows, count, shared, h, room)
    else:
        h[: rows * width] = features
        if layers.shape[0] > 1:
            forward(f_weights, layers[:1], shape.f_places, h, many, 0, many)
    if layers.shape[0] > 1:
        rectify(h[shape.f_places[1] * many : shape.f_places[2] * many])


@njit(**INNER)
def _enter(f_weights, layers, shape, features, embedded, rows, count, shared, h, room):  # type: ignore[no-untyped-def]
    """f's first layer on the products; where ReLU stopped a feature they are 0, and left out."""
    inputs, outputs, w0, b0 = layers[0]
    bias, weight = Matrix(address(f_weights, b0), 0, 1), Matrix(address(f_weights, w0), outputs, 1)
    y0, packed = shape.f_places[1] * rows * count, Matrix(address(room.packed, 0), 0, 1)
    for row in range(rows):
        own = features[row * inputs : (row + 1) * inputs]
        live = name_live(own, room.names)
        for k in range(count):
            at = (k if shared else row * count + k) * inputs
            pack(own, embedded[at : at + inputs], room.names, room.packed[k * live : (k + 1) * live])
        y = Matrix(address(h, y0 + row * count * outputs), outputs, 1)
        multiply_alike(bias, Matrix(packed.begin, live, 1), room.names, weight, y, count, outputs, live)


@njit(nogil=True, cache=True)
def pack(features, embedded, names, out):  # type: ignore[no-untyped-def]
    """out = the products of the named features."""
    for j in range(out.shape[0]):
        out[j] = features[names[j]] * embedded[names[j]]


@njit(**INNER)
def name_live(features, names):  # type: ignore[no-untyped-def]
    """Write which features aren't 0; how many."""
    live = 0
    for j in range(features.shape[0]):
        names[live] = j
        live += features[j] != np.float32(0)
    return live


@njit(nogil=True, cache=True)
def finish(f_weights, layers, shape, h, rows, count, out):  # type: ignore[no-untyped-def]
    """Write the head's output, the mean over each row's `count` fractions, into `out` [rows, head's width].

    The head is linear: the mean is taken before it. `h` holds the head's inputs, [rows x count, ...].
    """
    last = layers.shape[0] - 1
    begin = shape.f_places[last] * rows * count
    inputs, outputs, w0, b0 = layers[last]
    if count > 1:
        _average(h[begin:], rows, count, inputs)
    bias, weight = Matrix(address(f_weights, b0), 0, 1), Matrix(address(f_weights, w0), outputs, 1)
    multiply(
        bias, Matrix(address(h, begin), inputs, 1), weight, Matrix(address(out, 0), outputs, 1), rows, outputs, inputs
    )


@njit(**INNER)
def _average(h, rows, count, width):  # type: ignore[no-untyped-def]
    """h[row] = the mean of h[row x count : (row + 1) x count], row after row, in place."""
    part = np.float32(1) / np.float32(count)
    for row in range(rows):
        here, at = h[row * width : (row + 1) * width], row * count * width
        if row > 0:  # the first lies where its mean will
            here[:] = h[at : at + width]
        for k in range(1, count):
            _add(h[at + k * width : at + (k + 1) * width], here)
        for j in range(width):
            here[j] *= part


@njit(nogil=True, cache=True)
def _add(h, out):  # type: ignore[no-untyped-def]
    for j in range(out.shape[0]):
        out[j] += h[j]


@njit(nogil=True, cache=True)
def middles(count):  # type: ignore[no-untyped-def]
    """The middles of `count` equal parts of [0, 1]."""
    out = np.empty(count, np.float32)
    for k in range(count):
        out[k] = (np.float32(k) + np.float32(0.5)) / np.float32(count)
    return out


@njit(nogil=True, cache=True, inline="always")
def dueling(h, at, first, actions, action):  # type: ignore[no-untyped-def]
    """z of one action: the value at `at`, and its advantage over the mean of those from `first` on."""
    mean = np.float32(0)
    for a in range(first, first + actions):
        mean += h[a]
    return h[at] + h[first + action] - mean / np.float32(actions)
