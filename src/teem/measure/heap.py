"""What piles up in memory, by name: the lists, dicts, sets and arrays that grew between two looks at the heap.

A look takes some tenths of a second of a thread that nobody waits for, so it is taken only when memory was found to
grow, and twice at most for each time it is.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from teem.measure.culprits import Culprit
from teem.measure.garbage import everything_seen

KINDS = (list, dict, set, deque, bytearray)
ITEMS_LEAST = 1000  # in what is looked at
ITEM_BYTES = 64  # that an item is taken for, to compare with arrays
BYTES_LEAST = 1 << 20  # of an array
WIDEST = 200  # fields of what arrays are looked for in

Key = tuple[int, int]  # a container and -1, or who holds an array and where
Sizes = dict[Key, int]  # bytes, about


class Heap:
    """Says what grew, when it is asked for the second time."""

    def __init__(self) -> None:
        self._before: Sizes | None = None

    def name(self, culprit: Culprit) -> str | None:
        """The culprit in words, with the object that grew most since the call before; None the first time."""
        if culprit.kind not in ("objects", "memory"):
            return str(culprit)
        with everything_seen():
            if self._before is None:
                self._before = {key: size for key, size, _ in _large()}
                return None
            before, self._before = self._before, None
            grown = fastest(before)
        return f"{culprit}: {grown}" if grown else str(culprit)


def fastest(before: Sizes) -> str | None:
    """What grew by most since then, and what it is called; None where nothing did."""
    worst, most = None, 0
    for key, size, thing in _large():
        if key in before and size - before[key] > most:
            worst, most = thing, size - before[key]
    if worst is None:
        return None
    called = name_of(worst)
    shape = f"{worst.nbytes / 1e6:.3g} MB" if isinstance(worst, np.ndarray) else f"{len(worst)} items"
    kind = "array" if isinstance(worst, np.ndarray) else type(worst).__name__
    return f"the {kind} {called or 'without a name'}, {shape}"


def _large() -> Iterator[tuple[Key, int, Any]]:
    """Everything that holds much, with its size."""
    for one in gc.get_objects():
        if type(one) in KINDS and len(one) >= ITEMS_LEAST:
            yield (id(one), -1), ITEM_BYTES * len(one), one
            continue
        fields = gc.get_referents(one)
        if len(fields) <= WIDEST:
            for place, inner in enumerate(fields):
                if type(inner) is np.ndarray and inner.nbytes >= BYTES_LEAST:
                    yield (id(one), place), inner.nbytes, inner


def name_of(thing: Any) -> str | None:
    """What it is called by a function that runs, a module, or an object; None if it isn't."""
    for frame in sys._current_frames().values():
        here = frame
        while here is not None:
            module = here.f_globals.get("__name__", "")
            if module != __name__ and (name := _key_of(thing, here.f_locals)):
                return f"{name} in {here.f_code.co_name} of {module}"
            here = here.f_back  # type: ignore[assignment]
    for holder in gc.get_referrers(thing):
        fields = holder if isinstance(holder, dict) else getattr(holder, "__dict__", None)
        if isinstance(fields, dict) and (name := _key_of(thing, fields)):
            return f"{fields['__name__']}.{name}" if "__name__" in fields else f"{_owner(holder)}.{name}"
    return None


def _key_of(thing: Any, fields: Any) -> str | None:
    return next((str(key) for key, value in tuple(fields.items()) if value is thing), None)


def _owner(holder: Any) -> str:
    """Whose fields they are."""
    if not isinstance(holder, dict):
        return type(holder).__name__
    owners = (one for one in gc.get_referrers(holder) if getattr(one, "__dict__", None) is holder)
    return type(next(owners, holder)).__name__
