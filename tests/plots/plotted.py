"""Folders with curves in them that a test knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from teem.record.schema import create


def run_folder(
    path: Path,
    rows: Iterable[Mapping[str, Any]],
    learning: Iterable[tuple[int, int, float | None]] = (),
    **settings: Any,
) -> Path:
    """A run whose table `steps` has these rows, and whose agents had these losses (step, agent, loss)."""
    path.mkdir(parents=True)
    given = {"seed": 7, "world.name": "farm", "learning.lr": 0.001, **settings}
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in given.items()]
    (path / "config.toml").write_text("\n".join(lines) + "\n")
    connection = sqlite3.connect(path / "run.db")
    create(connection)
    for row in rows:
        whole = {"population": 5, "births": 0, "deaths": 0, **row}
        marks = ",".join("?" for _ in whole)
        connection.execute(f"INSERT INTO steps({','.join(whole)}) VALUES({marks})", tuple(whole.values()))
    connection.executemany("INSERT INTO learning(step, agent_id, loss) VALUES(?, ?, ?)", learning)
    connection.commit()
    connection.close()
    return path


def tracked_folder(
    path: Path,
    history: Iterable[tuple[str, int, float | None]] = (),
    evaluations: Iterable[tuple[int, str, float | None, float | None, int | None]] = (),
) -> Path:
    """A tracked training: metric, step and value; and step, status, mean, deviation and episodes."""
    path.mkdir(parents=True)
    connection = sqlite3.connect(path / "history.db")
    connection.executescript(
        "PRAGMA journal_mode = WAL;"
        "CREATE TABLE history(metric TEXT, step INTEGER, time REAL, value REAL);"
        "CREATE TABLE evaluations(step INTEGER, version INTEGER, time REAL, status TEXT, mean REAL, std REAL,"
        " episodes INTEGER, length REAL, seconds REAL);"
    )
    connection.executemany("INSERT INTO history VALUES(?, ?, 0, ?)", history)
    connection.executemany(
        "INSERT INTO evaluations(step, status, mean, std, episodes) VALUES(?, ?, ?, ?, ?)", evaluations
    )
    connection.commit()
    connection.close()
    return path
