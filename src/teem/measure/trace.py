"""A trace: when each span began and how long it took, to be looked at in Perfetto or chrome://tracing."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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

    def write(self, path: Path, names: Mapping[str, int], process: int = 1) -> None:
        """Write it in Chrome's trace event format, times in microseconds since the first span began.

        https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (complete events, "X")
        """
        told = {row: name for name, row in names.items()}
        first = min((begun for _, begun, _ in self.spans()), default=0)
        events: list[dict[str, Any]] = [
            {"ph": "M", "name": "process_name", "pid": process, "tid": 1, "args": {"name": "teem"}},
            {"ph": "M", "name": "thread_name", "pid": process, "tid": 1, "args": {"name": "the loop"}},
        ]
        events += [
            {"ph": "X", "name": told[row], "cat": told[row].partition(".")[0], "pid": process, "tid": 1,
             "ts": (begun - first) / 1e3, "dur": nanoseconds / 1e3}
            for row, begun, nanoseconds in self.spans()
        ]  # fmt: skip
        with path.open("w", encoding="utf-8") as file:
            json.dump({"displayTimeUnit": "ms", "traceEvents": events, "otherData": {"lost": self.overwritten}}, file)
