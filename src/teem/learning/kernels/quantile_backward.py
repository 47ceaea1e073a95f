"""The gradient of `quantile_loss` in every weight of a network, from its slope at the head's output."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.learning.kernels.dense import aligned, backward, lower, multiply, stop_where_flat, sum_rows, turn, weigh
from teem.learning.kernels.quantiles import features_at, name_live
from teem.learning.kernels.sparse import add_into, multiply_listed, multiply_named, turn_list
from teem.learning.kernels.tile import LANES, Matrix, address


class Side(NamedTuple):
    """Of one state what stands feature by feature, the fractions side by side in whole vectors."""

    embedded: NDArray[np.float32]  # [psi's width, lanes]
    products: NDArray[np.float32]  # [psi's width, lanes] with the features; then their slopes
    slopes: NDArray[np.float32]  # [hidden width, lanes] at the hidden layer's sums
    d_embed: NDArray[np.float32]  # [psi's width, cosines] the embedding's gradient, turned


NOISES = 3  # of the network, of the target, of the network that judges


@njit(nogil=True, cache=True)
def side_of(shape, count):  # type: ignore[no-untyped-def]
    """Room for a state with `count` fractions; beside them it is 0, and stays so."""
    lanes, width = whole_lanes(count), shape.psi[-1, 1]
    return Side(
        aligned(width * lanes),
        aligned(width * lanes),
        aligned(shape.f[0, 1] * lanes),
        aligned(width * shape.embed[0]),
    )


@njit(**INNER)
def features_of(shape, scratch, batch, first):  # type: ignore[no-untyped-def]
    """psi's features of the states from row `first` on, [batch x width]."""
    at = features_at(shape, 2 * batch, first)
    return scratch.seen[at : at + batch * shape.psi[-1, 1]]


@njit(nogil=True, cache=True)
def noise_of(scratch, which):  # type: ignore[no-untyped-def]
    """The draws of one of the three noises of an update."""
    size = scratch.noise.shape[0] // NOISES
    return scratch.noise[which * size : (which + 1) * size]


@njit(**INNER)
def differentiate(weights, shape, asked, scratch, batch, sparse):  # type: ignore[no-untyped-def]
    """The gradient of the loss in every weight."""
    noisy = shape.sigma.shape[0] > 0
    if noisy:
        _through_f(scratch.mixed, shape.mixed, shape, scratch, batch, asked.online, scratch.d_mixed)
        _unmix(shape, noise_of(scratch, 0), scratch.d_mixed, scratch.gradient)
    else:
        _through_f(weights, shape.f, shape, scratch, batch, asked.online, scratch.gradient)
    features, at = features_of(shape, scratch, batch, 0), features_at(shape, batch, 0)
    stop_where_flat(scratch.d_seen[at : at + features.shape[0]], features)
    _through_psi(weights, shape, scratch, batch, sparse)


@njit(**INNER)
def _through_f(f_weights, layers, shape, scratch, batch, count, gradient):  # type: ignore[no-untyped-def]
    """f's gradient and the embedding's, and the slope at psi's features."""
    features, width, many = features_of(shape, scratch, batch, 0), shape.psi[-1, 1], batch * count
    at = features_at(shape, batch, 0)
    d_features = scratch.d_seen[at : at + batch * width]
    given = (f_weights, layers, shape.f_places, scratch.h, many, scratch.d, many, scratch.zeros, scratch.turned)
    if shape.embed[0] > 0 and layers.shape[0] > 1:
        last = layers.shape[0] - 1
        _through_head(*given, last, gradient)
        _through_products(f_weights, layers[0], shape, scratch, batch, count, d_features, gradient)
        return
    backward(*given, gradient)
    lower(f_weights, layers, shape.f_places, 0, scratch.d, many, scratch.zeros, scratch.turned)
    if shape.embed[0] == 0:
        d_features[:] = scratch.d[: batch * width]
    else:
        _part(features, scratch.embedded, scratch.d, batch, count, width, d_features)
        _through_embedding(shape, scratch, many)


@njit(**INNER)
def _through_head(f_weights, layers, places, h, height, d, rows, zeros, turned, last, gradient):  # type: ignore[no-untyped-def]
    """The head's gradient, and the slope at the hidden layer's sums."""
    weigh(layers, places, last, h, height, d, rows, zeros, gradient)
    lower(f_weights, layers, places, last, d, rows, zeros, turned)
    below, size = places[last] * rows, rows * layers[last, 0]
    stop_where_flat(d[below : below + size], h[below : below + size])


@njit(**INNER)
def _through_products(f_weights, layer, shape, scratch, batch, count, d_features, gradient):  # type: ignore[no-untyped-def]
    """The hidden layer's gradient, and from its slope the embedding's and the slope at the features.

    Features that ReLU stopped are left out, state by state: their products are 0, and no slope passes them. What
    belongs to the others stands feature by feature here, the fractions side by side in whole vectors.
    """
    inputs, outputs, w0, b0 = layer
    above, lanes = shape.f_places[1] * batch * count, whole_lanes(count)
    gradient[w0 : w0 + inputs * outputs] = np.float32(0)
    sum_rows(scratch.d[above : above + batch * count * outputs], gradient[b0 : b0 + outputs])
    weight, weight_slope = Matrix(address(f_weights, w0), outputs, 1), Matrix(address(gradient, w0), outputs, 1)
    side, nothing = scratch.side, Matrix(address(scratch.zeros, 0), 0, 1)
    slopes, products = Matrix(address(side.slopes, 0), lanes, 1), Matrix(address(side.products, 0), lanes, 1)
    cosines, d_cosines = shape.embed[0], Matrix(address(side.d_embed, 0), shape.embed[0], 1)
    features, names = features_of(shape, scratch, batch, 0), scratch.room.names
    d_features[:], side.d_embed[:] = np.float32(0), np.float32(0)
    for row in range(batch):
        own, at = features[row * inputs : (row + 1) * inputs], row * count
        live = name_live(own, names)
        _stand(own, scratch.embedded[at * inputs : (at + count) * inputs], names[:live], count, lanes, side)
        slope = scratch.d[above + at * outputs : above + (at + count) * outputs]
        add_into(products, Matrix(address(slope, 0), outputs, 1), names, weight_slope, live, outputs, count)
        _turn(slope, count, outputs, lanes, side.slopes)
        multiply_named(nothing, weight, names, slopes, products, live, lanes, outputs)
        _part_live(own, names[:live], lanes, side, d_features[row * inputs : (row + 1) * inputs])
        here = Matrix(address(scratch.cosines, at * cosines), cosines, 1)
        add_into(products, here, names, d_cosines, live, cosines, count)
    width, w0, b0 = shape.embed[1], shape.embed[2], shape.embed[3]
    turn(side.d_embed, width, cosines, scratch.gradient[w0 : w0 + cosines * width])
    for j in range(width):
        scratch.gradient[b0 + j] = side.d_embed[j * cosines]  # the first cosine is 1


@njit(nogil=True, cache=True, inline="always")
def whole_lanes(count):  # type: ignore[no-untyped-def]
    """So many numbers in whole vectors."""
    return (count + LANES - 1) // LANES * LANES


@njit(**INNER)
def _stand(own, embedded, names, count, lanes, side):  # type: ignore[no-untyped-def]
    """Write one state's embedded fractions [count, width] and its products with them, feature by feature."""
    width = own.shape[0]
    for i in range(names.shape[0]):
        j, at = names[i], i * lanes
        for k in range(count):
            side.embedded[at + k] = embedded[k * width + j]
        here, products = side.embedded[at : at + lanes], side.products[at : at + lanes]
        for k in range(lanes):
            products[k] = here[k] * own[j]


@njit(**INNER)
def _turn(d, count, outputs, lanes, out):  # type: ignore[no-untyped-def]
    """out[outputs, lanes] = d [count, outputs], turned; what stands beside it stays 0."""
    for j in range(outputs):
        for k in range(count):
            out[j * lanes + k] = d[k * outputs + j]


@njit(**INNER)
def _part_live(own, names, lanes, side, d_own):  # type: ignore[no-untyped-def]
    """Of the slope at one state's products make that at its features and, in place, that at the embedding's sums."""
    sums = np.empty(lanes, np.float32)
    for i in range(names.shape[0]):
        at, seen = i * lanes, own[names[i]]
        here, slope = side.embedded[at : at + lanes], side.products[at : at + lanes]
        for k in range(lanes):
            value, factor = slope[k], here[k]
            sums[k] = value * factor
            slope[k] = value * seen * np.float32(factor > np.float32(0))
        d_own[names[i]] = _sum(sums)


@njit(nogil=True, cache=True)
def _sum(lanes):  # type: ignore[no-untyped-def]
    """The sum of whole vectors: the vectors one after the other, then halves of what is left; spoils them."""
    for first in range(LANES, lanes.shape[0], LANES):
        for k in range(LANES):
            lanes[k] += lanes[first + k]
    half = LANES // 2
    while half > 0:
        for k in range(half):
            lanes[k] += lanes[half + k]
        half //= 2
    return lanes[0]


@njit(**INNER)
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
    turn_list(scratch.listed, 2 * batch, batch, inputs, scratch.turned_list)
    slope = Matrix(address(d, above), outputs, 1)
    weight_slope = Matrix(address(scratch.gradient, w0), outputs, 1)
    nothing = Matrix(address(scratch.zeros, 0), 0, 1)
    multiply_listed(nothing, scratch.turned_list, 1, inputs, 0, slope, weight_slope, inputs, outputs)


@njit(**INNER)
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


@njit(**INNER)
def _through_embedding(shape, scratch, many):  # type: ignore[no-untyped-def]
    """The embedding's gradient."""
    count, width, w0, b0 = shape.embed
    nothing, d = Matrix(address(scratch.zeros, 0), 0, 1), Matrix(address(scratch.d, 0), width, 1)
    turned = Matrix(address(scratch.cosines, 0), 1, count)
    multiply(nothing, turned, d, Matrix(address(scratch.gradient, w0), width, 1), count, width, many)
    sum_rows(scratch.d[: many * width], scratch.gradient[b0 : b0 + width])
