"""The bits of a float32 as a whole number, and back: what fast functions of whole vectors take apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def _bits(typing, value):  # type: ignore[no-untyped-def]
    """The bits of a float32 as int32."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), build


@intrinsic
def _float(typing, value):  # type: ignore[no-untyped-def]
    """The float32 of these bits."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), build


bits_of: Callable[..., np.int32] = _bits
float_of: Callable[..., np.float32] = _float
