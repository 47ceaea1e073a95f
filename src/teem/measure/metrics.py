"""The registry: everything that is measured of a run, each with its name, its unit and how it is read.

Nothing is counted here: a metric reads what the run counts anyway, so it costs nothing between two readings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal

Number = float | int | None  # None: not known
Value = Number | Mapping[str, Number]  # a number, or one for each value of a label
Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is measured: `read` says what it is now, from the run."""

    name: str  # as Prometheus has it, without `teem_`; with its unit
    kind: Literal["counter", "gauge"]  # a counter only rises
    meaning: str
    read: Callable[[Any], Value]
    label: str = ""  # what tells the numbers apart, where there are several
    covers: tuple[str, ...] = ()  # the attributes it speaks for, as "Class.attribute"


@dataclass(frozen=True, slots=True)
class Container:
    """Something that holds what a run brings, up to a cap; `read` gives items and cap, None where it isn't there."""

    name: str
    meaning: str
    read: Callable[[Any], tuple[int, int] | None]
    covers: tuple[str, ...] = ()


def at(path: str) -> Callable[[Any], Any]:
    """What reads a dotted path from a run; None as soon as something on the way is None or isn't there."""
    getter = attrgetter(path)

    def read(subject: Any) -> Any:
        try:
            return getter(subject)
        except AttributeError:
            return None

    return read


def counter(name: str, meaning: str, read: str | Callable[[Any], Value], covers: str = "", label: str = "") -> Metric:
    """A metric that only rises; `read` may be a dotted path, `covers` are attributes separated by spaces."""
    return Metric(name, "counter", meaning, at(read) if isinstance(read, str) else read, label, tuple(covers.split()))


def gauge(name: str, meaning: str, read: str | Callable[[Any], Value], covers: str = "", label: str = "") -> Metric:
    """A metric that rises and falls; `read` may be a dotted path, `covers` are attributes separated by spaces."""
    return Metric(name, "gauge", meaning, at(read) if isinstance(read, str) else read, label, tuple(covers.split()))


def container(name: str, meaning: str, read: Callable[[Any], tuple[int, int] | None], covers: str = "") -> Container:
    """A container; `covers` are attributes separated by spaces."""
    return Container(name, meaning, read, tuple(covers.split()))


@dataclass(slots=True)
class Registry:
    """The metrics and the containers of one subject; what can't be read is unknown, and counted."""

    subject: Any
    metrics: Sequence[Metric]
    containers: Sequence[Container] = ()
    failed: dict[str, str] = field(default_factory=dict)  # by name: why it couldn't be read

    def read(self) -> Values:
        """Everything as it is now; numbers that are not finite are unknown."""
        values: Values = {metric.name: self._read(metric) for metric in self.metrics}
        held = {one.name: self._read(one) for one in self.containers}
        there = {name: pair for name, pair in held.items() if pair is not None}
        values["container_items"] = {name: pair[0] for name, pair in there.items()}
        values["container_cap"] = {name: pair[1] for name, pair in there.items()}
        return values

    def _read(self, one: Metric | Container) -> Any:
        try:
            return finite(one.read(self.subject))
        except Exception as error:  # a run isn't ended by what is only looked at; it is counted and shown
            self.failed[one.name] = f"{type(error).__name__}: {error}"
            return None

    @property
    def covered(self) -> set[str]:
        """The attributes that are spoken for, as "Class.attribute"."""
        every: list[Metric | Container] = [*self.metrics, *self.containers]
        return {name for one in every for name in one.covers}


CONTAINERS = (
    gauge("container_items", "what a capped container holds", lambda subject: None, label="container"),
    gauge("container_cap", "the most that a capped container can hold", lambda subject: None, label="container"),
)
"""How what is read of containers is described; the registry reads it itself."""


def finite(value: Any) -> Any:
    """The same with None for what isn't finite, in a mapping too; numbers become Python's own."""
    if isinstance(value, Mapping):
        return {str(name): finite(inner) for name, inner in value.items()}
    if value is None or isinstance(value, (tuple, bool, int)):
        return value
    number = value.item() if hasattr(value, "item") else value
    return number if isinstance(number, int) or math.isfinite(number) else None


def rates(before: Values, now: Values, seconds: float, metrics: Sequence[Metric]) -> dict[str, float]:
    """How fast each plain counter rose, a second."""
    risen = {}
    for metric in metrics:
        first, last = before.get(metric.name), now.get(metric.name)
        if metric.kind == "counter" and isinstance(first, (int, float)) and isinstance(last, (int, float)):
            risen[metric.name] = (last - first) / seconds
    return risen


def flat(values: Values) -> Iterator[tuple[str, float]]:
    """Every number that is known under one name, `name.label` where there are several."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{label}", float(one)) for label, one in value.items() if one is not None)
        elif value is not None:
            yield name, float(value)
