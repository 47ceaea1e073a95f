"""Handing rows over to the writer process: some microseconds on the main thread, whatever the disk does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import RecordSettings
from teem.measure.spans import Spans
from teem.record.process import Buffer, WriterProcess
from teem.record.schema import STATEMENTS, expect_run_database
from teem.record.writer import FRAME_ROWS, PREFIX, Header

FLUSH_S = 60.0
CLOSE_S = 300.0


class Recorder:
    """Writes run.db by statement name (`schema.STATEMENTS`); one a run.

    With `when_full="wait"` a full pipe holds the run up, as span `record.wait`; with `"drop"` rows that grow
    with the steps are dropped and counted, never births, deaths or settings. When the writer fails, the next
    call raises TeemError with the cause.
    """

    rows: int  # handed over
    dropped: int  # rows refused because the writer lagged
    waited_s: float

    def __init__(
        self, path: Path, settings: RecordSettings, spans: Spans, keep_open: Sequence[int] = ()
    ) -> None:
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
        self._writer = WriterProcess(path.absolute(), settings.profile, keep_open)

    @property
    def pid(self) -> int:
        """The writer's process id."""
        return self._writer.pid

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
        may_wait = spec.essential or not self._drops
        for start in range(0, rows, FRAME_ROWS):
            part = arrays if rows <= FRAME_ROWS else _part(arrays, start, start + FRAME_ROWS)
            self._send(statement, min(rows - start, FRAME_ROWS), constants, part, may_wait)

    def write_names(self, **lists: Sequence[str]) -> None:
        """Say what numbers stand for: lists called `kinds`, `causes`, `actions`, `traits`, `incidents`."""
        for name, values in lists.items():
            for number, value in enumerate(values):
                self.write("names", list=name, number=number, name=value)

    def start_flush(self) -> int:
        """Ask for everything handed over so far to be put on the disk; returns the number to wait for."""
        self._flushes += 1
        self._send("flush", self._flushes, {}, {}, may_wait=True)
        return self._flushes

    def wait_flushed(self, number: int, deadline_s: float = FLUSH_S) -> None:
        """Wait for a flush that was started; any thread may."""
        self._writer.wait_flushed(number, deadline_s)

    def flush(self, deadline_s: float = FLUSH_S) -> None:
        """Return once everything handed over so far is safe on the disk."""
        self.wait_flushed(self.start_flush(), deadline_s)

    def expect_alive(self) -> None:
        """Raise TeemError with the cause when the writer has failed; costs next to nothing."""
        self._writer.expect_alive()

    def close(self, deadline_s: float = CLOSE_S) -> None:
        """Write everything, and end the writer; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._writer.close(deadline_s)

    def _send(
        self,
        statement: str,
        rows: int,
        constants: dict[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        may_wait: bool,
    ) -> None:
        flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        shapes: list[tuple[str, str, int]] = [
            (name, array.dtype.char, array.size // rows) for name, array in flat.items()
        ]
        head = self._encode(Header(statement, rows, constants, shapes))
        body: list[Buffer] = [array.reshape(-1).view(np.uint8).data for array in flat.values()]
        prefix = PREFIX.pack(len(head), sum(array.nbytes for array in flat.values()))
        went, waited_ns = self._writer.send([prefix + head, *body], may_wait=may_wait)
        if waited_ns:
            self.waited_s += waited_ns / 1e9
            self._spans.add("record.wait", waited_ns)
        if statement == "flush":
            return
        if went:
            self.rows += rows
        else:
            self.dropped += rows


def _part(arrays: Mapping[str, NDArray[Any]], start: int, stop: int) -> dict[str, NDArray[Any]]:
    return {name: array[start:stop] for name, array in arrays.items()}
