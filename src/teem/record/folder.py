"""The run folder: where everything of a run lies, and who may write there."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teem.errors import InUseError, UsageError
from teem.offspring import lives
from teem.record.disk import write_text
from teem.record.schema import expect_run_database

CONFIG, DATABASE, REPORT, LOG, CHECKPOINTS, LOCK = (
    "config.toml", "run.db", "report.json", "log.jsonl", "checkpoints", ".lock",
)  # fmt: skip
HANDOVER_S = 15.0  # how long the writer of a run that was killed may take to finish
DYING_S = 1.0  # how long a killed process may take to be gone
NUMBERS = 10_000  # most runs of one name side by side


class RunFolder:
    """A run's folder, held by this process until `close`."""

    def __init__(self, path: Path, lock: int, log: Path | None = None) -> None:
        """Of a folder whose lock is held; `log` is the folder of its log, unless it is its own."""
        self.path = path
        self.lock = lock  # the lock's file; it holds as long as any process keeps this open
        self._log = ((log or path) / LOG).open("a", encoding="utf-8", buffering=1)

    @classmethod
    def create(cls, out: Path | None, name: str, runs: Path = Path("runs")) -> RunFolder:
        """Make the folder of a new run: `out`, or the first free one of runs/name, runs/name-2, and so on.

        Raises UsageError when it can't be written or isn't empty, InUseError when a run writes there.
        """
        if out is not None:
            return cls._create_at(out)
        for number in range(1, NUMBERS):
            path = runs / (name if number == 1 else f"{name}-{number}")
            try:
                _make(path, exist_ok=False)
            except FileExistsError:
                continue
            return cls(path, acquire(path))
        raise UsageError(f"{runs} holds {NUMBERS} runs called {name}: remove some, or give --out")

    @classmethod
    def _create_at(cls, path: Path) -> RunFolder:
        _make(path, exist_ok=True)
        found = sorted(entry.name for entry in path.iterdir() if entry.name != LOCK)
        if found and not {DATABASE, CONFIG} & set(found):
            raise UsageError(f"{path} is not empty (it holds {found[0]}): give another --out")
        lock = acquire(path)
        if found:
            os.close(lock)
            raise UsageError(f"{path} already holds a run: go on with `teem resume {path}`, or give another --out")
        return cls(path, lock)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Take hold of an existing run to go on with it; raises UsageError or InUseError."""
        if not path.is_dir():
            raise UsageError(f"{path} does not exist: give the folder of a run, such as runs/farm-7")
        if not (path / CONFIG).is_file():
            raise UsageError(f"{path} is no run folder (it has no {CONFIG}): give the folder of a run")
        lock = acquire(path)
        try:
            if (path / DATABASE).exists():
                expect_run_database(path / DATABASE)
        except UsageError:
            os.close(lock)
            raise
        return cls(path, lock)

    @classmethod
    def open_part(cls, path: Path, own: Path, patience_s: float) -> RunFolder:
        """Take hold of a part of a run, whose lock and log are in `own`; who held it may take so long to let go."""
        own.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return cls(path, acquire(own), own)
            except InUseError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def clear_record(self) -> None:
        """Remove the record of a run that begins anew."""
        for file in self.path.glob(f"{DATABASE}*"):
            file.unlink()

    @property
    def config(self) -> Path:
        """The settings, as TOML."""
        return self.path / CONFIG

    @property
    def database(self) -> Path:
        """run.db."""
        return self.path / DATABASE

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / CHECKPOINTS

    def write_config(self, text: str) -> None:
        """Keep the settings, at once."""
        write_text(self.config, text)

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Keep the report, at once."""
        write_text(self.path / REPORT, json.dumps(report, indent=2) + "\n")

    def log(self, event: str, **details: Any) -> None:
        """Add one line to log.jsonl: the time, the event and its details."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **details}
        self._log.write(json.dumps(line, default=str) + "\n")

    def close(self) -> None:
        """Let go of the folder."""
        self._log.close()
        os.close(self.lock)


def refuse_folder(out: Path) -> list[str]:
    """Why nothing new can be kept in the folder that `--out` names, as far as looking can tell."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        return [f"--out {out}: {there} is a file; give a folder"]
    if not os.access(there, os.W_OK | os.X_OK):
        return [f"--out {out}: {there} can't be written to; give a folder that can"]
    return []


def _make(path: Path, *, exist_ok: bool) -> None:
    try:
        path.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        if not exist_ok:
            raise
        raise UsageError(f"{path} is a file: give a folder as --out") from None
    except OSError as error:
        raise UsageError(f"{path} can't be made ({error.strerror}): give an --out that you can write to") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"{path} can't be written to: give an --out that you can write to")


def acquire(path: Path) -> int:
    """Lock a folder, and return the lock's file; raises InUseError naming the process that holds it.

    A run that was killed leaves its writer behind for a moment, which holds the lock until all is written.
    """
    try:
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(f"{path} can't be written to ({error.strerror}): choose a folder that can") from error
    begun = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
            patience = DYING_S if not holder.isdecimal() or lives(int(holder)) else HANDOVER_S
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN) or time.monotonic() - begun > patience:
                os.close(lock)
                raise _refusal(path, holder, error) from error
        time.sleep(0.05)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _refusal(path: Path, holder: str, error: OSError) -> Exception:
    if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
        return UsageError(f"{path} can't be locked ({error.strerror}): choose a folder on a local disk")
    return InUseError(f"{path} is in use by process {holder or 'unknown'}: wait for it, or stop it with Ctrl-C")
