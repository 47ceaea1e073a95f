"""The innermost loop of every layer: a tile of sums kept in vector registers while the depth is walked.

Numba has no vector type and no fused multiply-add without fastmath, so these few loops are written as LLVM
instructions. A fused multiply-add rounds once, on every processor alike, and every sum runs over the depth
in rising order: a sum has the same bits whatever tile it was in, whatever the thread or the registers' width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
GROUP = 64  # floats that sum_of_squares takes at once

FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)
INDEX = ir.IntType(64)
INT32 = ir.IntType(32)
_ALIGN = 4  # bytes: rows begin anywhere


def _wide_registers() -> bool:
    """Whether the processor has 32 registers of 16 floats (AVX-512), so that larger tiles fit."""
    return bool(llvmlite.binding.get_host_cpu_features().get("avx512f", False))


class Matrix(NamedTuple):
    """A matrix in memory that somebody else keeps alive: no counting of references on the way to a tile."""

    begin: int  # address of element [0, 0]
    row: int  # numbers from one row to the next
    step: int  # and along a row: 1, but for the factor on the left, which may be read transposed


class _Floats:
    """Float32 numbers inside a function being built: loads and stores, one or 16."""

    def __init__(self, builder: Any, data: Any) -> None:
        self._builder = builder
        self._data = data

    def at(self, index: Any, kind: ir.Type) -> Any:
        """The address of element `index`, to be read or written as `kind`."""
        here = self._builder.gep(self._data, [index], source_etype=FLOAT)
        return self._builder.bitcast(here, kind.as_pointer())

    def scalar(self, index: Any) -> Any:
        """Element `index` in every lane."""
        one = self._builder.load(self.at(index, FLOAT), typ=FLOAT, align=_ALIGN)
        return _everywhere(self._builder, one, VECTOR)

    def vector(self, index: Any, mask: Any = None) -> Any:
        """The elements from `index` on; lanes that `mask` leaves out are 0 and are not touched."""
        if mask is None:
            return self._builder.load(self.at(index, VECTOR), typ=VECTOR, align=_ALIGN)
        kind = ir.FunctionType(VECTOR, [VECTOR.as_pointer(), INT32, _MASK, VECTOR])
        load = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.masked.load.v16f32.p0")
        return self._builder.call(load, [self.at(index, VECTOR), INT32(_ALIGN), mask, zero()])

    def put(self, vector: Any, index: Any) -> None:
        """Write a vector's elements, as many as it has, from `index` on."""
        self._builder.store(vector, self.at(index, vector.type), align=_ALIGN)

    def put_masked(self, vector: Any, index: Any, mask: Any) -> None:
        """Write the lanes that `mask` names from `index` on."""
        kind = ir.FunctionType(ir.VoidType(), [VECTOR, VECTOR.as_pointer(), INT32, _MASK])
        store = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.masked.store.v16f32.p0")
        self._builder.call(store, [vector, self.at(index, VECTOR), INT32(_ALIGN), mask])


class Operand(_Floats):
    """A Matrix inside a function being built."""

    def __init__(self, builder: Any, value: Any) -> None:
        begin, self._row, self._step = (builder.extract_value(value, i) for i in range(3))
        super().__init__(builder, builder.inttoptr(begin, FLOAT.as_pointer()))

    def place(self, row: Any, column: Any) -> Any:
        """The index of element [row, column]."""
        build = self._builder
        return build.add(build.mul(row, self._row), build.mul(column, self._step))

    def along(self, column: Any) -> Any:
        """How far element [., column] lies from its row's beginning."""
        return self._builder.mul(column, self._step)

    def rows(self, first: Any, count: int, names: Any = None) -> list[Any]:
        """The indices of `count` rows' beginnings from row `first` on, or of those that a list names from there on."""
        if names is not None:
            places = [self._builder.add(first, INDEX(r)) for r in range(count)]
            listed = [self._builder.gep(names, [place], source_etype=INDEX) for place in places]
            return [self._builder.mul(self._builder.load(one, typ=INDEX), self._row) for one in listed]
        begins = [self._builder.mul(first, self._row)]  # one product, and sums from there
        for _ in range(1, count):
            begins.append(self._builder.add(begins[-1], self._row))
        return begins


def put_all(builder: Any, out: _Floats, vectors: list[Any], places: list[Any], lanes: Any = None) -> None:
    """Write each vector from its place on: all of it, or its first `lanes` lanes, fewer than 16.

    Without AVX-512 a store under a mask may take a dozen cycles: there the parts of 8, 4, 2 and 1 lanes that the
    number is made of are stored one after the other.
    """
    if lanes is None:
        for vector, place in zip(vectors, places, strict=True):
            out.put(vector, place)
        return
    if _wide_registers():
        mask = first_lanes(builder, lanes)
        for vector, place in zip(vectors, places, strict=True):
            out.put_masked(vector, place, mask)
        return
    rests = [cgutils.alloca_once_value(builder, vector) for vector in vectors]
    stored = cgutils.alloca_once_value(builder, INDEX(0))
    for span in (8, 4, 2, 1):
        with builder.if_then(builder.icmp_unsigned("!=", builder.and_(lanes, INDEX(span)), INDEX(0))):
            done = builder.load(stored, typ=INDEX)
            builder.store(builder.add(done, INDEX(span)), stored)
            for rest, place in zip(rests, places, strict=True):
                vector = builder.load(rest, typ=VECTOR)
                out.put(_rolled(builder, vector, 0, span), builder.add(place, done))
                builder.store(_rolled(builder, vector, span, LANES), rest)


def _rolled(builder: Any, vector: Any, first: int, count: int) -> Any:
    """`count` lanes of a vector, from lane `first` on and then around."""
    lanes = ir.VectorType(INT32, count)([(first + lane) % LANES for lane in range(count)])
    return builder.shuffle_vector(vector, vector, lanes)


def zero() -> Any:
    """Zeros in every lane."""
    return VECTOR([0.0] * LANES)


def _everywhere(builder: Any, value: Any, kind: Any) -> Any:
    """A vector with `value` in every lane."""
    first = builder.insert_element(kind(ir.Undefined), value, INT32(0))
    return builder.shuffle_vector(first, kind(ir.Undefined), ir.VectorType(INT32, LANES)([0] * LANES))


def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c in every lane, rounded once."""
    kind = ir.FunctionType(VECTOR, [VECTOR, VECTOR, VECTOR])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.v16f32"), [a, b, c])


def first_lanes(builder: Any, count: Any) -> Any:
    """The mask of the first `count` lanes."""
    numbers = ir.VectorType(INT32, LANES)
    few = _everywhere(builder, builder.trunc(count, INT32), numbers)
    return builder.icmp_signed("<", numbers(list(range(LANES))), few)


def _tile(rows: int, vectors: int, *, masked: bool, listed: str = "") -> Callable[..., None]:
    """Build out = start + a @ b for a tile of `rows` rows and `vectors` x 16 columns from [row, column] on.

    start, a, b and out are whole matrices; with `masked` only the first `lanes` columns of the last vector
    are read and written. The rows of a, of b, or of start and out, as `listed` says, are those that a list names,
    whose address comes last.
    """

    @intrinsic
    def tile(typing, start, a, b, out, row, column, depth, lanes, names):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
            start, a, b, out = (Operand(builder, each) for each in args[:4])
            depth, lanes = args[6:8]
            names = builder.inttoptr(args[8], INDEX.as_pointer())
            masks = [None] * (vectors - 1) + [first_lanes(builder, lanes) if masked else None]
            column = [builder.add(args[5], INDEX(v * LANES)) for v in range(vectors)]
            tile = [(r, v) for r in range(rows) for v in range(vectors)]
            sums = {place: cgutils.alloca_once(builder, VECTOR) for place in tile}
            outer, inner = (names if listed == which else None for which in ("out", "a"))
            first, last = (each.rows(args[4], rows, outer) for each in (start, out))
            weights = a.rows(args[4], rows, inner)
            for r, v in tile:
                builder.store(start.vector(builder.add(first[r], column[v]), masks[v]), sums[r, v])
            with cgutils.for_range(builder, depth) as loop:
                k = loop.index
                name = builder.load(builder.gep(names, [k], source_etype=INDEX), typ=INDEX) if listed == "b" else k
                right = [b.vector(b.place(name, column[v]), masks[v]) for v in range(vectors)]
                left = [a.scalar(builder.add(weights[r], a.along(k))) for r in range(rows)]
                for r, v in tile:
                    now = builder.load(sums[r, v], typ=VECTOR)
                    builder.store(fma(builder, left[r], right[v], now), sums[r, v])
            for v in range(vectors):
                done = [builder.load(sums[r, v], typ=VECTOR) for r in range(rows)]
                places = [builder.add(begin, column[v]) for begin in last]
                put_all(builder, out, done, places, lanes if masks[v] is not None else None)
            return context.get_dummy_value()

        n = types.int64
        return types.void(start, a, b, out, n, n, n, n, n), build

    built: Callable[..., None] = tile
    return built


TALL = 8 if _wide_registers() else 6  # rows of a tall tile: as many as the registers hold
WIDE = 2 if _wide_registers() else 1  # vectors of a wide tile
LOW = 4  # rows of a low tile, for what tall ones don't cover

tall_wide = _tile(TALL, WIDE, masked=False)
tall_narrow = _tile(TALL, 1, masked=False)
tall_rest = _tile(TALL, 1, masked=True)
low_wide = _tile(LOW, WIDE, masked=False)
low_narrow = _tile(LOW, 1, masked=False)
low_rest = _tile(LOW, 1, masked=True)
flat_wide = _tile(1, 4, masked=False)
flat_half = _tile(1, 2, masked=False)
flat_narrow = _tile(1, 1, masked=False)
flat_rest = _tile(1, 1, masked=True)
tall_narrow_listed = _tile(TALL, 1, masked=False, listed="b")
tall_rest_listed = _tile(TALL, 1, masked=True, listed="b")
low_narrow_listed = _tile(LOW, 1, masked=False, listed="b")
low_rest_listed = _tile(LOW, 1, masked=True, listed="b")
flat_wide_listed = _tile(1, 4, masked=False, listed="b")
flat_half_listed = _tile(1, 2, masked=False, listed="b")
flat_narrow_listed = _tile(1, 1, masked=False, listed="b")
flat_rest_listed = _tile(1, 1, masked=True, listed="b")
tall_narrow_of = _tile(TALL, 1, masked=False, listed="a")
tall_narrow_into = _tile(TALL, 1, masked=False, listed="out")
tall_rest_into = _tile(TALL, 1, masked=True, listed="out")

_CHAINS = 4  # sums kept side by side, so that one need not wait for the other


@intrinsic
def _sum_of_squares(typing, values):  # type: ignore[no-untyped-def]
    """Squares of an array of whole groups of 64 summed in 64 lanes, and the lanes then in order."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        array = context.make_array(signature.args[0])(context, builder, args[0])
        values, length = _Floats(builder, array.data), builder.extract_value(array.shape, 0)
        sums = [cgutils.alloca_once(builder, VECTOR) for _ in range(_CHAINS)]
        for each in sums:
            builder.store(zero(), each)
        with cgutils.for_range(builder, builder.udiv(length, INDEX(GROUP))) as loop:
            for chain, each in enumerate(sums):
                first = builder.add(builder.mul(loop.index, INDEX(GROUP)), INDEX(chain * LANES))
                here = values.vector(first)
                builder.store(fma(builder, here, here, builder.load(each, typ=VECTOR)), each)
        total = FLOAT(0.0)
        for each in sums:
            lanes = builder.load(each, typ=VECTOR)
            for lane in range(LANES):
                total = builder.fadd(total, builder.extract_element(lanes, INT32(lane)))
        return total

    return types.float32(values), build


@intrinsic
def _address_of_name(typing, names, place):  # type: ignore[no-untyped-def]
    """The address of element `place` of a flat int64 array."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(builder.gep(data, [args[1]], source_etype=INDEX), INDEX)

    return types.int64(names, types.int64), build


@intrinsic
def _address(typing, values, place):  # type: ignore[no-untyped-def]
    """The address of element `place` of a flat float32 array."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(builder.gep(data, [args[1]], source_etype=FLOAT), INDEX)

    return types.int64(values, types.int64), build


address: Callable[..., int] = _address
address_of_name: Callable[..., int] = _address_of_name
sum_of_squares: Callable[..., np.float32] = _sum_of_squares
