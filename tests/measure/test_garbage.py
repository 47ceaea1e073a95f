"""The collector between steps: cycles are freed, on a budget, and the program gets its collector back as it was."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from teem.measure.garbage import LATE, Garbage, everything_seen


class Node:
    """Something that may hold itself."""

    def __init__(self) -> None:
        self.me: Any = self


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()
    yield
    assert (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()) == before


def allocate(count: int) -> list[list[int]]:
    return [[1] for _ in range(count)]


def test_cycles_are_freed_between_steps_and_never_within_one() -> None:
    with Garbage(0.5) as garbage:
        assert not gc.isenabled()
        node = weakref.ref(Node())
        kept = allocate(5000)
        assert node() is not None, "nobody has collected yet"
        garbage.on_step(0.01)
        assert node() is None
        assert sum(garbage.collections) == 1
        del kept
    assert gc.isenabled()


def test_cycles_that_have_grown_old_are_freed_too() -> None:
    with Garbage(0.1) as garbage:
        old = Node()
        for _ in range(3):
            gc.collect()  # it is in the oldest generation now
        found = weakref.ref(old)
        del old
        kept: list[Any] = []
        steps = 0
        while found() is not None:
            kept.append(allocate(1000))
            garbage.on_step(0.01)
            steps += 1
            assert steps < 3000
        assert garbage.collections[2] >= 1
        assert garbage.seconds >= garbage.longest_s > 0


def test_what_is_there_at_the_start_is_not_looked_at_until_the_end() -> None:
    there = Node()
    with Garbage(0.1):
        assert gc.get_freeze_count() > 1000
        found = weakref.ref(there)
        del there
        gc.collect()
        assert found() is not None
    gc.collect()
    assert found() is None


def test_a_collection_waits_until_it_is_paid_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    counts = [701, 0, 0]
    garbage = Garbage(0.01)
    with garbage:
        monkeypatch.setattr("teem.measure.garbage.gc.get_count", lambda: tuple(counts))
        monkeypatch.setattr("teem.measure.garbage.gc.get_threshold", lambda: (700, 10, 10))
        monkeypatch.setattr("teem.measure.garbage.gc.collect", lambda generation=2: done.append(generation))
        garbage._took[:] = [0.002, 0.01, 0.05]
        for _ in range(19):
            garbage.on_step(0.01)  # saves 0.1 ms of 2
        assert not done
        garbage.on_step(0.011)
        assert done == [0]
        counts[:] = [100, 11, 11]  # the oldest is due, and dear: a younger one that is due is taken meanwhile
        garbage._took[:] = [0.0, 0.0, 0.05]
        garbage.on_step(0.01)
        assert done == [0, 1]
        counts[:] = [100, 5, 10 * LATE + 1]  # it is late: whatever it takes
        garbage._credit = 0.0
        garbage.on_step(0.0)
        assert done == [0, 1, 2]
        counts[:] = [700, 10, 10]  # nothing is due
        garbage._credit = 1.0
        garbage.on_step(1.0)
        assert done == [0, 1, 2]
        monkeypatch.undo()


def test_on_average_no_more_than_the_share_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def collect(generation: int = 2) -> None:
        clock[0] += (0.001, 0.003, 0.040)[generation]

    with Garbage(0.05) as garbage:
        monkeypatch.setattr("teem.measure.garbage.perf_counter", lambda: clock[0])
        monkeypatch.setattr("teem.measure.garbage.gc.collect", collect)
        monkeypatch.setattr("teem.measure.garbage.gc.get_count", lambda: (5000, 11, 11))  # always due
        for _ in range(2000):
            garbage.on_step(0.010)
        monkeypatch.undo()
    assert 0.9 < garbage.seconds / (0.05 * 2000 * 0.010) < 1.1
    assert min(garbage.collections) > 0 or garbage.collections[2] > 0


def test_a_program_that_looks_after_its_garbage_itself_is_left_alone() -> None:
    gc.disable()
    try:
        with Garbage(0.1) as garbage:
            assert not garbage.is_on
            garbage.on_step(1.0)
        assert not gc.isenabled()
    finally:
        gc.enable()
    gc.freeze()
    try:
        with Garbage(0.1) as garbage:
            assert not garbage.is_on
            assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    with Garbage(0.0) as garbage:
        assert not garbage.is_on
        assert gc.isenabled()
    assert garbage.as_dict() is None


def test_of_two_runs_in_a_process_the_first_collects_for_both() -> None:
    with Garbage(0.1) as first:
        with Garbage(0.1) as second:
            assert (first.is_on, second.is_on) == (True, False)
        assert not gc.isenabled(), "the first goes on"
    assert gc.isenabled()


def test_it_is_given_back_when_a_run_fails() -> None:
    with pytest.raises(RuntimeError), Garbage(0.1):
        raise RuntimeError
    assert gc.isenabled()
    assert not gc.get_freeze_count()


def test_who_looks_for_what_piles_up_sees_what_was_there_at_the_start_and_nothing_is_collected_meanwhile() -> None:
    there = Node()
    with Garbage(0.1) as garbage:
        assert not any(one is there for one in gc.get_objects())
        with everything_seen():
            assert any(one is there for one in gc.get_objects())
            kept = allocate(70_000)
            garbage.on_step(1.0)
            assert sum(garbage.collections) == 0
        assert not any(one is there for one in gc.get_objects())
        garbage.on_step(1.0)
        del kept
    with everything_seen():
        assert gc.isenabled()
