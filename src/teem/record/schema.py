"""What run.db holds: its tables, and every statement that writes them.

The content follows from the seed alone: no times, no paths, no counts of threads. One row of `actions` is one
action, and the primary keys hold that. Rows of a step lie together, by rising agent, so whole steps are read
and rewound without an index. Names stand as text: plain SQL needs no joins. NULL means none or unknown.
What an agent did in a step and how it was at its end are one row of `agent_steps`, which halves the rows to write;
`agent_states` and `actions` are views of it, and read as if they were tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from teem.errors import UsageError

APPLICATION_ID = 0x7465656D  # "teem", so that a foreign database is recognised
VERSION = 3  # of the tables, in PRAGMA user_version
MANY = 20

TABLES = """
CREATE TABLE runs(
    run_id TEXT PRIMARY KEY, world TEXT NOT NULL, seed INTEGER NOT NULL, version TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE config(key TEXT PRIMARY KEY, value) WITHOUT ROWID;         -- 'world.size', 512
CREATE TABLE names(                                     -- every kind, cause, action, branch, trait, cohort there can be
    list TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(list, number)
) WITHOUT ROWID;
CREATE TABLE agents(
    agent_id INTEGER PRIMARY KEY, kind TEXT NOT NULL,
    born_step INTEGER NOT NULL, died_step INTEGER, cause TEXT,          -- NULL: alive
    parent_id INTEGER,                                                  -- NULL: a founder
    generation INTEGER NOT NULL,
    genome TEXT NOT NULL,                                               -- JSON, so genome->>'speed'
    cohort TEXT                                                         -- NULL: the run has no cohorts
);
CREATE INDEX agents_by_parent ON agents(parent_id);
CREATE TABLE agent_steps(                               -- who acted in a step, or lives at its end
    step INTEGER NOT NULL, agent_id INTEGER NOT NULL,
    x REAL, y REAL, energy REAL, health REAL, age INTEGER,      -- at the end of the step; NULL: died in it
    reward REAL, action TEXT, target_id INTEGER,                -- NULL: no decision ended; target_id NULL: nobody
    PRIMARY KEY(step, agent_id)
) WITHOUT ROWID;
CREATE VIEW agent_states AS                             -- the living at the end of a step
    SELECT step, agent_id, x, y, energy, health, age, reward FROM agent_steps WHERE age IS NOT NULL;
CREATE VIEW actions AS                    -- whose decisions ended in a step; a word, or a torque -1 to 1, a branch
    SELECT step, agent_id, action, target_id, reward FROM agent_steps WHERE action IS NOT NULL;
CREATE TABLE resources(                                 -- mean joules a cell of the tile whose corner is x, y
    step INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL, amount REAL, PRIMARY KEY(step, y, x)
) WITHOUT ROWID;
CREATE TABLE steps(
    step INTEGER PRIMARY KEY, population INTEGER NOT NULL,
    births INTEGER NOT NULL, deaths INTEGER NOT NULL,   -- since the row before
    mean_age REAL, mean_energy REAL, mean_health REAL,  -- of the living
    mean_reward REAL,                                   -- of those who acted in this step
    diversity REAL,                                     -- traits' standard deviations, averaged
    resources REAL,                                     -- mean joules a cell
    mean_feats REAL                                     -- what the living have achieved so far: joules, metres, value
);
CREATE TABLE health_incidents(                          -- an agent begins to lose health
    step INTEGER NOT NULL, agent_id INTEGER NOT NULL, incident TEXT NOT NULL, lost REAL, health REAL,
    PRIMARY KEY(step, agent_id)
) WITHOUT ROWID;
CREATE TABLE learning(
    step INTEGER NOT NULL, agent_id INTEGER NOT NULL, updates INTEGER, loss REAL, epsilon REAL,
    decisions INTEGER, replay_ratio REAL, faults INTEGER,
    PRIMARY KEY(step, agent_id)
) WITHOUT ROWID;
CREATE TABLE governor(                                  -- what holds from before this step on; no row: all as set
    step INTEGER PRIMARY KEY,
    learning REAL NOT NULL,                             -- part of the due updates that is made
    decision INTEGER NOT NULL,                          -- times the world's decision interval
    snapshots INTEGER NOT NULL,                         -- times the intervals of record and checkpoints
    why TEXT NOT NULL                                   -- 'shed', 'given back', 'long step', 'long step over'
);
"""

SAMPLED = ("agent_steps", "resources", "steps", "health_incidents", "learning", "governor")
"""The tables that grow with the steps; each has a `step`."""

VIEWS = ("agent_states", "actions")

INCIDENTS = ("wounded", "starving")
"""How an agent begins to lose health: with energy left, or without."""

Kind = Literal["int", "real", "text", "any", "natural", "kinds", "causes", "actions", "incidents", "cohorts", "genome"]
"""What a column takes: a `natural` of -1 becomes NULL, a list's number its name (-1: NULL), a row of traits JSON."""

PROFILES: Mapping[str, tuple[str, ...]] = {
    "safety": ("journal_mode=WAL", "synchronous=FULL"),
    "balanced": ("journal_mode=WAL", "synchronous=NORMAL"),
    "performance": ("journal_mode=WAL", "synchronous=OFF"),
    "memory": (),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that can be written: its SQL, and what each of its parameters takes, in their order."""

    sql: str
    sql_many: str  # the same for MANY rows at once, which is a third faster; "": there is none
    columns: Mapping[str, Kind]
    essential: bool  # lives and settings are never dropped, whatever `record.when_full` says


def _insert(table: str, *, essential: bool = False, conflict: str = "", **columns: Kind) -> Statement:
    # binding None costs ten times as much as a number: SQLite makes the NULL
    marks = ",".join("nullif(?,-1)" if kind == "natural" else "?" for kind in columns.values())
    insert = f"INSERT INTO {table}({','.join(columns)}) VALUES"
    many = "" if conflict else insert + ",".join([f"({marks})"] * MANY)
    return Statement(f"{insert}({marks}) {conflict}", many, columns, essential)


STATEMENTS: Mapping[str, Statement] = {
    "runs": _insert(
        "runs", run_id="text", world="text", seed="int", version="text", essential=True,
        conflict="ON CONFLICT DO UPDATE SET version = excluded.version",
    ),
    "config": _insert(
        "config", key="text", value="any", essential=True,
        conflict="ON CONFLICT DO UPDATE SET value = excluded.value",
    ),
    "names": _insert(
        "names", list="text", number="int", name="text", essential=True,
        conflict="ON CONFLICT DO UPDATE SET name = excluded.name",
    ),
    "births": _insert(
        "agents", agent_id="int", kind="kinds", born_step="int", parent_id="natural", generation="int",
        genome="genome", essential=True,
    ),
    "cohorts": Statement(
        "UPDATE agents SET cohort = ? WHERE agent_id = ?",
        "",
        {"cohort": "cohorts", "agent_id": "int"},
        essential=True,
    ),
    "deaths": Statement(
        "UPDATE agents SET died_step = ?, cause = ? WHERE agent_id = ?",
        "",
        {"died_step": "int", "cause": "causes", "agent_id": "int"},
        essential=True,
    ),
    "agent_steps": _insert(
        "agent_steps", step="int", agent_id="int", x="real", y="real", energy="real", health="real", age="natural",
        reward="real", action="actions", target_id="natural",
    ),
    "resources": _insert("resources", step="int", x="int", y="int", amount="real"),
    "steps": _insert(
        "steps", step="int", population="int", births="int", deaths="int", mean_age="real",
        mean_energy="real", mean_health="real", mean_reward="real", diversity="real", resources="real",
        mean_feats="real",
    ),
    "health_incidents": _insert(
        "health_incidents", step="int", agent_id="int", incident="incidents", lost="real", health="real"
    ),
    "learning": _insert(
        "learning", step="int", agent_id="int", updates="int", loss="real", epsilon="real", decisions="int",
        replay_ratio="real", faults="int",
    ),
    "governor": _insert(
        "governor", step="int", learning="real", decision="int", snapshots="int", why="text", essential=True,
    ),
}  # fmt: skip


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, all or none."""
    connection.executescript(
        f"BEGIN; {TABLES} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}; COMMIT;"
    )


def complete(connection: sqlite3.Connection) -> None:
    """Add what the tables of a run from an earlier teem lack; older readers pass over it."""
    if "mean_feats" not in {row[1] for row in connection.execute("PRAGMA table_info(steps)")}:
        connection.execute("ALTER TABLE steps ADD COLUMN mean_feats REAL")


def expect_run_database(path: Path) -> None:
    """Raise UsageError, with the remedy, unless `path` is a run.db that this version can read."""
    if not path.is_file():
        raise UsageError(f"{path} does not exist: give the folder of a run that was recorded")
    connection = connect_to_read(path)
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.DatabaseError as error:
        raise UsageError(
            f"{path} can't be read as a database ({error}): restore it from a copy, or run the world again"
        ) from error
    finally:
        connection.close()
    if application != APPLICATION_ID:
        raise UsageError(f"{path} was not written by teem: give the folder of a teem run")
    if version > VERSION:
        raise UsageError(f"{path} has tables of version {version}, this teem knows {VERSION}: install a newer teem")
    if version < VERSION:
        raise UsageError(
            f"{path} has tables of version {version}, this teem knows {VERSION}: read it with plain SQL or with the "
            f"teem that wrote it (SELECT version FROM runs), or run the world again"
        )
    missing = sorted({*SAMPLED, *VIEWS, "runs", "config", "names", "agents"} - tables)
    if missing:
        raise UsageError(f"{path} lacks the tables {', '.join(missing)}: restore it from a copy")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A read-only connection that sees what is committed, also while the writer works."""
    uri = path.absolute().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=5.0)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:
        # A WAL database on a read-only medium can't make its shared memory; without a log nothing can change.
        if path.with_name(path.name + "-wal").exists():
            return connection
        connection.close()
        return sqlite3.connect(f"{uri}?immutable=1", uri=True)
    except sqlite3.DatabaseError:
        return connection  # not a database: the first query says so, with its own words
    return connection


def rewind(path: Path, step: int) -> None:
    """Take every trace of what came after `step` out of run.db; -1 leaves only the settings.

    A resumed run then writes exactly what it would have written had it never stopped. No writer may run.
    """
    expect_run_database(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for table in SAMPLED:
            connection.execute(f"DELETE FROM {table} WHERE step > ?", (step,))
        connection.execute("DELETE FROM agents WHERE born_step > ?", (step,))
        connection.execute("UPDATE agents SET died_step = NULL, cause = NULL WHERE died_step > ?", (step,))
        connection.execute("COMMIT")
    finally:
        connection.close()
