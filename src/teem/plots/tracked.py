"""The curves of a tracked training: a folder with history.db, whose rows come in the order they were written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt
from pathlib import Path

from teem.errors import UsageError
from teem.plots.curve import Curve, Extent, Fold, Grid, quantile
from teem.plots.record import FINITE, reading
from teem.training.history import FILE as HISTORY

EVALUATION = "evaluation"  # the name of the curve of evaluations' means
ROWS_AT_ONCE = 200_000  # that one query reads

_VALUE = FINITE.format("value")
_MEAN = f"CASE status WHEN 'done' THEN {FINITE.format('mean')} END"  # of one that was not done there is no result
_ROWS = {  # SQL for the rows between two rowids: metric, step, value, and its bounds
    "history": f"SELECT metric, step, {_VALUE} AS value, {_VALUE} AS low, {_VALUE} AS high FROM history "
    "WHERE rowid > ? AND rowid <= ?",
    "evaluations": f"SELECT '{EVALUATION}' AS metric, step, {_MEAN} AS value, "
    f"{_MEAN} - half(std, episodes) AS low, {_MEAN} + half(std, episodes) AS high FROM evaluations "
    "WHERE rowid > ? AND rowid <= ?",
}


class Tracked:
    """A training that was tracked, or is being tracked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / HISTORY
        with self._reading() as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if missing := sorted(set(_ROWS) - tables):
                raise UsageError(f"{self._path} lacks the tables {', '.join(missing)}: give the folder of a tracker")
            self._last = {table: connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] for table in _ROWS}
            self._extents = self._measure(connection)

    @property
    def extents(self) -> dict[str, Extent]:
        """What is known of it at some step, by name; evaluations first."""
        return self._extents

    @property
    def usual(self) -> tuple[str, ...]:
        """What is drawn unless something else is asked for: not shares of the time, nor evaluations in other ways."""
        aside = ("share_", f"{EVALUATION}_") if EVALUATION in self._extents else ("share_",)
        return tuple(name for name in self._extents if not name.startswith(aside))

    def label(self, metric: str) -> str:
        """What a number is."""
        return "result of an evaluation, mean" if metric == EVALUATION else metric

    def curve(self, metric: str, grid: Grid) -> Curve:
        """A number over the steps."""
        fold, table = Fold(), "evaluations" if metric == EVALUATION else "history"
        query = (
            "SELECT (step - ?) / ?, count(value), sum(value), min(coalesce(low, value)), max(coalesce(high, value)) "
            f"FROM ({_ROWS[table]}) WHERE metric = ? GROUP BY 1"
        )
        with self._reading() as connection:
            for low, high in _ranges(self._last[table]):
                fold.add(connection.execute(query, (grid.first, grid.width, low, high, metric)))
        return fold.curve()

    def _measure(self, connection: sqlite3.Connection) -> dict[str, Extent]:
        found: dict[str, tuple[int, int, int, int]] = {}
        for table, rows in _ROWS.items():
            query = f"SELECT metric, min(step), max(step), count(*), count(value) FROM ({rows}) GROUP BY metric"
            for part in _ranges(self._last[table]):
                for metric, first, last, count, known in connection.execute(query, part):
                    before = found.get(metric, (first, last, 0, 0))
                    sums = before[2] + count, before[3] + known
                    found[metric] = (min(before[0], first), max(before[1], last), *sums)
        known = {metric: Extent(*one[:3]) for metric, one in found.items() if one[3]}
        return {metric: known[metric] for metric in sorted(known, key=lambda name: (name != EVALUATION, name))}

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with reading(self._path, "give the folder of a tracker") as connection:
            connection.create_function("half", 2, _half, deterministic=True)
            yield connection


def _ranges(last: int | None) -> Iterator[tuple[int, int]]:
    for low in range(0, last or 0, ROWS_AT_ONCE):
        yield low, min(low + ROWS_AT_ONCE, last or 0)


def _half(std: float | None, episodes: int | None) -> float | None:
    """Half the 95% interval of a mean over episodes, whose standard deviation is of all of them (divided by n)."""
    if std is None or episodes is None or episodes < 2:
        return None
    return quantile(episodes) * std / sqrt(episodes - 1)
