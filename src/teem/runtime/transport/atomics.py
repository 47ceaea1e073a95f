"""Loads and stores that order memory between processes: what was written before a release is seen after its acquire.

numba has no atomics on the CPU, so these say it to LLVM. A cell is one int64 of an array, aligned to its 8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_BYTES = 8

_told_to_llvm: Callable[[Any], Callable[..., Any]] = (
    intrinsic  # what it makes is called with other arguments than what it is made of
)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Where `array[index]` lies."""
    opened = context.make_array(kind)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, kind, opened, [index], wraparound=False)


@_told_to_llvm
def load_acquire(typing: Any, cells: Any, index: Any) -> Any:
    """cells[index]; nothing that follows in the program is read before it."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        address = _address(context, builder, signature.args[0], given[0], given[1])
        return builder.load_atomic(address, "acquire", _BYTES)

    return types.int64(cells, types.intp), generate


@_told_to_llvm
def store_release(typing: Any, cells: Any, index: Any, value: Any) -> Any:
    """cells[index] = value; whoever loads it sees all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        address = _address(context, builder, signature.args[0], given[0], given[1])
        builder.store_atomic(given[2], address, "release", _BYTES)
        return context.get_dummy_value()

    return types.void(cells, types.intp, types.int64), generate


@_told_to_llvm
def fence(typing: Any) -> Any:
    """Nothing is moved across it, not even a load before a store."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.fence("seq_cst")
        return ir.Constant(ir.IntType(8).as_pointer(), None)

    return types.void(), generate


@njit(nogil=True, cache=True)
def load(cells, index):  # type: ignore[no-untyped-def]
    """`load_acquire`, for Python."""
    return load_acquire(cells, index)


@njit(nogil=True, cache=True)
def store(cells, index, value):  # type: ignore[no-untyped-def]
    """`store_release`, for Python."""
    store_release(cells, index, value)


@njit(nogil=True, cache=True)
def add(cells, index, value):  # type: ignore[no-untyped-def]
    """Raise a cell that has one writer, the caller."""
    store_release(cells, index, load_acquire(cells, index) + value)
