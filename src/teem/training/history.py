"""The whole history of a training on disk, `history.db`, written in batches by a thread of its own."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from teem.errors import UsageError
from teem.measure.channel import Channel
from teem.training.evaluation import DONE, Evaluation

FILE = "history.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS history (metric TEXT NOT NULL, step INTEGER NOT NULL, time REAL NOT NULL, value REAL);
CREATE TABLE IF NOT EXISTS evaluations (
    step INTEGER NOT NULL, version INTEGER NOT NULL, time REAL NOT NULL, status TEXT NOT NULL,
    mean REAL, std REAL, episodes INTEGER NOT NULL, length REAL, seconds REAL NOT NULL, fault TEXT NOT NULL,
    rewards TEXT NOT NULL, lengths TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS ends (step INTEGER NOT NULL, time REAL NOT NULL, reason TEXT NOT NULL);
"""
BATCH = 2048  # rows handed over at once
BATCH_S = 1.0  # and the longest that one waits for others, while rows come
BATCHES = 64  # on their way to the disk at most; one that finds no room is lost, and counted

Batch = tuple[str, list[tuple[Any, ...]]]


class HistoryFile:
    """Rows of a training's history; `None` as a value where it is no number."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.rows = 0  # handed over
        self.lost = 0  # for which there was no room
        self._rows: list[tuple[Any, ...]] = []
        self._flush_at = time.monotonic() + BATCH_S
        self.last_step = self._begin()  # of what was noted there before; -1: nothing was
        self._connection: sqlite3.Connection | None = None  # the thread's
        self._channel: Channel[Batch] = Channel("history", self._write, BATCHES)

    def _begin(self) -> int:
        try:
            with _open(self.path) as connection:
                connection.executescript(SCHEMA)
                tables = "SELECT step FROM history UNION ALL SELECT step FROM evaluations"
                (last,) = connection.execute(f"SELECT coalesce(max(step), -1) FROM ({tables})").fetchone()
            connection.close()
        except sqlite3.Error as error:
            raise UsageError(f"{self.path} can't be written ({error}): give another log_dir") from error
        return int(last)

    def rewind(self, step: int) -> None:
        """Forget what was noted of later steps: they are made again."""
        with _open(self.path) as connection:
            for table in ("history", "evaluations", "ends"):
                connection.execute(f"DELETE FROM {table} WHERE step > ?", (step,))
        connection.close()
        self.last_step = min(self.last_step, step)

    def results(self) -> list[Evaluation]:
        """The evaluations that were done before, by rising version."""
        with _open(self.path) as connection:
            query = "SELECT version, step, rewards, lengths, seconds FROM evaluations WHERE status = ? ORDER BY rowid"
            rows = connection.execute(query, (DONE,)).fetchall()
        connection.close()
        return [
            Evaluation(version, step, DONE, tuple(json.loads(rewards)), tuple(json.loads(lengths)), seconds)
            for version, step, rewards, lengths, seconds in rows
        ]

    @property
    def fault(self) -> str | None:
        """Why rows could not be written; None while all were."""
        return self._channel.fault

    def add(self, metric: str, step: int, at: float, value: float) -> None:
        """Note a value; `at` is seconds since 1970."""
        self._rows.append((metric, step, at, value))
        if len(self._rows) >= BATCH or time.monotonic() >= self._flush_at:
            self.flush()

    def extend(self, metric: str, steps: Sequence[int], at: float, values: Sequence[float]) -> None:
        """Note several values of one metric."""
        self._rows.extend((metric, step, at, value) for step, value in zip(steps, values, strict=True))
        if len(self._rows) >= BATCH:
            self.flush()

    def evaluated(self, found: Evaluation, at: float) -> None:
        """Note an evaluation, whatever came of it."""
        each = json.dumps(found.rewards), json.dumps(found.lengths)
        known = (found.mean, found.std, len(found.rewards), found.length, found.seconds, found.fault, *each)
        self._put("evaluations", [(found.step, found.version, at, found.status, *known)])

    def ended(self, step: int, at: float, reason: str) -> None:
        """Note why training ended."""
        self._put("ends", [(step, at, reason)])

    def flush(self) -> None:
        """Hand over what is here."""
        self._flush_at = time.monotonic() + BATCH_S
        if self._rows:
            rows, self._rows = self._rows, []
            self._put("history", rows)

    def close(self, deadline_s: float = 10.0) -> None:
        """Have everything written, if it can be within so many seconds."""
        self.flush()
        if not self._channel.close(deadline_s):
            self.lost += self._channel.dropped
        if self._connection is not None:
            with suppress(
                sqlite3.OperationalError
            ):  # somebody reads it now: the file is as good with its log beside it
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            self._connection = None

    def _put(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if self._channel.put((table, rows)):
            self.rows += len(rows)
        else:
            self.lost += len(rows)

    def _write(self, batches: Sequence[Batch]) -> None:
        if self._connection is None:
            self._connection = _open(self.path)
        with self._connection:
            for table, rows in batches:
                places = ",".join("?" * len(rows[0]))
                self._connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
