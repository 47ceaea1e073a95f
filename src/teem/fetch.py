"""Sending for memory before it is needed: a kernel that knows where it goes next need not wait there."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INT32 = ir.IntType(32)
_BYTE = ir.IntType(8)


@intrinsic
def _fetch(typing, values, place):  # type: ignore[no-untyped-def]
    """Ask for the cache line of element `place` of a flat or deeper array, without waiting for it."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        element = context.get_data_type(signature.args[0].dtype)
        here = builder.bitcast(builder.gep(data, [args[1]], source_etype=element), _BYTE.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INT32, _INT32, _INT32])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [here, _INT32(0), _INT32(3), _INT32(1)])  # to read, into the second level, data
        return context.get_dummy_value()

    return types.void(values, types.int64), build


fetch: Callable[..., None] = _fetch
