"""Record: rows a second by rows a commit and by SQLite's settings, and what handing over costs the one who hands."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np

from teem.config.settings import RecordSettings
from teem.measure.spans import Spans
from teem.profile.components.bench import Bench, Part
from teem.profile.components.timing import Measured
from teem.profile.report import Table
from teem.record.client import Recorder
from teem.record.schema import PROFILES
from teem.record.writer import Database, Header
from teem.runtime import words

ROWS = 20_000  # of each measurement
BUFFERS = (100, 500, 1000, 2000, 5000)
NAMES = {"actions": ("rest", "go"), "kinds": ("one",), "causes": ("age",)}
Columns = dict[str, Any]


def measure_record(bench: Bench) -> Part:
    """Rows of `agent_steps`, the table that grows most, into databases of our own beside the reports."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=bench.scratch) as folder:
        tables = [_buffers(Path(folder), figures), _profiles(Path(folder), figures), _hands(Path(folder), figures)]
    return Part("record", tables, figures)


_HEAD = ("rows/s", "commit p50 ms", "p95 ms", "p99 ms")


def _buffers(folder: Path, figures: dict[str, Any]) -> Table:
    rows = []
    for buffer in BUFFERS:
        figures[f"buffer_{buffer}"] = told = _write(folder / f"buffer-{buffer}.db", "balanced", buffer)
        rows.append((f"{buffer} rows", *_told(told)))
    note = (
        "Each buffer written and committed at once, profile balanced, on the disk of the reports. A run commits every "
        "0.2 s or 50,000 rows, whichever is first; its buffer is not a setting."
    )
    return Table("Record: rows a commit", ("buffer", *_HEAD), rows, note)


def _profiles(folder: Path, figures: dict[str, Any]) -> Table:
    rows = []
    for profile, pragmas in PROFILES.items():
        figures[f"profile_{profile}"] = told = _write(folder / f"profile-{profile}.db", profile, 1000)
        rows.append((f"{profile} ({', '.join(pragmas) or 'in memory, saved at the end'})", *_told(told)))
    return Table("Record: SQLite's settings", ("profile", *_HEAD), rows, "A commit after every 1,000 rows.")


def _told(told: dict[str, Any]) -> tuple[str, ...]:
    return (words.number(told["rows_per_s"]), *(words.number(value) for value in told["commit_ms"].values()))


def _write(path: Path, profile: str, buffer: int) -> dict[str, Any]:
    """Write the rows in this process, a buffer at a time, and commit each."""
    database = Database(path, profile)
    _name_all(database)
    commits, begun = [], perf_counter()
    for step in range(ROWS // buffer):
        database.write(*frame("agent_steps", columns(step, buffer)))
        committing = perf_counter()
        database.commit()
        commits.append((perf_counter() - committing) * 1e3)
    seconds = perf_counter() - begun
    database.close()
    return {"rows_per_s": ROWS // buffer * buffer / seconds, "commit_ms": Measured.of(np.array(commits))._asdict()}


def _name_all(database: Database) -> None:
    for list_, names in NAMES.items():
        for number, name in enumerate(names):
            database.write(*frame("names", {"list": list_, "number": number, "name": name}))


def columns(step: int, agents: int) -> Columns:
    """The rows of a step of so many agents."""
    draws = np.random.default_rng(step)
    real = draws.random((5, agents), np.float32)
    return {
        "step": step,
        "agent_id": np.arange(agents, dtype=np.int64),
        "age": np.full(agents, step, np.int32),
        "action": draws.integers(0, 2, agents, np.int32),
        "target_id": np.full(agents, -1, np.int64),
        **dict(zip(("x", "y", "energy", "health", "reward"), real, strict=True)),
    }


def frame(statement: str, given: Columns) -> tuple[Header, memoryview]:
    """Rows as the writer gets them."""
    arrays = {name: value for name, value in given.items() if isinstance(value, np.ndarray)}
    rows = len(next(iter(arrays.values()))) if arrays else 1
    constants = {name: value for name, value in given.items() if name not in arrays}
    shapes = [(name, array.dtype.char, array.size // rows) for name, array in arrays.items()]
    return Header(statement, rows, constants, shapes), memoryview(
        b"".join(array.tobytes() for array in arrays.values())
    )


def _hands(folder: Path, figures: dict[str, Any]) -> Table:
    """The same rows written by the one who has them, and handed over to a writer process."""
    buffer, rows = 1000, []
    for how, profile in (("written here", "balanced"), ("handed over", "balanced"), ("handed over", "memory")):
        path = folder / f"{how}-{profile}.db".replace(" ", "-")
        told = _here(path, profile, buffer) if how == "written here" else _over(path, profile, buffer)
        figures[f"{how}, {profile}"] = told
        held, safe = told["held_us_a_row"], told["safe_rows_per_s"]
        rows.append((f"{how}, {profile}", words.number(held), words.number(safe)))
    note = "How long a row holds up the one who writes it, and how many a second until the last is in the database."
    return Table("Record: written at once, or handed over", ("how", "µs a row", "rows/s until safe"), rows, note)


def _here(path: Path, profile: str, buffer: int) -> dict[str, float]:
    database = Database(path, profile)
    _name_all(database)
    begun = perf_counter()
    for step in range(ROWS // buffer):
        database.write(*frame("agent_steps", columns(step, buffer)))
        database.commit()
    held = perf_counter() - begun
    database.close()
    return {"held_us_a_row": held / ROWS * 1e6, "safe_rows_per_s": ROWS / (perf_counter() - begun)}


def _over(path: Path, profile: str, buffer: int) -> dict[str, float]:
    recorder = Recorder(path, msgspec.structs.replace(RecordSettings(), profile=profile), Spans())
    recorder.write_names(**NAMES)
    recorder.flush()  # it is up
    begun = perf_counter()
    for step in range(ROWS // buffer):
        recorder.write("agent_steps", **columns(step, buffer))
    held = perf_counter() - begun
    recorder.close()
    return {"held_us_a_row": held / ROWS * 1e6, "safe_rows_per_s": ROWS / (perf_counter() - begun)}
