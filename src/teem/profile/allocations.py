"""Instruments that look at memory: what is held when the steps begin, at the peak, and afterwards."""

from __future__ import annotations

import gc
import linecache
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teem.learning import memory
from teem.measure.machine import rss_mb
from teem.profile.functions import MOST
from teem.profile.instrument import Instrument
from teem.profile.places import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from teem.profile.play import Job
    from teem.runtime.loop import Run

PIECES = 20  # times that the memory in use is looked at
FRAMES = 5  # that are kept of a block: NumPy's own, and who called it
_ALLOCATORS = (str(Path(np.__file__).parent), memory.__file__)
"""Those that allocate for others."""


class Tracemalloc(Instrument):
    """tracemalloc: what Python and NumPy hold, by the line that allocated it."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._every = max(1, job.steps // PIECES)
        self._steps = 0
        self._held: list[tuple[int, int, float | None]] = []  # step, bytes traced, resident megabytes

    def prepare(self) -> None:
        """Begin to trace: what the run itself takes counts too."""
        tracemalloc.start(FRAMES)

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
        before, after = _held_by_line(self._at_start), _held_by_line(self._at_end)
        grown = [(place, size - before[place]) for place, size in after.items()]
        return {
            "held": [{"step": step, "bytes": held, "rss_mb": rss} for step, held, rss in self._held],
            "peak_bytes": self._peak,
            "largest": [_told(place, size) for place, size in after.most_common(MOST)],
            "grown": [_told(place, size) for place, size in sorted(grown, key=_most_first)[:MOST] if size > 0],
        }


Line = tuple[str, int]  # of a file


def _snapshot() -> tracemalloc.Snapshot:
    """What is held now, but for what looking takes itself."""
    own = [tracemalloc.Filter(False, file) for file in (tracemalloc.__file__, linecache.__file__, __file__)]
    return tracemalloc.take_snapshot().filter_traces(own)


def _held_by_line(snapshot: tracemalloc.Snapshot) -> Counter[Line]:
    """Bytes by the line that asked for them."""
    held: Counter[Line] = Counter()
    for one in snapshot.statistics("traceback"):
        lines = [(frame.filename, frame.lineno) for frame in reversed(one.traceback)]
        held[who_asked(lines)] += one.size
    return held


def who_asked(lines: Sequence[Line]) -> Line:
    """The innermost line that doesn't allocate for others, as NumPy does; the innermost of all if each does."""
    return next((line for line in lines if not line[0].startswith(_ALLOCATORS)), lines[0])


def _most_first(row: tuple[Line, int]) -> int:
    return -row[1]


def _told(place: Line, size: int) -> dict[str, Any]:
    file, line = place
    return {"file": short(file), "line": line, "code": linecache.getline(file, line).strip(), "bytes": size}


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
    """Bytes and allocations by the line of Python that asked for them, most first."""
    sizes: Counter[Line] = Counter()
    blocks: Counter[Line] = Counter()
    for record in records:
        lines = [(file, line) for _, file, line in record.stack_trace(FRAMES)]
        place = who_asked(lines) if lines else ("outside Python", 0)
        sizes[place] += record.size
        blocks[place] += record.n_allocations
    return [{**_told(place, size), "blocks": blocks[place]} for place, size in sizes.most_common(MOST)]
