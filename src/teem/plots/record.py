"""The curves in a run's run.db, read in short, read-only queries, so that a run that goes on is not held up."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from teem.errors import UsageError
from teem.plots.curve import Curve, Extent, Fold, Grid
from teem.record.folder import DATABASE, REPORT
from teem.record.schema import connect_to_read, expect_run_database

STEPS_AT_ONCE = 100_000  # whose rows one query reads
FINITE = "CASE WHEN abs({0}) <= 1.7976931348623157e308 THEN {0} END"  # SQL for a number, NULL unless it is finite


class Measure(NamedTuple):
    """A number with a curve: what it is, and SQL for it in a row of `steps`, or its mean over those of `learning`."""

    label: str
    table: str
    value: str
    column: str  # that the table must have


MEASURES = {
    "feats": Measure("{unit} a step lived", "steps", "mean_feats / (mean_age + 1)", "mean_feats"),
    "reward": Measure("reward a step, of those who acted", "steps", "mean_reward", "mean_reward"),
    "loss": Measure("loss, mean of the living", "learning", "loss", "loss"),
    "population": Measure("agents alive", "steps", "population", "population"),
    "life": Measure("{unit} in a life so far", "steps", "mean_feats", "mean_feats"),
    "age": Measure("age, steps", "steps", "mean_age", "mean_age"),
    "energy": Measure("energy, joules", "steps", "mean_energy", "mean_energy"),
    "health": Measure("health", "steps", "mean_health", "mean_health"),
    "diversity": Measure("diversity of traits", "steps", "diversity", "diversity"),
    "resources": Measure("resources, joules a cell", "steps", "resources", "resources"),
    "births": Measure("births since the row before", "steps", "births", "births"),
    "deaths": Measure("deaths since the row before", "steps", "deaths", "deaths"),
    "epsilon": Measure("epsilon, mean of the living", "learning", "epsilon", "epsilon"),
    "updates": Measure("updates of an agent, mean of the living", "learning", "updates", "updates"),
    "replay_ratio": Measure("transitions learnt from, a decision", "learning", "replay_ratio", "replay_ratio"),
}
REMEDY = "restore it from a copy"
USUAL = ("feats", "reward", "loss", "population")


class RunRecord:
    """A run that was recorded, or is being recorded."""

    usual = USUAL

    def __init__(self, folder: Path) -> None:
        expect_run_database(folder / DATABASE)
        self.folder = folder
        self._path = folder / DATABASE
        with reading(self._path, REMEDY) as connection:
            self._extents = dict(_extents(connection))
        self._unit = _unit(folder)

    @property
    def extents(self) -> dict[str, Extent]:
        """What is known of it at some step, by name."""
        return self._extents

    def label(self, metric: str) -> str:
        """What a number is, with its unit."""
        return MEASURES[metric].label.format(unit=self._unit)

    def curve(self, metric: str, grid: Grid) -> Curve:
        """A number over the steps."""
        fold, extent = Fold(), self._extents[metric]
        query = (
            f"SELECT (step - ?) / ?, count(value), sum(value), min(value), max(value) FROM ({_rows(MEASURES[metric])}) "
            "GROUP BY 1"
        )
        with reading(self._path, REMEDY) as connection:
            for low, high in _ranges(extent.first, extent.last):
                fold.add(connection.execute(query, (grid.first, grid.width, low, high)))
        return fold.curve()


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[sqlite3.Connection]:
    """A connection to read a database by; UsageError with the remedy where that can't be done."""
    connection = connect_to_read(path)
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{path} can't be read ({error}): {remedy}") from error
    finally:
        connection.close()


def _rows(measure: Measure) -> str:
    """SQL for the steps from one to another, and the value at each."""
    finite, where = FINITE.format(measure.value), "WHERE step BETWEEN ? AND ?"
    if measure.table == "steps":
        return f"SELECT step, {finite} AS value FROM steps {where}"
    return f"SELECT step, avg({finite}) AS value FROM {measure.table} {where} GROUP BY step"


def _ranges(first: int, last: int) -> Iterator[tuple[int, int]]:
    for low in range(first, last + 1, STEPS_AT_ONCE):
        yield low, min(low + STEPS_AT_ONCE - 1, last)


def _extents(connection: sqlite3.Connection) -> Iterator[tuple[str, Extent]]:
    """From where to where each number is recorded; not those that nobody ever knew."""
    for table in ("steps", "learning"):
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        measures = {name: one for name, one in MEASURES.items() if one.table == table and one.column in columns}
        first, last = connection.execute(f"SELECT min(step), max(step) FROM {table}").fetchone()
        if first is None:
            continue
        count = f"SELECT count(DISTINCT step) FROM {table} WHERE step BETWEEN ? AND ?"
        rows = sum(connection.execute(count, part).fetchone()[0] for part in _ranges(first, last))
        for name, measure in measures.items():
            known = f"SELECT 1 FROM {table} WHERE {FINITE.format(measure.value)} IS NOT NULL LIMIT 1"
            if connection.execute(known).fetchone():
                yield name, Extent(first, last, rows)


def _unit(folder: Path) -> str:
    """What agents of its world achieve, as its report names it."""
    try:
        return str(json.loads((folder / REPORT).read_text("utf-8"))["feats"]["unit"])
    except (OSError, ValueError, KeyError):
        return "feats"
