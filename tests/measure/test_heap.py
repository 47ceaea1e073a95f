"""What piles up is called by its name."""

from __future__ import annotations

import numpy as np

from teem.measure.culprits import Culprit
from teem.measure.garbage import Garbage
from teem.measure.heap import Heap

OBJECTS, ARRAYS = Culprit("objects", "more objects"), Culprit("memory", "more memory")
TESTED: list[list[int]] = []


class Tracker:
    def __init__(self) -> None:
        self.history = [[step] for step in range(2000)]
        self.table = np.zeros((1000, 256))

    def grow(self) -> None:
        self.history += [[step] for step in range(50_000)]

    def stack(self) -> None:
        self.table = np.vstack([self.table, np.zeros((9000, 256))])


def named(culprit: Culprit, heap: Heap, grow: object) -> str:
    assert heap.name(culprit) is None  # the first look only remembers
    grow()  # type: ignore[operator]
    return heap.name(culprit) or ""


def test_a_list_of_an_object_a_function_and_a_module() -> None:
    tracker, mine = Tracker(), [[step] for step in range(2000)]
    assert "the list Tracker.history, 52000 items" in named(OBJECTS, Heap(), tracker.grow)
    assert "mine in test_a_list_of" in named(OBJECTS, Heap(), lambda: mine.extend([1] for _ in range(50_000)))
    TESTED.extend([1] for _ in range(2000))
    assert f"{__name__}.TESTED" in named(OBJECTS, Heap(), lambda: TESTED.extend([1] for _ in range(50_000)))
    TESTED.clear()


def test_an_array_that_is_made_anew_each_time() -> None:
    tracker = Tracker()
    assert "the array Tracker.table, 20.5 MB" in named(ARRAYS, Heap(), tracker.stack)


def test_nothing_is_named_where_nothing_grew_and_for_what_is_no_object() -> None:
    assert named(ARRAYS, Heap(), lambda: None) == "more memory"
    assert Heap().name(Culprit("span", "span learn takes longer")) == "span learn takes longer"


def test_what_was_there_when_a_run_began_is_named_too() -> None:
    tracker = Tracker()
    with Garbage(0.1):
        assert "the list Tracker.history, 52000 items" in named(OBJECTS, Heap(), tracker.grow)
