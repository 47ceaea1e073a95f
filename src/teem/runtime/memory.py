"""What a run's arrays take of the machine, part by part, and having it lent before somebody is born into it.

Every array is as long as the capacity from the start, and never moves; memory it becomes row by row. Where the
capacity grows, the rows of slots are lent as soon as these are offered: those of the start at once, later ones by a
thread, so that no step waits for the system to find and clear them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from teem.errors import UsageError
from teem.measure.arrays import arrays_of, columns, lend, stretches
from teem.measure.channel import Channel
from teem.measure.machine import rss_mb
from teem.measure.process import memory_most_mb
from teem.population.slots import LEAST_STEP
from teem.runtime import words

if TYPE_CHECKING:
    from teem.runtime.loop import Run

PARTS = ("world", "networks", "optimisers", "replays", "record")
REST = "interpreter and libraries"
CLOSE_S = 5.0  # how long the last pieces may take

_REMEDIES = {
    "world": "world.size or population.capacity_min",
    "networks": "population.capacity_min or the widths of learning.hidden",
    "optimisers": "population.capacity_min or the widths of learning.hidden",
    "replays": "learning.replay.length or population.capacity_min",
    "record": "population.capacity",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Megabytes that a run takes when it starts, and at most, by part; and what the machine has for it."""

    start: dict[str, float]
    most: dict[str, float]
    room: float | None  # None: not known

    def in_words(self) -> list[str]:
        """A line a part, and the sum."""
        rows = [(part, self.start[part], self.most[part]) for part in self.start]
        rows.append(("in all", sum(self.start.values()), sum(self.most.values())))
        lines = [f"{'memory, MB':26}{'at the start':>14}{'at most':>12}"]
        lines += [f"  {name:24}{words.number(start):>14}{words.number(most):>12}" for name, start, most in rows]
        lines.append(f"  {'the machine has':24}{'':14}{words.number(self.room):>12}")
        if self.room is not None and sum(self.most.values()) > self.room:
            largest = max(PARTS, key=lambda part: self.most.get(part, 0.0))
            lines.append(f"  more at most than there is: most are {largest}, so lower {_REMEDIES[largest]}")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """As the report has it."""
        return {"start_mb": self.start, "most_mb": self.most, "room_mb": self.room}


class Memory:
    """The arrays of a run, as long as it lasts; `on_step` after every step, `close` at the end."""

    def __init__(self, run: Run) -> None:
        """Raises UsageError when what the run starts with can't fit."""
        self._population = run.world.population
        self._limit = run.config.forecast.memory_limit
        self.room = memory_most_mb()
        if self._limit:
            self.room = min(self._limit, self.room or self._limit)
        self._rows = 0  # beyond which nobody has lived so far, and nothing was lent
        self.ahead_s = 0.0  # spent by the thread
        self._asked = 0  # slots whose rows are lent, or about to be
        self._ahead: Channel[tuple[int, int]] = Channel("memory", self._lend, most=64)
        self.plan: Plan | None = None  # None until `begin`
        self._find(run, None)
        self._expect_room()

    def begin(self, run: Run) -> None:
        """Have the rows of all slots offered now lent, and take down what the run starts with."""
        self._find(run, run.collector)
        self._asked = self._population.size if self._population.grows else 0
        self._lend([(0, self._asked)])
        start, most = self.lent(), self._most()
        rest = max(0.0, (rss_mb() or 0.0) - sum(start.values()))
        self.plan = Plan(start | {REST: rest}, most | {REST: rest}, self.room)

    def _most(self) -> dict[str, float]:
        """Megabytes that the arrays of each part ask for; of several cohorts the dearest, since each has all slots."""
        each: dict[str, dict[str, float]] = {part: {} for part in PARTS}
        for part, one in self._stretches:
            whose = _cohort(one.path)
            each[part][whose] = each[part].get(whose, 0.0) + one.bytes / 1e6
        return {part: sizes.pop("", 0.0) + max(sizes.values(), default=0.0) for part, sizes in each.items()}

    def lent(self) -> dict[str, float]:
        """Megabytes that the arrays of each part take now."""
        self._rows = max(self._rows, self._asked, int(self._population.living.max(initial=-1)) + 1)
        lent = dict.fromkeys(PARTS, 0.0)
        for part, one in self._stretches:
            lent[part] += one.lent(self._rows) / 1e6
        return lent

    @property
    def megabytes(self) -> float:
        """What all of them take now; it grows as a run fills them, up to what they asked for, and is no leak."""
        return sum(self.lent().values())

    def on_step(self) -> None:
        """See to it that the rows of slots offered since the last call are lent."""
        size = self._population.size
        if self._columns and size > self._asked:
            self._ahead.put((self._asked, size))
            self._asked = size

    def close(self) -> None:
        """Lend no more."""
        self._ahead.close(CLOSE_S)

    def _find(self, run: Run, record: object) -> None:
        """Look where all arrays are."""
        found = [*arrays_of(run.world, "world"), *arrays_of(run.policies, "policies"), *arrays_of(record, "record")]
        capacity = self._population.capacity
        alike = len(run.policies.cohorts) == 1  # else nobody knows whose a slot will be, and each has room for all
        by_slot = [each for each in found if alike or not _cohort(each[0])] if self._population.grows else []
        self._columns = columns(by_slot, capacity)
        self._stretches = [(_part(one.path), one) for one in stretches(found, capacity)]

    def _lend(self, rows: Sequence[tuple[int, int]]) -> None:
        """Some slots after the other, since the first of them are the first to be lived in."""
        begun = perf_counter()
        for first, stop in rows:
            for slot in range(first, stop, LEAST_STEP):
                for column in self._columns:
                    for begin, end in column.pieces(slot, min(slot + LEAST_STEP, stop)):
                        if not lend(begin, end):
                            break  # this system lends what is written to, and nothing before
        self.ahead_s += perf_counter() - begun

    def _expect_room(self) -> None:
        """Raise UsageError when the slots that are there at the start alone are too much."""
        size, lent_ahead = self._population.size, {column.path for column in self._columns}
        more = dict.fromkeys(PARTS, 0.0)  # megabytes that the rows of these slots take beside what is lent already
        for part, one in self._stretches:
            if one.path in lent_ahead:
                more[part] += max(0, size * one.row_bytes - one.lent(size)) / 1e6
        total = sum(more.values()) + (rss_mb() or 0.0)
        if self.room is not None and total > self.room:
            largest = max(more, key=lambda part: more[part])
            raise UsageError(
                f"population.capacity_min is {self._population.size}, with which the run starts with "
                f"{words.number(total)} MB, {words.number(more[largest])} of them {largest}, but there are "
                f"{words.number(self.room)} MB: lower {_REMEDIES[largest]}"
            )


def too_large(error: MemoryError) -> UsageError:
    """What to say when the system refuses an array outright."""
    return UsageError(
        f"the run does not fit into memory ({error}): lower population.capacity, learning.replay.length or world.size"
    )


def _cohort(path: str) -> str:
    """The number of the cohort that an array is of; empty: of none."""
    names = path.split(".")
    return names[2] if names[:2] == ["policies", "cohorts"] else ""


def _part(path: str) -> str:
    """Whose an array is, by the way to it."""
    names = path.split(".")
    if names[0] in ("world", "record"):
        return names[0]
    if names[-1] in ("moment1", "moment2"):
        return "optimisers"
    return "replays" if "replay" in names or "rollouts" in names else "networks"
