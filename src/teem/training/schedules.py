"""When to evaluate: every so many steps or minutes, ever more seldom, or for a share of the time."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Protocol

from teem.errors import UsageError


class Schedule(Protocol):
    """Says when an evaluation is due. `due` is asked often, so it must cost next to nothing.

    One that has a `next_step` isn't asked after every step: it is the step at which an evaluation is due next,
    infinity where it goes by the clock.
    """

    def due(self, step: int, seconds: float) -> bool:
        """Whether one is due now; that it was said so once makes it wait for the next."""
        ...

    def took(self, seconds: float) -> None:
        """Hear how long an evaluation took."""
        ...


class Every:
    """Every so many steps, or minutes of training; the first after as many."""

    def __init__(self, steps: int | None = None, minutes: float | None = None) -> None:
        if (steps is None) == (minutes is None):
            raise UsageError("Every takes either steps or minutes: Every(steps=5000), Every(minutes=10)")
        for name, every in (("steps", steps), ("minutes", minutes)):
            if every is not None and not every > 0:
                raise UsageError(f"Every({name}={every}): evaluations need {name} between them, more than 0")
        self._steps, self._seconds = steps or inf, 60 * minutes if minutes else inf
        self.next_step, self._next_s = self._steps, self._seconds

    def due(self, step: int, seconds: float) -> bool:
        """Whether so many steps, or minutes, have gone since the last."""
        if step < self.next_step and seconds < self._next_s:
            return False
        while self.next_step <= step:
            self.next_step += self._steps
        self._next_s = seconds + self._seconds
        return True

    def took(self, seconds: float) -> None:
        """Whatever it took."""


class Adaptive:
    """Every so many steps, of which there are ever more: `factors` are (up to step, times as many)."""

    def __init__(self, steps: int, factors: Sequence[tuple[float, float]] = ((1e6, 1), (5e6, 2), (inf, 4))) -> None:
        faults = [f"Adaptive({steps}): evaluations need steps between them, more than 0"] if not steps > 0 else []
        bounds = [bound for bound, _ in factors]
        if not factors or bounds != sorted(set(bounds)) or bounds[-1] != inf or any(not of > 0 for _, of in factors):
            faults.append(
                f"factors {tuple(factors)}: give pairs (up to step, times as many steps), rising, the last up to "
                "infinity, such as ((1e6, 1), (5e6, 2), (inf, 4))"
            )
        if faults:
            raise UsageError(faults)
        self._steps, self._factors = steps, tuple(factors)
        self.next_step = self._after(0)

    def due(self, step: int, seconds: float) -> bool:
        """Whether as many steps have gone since the last as there are to be by now."""
        if step < self.next_step:
            return False
        self.next_step = self._after(step)
        return True

    def took(self, seconds: float) -> None:
        """Whatever it took."""

    def _after(self, step: int) -> float:
        return step + self._steps * next(factor for bound, factor in self._factors if step < bound)


class Share:
    """As often as keeps evaluations within a share of the time, one process working beside the training.

    The first comes after `least_steps`, and two are at least so many steps apart.
    """

    next_step = inf

    def __init__(self, share: float = 0.05, least_steps: int = 1000) -> None:
        faults = [f"Share({share}): give a share of the time, more than 0 and at most 1"] if not 0 < share <= 1 else []
        if not least_steps > 0:
            faults.append(f"least_steps is {least_steps}: two evaluations need steps between them, more than 0")
        if faults:
            raise UsageError(faults)
        self._share, self._least = share, least_steps
        self._spent_s = 0.0
        self._next = least_steps

    def due(self, step: int, seconds: float) -> bool:
        """Whether those so far have taken less than their share, and enough steps have gone."""
        if step < self._next or self._spent_s > self._share * seconds:
            return False
        self._next = step + self._least
        return True

    def took(self, seconds: float) -> None:
        """Count it."""
        self._spent_s += seconds


def as_schedule(every: int | Schedule) -> Schedule:
    """A number is so many steps."""
    if isinstance(every, bool) or not isinstance(every, int):
        if hasattr(every, "due") and hasattr(every, "took"):
            return every  # a user's own, by its methods
        raise UsageError(f"eval_every is {every!r}: give a number of steps, or a schedule such as Every(minutes=10)")
    if every <= 0:
        raise UsageError(f"eval_every is {every}: give the steps between two evaluations, more than 0")
    return Every(steps=every)
