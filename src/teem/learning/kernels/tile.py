"""The innermost loop of every layer: a tile of sums kept in vector registers while the depth is walked.

Numba has no vector type and no fused multiply-add without fastmath, so these few loops are written as LLVM
instructions. A fused multiply-add rounds once, on every processor alike, and every sum runs over the depth in
rising order: so a sum has the same bits whatever the tile it was in, the thread, or the width of the registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)
_INDEX = ir.IntType(64)
_INT32 = ir.IntType(32)
_ALIGN = 4  # bytes: rows begin anywhere


def _wide_registers() -> bool:
    """Whether the processor has 32 registers of 16 floats (AVX-512), so that larger tiles fit."""
    return bool(llvmlite.binding.get_host_cpu_features().get("avx512f", False))


class _Floats:
    """A float32 array inside a function being built: element addresses, loads and stores."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self._builder = builder
        self._data = context.make_array(kind)(context, builder, value).data

    def at(self, index: Any, kind: ir.Type) -> Any:
        """The address of element `index`, to be read or written as `kind`."""
        here = self._builder.gep(self._data, [index], source_etype=_FLOAT)
        return self._builder.bitcast(here, kind.as_pointer())

    def scalar(self, index: Any) -> Any:
        """Element `index` in every lane."""
        one = self._builder.load(self.at(index, _FLOAT), typ=_FLOAT, align=_ALIGN)
        first = self._builder.insert_element(_VECTOR(ir.Undefined), one, _INT32(0))
        return self._builder.shuffle_vector(first, _VECTOR(ir.Undefined), ir.VectorType(_INT32, LANES)([0] * LANES))

    def vector(self, index: Any, mask: Any) -> Any:
        """The elements from `index` on; lanes that `mask` leaves out are 0 and are not touched."""
        if mask is None:
            return self._builder.load(self.at(index, _VECTOR), typ=_VECTOR, align=_ALIGN)
        kind = ir.FunctionType(_VECTOR, [_VECTOR.as_pointer(), _INT32, _MASK, _VECTOR])
        load = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.masked.load.v16f32.p0")
        return self._builder.call(load, [self.at(index, _VECTOR), _INT32(_ALIGN), mask, _zero()])

    def put(self, vector: Any, index: Any, mask: Any) -> None:
        """Write the lanes that `mask` names from `index` on."""
        if mask is None:
            self._builder.store(vector, self.at(index, _VECTOR), align=_ALIGN)
            return
        kind = ir.FunctionType(ir.VoidType(), [_VECTOR, _VECTOR.as_pointer(), _INT32, _MASK])
        store = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.masked.store.v16f32.p0")
        self._builder.call(store, [vector, self.at(index, _VECTOR), _INT32(_ALIGN), mask])


def _zero() -> Any:
    return _VECTOR([0.0] * LANES)


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c in every lane, rounded once."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR, _VECTOR])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.v16f32"), [a, b, c])


def _first_lanes(builder: Any, count: Any) -> Any:
    """The mask of the first `count` lanes."""
    numbers = ir.VectorType(_INDEX, LANES)
    first = builder.insert_element(numbers(ir.Undefined), count, _INT32(0))
    everywhere = builder.shuffle_vector(first, numbers(ir.Undefined), ir.VectorType(_INT32, LANES)([0] * LANES))
    return builder.icmp_signed("<", numbers(list(range(LANES))), everywhere)


def _tile(rows: int, vectors: int, *, masked: bool) -> Callable[..., None]:
    """Build out[r, v] = start[r, v] + sum over k of a[r, k] * b[k, v] for `rows` rows and `vectors` x 16 columns.

    Every array is flat and comes with the place of its first element and its strides; with `masked` only the
    first `lanes` columns of the last vector are read and written.
    """

    @intrinsic
    def tile(typing, start, s0, s_row, a, a0, a_row, a_step, b, b0, b_row, out, o0, o_row, depth, lanes):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
            s, a, b, out = (_Floats(context, builder, signature.args[i], args[i]) for i in (0, 3, 7, 10))
            s0, s_row, a0, a_row, a_step, b0, b_row, o0, o_row = (args[i] for i in (1, 2, 4, 5, 6, 8, 9, 11, 12))
            depth, lanes = args[13:]
            masks = [None] * (vectors - 1) + [_first_lanes(builder, lanes) if masked else None]

            def place(first, row_stride, row, vector):  # type: ignore[no-untyped-def]
                row_start = builder.add(first, builder.mul(row_stride, _INDEX(row)))
                return builder.add(row_start, _INDEX(vector * LANES))

            sums = {}
            for r in range(rows):
                for v in range(vectors):
                    sums[r, v] = cgutils.alloca_once(builder, _VECTOR)
                    builder.store(s.vector(place(s0, s_row, r, v), masks[v]), sums[r, v])
            with cgutils.for_range(builder, depth) as loop:
                b_start = builder.add(b0, builder.mul(b_row, loop.index))
                a_start = builder.add(a0, builder.mul(a_step, loop.index))
                columns = [b.vector(place(b_start, b_row, 0, v), masks[v]) for v in range(vectors)]
                for r in range(rows):
                    factor = a.scalar(place(a_start, a_row, r, 0))
                    for v in range(vectors):
                        now = builder.load(sums[r, v], typ=_VECTOR)
                        builder.store(_fma(builder, factor, columns[v], now), sums[r, v])
            for (r, v), total in sums.items():
                out.put(builder.load(total, typ=_VECTOR), place(o0, o_row, r, v), masks[v])
            return context.get_dummy_value()

        n = types.int64
        return types.void(start, n, n, a, n, n, n, b, n, n, out, n, n, n, n), build

    return tile


TALL = 8 if _wide_registers() else 4  # rows of a tall tile
WIDE = 2 if _wide_registers() else 1  # vectors of a wide tile

tall_wide = _tile(TALL, WIDE, masked=False)
tall_narrow = _tile(TALL, 1, masked=False)
tall_rest = _tile(TALL, 1, masked=True)
flat_wide = _tile(1, 4, masked=False)
flat_narrow = _tile(1, 1, masked=False)
flat_rest = _tile(1, 1, masked=True)


@intrinsic
def sum_of_squares(typing, values, first, vectors):  # type: ignore[no-untyped-def]
    """16 partial sums over `vectors` whole vectors, added up in a fixed order."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        values = _Floats(context, builder, signature.args[0], args[0])
        first, vectors = args[1:]
        total = cgutils.alloca_once(builder, _VECTOR)
        builder.store(_zero(), total)
        with cgutils.for_range(builder, vectors) as loop:
            here = values.vector(builder.add(first, builder.mul(loop.index, _INDEX(LANES))), None)
            builder.store(_fma(builder, here, here, builder.load(total, typ=_VECTOR)), total)
        lanes = builder.load(total, typ=_VECTOR)
        result = builder.extract_element(lanes, _INT32(0))
        for lane in range(1, LANES):
            result = builder.fadd(result, builder.extract_element(lanes, _INT32(lane)))
        return result

    return types.float32(values, types.int64, types.int64), build


@intrinsic
def fetch(typing, values, row):  # type: ignore[no-untyped-def]
    """Ask for a row of a 2-D array to be brought into the cache, without waiting for it; changes nothing."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        values = _Floats(context, builder, signature.args[0], args[0])
        stride = builder.extract_value(context.make_array(signature.args[0])(context, builder, args[0]).shape, 1)
        first = builder.mul(args[1], stride)
        byte = ir.IntType(8)
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), _INT32, _INT32, _INT32])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        with cgutils.for_range(builder, builder.udiv(stride, _INDEX(LANES))) as loop:
            line = builder.add(first, builder.mul(loop.index, _INDEX(LANES)))
            builder.call(prefetch, [values.at(line, byte), _INT32(0), _INT32(2), _INT32(1)])
        return context.get_dummy_value()

    return types.void(values, types.int64), build
