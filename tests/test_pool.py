"""Pools: bounded queues, deadlines, faults, ends, and never more threads at once than there are cores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from teem.pool import Cores, Pool, Task, wait_awake

LONG = 20.0  # seconds after which a test has failed anyway


@pytest.fixture
def make() -> Iterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def begin(*args: object, **settings: object) -> Pool:
        pools.append(Pool("test", *args, **settings))  # type: ignore[arg-type]
        return pools[-1]

    yield begin
    assert all(pool.close(LONG) for pool in pools)
    assert not [thread for pool in pools for thread in pool._begun if thread.is_alive()]


class Gate:
    """A task that says that it has begun, and goes on when it is let."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.open.wait(LONG)


def sure(task: Task | None) -> Task:
    assert task is not None
    return task


def until(condition: Callable[[], bool]) -> None:
    end = time.perf_counter() + LONG
    while not condition():
        assert time.perf_counter() < end
        time.sleep(0.001)


def test_tasks_are_done_and_counted_and_threads_begin_when_needed(make: Callable[..., Pool]) -> None:
    pool, done = make(3), []
    assert not pool._begun
    tasks = [sure(pool.submit(lambda number=number: done.append(number))) for number in range(20)]
    for task in tasks:
        task.result()
    assert sorted(done) == list(range(20))
    assert (pool.done, pool.failed, pool.late, pool.refused, len(pool)) == (20, 0, 0, 0, 0)
    assert 1 <= len(pool._begun) <= 3


def test_a_full_queue_refuses_at_once_and_counts(make: Callable[..., Pool]) -> None:
    pool, gate = make(1, 2), Gate()
    sure(pool.submit(gate))
    assert gate.begun.wait(LONG)
    assert [pool.submit(lambda: None) is not None for _ in range(5)] == [True, True, False, False, False]
    assert (len(pool), pool.refused) == (2, 3)
    gate.open.set()


def test_what_a_task_raises_is_counted_told_and_ends_no_thread(make: Callable[..., Pool]) -> None:
    pool = make(1)
    bad = sure(pool.submit(lambda: [][1]))
    with pytest.raises(IndexError):
        bad.result()
    sure(pool.submit(lambda: None)).result()
    assert (pool.failed, pool.done, len(pool._begun)) == (1, 2, 1)
    assert pool.fault == "IndexError: list index out of range"


def test_past_its_deadline_a_task_is_counted_once_and_not_waited_for(make: Callable[..., Pool]) -> None:
    pool, gate = make(1), Gate()
    task = sure(pool.submit(gate, 2 * LONG))
    assert gate.begun.wait(LONG)
    task.deadline = time.perf_counter() + 0.01  # it has begun in time, on however busy a machine
    with pytest.raises(TimeoutError, match="pool test is past its deadline"):
        task.result()
    assert pool.count_late() == pool.count_late() == pool.late == 1
    gate.open.set()
    until(lambda: task.settled)
    assert (pool.late, pool.done, pool.failed) == (1, 1, 0)


def test_one_that_has_not_begun_by_its_deadline_never_does(make: Callable[..., Pool]) -> None:
    pool, gate, done = make(1), Gate(), []
    sure(pool.submit(gate))
    assert gate.begun.wait(LONG)
    task = sure(pool.submit(lambda: done.append(1), 0.0))
    gate.open.set()
    until(lambda: task.settled)
    with pytest.raises(TimeoutError, match="had not begun"):
        task.result()
    assert (done, pool.late, pool.done, len(pool)) == ([], 1, 1, 0)


def test_a_task_that_runs_past_its_deadline_unwatched_is_found(make: Callable[..., Pool]) -> None:
    pool, gate = make(1), Gate()
    task = sure(pool.submit(gate, 2 * LONG))
    assert gate.begun.wait(LONG)
    assert pool.count_late() == 0
    task.deadline = time.perf_counter()
    until(lambda: pool.count_late() == 1)
    gate.open.set()


def test_no_more_threads_run_than_there_are_cores_whatever_the_pools() -> None:
    cores, lock, running, most = Cores(2), threading.Lock(), 0, 0
    pools = [Pool(f"pool {index}", 3, cores=cores) for index in range(3)]

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001)
        with lock:
            running -= 1

    tasks = [sure(pool.submit(work)) for _ in range(12) for pool in pools]
    helpers = [helper for _ in range(12) for pool in pools for helper in pool.lend(3, work)]
    for task in tasks:
        task.result()
    for helper in helpers:
        if not helper.pool.cancel(helper):
            wait_awake(helper)
    assert all(pool.close(LONG) for pool in pools)
    assert 1 <= most <= 2
    assert cores._free == 2


def test_helpers_leave_the_cores_to_tasks_that_wait(make: Callable[..., Pool]) -> None:
    cores, gate = Cores(1), Gate()
    first, second = make(1, cores=cores), make(1, cores=cores)
    sure(first.submit(gate))
    assert gate.begun.wait(LONG)
    assert second.lend(1, lambda: None) == []  # no core is free
    waiting = sure(second.submit(lambda: None))
    until(lambda: cores._wanted == 1)
    cores._free = 1  # as in the moment when one becomes free, and before whoever waits has woken up
    assert first.lend(1, lambda: None) == []
    cores._free = 0
    gate.open.set()
    waiting.result()


def test_who_waits_elsewhere_lends_its_core(make: Callable[..., Pool]) -> None:
    cores, gate = Cores(1), Gate()
    first, second = make(1, cores=cores), make(1, cores=cores)

    def wait() -> None:
        with first.away():
            gate()

    away = sure(first.submit(wait))
    assert gate.begun.wait(LONG)
    sure(second.submit(lambda: None)).result()
    gate.open.set()
    away.result()
    until(lambda: cores._free == 1)


def test_a_helper_that_is_taken_back_gives_its_core_back(make: Callable[..., Pool]) -> None:
    cores, gate = Cores(2), Gate()
    pool = make(1, cores=cores)
    sure(pool.submit(gate))
    assert gate.begun.wait(LONG)
    [helper] = pool.lend(1, lambda: None)
    assert cores._free == 0
    assert pool.cancel(helper)
    assert cores._free == 1
    assert not pool.cancel(helper)
    gate.open.set()


def test_its_end_is_within_the_limit_and_says_whether_a_thread_is_left() -> None:
    pool, gate, done = Pool("test", 1), Gate(), []
    sure(pool.submit(gate))
    assert gate.begun.wait(LONG)
    never = sure(pool.submit(lambda: done.append(1)))
    begun = time.perf_counter()
    assert not pool.close(0.05)
    assert time.perf_counter() - begun < LONG
    assert pool.submit(lambda: None) is None  # closed
    assert never.settled
    gate.open.set()
    assert pool.close(LONG)
    assert done == []
    assert pool.cores._free == 1


def test_what_waits_when_it_closes_is_still_done() -> None:
    pool, done = Pool("test", 1), []
    for number in range(10):
        pool.submit(lambda number=number: done.append(number))
    assert pool.close(LONG)
    assert done == list(range(10))


def test_utilisation_is_of_the_last_while(make: Callable[..., Pool]) -> None:
    pool, gate = make(2), Gate()
    sure(pool.submit(gate))
    assert gate.begun.wait(LONG)
    then, busy, _ = pool._seen
    pool._seen = (then - 10.0, busy, 0.0)  # ten seconds ago nobody was busy
    pool._running[next(iter(pool._running))].begun = time.perf_counter() - 8.0
    assert pool.utilisation == pytest.approx(8 / 10 / 2, rel=0.2)
    assert pool.utilisation == pytest.approx(8 / 10 / 2, rel=0.2)  # asked again at once: as before
    gate.open.set()
