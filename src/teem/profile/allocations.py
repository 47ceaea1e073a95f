"""Instruments that look at memory: what is held when the steps begin, at the peak, and afterwards."""

from __future__ import annotations

import gc
import linecache
import tracemalloc
from typing import TYPE_CHECKING, Any

from teem.measure.machine import rss_mb
from teem.profile.functions import MOST
from teem.profile.instrument import Instrument
from teem.profile.places import short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from teem.profile.play import Job
    from teem.runtime.loop import Run

PIECES = 20  # times that the memory in use is looked at


class Tracemalloc(Instrument):
    """tracemalloc: what Python and NumPy hold, by the line that allocated it."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._every = max(1, job.steps // PIECES)
        self._steps = 0
        self._held: list[tuple[int, int, float | None]] = []  # step, bytes traced, resident megabytes

    def prepare(self) -> None:
        """Begin to trace: what the run itself takes counts too."""
        tracemalloc.start()

    def start(self, run: Run) -> None:
        """Note what is held before the first step, and forget the peak of making the run."""
        self._at_start = _snapshot()
        self._note()
        tracemalloc.reset_peak()

    def tick(self) -> None:
        """Look at the memory in use now and then."""
        self._steps += 1
        if self._steps % self._every == 0:
            self._note()

    def stop(self) -> None:
        """Note the peak, and what is held."""
        self._peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        self._note()
        self._at_end = _snapshot()
        tracemalloc.stop()

    def _note(self) -> None:
        self._held.append((self._steps, tracemalloc.get_traced_memory()[0], rss_mb()))

    def found(self, run: Run) -> dict[str, Any]:
        """Bytes held at both ends and at the peak, and the lines that hold most and grew most."""
        grown = self._at_end.compare_to(self._at_start, "lineno")
        return {
            "held": [{"step": step, "bytes": held, "rss_mb": rss} for step, held, rss in self._held],
            "peak_bytes": self._peak,
            "largest": [
                {**_line(one.traceback), "bytes": one.size, "blocks": one.count}
                for one in self._at_end.statistics("lineno")[:MOST]
            ],
            "grown": [
                {**_line(one.traceback), "bytes": one.size_diff, "blocks": one.count_diff}
                for one in sorted(grown, key=lambda one: -one.size_diff)[:MOST]
                if one.size_diff > 0
            ],
        }


def _snapshot() -> tracemalloc.Snapshot:
    """What is held now, but for what looking takes itself."""
    own = [tracemalloc.Filter(False, file) for file in (tracemalloc.__file__, linecache.__file__, __file__)]
    return tracemalloc.take_snapshot().filter_traces(own)


def _line(traceback: tracemalloc.Traceback) -> dict[str, Any]:
    frame = traceback[0]
    code = linecache.getline(frame.filename, frame.lineno).strip()
    return {"file": short(frame.filename), "line": frame.lineno, "code": code}


class Memray(Instrument):
    """memray: every allocation, those of native code too, while the steps are made."""

    def start(self, run: Run) -> None:
        """Begin to track."""
        from memray import Tracker

        self._path = self.out / "allocations.memray"
        self._path.unlink(missing_ok=True)
        self._tracker = Tracker(self._path)
        self._tracker.__enter__()

    def stop(self) -> None:
        """End it."""
        gc.collect()
        self._tracker.__exit__(None, None, None)

    def found(self, run: Run) -> dict[str, Any]:
        """Bytes at the peak above what was held before, and what was allocated on the way and is held still."""
        from memray import FileReader

        with FileReader(self._path) as reader:
            told = reader.metadata
            peak = _by_line(reader.get_high_watermark_allocation_records(merge_threads=True))
        with FileReader(self._path) as reader:
            left = _by_line(reader.get_leaked_allocation_records(merge_threads=True))
        return {
            "file": self._path.name,
            "allocations": told.total_allocations,
            "peak_bytes": told.peak_memory,
            "peak": peak,
            "left_bytes": sum(row["bytes"] for row in left),
            "left": left,
        }


def _by_line(records: Iterable[Any]) -> list[dict[str, Any]]:
    """Bytes and allocations by the line of Python that made them, most first."""
    lines: dict[tuple[str, str, int], list[int]] = {}
    for record in records:
        stack = record.stack_trace(1)
        place = stack[0] if stack else ("outside Python", "", 0)
        sums = lines.setdefault(place, [0, 0])
        sums[0] += record.size
        sums[1] += record.n_allocations
    rows: list[dict[str, Any]] = [
        {"function": name, "file": short(file) if file else "", "line": line, "bytes": size, "blocks": count}
        for (name, file, line), (size, count) in lines.items()
    ]
    return sorted(rows, key=lambda row: -row["bytes"])[:MOST]
