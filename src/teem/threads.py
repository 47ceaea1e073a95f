"""Shared work: one kernel over a range, cut into contiguous parts that threads take in turn.

Kernels release the GIL and treat each index on its own, so the cut never changes a bit. The calling thread takes its
parts too; the others are a pool's, for as long as the range lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter_ns, thread_time_ns
from typing import Any, Protocol

from teem.execution import Choices, Execution, Mode, cut
from teem.pool import Pool, Task, wait_awake

MEASURED_EVERY = 61  # shared calls, of which one is measured; no call of a step is always the one


class Crew(Protocol):
    """Who lends threads."""

    def lend(self, most: int, work: Callable[[], object]) -> list[Task]:
        """Have up to so many threads do `work` as well."""
        ...


class Threads:
    """`count` threads that share ranges; `count` 1 runs everything in the caller.

    `execution` says how, and may change between two calls. Every `MEASURED_EVERY`th range that is shared is measured:
    what its parts take of their threads' time together, and what it takes by the clock.
    """

    def __init__(self, count: int, crew: Crew | None = None, execution: Execution = "batched") -> None:
        if count < 1:
            raise ValueError(f"threads is {count}: at least 1")
        self.count = count
        self.execution: Execution = execution
        self.shared = 0  # ranges that were handed to more than the caller
        self.measured = 0  # of them
        self.parts_ns = 0  # that the parts of those measured took of their threads' time, all together
        self.wall_ns = 0  # that those measured took by the clock
        self.choices = Choices()
        self._pool = Pool("teem", count - 1) if crew is None and count > 1 else None
        self._crew: Crew | None = self._pool if crew is None else crew

    def share(self, kernel: Callable[..., Any], total: int, *args: Any, at_least: int = 32) -> None:
        """Call `kernel(start, stop, *args)` over parts of range(total), none smaller than `at_least` but the last."""
        execution = self.execution  # once: another thread may change it meanwhile
        if self.count == 1 or total <= at_least or execution == "sequential":
            kernel(0, total, *args)
        elif execution == "auto":
            self._choose(kernel, total, args, at_least)
        else:
            self._split(execution, kernel, total, args, at_least)

    @property
    def speed_up(self) -> float | None:
        """How many times faster than one thread's time the measured ranges were; None before there are any."""
        return self.parts_ns / self.wall_ns if self.wall_ns else None

    def close(self) -> None:
        """End its own pool's threads."""
        if self._pool is not None:
            self._pool.close()

    def _choose(self, kernel: Callable[..., Any], total: int, args: tuple[Any, ...], at_least: int) -> None:
        """Run it in the mode that was found the fastest for it, or try a mode and see."""
        choice = self.choices.of(kernel, total)
        if choice is None:
            self._split("batched", kernel, total, args, at_least)
        elif choice.left:
            choice.left -= 1
            self._split(choice.mode, kernel, total, args, at_least)
        else:
            mode = choice.next()
            begun = perf_counter_ns()
            self._split(mode, kernel, total, args, at_least)
            choice.note(mode, total, perf_counter_ns() - begun)

    def _split(self, mode: Mode, kernel: Callable[..., Any], total: int, args: tuple[Any, ...], at_least: int) -> None:
        """Cut the range, and have the threads take its parts; one part is the caller's alone."""
        parts = cut(mode, total, self.count, at_least)
        if len(parts) == 1:
            kernel(0, total, *args)
            return
        left = iter(parts)  # shared: taking the next is one step under the GIL
        helpers = min(self.count, len(parts)) - 1
        self.shared += 1
        if self.shared % MEASURED_EVERY:
            self._run(_taker(left, kernel, args), helpers)
            return
        spent: list[int] = []
        take, begun = _taker(left, kernel, args), perf_counter_ns()
        self._run(lambda: spent.append(_timed(take)), helpers)
        self.wall_ns += perf_counter_ns() - begun
        self.parts_ns += sum(spent)
        self.measured += 1

    def _run(self, take: Callable[[], None], most: int) -> None:
        assert self._crew is not None
        helpers = self._crew.lend(most, take)
        try:
            take()
        finally:
            for helper in helpers:
                if not helper.pool.cancel(helper):  # one that has not begun has nothing left to take
                    wait_awake(helper)


def _taker(parts: Iterator[tuple[int, int]], kernel: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], None]:
    """What each thread does: take the next part until there is none."""

    def take() -> None:
        for start, stop in parts:
            kernel(start, stop, *args)

    return take


def _timed(work: Callable[[], None]) -> int:
    """Do it; the nanoseconds of this thread's own time that it took."""
    before = thread_time_ns()
    work()
    return thread_time_ns() - before
