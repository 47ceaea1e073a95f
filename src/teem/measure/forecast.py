"""When a run will run out of something, and what is to blame: memory, time for a step, files, threads, the disk.

A forecast is a trend of the run so far, taken to a limit. It becomes an alarm only when the trend is beyond doubt, the
limit is near enough to be foretold from what was seen, what grows is not what was to grow, and it is found twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teem.measure.culprits import FRAME, LATELY, Culprit, what_slows_all, who_grows, who_slows
from teem.measure.history import Floats, History
from teem.measure.trends import LEAST, Trend, has_risen, trend_of

REACH = 20.0  # a limit is foretold at most so many times as far ahead as the trend was seen
SURE = 4.0  # times the earliest, that the latest may be of what is foretold
LEAST_SHARE = 0.05  # of what it began with, that something has grown by before it is called growing
CONFIRMED = 2  # looks that must agree, more than didn't
MOST_AGREED = 4  # that are remembered, so that an alarm ends soon after its cause
MEMORY, ALLOCATED = "memory", "allocated"  # megabytes that are resident, and that native code has asked for


@dataclass(frozen=True, slots=True)
class Target:
    """Something that may run out: its curve, its unit, and its limit, None where there is none."""

    name: str
    unit: str
    limit: Callable[[History], float | None]


@dataclass(frozen=True, slots=True)
class Forecast:
    """How far a run is from a limit; steps and seconds are likely, at the earliest and at the latest, None: never."""

    name: str
    unit: str
    now: float
    limit: float
    per_1000_steps: float
    steps: tuple[float | None, float | None, float | None]
    seconds: tuple[float | None, float | None, float | None]
    alarm: bool
    cause: str  # what grows, as far as it can be told

    def as_dict(self) -> dict[str, Any]:
        """For metrics.json and the report."""
        told = dict(zip(("likely", "earliest", "latest"), self.steps, strict=True))
        seconds = dict(zip(("likely", "earliest", "latest"), self.seconds, strict=True))
        plain = {name: getattr(self, name) for name in ("name", "unit", "now", "limit", "per_1000_steps")}
        return {**plain, "steps_left": told, "seconds_left": seconds, "alarm": self.alarm, "cause": self.cause}


class Forecaster:
    """Looks at a history now and then; what it found last is in `found`, alarms first raised in `alarms`."""

    def __init__(
        self, targets: Sequence[Target], horizon_s: float, name: Callable[[Culprit], str | None] = str
    ) -> None:
        self.found: tuple[Forecast, ...] = ()
        self._targets, self._horizon_s, self._name = targets, horizon_s, name
        self._agreed: dict[str, int] = {}  # looks that agreed, less those that didn't, by target
        self._names: dict[str, str] = {}  # who was to blame, by target
        self._raised: set[str] = set()  # targets whose alarm has been told

    @property
    def alarms(self) -> tuple[Forecast, ...]:
        """What will run out before long."""
        return tuple(one for one in self.found if one.alarm)

    @property
    def suspected(self) -> frozenset[str]:
        """What may come to an alarm, by its target: the last looks found it near more often than not."""
        return frozenset(name for name, agreed in self._agreed.items() if agreed > 0)

    def look(self, history: History) -> tuple[Forecast, ...]:
        """Look at everything that may run out; returns the alarms that are new."""
        found = [self._look_at(target, history) for target in self._targets]
        self.found = tuple(one for one in found if one is not None)
        new = tuple(one for one in self.alarms if one.name not in self._raised)
        self._raised |= {one.name for one in new}
        return new

    def _look_at(self, target: Target, history: History) -> Forecast | None:
        limit = target.limit(history)
        grown = _slowdown(history) if target.name == FRAME else _growth(target.name, history)
        if limit is None or grown is None:
            self._agreed[target.name] = max(0, self._agreed.get(target.name, 0) - 1)
            if not self._agreed[target.name]:
                self._names.pop(target.name, None)
                self._raised.discard(target.name)
            return None
        trend, culprit = grown
        steps = trend.until(limit)
        pace_ms = _pace_ms(history) if target.name != FRAME else (max(trend.level, 0.0) + limit) / 2
        seconds = tuple(one * pace_ms / 1000 for one in steps)
        is_near = steps[0] <= REACH * (trend.end - trend.begin) and seconds[0] <= self._horizon_s
        is_near &= steps[2] <= SURE * steps[1]
        agreed = self._agreed.get(target.name, 0) + (1 if is_near and culprit.is_at_fault else -1)
        self._agreed[target.name] = min(max(agreed, 0), MOST_AGREED)
        alarm = agreed >= CONFIRMED
        if agreed > 0 and target.name not in self._names and (name := self._name(culprit)):
            self._names[target.name] = name
        return Forecast(
            target.name, target.unit, trend.level, limit, 1000 * trend.slope,
            _known(steps), _known(seconds), alarm, self._names.get(target.name, str(culprit)),
        )  # fmt: skip


def _growth(name: str, history: History) -> tuple[Trend, Culprit] | None:
    """How something grows, and why; None where it doesn't, beyond doubt and by enough to speak of."""
    trends = [_riser(*history.curve(name)), *([_unseen(history)] if name == MEMORY else [])]
    trend = max((one for one in trends if one), key=lambda one: one.slope, default=None)
    return (trend, who_grows(name, history, trend)) if trend else None


def _unseen(history: History) -> Trend | None:
    """How memory will grow by what is allocated; by itself it may go up in steps too large to be called a trend.

    What is allocated anew each time, such as a table, lies where something else was freed, or in a place of its own.
    """
    clock, allocated = history.curve(ALLOCATED)
    resident = history.curve(MEMORY)[1]
    if len(resident) < LEAST or len(allocated) < LEAST:
        return None
    level = float(np.median(resident[-LATELY:]))
    return _riser(clock, allocated - np.median(allocated[-LATELY:]) + level)


def _riser(clock: Floats, values: Floats) -> Trend | None:
    """The trend of a curve that rises beyond doubt and by enough to speak of; most curves don't, at a glance."""
    if not has_risen(values, LEAST_SHARE * float(np.median(values[-LATELY:]) if len(values) else 0.0)):
        return None
    trend = trend_of(clock, values)
    return trend if trend and trend.rises and trend.share >= LEAST_SHARE else None


def _slowdown(history: History) -> tuple[Trend, Culprit] | None:
    """How frames become longer, and why: a part of them by itself, or all of them alike."""
    found = who_slows(history)
    if found is not None:
        return found
    trend = _riser(*history.curve(FRAME))
    return (trend, what_slows_all(history, trend)) if trend else None


def _pace_ms(history: History) -> float:
    """Milliseconds from one step to the next, lately."""
    return float(np.median(history.curve(FRAME)[1][-LATELY:]))


def _known(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    likely, early, late = (one if math.isfinite(one) else None for one in values)
    return likely, early, late


def in_words(
    found: Mapping[str, Any] | Forecast, number: Callable[[float | None], str], duration: Callable[[float | None], str]
) -> str:
    """A forecast as one line: what comes to which limit when, and why."""
    told = found.as_dict() if isinstance(found, Forecast) else found
    unit, seconds = told["unit"], told["seconds_left"]
    when = f"in about {duration(seconds['likely'])}" if told["now"] < told["limit"] else "already"
    latest = duration(seconds["latest"])
    between = f" ({duration(seconds['earliest'])} to {latest})" if told["now"] < told["limit"] else ""
    whose = f"{told['process']}: " if "process" in told else ""
    return (
        f"{whose}{told['name']} grows by {number(told['per_1000_steps'])} {unit} in 1000 steps, is "
        f"{number(told['now'])} {unit} and comes to {number(told['limit'])} {unit} {when}{between}: {told['cause']}"
    )
