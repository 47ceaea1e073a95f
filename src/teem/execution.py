"""Execution: in which of three ways a shared kernel runs, and a choice among them by what each was measured to take.

How a range is cut never changes a bit, so the way may change between any two calls.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from statistics import median, median_low
from typing import Any, Literal, get_args

Mode = Literal["sequential", "threaded", "batched"]
Execution = Literal["sequential", "threaded", "batched", "auto"]

MODES: tuple[Mode, ...] = get_args(Mode)
EXECUTIONS: tuple[Execution, ...] = get_args(Execution)
FINEST = 32  # parts a thread, of which the smallest of a batched range is one

ROUNDS = 5  # in which each mode is measured once, in turn
BEATEN = 1.5  # times as long as the best, after two rounds: it is measured no more
MARGIN = 0.03  # that another mode must be faster by, to be changed to
SHORT_NS = 25_000.0  # a call that alone takes less is never handed over: waking a thread takes as long
COST = 0.02  # the part of all calls' time that measuring may cost
FEWEST, MOST = 64, 1 << 14  # calls between two trials, as long as they cost little
STALE_NS = 5e9  # nor are they further apart than so, for what else a machine does changes
LONGEST = 1 << 18  # calls between two trials, whatever they cost
CHOICES_MOST = 512  # kernels and sizes


def cut(mode: Mode, total: int, count: int, at_least: int) -> list[tuple[int, int]]:
    """Where the parts of range(total) begin and end, for so many threads; none is smaller than `at_least` but the last.

    `threaded`: a part a thread. `batched`: each part is half of what each thread would be left, so that the last ones
    are small and the threads are done at nearly the same time, however unlike their pace.
    Guided self-scheduling: Polychronopoulos and Kuck 1987, https://doi.org/10.1109/TC.1987.5009495.
    """
    if mode == "sequential":
        return [(0, total)]
    smallest = max(at_least, -(-total // (FINEST * count if mode == "batched" else count)))
    parts: list[tuple[int, int]] = []
    begin = 0
    while begin < total:
        half = -(-(total - begin) // (2 * count)) if mode == "batched" else 0
        end = min(total, begin + max(smallest, half))
        parts.append((begin, end))
        begin = end
    return parts


class Choice:
    """The mode of one kernel for ranges of about one size.

    In a trial the modes are measured call by call, in turn, so that what else the machine does concerns them alike; in
    between, nothing is measured. A trial comes the more seldom the more it costs, and the longer nothing changes; but
    what is measured grows old, and where trials cost little enough there is one every few seconds.
    """

    __slots__ = ("_left_in", "_period", "_taken", "left", "mode", "ns")

    def __init__(self) -> None:
        self.mode: Mode = "sequential"
        self.left = 0  # calls until the next trial
        self.ns: dict[Mode, float] = {}  # an item, medians of the last trial
        self._taken: dict[Mode, list[float]] = {mode: [] for mode in MODES}  # an item, in this trial
        self._left_in: tuple[Mode, ...] = MODES  # not beaten yet
        self._period = FEWEST

    def next(self) -> Mode:
        """The mode of the next call of a trial."""
        return min(self._left_in, key=lambda mode: len(self._taken[mode]))

    def note(self, mode: Mode, total: int, nanoseconds: int) -> None:
        """Such a call of so many items took so long."""
        taken = self._taken
        taken[mode].append(nanoseconds / total)
        rounds = len(taken[mode])
        if mode == "sequential" and rounds == 2 and min(taken[mode]) * total < SHORT_NS:
            self._left_in = ("sequential",)
            self._decide(total)
        elif mode == self._left_in[-1]:
            if rounds == 2:
                least = {one: min(taken[one]) for one in MODES}
                limit = BEATEN * min(least.values())
                self._left_in = tuple(one for one in MODES if least[one] <= limit)
            if rounds == ROUNDS:
                self._decide(total)

    def _decide(self, total: int) -> None:
        """End a trial of calls of about so many items."""
        taken, before = self._taken, self.mode
        self.ns = {mode: median(taken[mode]) for mode in self._left_in}
        best = min(self.ns, key=self.ns.__getitem__)
        faster = self.ns[best] < (1 - MARGIN) * self.ns.get(before, inf)
        if before not in self.ns or (faster and min(taken[best]) < min(taken[before])):  # undisturbed, too
            self.mode = best
        usual = self.ns[self.mode]
        # in calls, by medians: one that was held up says nothing of what measuring costs
        cost = sum(len(each) * (median_low(each) / usual - 1) for each in taken.values() if each)
        self._period = FEWEST if self.mode != before else min(MOST, 2 * self._period)
        soon = min(self._period, int(STALE_NS / (usual * total)))
        self.left = max(1, soon, min(LONGEST, int(cost / COST)))
        self._taken, self._left_in = {mode: [] for mode in MODES}, MODES


class Choices:
    """A choice for each kernel and each size, to a factor of two."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, int], Choice] = {}

    def __len__(self) -> int:
        return len(self._made)

    def of(self, kernel: Callable[..., Any], total: int) -> Choice | None:
        """The choice of such a call; None for one kernel too many."""
        key = (kernel, total.bit_length())  # by identity: to hash a kernel's code would take longer than all else here
        choice = self._made.get(key)
        if choice is None and len(self._made) < CHOICES_MOST:
            choice = self._made[key] = Choice()
        return choice

    def told(self) -> dict[str, dict[str, Any]]:
        """By kernel and size: the mode, and microseconds for each mode of the last trial, an item."""
        return {
            f"{getattr(kernel, '__name__', repr(kernel))} {1 << size - 1}": {
                "mode": choice.mode,
                "us": {mode: ns / 1000 for mode, ns in choice.ns.items()},
            }
            for (kernel, size), choice in tuple(self._made.items())
            if choice.ns
        }
