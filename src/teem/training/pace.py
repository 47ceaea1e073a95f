"""How fast training goes, lately, and where its time goes: parts that are timed, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")


class Rate(NamedTuple):
    """Of a window."""

    fps: float  # steps a second
    shares: dict[str, float]  # of the time, by part, what is left being "other"
    ms: dict[str, float]  # milliseconds a step, by part


class Pace:
    """Steps a second over the last `window` marks, and the time of each part in them, in fixed memory."""

    def __init__(self, parts: tuple[str, ...], window: int = 16) -> None:
        self.parts = parts
        self.spent_ns = dict.fromkeys(parts, 0)
        self.begun_ns = perf_counter_ns()
        self._marks = np.zeros((window, 2 + len(parts)), np.int64)  # a ring of (time, step, time of each part)
        self._count = 0
        self._sampled_ns = self.begun_ns  # when the last sample ended, and what was spent by then
        self._told, self._before = dict(self.spent_ns), dict(self.spent_ns)

    @property
    def seconds(self) -> float:
        """Since training began."""
        return (perf_counter_ns() - self.begun_ns) / 1e9

    def mark(self, step: int) -> None:
        """Remember how things stand."""
        self._marks[self._count % len(self._marks)] = (perf_counter_ns(), step, *self.spent_ns.values())
        self._count += 1

    def rate(self, marks: int = 0) -> Rate | None:
        """From the oldest mark that is remembered, or so many before, to the last; None while there is but one."""
        kept = min(self._count, len(self._marks))
        back = min(marks, kept - 1) if marks else kept - 1
        if back < 1:
            return None
        last = self._marks[(self._count - 1) % len(self._marks)]
        first = self._marks[(self._count - 1 - back) % len(self._marks)]
        ns, steps = int(last[0] - first[0]), int(last[1] - first[1])
        if ns <= 0 or steps <= 0:
            return None
        spent = dict(zip(self.parts, (int(each) for each in last[2:] - first[2:]), strict=True))
        told = sum(spent.values())
        if told > ns:  # of parts that are timed now and then, by chance
            spent = {name: round(each * ns / told) for name, each in spent.items()}
        spent["other"] = ns - sum(spent.values())
        return Rate(
            1e9 * steps / ns,
            {name: each / ns for name, each in spent.items()},
            {name: each / 1e6 / steps for name, each in spent.items()},
        )

    def sample(self) -> None:
        """Begin to time some calls of many."""
        self._before = dict(self.spent_ns)

    def sampled(self, parts: Sequence[str]) -> None:
        """The calls of these parts that were timed stand for all since the last sample.

        So they took no more than the time since then, less what all other parts took: where this process was stopped
        amid one of them, that isn't counted as if it had been in each.
        """
        now = perf_counter_ns()
        exact = sum(spent - self._told[name] for name, spent in self.spent_ns.items() if name not in parts)
        room = max(0, now - self._sampled_ns - exact)
        seem = {name: self.spent_ns[name] - self._before[name] for name in parts}
        if (total := sum(seem.values())) > room:
            for name, each in seem.items():
                self.spent_ns[name] = self._before[name] + each * room // total
        self._sampled_ns, self._told = now, dict(self.spent_ns)

    def timed(self, part: str, work: Callable[..., T], times: float = 1) -> Callable[..., T]:
        """The same work, its time added to a part's; so many `times`, where only one in as many calls is timed."""
        spent = self.spent_ns

        def measured(*args: Any, **kwargs: Any) -> T:
            begun = perf_counter_ns()
            try:
                return work(*args, **kwargs)
            finally:
                spent[part] += round(times * (perf_counter_ns() - begun))

        return measured
