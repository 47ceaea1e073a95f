"""Networks of one shape on an agent axis: one flat row of weights a network, its optimiser beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.learning.memory import zeros_on_a_line
from teem.normals import draw_normals
from teem.rng import Stream, bits, to_unit
from teem.state import State, expect_same_shape

Rows = NDArray[np.int32] | NDArray[np.int64]
Floats = NDArray[np.float32]
Four = tuple[Floats, Floats, Floats, Floats]

GROUP = 64  # floats a row is padded to a multiple of, as the kernels sum squares


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each named tensor of a network lies in its flat row."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    offsets: tuple[int, ...]
    fans: tuple[int, ...]  # inputs a number of the tensor is summed with; fresh weights are within 1/sqrt(fan)
    size: int

    @staticmethod
    def mlp(inputs: int, hidden: tuple[int, ...], outputs: int) -> Layout:
        """Dense layers, `layers.0.weight` [in, out], `layers.0.bias` [out], `layers.1.weight`, ..."""
        widths = (inputs, *hidden, outputs)
        named: list[tuple[str, tuple[int, ...]]] = []
        fans: list[int] = []
        for layer, (fan, width) in enumerate(pairwise(widths)):
            named += [(f"layers.{layer}.weight", (fan, width)), (f"layers.{layer}.bias", (width,))]
            fans += [fan, fan]
        return _laid_out(named, fans)

    @staticmethod
    def inputs_first(named: Iterable[tuple[str, tuple[int, ...], int]]) -> Layout:
        """Tensors by name, shape and fan in."""
        tensors = list(named)
        return _laid_out([(name, shape) for name, shape, _ in tensors], [fan for _, _, fan in tensors])

    @staticmethod
    def of(named_shapes: Iterable[tuple[str, tuple[int, ...]]]) -> Layout:
        """Any tensors; fans as torch lays weights out, [out, in, ...], a bias taking that of its weight."""
        named = list(named_shapes)
        fans: list[int] = []
        for _, shape in named:
            if len(shape) > 1:
                fans.append(prod(shape[1:]))
            else:
                fans.append(fans[-1] if fans else prod(shape))
        return _laid_out(named, fans)

    def views(self, array: Floats) -> dict[str, Floats]:
        """Each tensor of `array` [rows, size] by name, [rows, *shape], without a copy."""
        out: dict[str, Floats] = {}
        for name, shape, offset in zip(self.names, self.shapes, self.offsets, strict=True):
            out[name] = array[:, offset : offset + prod(shape)].reshape(len(array), *shape)
        return out


def _laid_out(named: list[tuple[str, tuple[int, ...]]], fans: list[int]) -> Layout:
    sizes = [prod(shape) for _, shape in named]
    offsets = [sum(sizes[:i]) for i in range(len(sizes))]
    return Layout(
        names=tuple(name for name, _ in named),
        shapes=tuple(tuple(shape) for _, shape in named),
        offsets=tuple(offsets),
        fans=tuple(fans),
        size=sum(sizes),
    )


class Stack:
    """Networks of one shape, a row each, with Adam's moments and a target network."""

    weights: Floats  # [rows, size]
    target: Floats  # [rows, size]
    moment1: Floats  # [rows, size]
    moment2: Floats  # [rows, size]
    updates: NDArray[np.int64]  # [rows] since the weights were given; Adam's t
    padded: Four  # those four as they lie in memory, rows padded with zeros, for the kernels

    def __init__(self, layout: Layout, rows: int) -> None:
        self.layout = layout
        self.rows = rows
        padded = (rows, -(-layout.size // GROUP) * GROUP)
        self.padded = (
            zeros_on_a_line(padded, np.float32),
            zeros_on_a_line(padded, np.float32),
            zeros_on_a_line(padded, np.float32),
            zeros_on_a_line(padded, np.float32),
        )
        self.weights, self.target, self.moment1, self.moment2 = (each[:, : layout.size] for each in self.padded)
        self.updates = np.zeros(rows, np.int64)

    def views(self, array: Floats) -> dict[str, Floats]:
        """Each tensor of `array` [rows, size] by name, [rows, *shape], without a copy."""
        return self.layout.views(array)

    def fresh(self, rows: Rows, ids: NDArray[np.int64], seed: int) -> None:
        """Give rows new networks: weights and biases uniform within 1/sqrt(fan in), keyed by id."""
        self.adopt(rows, fresh_weights(self.layout, ids, seed))

    def inherit(self, rows: Rows, parents: Rows, ids: NDArray[np.int64], seed: int, step: int, noise: float) -> None:
        """Give rows the networks of the parents' rows, mutated by `noise`."""
        self.inherit_from(rows, self.weights[parents], ids, seed, step, noise)

    def inherit_from(
        self, rows: Rows, weights: Floats, ids: NDArray[np.int64], seed: int, step: int, noise: float
    ) -> None:
        """Give rows the weights [n, size], plus normal noise of `noise` x each tensor's root mean square."""
        mutated = np.array(weights, np.float32, order="C")
        if noise > 0:
            ends = np.array([*self.layout.offsets, self.layout.size], np.int64)
            _mutate(mutated, ends, ids, seed, step, np.float32(noise))
        self.adopt(rows, mutated)

    def adopt(self, rows: Rows, weights: Floats) -> None:
        """Start rows afresh from the weights [n, size]: target the same, moments and updates 0."""
        self.weights[rows] = weights
        self.target[rows] = weights
        used = rows[self.updates[rows] > 0]  # moments never written are 0 already, their pages untouched
        self.moment1[used] = 0
        self.moment2[used] = 0
        self.updates[rows] = 0

    def state(self, rows: Rows) -> State:
        """The networks of the rows given, to be saved."""
        return {
            "weights": self.weights[rows],
            "target": self.target[rows],
            "moment1": self.moment1[rows],
            "moment2": self.moment2[rows],
            "updates": self.updates[rows],
        }

    def load_state(self, state: State, rows: Rows) -> None:
        """Put saved networks into rows."""
        shape = (len(rows), self.layout.size)
        for name in ("weights", "target", "moment1", "moment2"):
            expect_same_shape(f"stack.{name}", state[name], np.empty(shape, np.float32))
            getattr(self, name)[rows] = state[name]
        expect_same_shape("stack.updates", state["updates"], np.empty(len(rows), np.int64))
        self.updates[rows] = state["updates"]


def fresh_weights(layout: Layout, ids: NDArray[np.int64], seed: int) -> Floats:
    """`[len(ids), size]`: weights and biases uniform within 1/sqrt(fan in), keyed by id."""
    fans = np.array(layout.fans, np.float32)
    sizes = [prod(shape) for shape in layout.shapes]
    weights = np.empty((len(ids), layout.size), np.float32)
    _fill_fresh(weights, np.repeat(np.float32(1) / np.sqrt(fans), sizes), ids, seed)
    return weights


_WEIGHTS = int(Stream.WEIGHTS)
_MUTATION = int(Stream.MUTATION)


@njit(nogil=True, cache=True)
def _fill_fresh(out, bounds, ids, seed):  # type: ignore[no-untyped-def]
    """Uniform in [-bound, bound), four numbers a draw."""
    size = out.shape[1]
    for i in range(out.shape[0]):
        for block in range((size + 3) // 4):
            words = bits(seed, _WEIGHTS, 0, ids[i], block)
            for part in range(min(4, size - 4 * block)):
                j = 4 * block + part
                out[i, j] = (np.float32(2) * to_unit(words[part]) - np.float32(1)) * bounds[j]


@njit(nogil=True, cache=True)
def _mutate(out, ends, ids, seed, step, noise):  # type: ignore[no-untyped-def]
    """Add normal noise, `noise` x the tensor's root mean square."""
    normals = np.empty(out.shape[1], np.float32)
    for i in range(out.shape[0]):
        draw_normals(seed, _MUTATION, step, ids[i], normals)
        for tensor in range(ends.shape[0] - 1):
            begin, end = ends[tensor], ends[tensor + 1]
            scale = noise * np.float32(np.sqrt(_squares(out[i, begin:end]) / max(1, end - begin)))
            for j in range(begin, end):
                out[i, j] += scale * normals[j]


@njit(nogil=True, cache=True)
def _squares(values):  # type: ignore[no-untyped-def]
    """The sum of the squares, in four sums that don't wait for each other."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = values.shape[0] // 4 * 4
    for j in range(0, whole, 4):
        a += np.float64(values[j]) ** 2
        b += np.float64(values[j + 1]) ** 2
        c += np.float64(values[j + 2]) ** 2
        d += np.float64(values[j + 3]) ** 2
    for j in range(whole, values.shape[0]):
        a += np.float64(values[j]) ** 2
    return a + b + c + d
