"""The one process that writes run.db, started as `python -m teem.record.writer PATH PROFILE PARENT`.

Frames come in on stdin, one JSON line a message goes out on stdout. A frame is two uint32 (bytes of header,
bytes of columns), a msgpack `Header`, then each column's raw array. When stdin ends, however the run ended,
everything that was handed over is written; signals meant for the run are ignored, so only that end ends it.
This module imports neither numpy nor numba: it must be up before the first step.
"""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, cast

import msgspec

from teem.record import schema
from teem.record.disk import sync

COMMIT_S = 0.2
COMMIT_ROWS = 50_000
QUEUE_FRAMES = 64  # a frame has at most FRAME_ROWS rows, so this also caps the writer's memory
FRAME_ROWS = 8192
PREFIX = struct.Struct("<II")
ORPHAN_POLL_MS = 500
NICE = 10


class Header(msgspec.Struct, array_like=True):
    """What a frame holds: rows for a statement, or `flush` with its `number`."""

    statement: str
    rows: int
    constants: dict[str, Any]  # columns that are the same in every row
    columns: list[tuple[str, str, int]]  # name, format as in `struct`, values a row


def say(**message: Any) -> None:
    """Send one message to the run."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Frames:
    """Frames off stdin, read ahead by a thread so that a slow commit doesn't hold the run up."""

    def __init__(self, file: int, parent: int) -> None:
        self._file = file
        self._parent = parent
        self._poll = select.poll()
        self._poll.register(file, select.POLLIN)
        self._ready: queue.Queue[tuple[Header, memoryview] | BaseException | None] = queue.Queue(QUEUE_FRAMES)
        threading.Thread(target=self._read_all, name="frames", daemon=True).start()

    def next(self, wait_s: float | None) -> tuple[Header, memoryview] | None:
        """The next frame, or None at the end; raises queue.Empty when there is none in time."""
        item = self._ready.get(timeout=wait_s)
        if isinstance(item, BaseException):
            raise item
        return item

    def _read_all(self) -> None:
        try:
            decoder = msgspec.msgpack.Decoder(Header)
            while (prefix := self._exactly(PREFIX.size)) is not None:
                head, body = PREFIX.unpack(prefix)
                frame = self._exactly(head + body)
                if frame is None:
                    break  # the run died within a frame: that one was not handed over
                self._ready.put((decoder.decode(frame[:head]), frame[head:]))
            self._ready.put(None)
        except BaseException as error:  # handed to the main thread, which reports it
            self._ready.put(error)

    def _exactly(self, count: int) -> memoryview | None:
        buffer = memoryview(bytearray(count))
        filled = 0
        while filled < count:
            if not self._poll.poll(ORPHAN_POLL_MS):
                if os.getppid() != self._parent:  # dead, though someone else still holds the pipe open
                    return None
                continue
            got = os.readv(self._file, [buffer[filled:]])
            if got == 0:
                return None
            filled += got
        return buffer


class Database:
    """The one connection, with its open transaction."""

    def __init__(self, path: Path, profile: str) -> None:
        self.path = path
        self.in_memory = profile == "memory"
        self.rows = 0
        self._uncommitted = 0
        self._begun = 0.0
        self._names: dict[str, list[str | None]] = {}  # by number
        fresh = not path.exists() or path.stat().st_size == 0
        if not fresh:
            schema.expect_run_database(path)
        self.connection = sqlite3.connect(":memory:" if self.in_memory else path, isolation_level=None, timeout=10.0)
        for pragma in (
            *schema.PROFILES[profile],
            "cache_size=-16000",
            "journal_size_limit=67108864",
            "wal_autocheckpoint=4000",
        ):
            self.connection.execute(f"PRAGMA {pragma}")
        if fresh:
            schema.create(self.connection)
        elif self.in_memory:
            with_file = sqlite3.connect(path, timeout=10.0)
            with_file.backup(self.connection)
            with_file.close()
        if not fresh:
            schema.complete(self.connection)

    @property
    def due_s(self) -> float | None:
        """Seconds until the open transaction is to be committed; None when there is none."""
        return max(self._begun + COMMIT_S - time.monotonic(), 0.0) if self._uncommitted else None

    def write(self, header: Header, body: memoryview) -> None:
        """Add a frame's rows to the open transaction."""
        statement = schema.STATEMENTS[header.statement]
        if header.statement == "names":
            self._remember_names(header)
        if not self._uncommitted:
            self.connection.execute("BEGIN")
            self._begun = time.monotonic()
        rows: Iterator[tuple[Any, ...]] = zip(*self._columns(statement, header, body), strict=True)
        if statement.sql_many:
            whole = header.rows - header.rows % schema.MANY
            flat = chain.from_iterable(islice(rows, whole))
            many = zip(*[flat] * (schema.MANY * len(statement.columns)), strict=True)
            self.connection.executemany(statement.sql_many, many)
        self.connection.executemany(statement.sql, rows)
        self.rows += header.rows
        self._uncommitted += header.rows
        if self._uncommitted >= COMMIT_ROWS:
            self.commit()

    def commit(self) -> None:
        """End the open transaction."""
        if self._uncommitted:
            self.connection.execute("COMMIT")
            self._uncommitted = 0

    def flush(self) -> None:
        """Bring everything written so far safely onto the disk."""
        self.commit()
        if self.in_memory:
            self._save_memory()
            return
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        log = self.path.with_name(self.path.name + "-wal")
        if log.exists():  # what a reader keeps out of the checkpoint is safe in the log
            sync(log)

    def close(self) -> None:
        """Commit, and leave one plain file behind."""
        self.flush()
        if not self.in_memory:
            self.connection.execute("PRAGMA busy_timeout=200")
            try:
                self.connection.execute("PRAGMA journal_mode=DELETE").fetchall()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                # someone reads right now: the file stays in WAL mode, which is as good
        self.connection.close()

    def _save_memory(self) -> None:
        partial = self.path.with_name(self.path.name + ".partial")
        partial.unlink(missing_ok=True)
        copy = sqlite3.connect(partial)
        try:
            self.connection.backup(copy)
        finally:
            copy.close()
        sync(partial)
        partial.replace(self.path)
        sync(self.path.parent)

    def _remember_names(self, header: Header) -> None:
        value = header.constants
        if value["number"] == 0:
            self._names[value["list"]] = [None]
        self._names[value["list"]].insert(-1, value["name"])  # None stays the last, which is number -1

    def _columns(self, statement: schema.Statement, header: Header, body: memoryview) -> list[Iterable[Any]]:
        """Each parameter of the statement as an iterator over its rows."""
        arrays: dict[str, list[Any]] = {}
        start = 0
        for name, form, width in header.columns:
            stop = start + header.rows * width * struct.calcsize(form)
            values = body[start:stop].cast(cast(Any, form)).tolist()
            cut = [values[row * width : (row + 1) * width] for row in range(header.rows)] if width != 1 else values
            arrays[name] = cut
            start = stop
        columns: list[Iterable[Any]] = []
        for name, kind in statement.columns.items():
            if name in arrays:
                columns.append(self._meaning(kind, arrays[name]))
            else:
                columns.append(repeat(self._meaning(kind, [header.constants[name]])[0], header.rows))
        return columns

    def _meaning(self, kind: schema.Kind, values: list[Any]) -> list[Any]:
        if kind == "actions" and (measured := _measured(values)) is not None:
            return measured
        if kind in ("kinds", "causes", "actions", "incidents", "cohorts"):
            names = self._names[kind]
            if values and isinstance(values[0], list):  # one a branch
                return [" ".join([names[value] for value in row]) if row[0] >= 0 else None for row in values]
            return [names[value] for value in values]
        if kind == "genome":
            traits = (json.dumps(trait).replace("%", "%%") for trait in self._names.get("traits", [None])[:-1])
            written = (
                f"{{{', '.join(f'{trait}: %r' for trait in traits)}}}"  # JSON, at a fifth of what its encoder takes
            )
            return [written % (tuple(row) if isinstance(row, list) else row) for row in values]
        return values


def _measured(values: list[Any]) -> list[str | None] | None:
    """Continuous actions as text, a number a branch, None for none (NaN); None if these are not continuous."""
    rows = [row if isinstance(row, list) else [row] for row in values]
    if not rows or not isinstance(rows[0][0], float):
        return None
    form = " ".join(["%+.4g"] * len(rows[0]))
    return [form % tuple(row) if row[0] == row[0] else None for row in rows]


def serve(database: Database, frames: Frames) -> None:
    """Write every frame until the end of the run."""
    for header, body in _until_end(database, frames):
        if header.statement == "flush":
            database.flush()
            say(flushed=header.constants["number"], rows=database.rows)
        else:
            database.write(header, body)
    database.close()


def _until_end(database: Database, frames: Frames) -> Iterator[tuple[Header, memoryview]]:
    while True:
        try:
            frame = frames.next(database.due_s)
        except queue.Empty:
            database.commit()
            continue
        if frame is None:
            return
        yield frame
        if database.due_s == 0:
            database.commit()


def main() -> None:
    """Write what the run hands over; say why when that is no longer possible."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICE)  # it needs a twentieth of a core, and takes it in the gaps between the run's shared work
    if sys.platform == "linux":  # waking up must not push a thread of the run off its core
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    path, profile, parent = sys.argv[1:]
    try:
        database = Database(Path(path), profile)
        serve(database, Frames(0, int(parent)))
        say(closed=database.rows)
    except Exception as error:  # whatever it is, the run must hear of it
        say(failed=f"{error}" if isinstance(error, (sqlite3.Error, OSError)) else f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
