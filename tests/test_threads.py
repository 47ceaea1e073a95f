"""Shared ranges: every index once, whatever the cut."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.execution import EXECUTIONS, FINEST, Execution, cut
from teem.threads import MEASURED_EVERY, Threads


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(1, 4),
    total=st.integers(0, 300),
    at_least=st.integers(1, 100),
    execution=st.sampled_from(EXECUTIONS),
)
def test_every_index_is_covered_once_and_no_part_is_too_small(
    count: int, total: int, at_least: int, execution: Execution
) -> None:
    threads, covered, parts = Threads(count, execution=execution), np.zeros(total, int), []

    def kernel(start: int, stop: int, by: int) -> None:
        covered[start:stop] += by
        parts.append((start, stop))

    threads.share(kernel, total, 1, at_least=at_least)
    threads.close()
    assert (covered == 1).all()
    most = {"sequential": 1, "threaded": count}.get(execution, FINEST * count)
    assert len(parts) <= max(1, most)
    assert all(stop - start >= at_least for start, stop in parts if stop < total)


def test_parts_run_at_the_same_time_and_the_caller_takes_its_share() -> None:
    threads, both = Threads(2), threading.Barrier(2, timeout=10)
    who: dict[int, str] = {}

    def kernel(start: int, stop: int) -> None:
        who[start] = threading.current_thread().name
        both.wait()

    threads.share(kernel, 128)
    threads.close()
    assert len(who) == 4  # 32 each, the least
    assert len(set(who.values())) == 2
    assert threading.current_thread().name in who.values()


def test_a_thread_that_has_not_begun_is_not_waited_for() -> None:
    threads, free = Threads(2), threading.Event()
    assert threads._pool is not None
    busy = threads._pool.submit(lambda: free.wait(10))
    assert busy is not None
    done: list[int] = []
    threads.share(lambda start, stop: done.append(start), 128)
    assert done == [0, 32, 64, 96]
    assert not busy.settled
    free.set()
    threads.close()


def test_a_thread_that_is_held_up_holds_up_nobody() -> None:
    threads, rest_done = Threads(2), threading.Event()
    done: list[int] = []

    def kernel(start: int, stop: int) -> None:
        if start == 0:
            assert rest_done.wait(10), "the other thread leaves parts to the one that waits"
        done.append(start)
        if len(done) == 3:
            rest_done.set()

    threads.share(kernel, 128)
    threads.close()
    assert done[-1] == 0
    assert sorted(done) == [0, 32, 64, 96]


@pytest.mark.parametrize("bad", [0, 100])
def test_a_fault_in_any_part_reaches_the_caller(bad: int) -> None:
    def kernel(start: int, stop: int) -> None:
        if start <= bad < stop:
            raise RuntimeError(f"part from {start}")

    threads = Threads(2)
    with pytest.raises(RuntimeError, match="part from"):
        threads.share(kernel, 128)
    threads.close()


def test_no_threads_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="threads is 0: at least 1"):
        Threads(0)


def test_it_may_be_switched_between_any_two_calls() -> None:
    threads = Threads(3)
    for execution in EXECUTIONS * 3:
        threads.execution, parts = execution, []
        threads.share(lambda start, stop, parts=parts: parts.append((start, stop)), 96, at_least=1)
        cuts = {"sequential": [(0, 96)], "threaded": [(0, 32), (32, 64), (64, 96)]}
        assert execution == "auto" or sorted(parts) == cuts.get(execution, cut("batched", 96, 3, 1))
    threads.close()


@given(total=st.integers(1, 5000), count=st.integers(2, 16), at_least=st.integers(1, 40))
def test_batched_parts_get_smaller_so_that_all_are_done_together(total: int, count: int, at_least: int) -> None:
    sizes = [stop - start for start, stop in cut("batched", total, count, at_least)]
    assert sum(sizes) == total
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= max(at_least, -(-total // (2 * count)))
    assert sizes[-1] <= max(at_least, -(-total // (FINEST * count)))


def test_a_thread_at_half_the_pace_costs_a_small_part_of_the_range() -> None:
    """Parts of one size are the planted fault: the slow thread then takes one too many."""

    def waste(parts: list[tuple[int, int]]) -> float:
        free = [0.0, 0.0]  # when each thread is; the second takes twice as long for everything
        for start, stop in parts:
            who = free.index(min(free))
            free[who] += (stop - start) * (1, 2)[who]
        return max(free) / (1000 / 1.5) - 1

    assert waste(cut("batched", 1000, 2, 2)) < 0.03
    assert waste([(start, start + 125) for start in range(0, 1000, 125)]) > 0.1


def test_some_shared_ranges_are_measured_by_both_clocks() -> None:
    threads = Threads(2)

    def spin(start: int, stop: int) -> None:
        until = time.thread_time_ns() + 200_000
        while time.thread_time_ns() < until:
            pass

    for _ in range(2 * MEASURED_EVERY):
        threads.share(spin, 128)
    threads.close()
    assert (threads.shared, threads.measured) == (2 * MEASURED_EVERY, 2)
    assert threads.parts_ns >= 2 * 4 * 200_000  # four parts each, 32 the least
    assert threads.wall_ns > 0
    assert threads.speed_up == threads.parts_ns / threads.wall_ns
