"""A trace: when each span began and how long it took, to be looked at in Perfetto or chrome://tracing."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = "trace.json"
ROOM = 1 << 18  # spans: the last 10,000 steps or so, in 5 MB


class Trace:
    """The last `room` spans that ended, in fixed memory: what came before is overwritten."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self.noted = 0  # since the start, also those that were overwritten
        self._row = array("i", bytes(4 * room))
        self._begun = array("q", bytes(8 * room))  # on the clock `perf_counter_ns`
        self._nanoseconds = array("q", bytes(8 * room))

    def note(self, row: int, begun: int, nanoseconds: int) -> None:
        """Keep a span: the number of its name, when it began and how long it took."""
        place = self.noted % self.room
        self._row[place] = row
        self._begun[place] = begun
        self._nanoseconds[place] = nanoseconds
        self.noted += 1

    @property
    def overwritten(self) -> int:
        """How many spans are no longer here."""
        return max(0, self.noted - self.room)

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """Number of the name, beginning and duration in nanoseconds, as they ended."""
        for count in range(self.overwritten, self.noted):
            place = count % self.room
            yield self._row[place], self._begun[place], self._nanoseconds[place]

    def write(self, path: Path, names: Mapping[str, int], called: str = "teem") -> None:
        """Write it in Chrome's trace event format, times in microseconds since the first span began.

        https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (complete events, "X")
        """
        told, process = {row: name for name, row in names.items()}, os.getpid()
        first = min((begun for _, begun, _ in self.spans()), default=0)
        events = [
            *_named(process, called),
            *(
                {"ph": "X", "name": told[row], "cat": told[row].partition(".")[0], "pid": process, "tid": 1,
                 "ts": (begun - first) / 1e3, "dur": nanoseconds / 1e3}
                for row, begun, nanoseconds in self.spans()
            ),
        ]  # fmt: skip
        _write(path, events, {"lost": self.overwritten, "begun_ns": first})


def joined(parts: Mapping[str, Path], path: Path, since: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Join the traces of several processes of one machine, by their names, in one file; returns their spans.

    Spans that began before `since`, by `perf_counter_ns`, are left out; that clock is the same in all processes.
    """
    spans, lost = {}, 0
    for called, part in parts.items():
        told = json.loads(part.read_text("utf-8"))
        begun = told["otherData"]["begun_ns"] - since  # of a time since then
        kept = (event | {"ts": event["ts"] + begun / 1e3} for event in told["traceEvents"] if event["ph"] == "X")
        spans[called] = [event for event in kept if event["ts"] >= 0]
        lost += told["otherData"]["lost"]
    events = [
        event
        for called, of_one in spans.items()
        for event in (*(_named(of_one[0]["pid"], called) if of_one else ()), *of_one)
    ]
    _write(path, events, {"lost": lost, "begun_ns": since})
    return spans


def _named(process: int, called: str) -> Iterator[dict[str, Any]]:
    yield {"ph": "M", "name": "process_name", "pid": process, "tid": 1, "args": {"name": called}}
    yield {"ph": "M", "name": "thread_name", "pid": process, "tid": 1, "args": {"name": "the loop"}}


def _write(path: Path, events: list[dict[str, Any]], other: dict[str, int]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump({"displayTimeUnit": "ms", "traceEvents": events, "otherData": other}, file)
