"""Handing rows over to the writer process: some microseconds on the main thread, whatever the disk does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import RecordSettings
from teem.measure.spans import Spans
from teem.record.process import WriterProcess
from teem.record.schema import STATEMENTS, expect_run_database
from teem.record.writer import FRAME_ROWS, PREFIX, Header

BUNCH_BYTES = 1 << 17  # an eighth of the pipe
BUNCH_FRAMES = 128  # writev takes 1024 buffers
HELD_BYTES = 1 << 20  # of births and deaths, held back by `when_full="drop"` before it waits after all
HOLD_S = 0.2  # most that a row is held back, as long as the run goes on
FLUSH_S = 60.0
CLOSE_S = 300.0


class _Frame(NamedTuple):
    content: bytes
    rows: int
    essential: bool


class Recorder:
    """Writes run.db by statement name (`schema.STATEMENTS`); one a run.

    With `when_full="wait"` a full pipe holds the run up, as span `record.wait`; with `"drop"` rows that grow
    with the steps are dropped and counted, never births, deaths or settings. When the writer fails, the next
    call raises TeemError with the cause. Rows are handed over in bunches of 128 KiB, or after 0.2 s.
    """

    rows: int  # handed over
    dropped: int  # rows refused because the writer lagged
    waited_s: float

    def __init__(self, path: Path, settings: RecordSettings, spans: Spans, keep_open: Sequence[int] = ()) -> None:
        """Start the writer; `keep_open` are files (the folder's lock) that it holds until all is written.

        Raises UsageError when `path` holds something else than a run.
        """
        if path.exists() and path.stat().st_size:
            expect_run_database(path)
        self.path = path
        self.rows = 0
        self.dropped = 0
        self.waited_s = 0.0
        self._spans = spans
        self._drops = settings.when_full == "drop"
        self._flushes = 0
        self._encode = msgspec.msgpack.Encoder().encode
        self._closed = False
        self._held: list[_Frame] = []  # to be handed over together: each hand-over wakes the writer
        self._held_bytes = 0
        self._held_until = 0.0
        self._writer = WriterProcess(path.absolute(), settings.profile, keep_open)

    @property
    def pid(self) -> int:
        """The writer's process id."""
        return self._writer.pid

    @property
    def held(self) -> int:
        """Bunches of rows held back, to be handed over together."""
        return len(self._held)

    @property
    def held_bytes(self) -> int:
        """Bytes of them."""
        return self._held_bytes

    def write(self, statement: str, **columns: Any) -> None:
        """Add rows: each column an array `[rows]` (a genome `[rows, traits]`), or one value for all rows.

        Raises ValueError when columns are missing, unknown or differ in length.
        """
        spec = STATEMENTS[statement]
        if columns.keys() != spec.columns.keys():
            raise ValueError(f"{statement} takes {list(spec.columns)}, not {list(columns)}")
        constants: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        for name, value in columns.items():
            if isinstance(value, np.ndarray) and value.ndim:
                arrays[name] = value
            else:
                constants[name] = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
        lengths = {len(array) for array in arrays.values()}
        if len(lengths) > 1:
            raise ValueError(f"{statement}: columns of {sorted(lengths)} rows")
        rows = lengths.pop() if lengths else 1
        for start in range(0, rows, FRAME_ROWS):
            part = arrays if rows <= FRAME_ROWS else _part(arrays, start, start + FRAME_ROWS)
            self._send(statement, min(rows - start, FRAME_ROWS), constants, part, spec.essential)

    def write_names(self, **lists: Sequence[str]) -> None:
        """Say what numbers stand for: lists called `kinds`, `actions`, `traits`..."""
        for name, values in lists.items():
            for number, value in enumerate(values):
                self.write("names", list=name, number=number, name=value)

    def start_flush(self) -> int:
        """Ask for everything handed over so far to be put on the disk; returns the number to wait for."""
        self._flushes += 1
        self._send("flush", 0, {"number": self._flushes}, {}, essential=True)
        self.hand_over()
        return self._flushes

    def wait_flushed(self, number: int, deadline_s: float = FLUSH_S) -> None:
        """Wait for a flush that was started; any thread may."""
        self._writer.wait_flushed(number, deadline_s)

    def flush(self, deadline_s: float = FLUSH_S) -> None:
        """Return once everything handed over so far is safe on the disk."""
        self.wait_flushed(self.start_flush(), deadline_s)

    def expect_alive(self) -> None:
        """Raise TeemError with the cause when the writer has failed; cheap, to be called in every step."""
        self._writer.expect_alive()
        if self._held and time.monotonic() > self._held_until:
            self._hand_over(may_wait=not self._drops)

    def hand_over(self) -> None:
        """Give the writer what is held back: from here on it is written even if this process is killed."""
        self._hand_over(may_wait=True)

    def close(self, deadline_s: float = CLOSE_S) -> None:
        """Write everything, and end the writer; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self.hand_over()
        finally:
            self._writer.close(deadline_s)

    def _send(
        self,
        statement: str,
        rows: int,
        constants: dict[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        essential: bool,
    ) -> None:
        shapes: list[tuple[str, str, int]] = [
            (name, array.dtype.char, array.size // rows) for name, array in arrays.items()
        ]
        head = self._encode(Header(statement, rows, constants, shapes))
        size = sum(array.nbytes for array in arrays.values())
        # copied, since the caller may write to its arrays meanwhile
        flat = [np.ascontiguousarray(array).data for array in arrays.values()]
        content = b"".join([PREFIX.pack(len(head), size), head, *flat])
        self._held.append(_Frame(content, rows, essential))
        self._held_bytes += len(content)
        if self._held_bytes >= BUNCH_BYTES or len(self._held) >= BUNCH_FRAMES:
            self._hand_over(may_wait=not self._drops or self._held_bytes > HELD_BYTES)

    def _hand_over(self, *, may_wait: bool) -> None:
        """Send what is held back; unless it may wait, a full pipe leaves only the essential held back."""
        self._held_until = time.monotonic() + HOLD_S
        if not self._held:
            return
        went, waited_ns = self._writer.send([frame.content for frame in self._held], may_wait=may_wait)
        if waited_ns:
            self.waited_s += waited_ns / 1e9
            self._spans.add("record.wait", waited_ns)
        if went:
            self.rows += sum(frame.rows for frame in self._held)
            self._held = []
        else:
            self.dropped += sum(frame.rows for frame in self._held if not frame.essential)
            kept = [frame for frame in self._held if frame.essential]
            joined = b"".join(frame.content for frame in kept)
            self._held = [_Frame(joined, sum(frame.rows for frame in kept), True)] if kept else []
        self._held_bytes = sum(len(frame.content) for frame in self._held)


def _part(arrays: Mapping[str, NDArray[Any]], start: int, stop: int) -> dict[str, NDArray[Any]]:
    return {name: array[start:stop] for name, array in arrays.items()}
