"""Who is to blame for what grows: the span that slows more than the others, threads, or the objects that pile up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.measure.history import History
from teem.measure.trends import LEAST, Trend, has_risen, line_through, trend_of

Floats = NDArray[np.float64]

LEAST_SHARE = 0.05  # of a frame, that a span slows by before it counts
LATELY = 5  # points of the history
LEAST_PART = 0.5  # of a slowdown, by which agents must have become more to explain it
DEEPER_PART = 0.8  # of a span's, that a part of it must account for to be named instead
SMALL = 0.02  # of a frame: what a span takes at least to tell how much slower everything is
FEWEST = 3  # of such spans, to tell it
MORE_THREADS = 2.0
MORE_OBJECTS = 50_000.0
OBJECT_BYTES = 64.0  # of memory that a piece of Python's takes at least, on average
OBJECTS_PART = 0.2  # of the memory that is taken, to call it objects
CROWDED = 1.5  # times as long that frames take, from which on it is chance which of the spans had no core
MOST_HELD_UP = 0.95  # of a frame, that waiting for a core is taken for
SPAN, OUTSIDE = "span.", "outside"
FRAME, CORE_WAIT = "frame", "core_wait"  # milliseconds from one step to the next, and those of them without a core


@dataclass(frozen=True, slots=True)
class Culprit:
    """What makes something grow; `is_at_fault` unless it was to be expected, or isn't the run's."""

    kind: str  # "span", "outside", "threads", "objects", "memory", "machine", or what grows itself
    text: str
    is_at_fault: bool = True

    def __str__(self) -> str:
        return self.text


def slowness(history: History) -> Floats:
    """How much slower than usual all of a frame was alike, at each point.

    Neighbours on the machine do that in two ways: they have the core, which the system tells, and they have the
    caches, which the median over the outermost spans does. A single span that slows does neither.
    """
    names = _outermost(history)
    held_up = _held_up(history)
    table = history.table(names) / held_up
    with np.errstate(invalid="ignore"):
        usual = np.nanmedian(np.where(np.isfinite(table), table, 0.0), axis=1) if len(table) else np.empty(0)
    told = usual > SMALL * usual.sum()
    if told.sum() < FEWEST:
        return held_up
    ratios = np.where(np.isfinite(table[told]), table[told], 0.0) / usual[told, None]
    alike = np.where(held_up < CROWDED, np.maximum(np.median(ratios, axis=0), 1e-3), 1.0)
    return np.asarray(held_up * alike)


def _held_up(history: History) -> Floats:
    """How many times as long frames took because there was no core; 1 where the system doesn't tell."""
    if not {FRAME, CORE_WAIT} <= set(history.names):
        return np.ones(len(history))
    frame, waited = history.table([FRAME, CORE_WAIT])
    share = np.clip(np.nan_to_num(waited / np.maximum(frame, 1e-9)), 0.0, MOST_HELD_UP)
    return np.asarray(1 / (1 - share))


def steady_frames(history: History) -> Floats:
    """Milliseconds from one step to the next `[points]`, freed of what slowed everything alike."""
    return np.asarray(np.nansum(history.table(_outermost(history)), axis=0) / slowness(history))


def who_slows(history: History) -> tuple[Trend, Culprit] | None:
    """What takes longer and longer by itself, and the line of the frames that follows from it; None: nothing does.

    All is freed of what slows everything alike first, so that a busy machine slows nothing; but what takes
    longer does so as it was, too, or all else became quicker. Where waiting for cores is much, it must make frames
    longer, or it was chance who waited.
    """
    if len(history) < LEAST:
        return None
    slower, frames = slowness(history), steady_frames(history)
    now = float(np.median(frames[-LATELY:]))
    names = [name for name in history.names if name.startswith(SPAN) or name == OUTSIDE]
    curves = dict(zip(names, history.table(names) / slower, strict=True))
    found = {name: _riser(history.clock, curve, LEAST_SHARE * now) for name, curve in curves.items()}
    held_up = _held_up(history)
    as_was = dict(zip(names, history.table(names) / held_up, strict=True))
    is_crowded = float(np.median(held_up)) >= CROWDED
    lines = {
        name: line
        for name, line in found.items()
        if line and has_risen(as_was[name], line.growth) and (not is_crowded or has_risen(frames, line.growth))
    }
    if not lines:
        return None
    worst = max(lines, key=lambda name: lines[name].growth)
    while True:  # a part of it, and a part of that, if it is nearly all of it: there is less around it that varies
        inner = [name for name in lines if name.startswith(worst + ".")]
        deeper = max(inner, key=lambda name: lines[name].growth, default="")
        if not deeper or lines[deeper].growth < DEEPER_PART * lines[worst].growth:
            break
        worst = deeper
    line = lines[worst]
    what = "what is done between steps" if worst == OUTSIDE else f"span {worst.removeprefix(SPAN)}"
    culprit = _more_agents(history, line) or Culprit(
        worst.split(".")[0], f"{what} takes {line.level:.3g} ms, {line.growth:.2g} more"
    )
    return Trend(line.slope, line.low, line.high, line.begin, line.end, now, rises=True), culprit


def _riser(clock: Floats, curve: Floats, least: float) -> Trend | None:
    """The trend of a curve that has risen by as much at least; None of others, most of which are told at a glance."""
    known = np.isfinite(curve)
    clock, curve = clock[known], curve[known]
    if not has_risen(curve, least):
        return None
    line = trend_of(clock, curve)
    return line if line and line.rises and line.growth >= least else None


def what_slows_all(history: History, frame: Trend) -> Culprit:
    """Why all of it takes longer alike: threads, objects for the garbage collector, more agents, other processes."""
    found = _threads_or_objects(history, frame.begin, MORE_OBJECTS)
    if found is not None:
        return found
    return _more_agents(history, frame) or Culprit(
        "machine", "all of it alike, and nothing of the run grows: other processes", is_at_fault=False
    )


def _more_agents(history: History, line: Trend) -> Culprit | None:
    """Agents, where they have become more by enough to explain that something takes longer."""
    agents = trend_since(history, "alive", line.begin)
    if agents is not None and agents.growth > 0 and agents.share > LEAST_PART * line.share:
        return Culprit("agents", "more agents", is_at_fault=False)
    return None


def who_grows(what: str, history: History, trend: Trend) -> Culprit:
    """What takes more and more memory, files, or threads."""
    if what != "memory":
        return Culprit(what, f"{what} became more by {trend.growth:.3g}")
    found = _threads_or_objects(history, trend.begin, OBJECTS_PART * trend.growth * 1e6 / OBJECT_BYTES)
    return found or Culprit("memory", "arrays, or memory outside Python")


def _threads_or_objects(history: History, begin: float, objects_least: float) -> Culprit | None:
    threads, objects = trend_since(history, "threads", begin), trend_since(history, "python_blocks", begin)
    if threads is not None and threads.rises and threads.growth >= MORE_THREADS:
        return Culprit("threads", f"threads became more by {threads.growth:.0f}, {threads.level:.0f} now")
    if objects is not None and objects.rises and objects.growth > objects_least:
        return Culprit("objects", f"Python's objects became more by {objects.growth:.0f}")
    return None


def trend_since(history: History, name: str, begin: float) -> Trend | None:
    """The line of a curve from a moment on; None where too little is known of it."""
    return _line(*history.curve(name), begin)


def _line(clock: Floats, values: Floats, begin: float) -> Trend | None:
    kept = (clock >= begin) & np.isfinite(values)
    return line_through(clock[kept], values[kept])


def _outermost(history: History) -> list[str]:
    """Names of the spans that are no part of another, and of what is done between steps."""
    return [name for name in history.names if name == OUTSIDE or (name.startswith(SPAN) and name.count(".") == 1)]
