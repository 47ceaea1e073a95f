"""Reading a run, also while it runs: arrays or frames from short, read-only connections."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from teem.errors import TeemError, UsageError
from teem.record.folder import CONFIG, DATABASE, REPORT
from teem.record.schema import connect_to_read, expect_run_database

CHUNK = 65536  # rows fetched at once
QUERY_FAULTS = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_RANGE,
)  # the query's, not the file's

T = TypeVar("T")

Arrays = dict[str, NDArray[Any]]


def open_run(path: str | Path) -> Run:
    """Open a run folder (or its run.db) for reading; raises UsageError saying what is wrong with it."""
    path = Path(path)
    folder = path.parent if path.name == DATABASE else path
    if not folder.is_dir():
        raise UsageError(f"{folder} does not exist: give the folder of a run, such as runs/farm-7")
    expect_run_database(folder / DATABASE)
    return Run(folder)


class Run:
    """A recorded run. Each table comes as a dict of arrays, or with `as_frame=True` as a Polars frame.

    In arrays an unknown number is NaN, no id and no step -1, no text ''; in frames they are null.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE

    @property
    def config_text(self) -> str:
        """The run's settings, as TOML."""
        return (self.folder / CONFIG).read_text("utf-8")

    @property
    def report(self) -> dict[str, Any] | None:
        """What the run said of itself at its end; None while there is no report."""
        path = self.folder / REPORT
        report: dict[str, Any] | None = json.loads(path.read_text("utf-8")) if path.exists() else None
        return report

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """The kinds, causes, actions, traits and incidents there can be, in the order of their numbers."""
        names: dict[str, list[str]] = {}
        for name, value in self._all("SELECT list, name FROM names ORDER BY list, number"):
            names.setdefault(name, []).append(value)
        return names

    @overload
    def sql(self, query: str, parameters: Sequence[Any] = ..., *, as_frame: Literal[False] = ...) -> Arrays: ...
    @overload
    def sql(self, query: str, parameters: Sequence[Any] = ..., *, as_frame: bool) -> Any: ...
    def sql(self, query: str, parameters: Sequence[Any] = (), *, as_frame: bool = False) -> Any:
        """Any query of yours; raises UsageError when it isn't one, or would write."""
        build = as_polars if as_frame else as_arrays
        return self._query(query, parameters, lambda cursor: build(cursor, {}))

    def steps(self, *, as_frame: bool = False) -> Any:
        """Population, births, deaths, means and diversity, a row each recorded step."""
        return self._sampled("steps", None, None, as_frame)

    def agents(self, *, as_frame: bool = False) -> Any:
        """Every life by rising id; the genome comes as a column a trait; no cohort where the run has none."""
        traits = self.names.get("traits", [])
        genome = "".join(f", json_extract(genome, ?) AS {_quoted(trait)}" for trait in traits)
        declared = self._types("agents")
        cohort = "cohort" if "cohort" in declared else "NULL AS cohort"  # a run from before there were any
        lives = f"agent_id, kind, born_step, died_step, cause, parent_id, generation, {cohort}"
        paths = [f'$."{trait}"' for trait in traits]
        query = f"SELECT {lives}{genome} FROM agents ORDER BY agent_id"
        types = {"cohort": "TEXT", **declared, **dict.fromkeys(traits, "TRAIT")}
        build = as_polars if as_frame else as_arrays
        return self._query(query, paths, lambda cursor: build(cursor, types))

    def agent_states(
        self,
        step: int | Sequence[int] | None = None,
        agents: Iterable[int] | None = None,
        *,
        as_frame: bool = False,
    ) -> Any:
        """Places, energy, health, age and reward of the living: all of it, or of some steps or agents."""
        return self._sampled("agent_states", step, agents, as_frame)

    def actions(
        self,
        step: int | Sequence[int] | None = None,
        agents: Iterable[int] | None = None,
        *,
        as_frame: bool = False,
    ) -> Any:
        """What agents did to whom, and what it brought them."""
        return self._sampled("actions", step, agents, as_frame)

    def learning(
        self,
        step: int | Sequence[int] | None = None,
        agents: Iterable[int] | None = None,
        *,
        as_frame: bool = False,
    ) -> Any:
        """Updates, loss, epsilon, decisions, replay ratio and faults of each agent."""
        return self._sampled("learning", step, agents, as_frame)

    def health_incidents(self, agents: Iterable[int] | None = None, *, as_frame: bool = False) -> Any:
        """When agents began to lose health, and how."""
        return self._sampled("health_incidents", None, agents, as_frame)

    def resources(self, step: int | None = None, *, as_frame: bool = False) -> Any:
        """Mean joules a cell of each tile; x and y are the tile's corner."""
        return self._sampled("resources", step, None, as_frame)

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the database's pages; empty when it is whole. Reads all of it."""
        found = [row[0] for row in self._all("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def _sampled(
        self, table: str, step: int | Sequence[int] | None, agents: Iterable[int] | None, as_frame: bool
    ) -> Any:
        types = self._types(table)
        conditions: list[str] = []
        parameters: list[str] = []
        if step is not None:
            conditions.append("step IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps(np.atleast_1d(np.asarray(step)).tolist()))
        elif agents is not None:  # a look-up in each step, instead of reading every row
            conditions.append(f"step IN ({_each_step(table)})")
        if agents is not None:
            conditions.append("agent_id IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps([int(agent) for agent in agents]))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        order = {"steps": "step", "resources": "step, y, x"}.get(table, "step, agent_id")
        build = as_polars if as_frame else as_arrays
        query = f"SELECT * FROM {table} {where} ORDER BY {order}"
        return self._query(query, parameters, lambda cursor: build(cursor, types))

    def _types(self, table: str) -> dict[str, str]:
        """Each column of a table with its declared type."""
        return {row[1]: row[2] for row in self._all(f"PRAGMA table_info({table})")}

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return self._query(query, (), lambda cursor: cursor.fetchall())

    def _query(self, query: str, parameters: Sequence[Any], build: Callable[[sqlite3.Cursor], T]) -> T:
        """What `build` makes of a query's rows, over a connection of its own."""
        connection = connect_to_read(self.path)
        try:
            return build(connection.execute(query, parameters))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) in QUERY_FAULTS:
                raise UsageError(f"{self.path}: {error}, in: {query}") from error
            raise TeemError(f"{self.path} can't be read ({error}): restore it from a copy") from error
        finally:
            connection.close()


def as_arrays(cursor: sqlite3.Cursor, types: Mapping[str, str]) -> Arrays:
    """A query's rows as an array a column; a column without a declared type gets that of its values."""
    names = _column_names(cursor)
    parts: list[list[NDArray[Any]]] = [[] for _ in names]
    while rows := cursor.fetchmany(CHUNK):
        for part, name, values in zip(parts, names, zip(*rows, strict=True), strict=True):
            part.append(_array(values, types.get(name, ""), name))
    empty = {"INTEGER": np.int64, "TEXT": np.str_, "TRAIT": np.float32}
    return {
        name: np.concatenate(part) if part else np.empty(0, empty.get(types.get(name, ""), np.float64))
        for name, part in zip(names, parts, strict=True)
    }


def _array(values: tuple[Any, ...], declared: str, name: str) -> NDArray[Any]:
    held = {type(value) for value in values} - {type(None)}
    if declared == "TEXT" or (not declared and held == {str}):
        return np.array(["" if value is None else value for value in values], np.str_)
    if declared == "TRAIT":
        return np.array(values, np.float32)  # the shortest decimals of a float32's value, so exact
    if declared == "INTEGER" and name.endswith(("_id", "_step")):
        return np.array([-1 if value is None else value for value in values], np.int64)
    if held == {int} and None not in values:
        return np.array(values, np.int64)
    if held <= {int, float}:
        return np.array(values, np.float64)  # None becomes NaN
    return np.array(values, object)


def as_polars(cursor: sqlite3.Cursor, types: Mapping[str, str]) -> Any:
    """A query's rows as a Polars frame; raises UsageError when Polars is not installed."""
    try:
        import polars
    except ImportError as error:
        raise UsageError("as_frame needs Polars: pip install 'teem[frames]'") from error
    known = {"INTEGER": polars.Int64, "TEXT": polars.String, "REAL": polars.Float64, "TRAIT": polars.Float32}
    schema = {name: known.get(types.get(name, "")) for name in _column_names(cursor)}
    return polars.DataFrame(cursor.fetchall(), schema=schema, orient="row", infer_schema_length=None)


def _column_names(cursor: sqlite3.Cursor) -> list[str]:
    if cursor.description is None:
        raise sqlite3.ProgrammingError("this is no query")
    return [column[0] for column in cursor.description]


def _each_step(table: str) -> str:
    """SQL for the steps that occur in a table, found by jumping from one to the next."""
    following = f"SELECT min(step) FROM {table} WHERE step > each.step"
    return (
        f"WITH RECURSIVE each(step) AS (SELECT min(step) FROM {table} UNION ALL "
        f"SELECT ({following}) FROM each WHERE step IS NOT NULL) SELECT step FROM each WHERE step IS NOT NULL"
    )


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
