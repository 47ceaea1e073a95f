"""A run of a sweep: where it lies, how it stands, and what plays it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from teem.record.checkpoint import steps_of
from teem.record.folder import CHECKPOINTS, DATABASE, REPORT
from teem.record.schema import connect_to_read

State = Literal["waiting", "begun", "done"]
OVER = ("steps", "extinct", "enough")  # why a run ends that has nothing left to do


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to play, and by whose order."""

    parent: int  # the sweep's process
    folder: str  # the run's
    settings: str = ""  # a TOML file to begin with; "": go on from the folder's newest checkpoint
    overrides: dict[str, int] = {}  # seed, and threads where the settings don't say


@dataclass(frozen=True, slots=True)
class Job:
    """One run: a setting, by its number from 1 on, with a seed."""

    setting: int
    seed: int
    steps: int
    sweep: Path  # the sweep's folder

    @property
    def name(self) -> str:
        """Its place in the sweep's folder."""
        return f"{setting_name(self.setting)}/seed-{self.seed}"

    @property
    def folder(self) -> Path:
        """Its own folder, as any run has one."""
        return self.sweep / self.name

    @property
    def log(self) -> Path:
        """What its processes said, one after the other."""
        return self.sweep / "logs" / f"{setting_name(self.setting)}-seed-{self.seed}.txt"

    def report(self) -> dict[str, Any] | None:
        """What it said of itself when it last ended; None where it hasn't yet."""
        try:
            report = json.loads((self.folder / REPORT).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return report if isinstance(report, dict) else None

    def state(self) -> State:
        """How it stands; one that was begun has a checkpoint to go on from."""
        report = self.report()
        if report is not None and report.get("reason") in OVER:
            return "done"
        return "begun" if steps_of(self.folder / CHECKPOINTS) else "waiting"

    def steps_made(self) -> int:
        """How far its record goes, for who wants to know how long it will take; 0 while nothing is known."""
        if not (self.folder / DATABASE).exists():
            return 0
        with suppress(sqlite3.Error):
            connection = connect_to_read(self.folder / DATABASE)
            try:
                return int(connection.execute("SELECT coalesce(max(step) + 1, 0) FROM steps").fetchone()[0])
            finally:
                connection.close()
        return 0

    def orders(self, parent: int, threads: int) -> Orders:
        """What a process is to do, so that it begins, or goes on; `threads` 0: as the settings say."""
        if self.state() == "begun":
            return Orders(parent=parent, folder=str(self.folder))
        overrides = {"seed": self.seed} | ({"runtime.threads": threads} if threads else {})
        settings = str(settings_file(self.sweep, self.setting))
        return Orders(parent=parent, folder=str(self.folder), settings=settings, overrides=overrides)

    def clear(self) -> None:
        """Take away what a run left that has nothing to go on from."""
        if self.state() == "waiting" and self.folder.exists():
            shutil.rmtree(self.folder)


def setting_name(number: int) -> str:
    """The folder of a setting's runs."""
    return f"setting-{number:02d}"


def settings_file(sweep: Path, number: int) -> Path:
    """A setting, whole, as a file that `teem run` takes too."""
    return sweep / f"{setting_name(number)}.toml"


def command(orders: Orders) -> list[str]:
    """What is executed for a run."""
    return [sys.executable, "-m", "teem.sweep.player", msgspec.json.encode(orders).decode()]
