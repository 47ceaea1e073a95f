"""Sixteen numbers side by side in a vector register, so that a kernel for one thing works on sixteen at once.

Inside numba kernels `Lanes` (float32), `Whole` (int32) and `Mask` values take part in ordinary arithmetic, mixed with
plain numbers as one pleases: a plain number stands in every lane. Each operation is one LLVM instruction on all lanes,
rounded as IEEE 754 says and never contracted, so a lane has the same bits on every processor and whatever its
neighbours hold. Memory is walked by address, in rows of 16: nothing is counted or checked on the way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typeconv.castgraph import Conversion
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, models, register_model
from numpy.typing import NDArray

LANES = 16
ROW = 4 * LANES  # bytes of a row

_FLOAT, _INT, _BIT, _WORD = ir.FloatType(), ir.IntType(32), ir.IntType(1), ir.IntType(64)
_FLOATS, _INTS, _BITS = (ir.VectorType(kind, LANES) for kind in (_FLOAT, _INT, _BIT))


class _LanesType(types.Type):
    """Sixteen numbers of one kind."""

    def __init__(self, name: str, plain: tuple[type[types.Type], ...], vector: ir.VectorType) -> None:
        self.plain, self.vector = plain, vector
        super().__init__(name)

    def can_convert_from(self, typingctx: Any, other: types.Type) -> Conversion | None:
        """Plain numbers of the kind stand in every lane."""
        return Conversion.safe if isinstance(other, self.plain) else None


class _FloatLanes(_LanesType): ...


class _IntLanes(_LanesType): ...


class _MaskLanes(_LanesType): ...


lanes = _FloatLanes("Lanes", (types.Float, types.Integer), _FLOATS)
whole = _IntLanes("Whole", (types.Integer,), _INTS)
mask = _MaskLanes("Mask", (types.Boolean,), _BITS)


@register_model(_FloatLanes)
@register_model(_IntLanes)
@register_model(_MaskLanes)
class _LanesModel(models.PrimitiveModel):
    """In registers and in memory: the vector itself."""

    def __init__(self, dmm: Any, fe_type: _LanesType) -> None:
        super().__init__(dmm, fe_type, fe_type.vector)  # type: ignore[no-untyped-call]


def _everywhere(builder: Any, value: Any, kind: ir.VectorType) -> Any:
    """A vector with `value` in every lane."""
    first = builder.insert_element(kind(ir.Undefined), value, _INT(0))
    return builder.shuffle_vector(first, kind(ir.Undefined), ir.VectorType(_INT, LANES)([0] * LANES))


@lower_cast(types.Float, _FloatLanes)
@lower_cast(types.Integer, _FloatLanes)
def _spread_float(context, builder, fromty, toty, value):  # type: ignore[no-untyped-def]
    return _everywhere(builder, context.cast(builder, value, fromty, types.float32), _FLOATS)


@lower_cast(types.Integer, _IntLanes)
def _spread_int(context, builder, fromty, toty, value):  # type: ignore[no-untyped-def]
    return _everywhere(builder, context.cast(builder, value, fromty, types.int32), _INTS)


@lower_cast(types.Boolean, _MaskLanes)
def _spread_bit(context, builder, fromty, toty, value):  # type: ignore[no-untyped-def]
    return _everywhere(builder, value, _BITS)


def _operation(
    function: Callable[..., Any],
    result: _LanesType,
    arguments: tuple[_LanesType, ...],
    build: Callable[..., Any],
) -> None:
    """Teach numba one operator: its type, and the instruction it becomes."""

    class Template(ConcreteTemplate):
        key = function
        cases = [signature(result, *arguments)]  # noqa: RUF012  # numba reads it from the class

    infer_global(function)(Template)

    @lower_builtin(function, *arguments)
    def lower(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return build(builder, *args)


def _compare(sign: str, kind: _LanesType) -> Callable[..., Any]:
    """One comparison of lanes; of floats it is false where either is not a number."""
    if kind is whole:
        return lambda builder, a, b: builder.icmp_signed(sign, a, b)
    return lambda builder, a, b: builder.fcmp_ordered(sign, a, b)


for _name in ("add", "sub", "mul", "truediv"):
    for _function in (getattr(operator, _name), getattr(operator, f"i{_name}")):
        _float = "fdiv" if _name == "truediv" else f"f{_name}"
        _operation(_function, lanes, (lanes, lanes), lambda b, x, y, name=_float: getattr(b, name)(x, y))
        if _name != "truediv":
            _operation(_function, whole, (whole, whole), lambda b, x, y, name=_name: getattr(b, name)(x, y))
for _kind in (lanes, whole):
    for _sign in ("lt", "le", "gt", "ge"):
        _text = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}[_sign]
        _operation(getattr(operator, _sign), mask, (_kind, _kind), _compare(_text, _kind))
_operation(operator.neg, lanes, (lanes,), lambda b, x: b.fneg(x))
_operation(operator.and_, mask, (mask, mask), lambda b, x, y: b.and_(x, y))
_operation(operator.or_, mask, (mask, mask), lambda b, x, y: b.or_(x, y))
_operation(operator.invert, mask, (mask,), lambda b, x: b.not_(x))


def _call(builder: Any, name: str, result: Any, *values: Any) -> Any:
    """Call an LLVM function by its name."""
    kind = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)


def _word(name: str, result: types.Type, arguments: tuple[types.Type, ...], build: Callable[..., Any]) -> Any:
    """A function for kernels: called by its name, it becomes the instructions that `build` writes."""

    def function(*_: Any) -> Any:
        raise TypeError(f"{name} works inside kernels alone")

    function.__name__ = function.__qualname__ = name
    globals()[name] = function  # numba looks a global up in its module before it is bound there
    _operation(function, result, arguments, build)  # type: ignore[arg-type]
    return function


def _place(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _fetch_from(vector: ir.VectorType, name: str) -> Callable[..., Any]:
    """Reads table[index] in every lane."""
    pointers = ir.VectorType(ir.PointerType(), LANES)

    def build(builder: Any, table: Any, index: Any) -> Any:
        begin = builder.bitcast(_place(builder, table, vector.element), ir.PointerType())
        places = builder.gep(begin, [index], source_etype=vector.element)
        places.type = pointers  # llvmlite gives a vector of indices the type of one pointer
        on = _BITS([1] * LANES)
        kind = ir.FunctionType(vector, [pointers, _INT, _BITS, vector])
        read = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.gather.{name}.v16p0")
        return builder.call(read, [places, _INT(4), on, vector(ir.Undefined)])

    return build


def _row(builder: Any, address: Any, row: Any) -> Any:
    return builder.add(address, builder.mul(row, _WORD(ROW)))


def _read(vector: ir.VectorType) -> Callable[..., Any]:
    return lambda b, address, row: b.load(_place(b, _row(b, address, row), vector), typ=vector, align=4)


def _write(vector: ir.VectorType) -> Callable[..., Any]:
    """Writes a row whole.

    Where some lanes keep what they held, LLVM would store the others under a mask, which takes a dozen cycles on some
    processors; the fence, which is no instruction, hides from it where the value comes from.
    """

    def build(builder: Any, address: Any, row: Any, value: Any) -> Any:
        value = _call(builder, "llvm.arithmetic.fence.v16f32", _FLOATS, builder.bitcast(value, _FLOATS))
        builder.store(builder.bitcast(value, vector), _place(builder, _row(builder, address, row), vector), align=4)
        return ir.Constant(ir.IntType(8).as_pointer(), None)

    return build


def _any(builder: Any, bits: Any) -> Any:
    bits = builder.bitcast(bits, ir.IntType(LANES))
    return builder.icmp_unsigned("!=", bits, bits.type(0))


_int64, _none = types.int64, types.void

where = _word("where", lanes, (mask, lanes, lanes), lambda b, m, x, y: b.select(m, x, y))
minimum = _word("minimum", lanes, (lanes, lanes), lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))
maximum = _word("maximum", lanes, (lanes, lanes), lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))
absolute = _word("absolute", lanes, (lanes,), lambda b, x: _call(b, "llvm.fabs.v16f32", _FLOATS, x))
sqrt = _word("sqrt", lanes, (lanes,), lambda b, x: _call(b, "llvm.sqrt.v16f32", _FLOATS, x))
floor = _word("floor", lanes, (lanes,), lambda b, x: _call(b, "llvm.floor.v16f32", _FLOATS, x))
truncate = _word("truncate", whole, (lanes,), lambda b, x: b.fptosi(x, _INTS))
floats = _word("floats", lanes, (whole,), lambda b, x: b.sitofp(x, _FLOATS))
choose = _word("choose", whole, (mask, whole, whole), lambda b, m, x, y: b.select(m, x, y))
any_lane = _word("any_lane", types.boolean, (mask,), _any)

load = _word("load", lanes, (_int64, _int64), _read(_FLOATS))
store = _word("store", _none, (_int64, _int64, lanes), _write(_FLOATS))
load_whole = _word("load_whole", whole, (_int64, _int64), _read(_INTS))
store_whole = _word("store_whole", _none, (_int64, _int64, whole), _write(_INTS))
gather = _word("gather", lanes, (_int64, whole), _fetch_from(_FLOATS, "v16f32"))


@intrinsic
def _address(typing, array):  # type: ignore[no-untyped-def]
    """Where an array's first element lies; the array must be kept alive and be whole."""

    def build(context, builder, sig, args):  # type: ignore[no-untyped-def]
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, _WORD)

    return types.int64(array), build


address: Callable[..., int] = _address


def rows(*shape: int) -> NDArray[np.float32]:
    """Zeros [..., LANES] that begin where a cache line does; memory that is never touched costs nothing."""
    size = int(np.prod(shape)) * LANES
    flat = np.zeros(size + LANES, np.float32)
    begin = -flat.ctypes.data % ROW // 4
    return flat[begin : begin + size].reshape(*shape, LANES)
