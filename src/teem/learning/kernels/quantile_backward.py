"""The gradient of `quantile_loss` in every weight of a network, from its slope at the head's output."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.learning.kernels.dense import backward, lower, multiply, stop_where_flat, sum_rows, weigh
from teem.learning.kernels.quantiles import features_at
from teem.learning.kernels.sparse import multiply_listed, turn_list
from teem.learning.kernels.tile import Matrix, address

NOISES = 3  # of the network, of the target, of the network that judges


@njit(nogil=True, cache=True)
def features_of(shape, scratch, batch, first):  # type: ignore[no-untyped-def]
    """psi's features of the states from row `first` on, [batch x width]."""
    at = features_at(shape, 2 * batch, first)
    return scratch.seen[at : at + batch * shape.psi[-1, 1]]


@njit(nogil=True, cache=True)
def noise_of(scratch, which):  # type: ignore[no-untyped-def]
    """The draws of one of the three noises of an update."""
    size = scratch.noise.shape[0] // NOISES
    return scratch.noise[which * size : (which + 1) * size]


@njit(nogil=True, cache=True)
def differentiate(weights, shape, asked, scratch, batch, sparse):  # type: ignore[no-untyped-def]
    """The gradient of the loss in every weight."""
    many = batch * asked.online
    if shape.sigma.shape[0] == 0:
        _through_f(weights, shape.f, shape, scratch, many, scratch.gradient)
    else:
        _through_f(scratch.mixed, shape.mixed, shape, scratch, many, scratch.d_mixed)
        _unmix(shape, noise_of(scratch, 0), scratch.d_mixed, scratch.gradient)
    features, width = features_of(shape, scratch, batch, 0), shape.psi[-1, 1]
    at = features_at(shape, batch, 0)
    d_features = scratch.d_seen[at : at + batch * width]
    if shape.embed[0] == 0:
        d_features[:] = scratch.d[: batch * width]
    else:
        _part(features, scratch.embedded, scratch.d, batch, asked.online, width, d_features)
        _through_embedding(shape, scratch, many)
    stop_where_flat(d_features, features)
    _through_psi(weights, shape, scratch, batch, sparse)


@njit(nogil=True, cache=True)
def _through_psi(weights, shape, scratch, batch, sparse):  # type: ignore[no-untyped-def]
    """psi's gradient from the slope at its features; of sparse inputs only the lists are read."""
    inputs, outputs, w0, b0 = shape.psi[0]
    if not sparse:
        backward(
            weights, shape.psi, shape.psi_places, scratch.seen, 2 * batch, scratch.d_seen, batch,
            scratch.zeros, scratch.turned, scratch.gradient,
        )  # fmt: skip
        return
    d, places = scratch.d_seen, shape.psi_places
    for layer in range(shape.psi.shape[0] - 1, 0, -1):
        weigh(shape.psi, places, layer, scratch.seen, 2 * batch, d, batch, scratch.zeros, scratch.gradient)
        lower(weights, shape.psi, places, layer, d, batch, scratch.zeros, scratch.turned)
        x0, below, size = places[layer] * 2 * batch, places[layer] * batch, batch * shape.psi[layer, 0]
        stop_where_flat(d[below : below + size], scratch.seen[x0 : x0 + size])
    above = places[1] * batch
    sum_rows(d[above : above + batch * outputs], scratch.gradient[b0 : b0 + outputs])
    turn_list(scratch.listed, batch, inputs, scratch.turned_list)
    slope = Matrix(address(d, above), outputs, 1)
    weight_slope = Matrix(address(scratch.gradient, w0), outputs, 1)
    nothing = Matrix(address(scratch.zeros, 0), 0, 1)
    multiply_listed(nothing, scratch.turned_list, slope, weight_slope, inputs, outputs)


@njit(nogil=True, cache=True)
def _through_f(f_weights, layers, shape, scratch, many, gradient):  # type: ignore[no-untyped-def]
    """f's gradient, and the slope at its input."""
    backward(
        f_weights, layers, shape.f_places, scratch.h, many, scratch.d, many, scratch.zeros, scratch.turned, gradient
    )
    lower(f_weights, layers, shape.f_places, 0, scratch.d, many, scratch.zeros, scratch.turned)


@njit(nogil=True, cache=True)
def _unmix(shape, noise, d_mixed, gradient):  # type: ignore[no-untyped-def]
    """Of the gradient in f's weights with noise make that in their means and deviations."""
    at = 0
    for layer in range(shape.sigma.shape[0]):
        inputs, outputs, w0, b0 = shape.f[layer]
        w_sigma, b_sigma = shape.sigma[layer]
        w_in, b_in = shape.mixed[layer, 2], shape.mixed[layer, 3]
        across = noise[at + inputs : at + inputs + outputs]
        for i in range(inputs + 1):  # the last row is the bias
            k, along = i * outputs, noise[at + i] if i < inputs else np.float32(1)
            whole = d_mixed[w_in + k : w_in + k + outputs] if i < inputs else d_mixed[b_in : b_in + outputs]
            mean = gradient[w0 + k : w0 + k + outputs] if i < inputs else gradient[b0 : b0 + outputs]
            spread = (
                gradient[w_sigma + k : w_sigma + k + outputs] if i < inputs else gradient[b_sigma : b_sigma + outputs]
            )
            for j in range(outputs):
                mean[j] = whole[j]
                spread[j] = whole[j] * (along * across[j])
        at += inputs + outputs


@njit(nogil=True, cache=True)
def _part(features, embedded, d, rows, count, width, d_features):  # type: ignore[no-untyped-def]
    """Of the slope `d` at the products make that at the features, and in place that at the embedding's sums."""
    for row in range(rows):
        seen, slope = features[row * width : (row + 1) * width], d_features[row * width : (row + 1) * width]
        slope[:] = np.float32(0)
        for k in range(count):
            at = (row * count + k) * width
            here, factor = d[at : at + width], embedded[at : at + width]
            for j in range(width):
                slope[j] += here[j] * factor[j]
                here[j] = here[j] * seen[j] if factor[j] > 0 else np.float32(0)


@njit(nogil=True, cache=True)
def _through_embedding(shape, scratch, many):  # type: ignore[no-untyped-def]
    """The embedding's gradient."""
    count, width, w0, b0 = shape.embed
    nothing, d = Matrix(address(scratch.zeros, 0), 0, 1), Matrix(address(scratch.d, 0), width, 1)
    turned = Matrix(address(scratch.cosines, 0), 1, count)
    multiply(nothing, turned, d, Matrix(address(scratch.gradient, w0), width, 1), count, width, many)
    sum_rows(scratch.d[: many * width], scratch.gradient[b0 : b0 + width])
