"""What came of each run, a line of results.jsonl each as it ends, and the figure that it is judged by."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import msgspec

from teem.config.names import nearest
from teem.errors import UsageError
from teem.runtime.interrupt import STOPPED_NOW
from teem.sweep.runs import Job

RESULTS = "results.jsonl"
METRIC = "feats.per_step"  # what agents of every world achieve, for each step they lived
LAST_LINES = 4096  # bytes of a log in which the reason of a failure is looked for

Outcome = Literal["done", "failed", "stopped"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a run. Only one that is `done` is a result, and its value may still not be known."""

    setting: int
    seed: int
    outcome: Outcome
    metric: str
    value: float | None = None
    why: str = ""  # it failed, or its value isn't known
    code: int = 0  # of its process
    seconds: float = 0.0  # it played this time
    time: str = ""


class Results:
    """The lines of results.jsonl; each is on the disk before the next run ends."""

    def __init__(self, sweep: Path) -> None:
        self._path = sweep / RESULTS

    def add(self, result: Result) -> None:
        """Keep a result."""
        line = msgspec.json.encode(
            msgspec.structs.replace(result, time=datetime.now(UTC).isoformat(timespec="seconds"))
        )
        whole = not self._path.exists() or self._path.stat().st_size == 0 or self._path.read_bytes().endswith(b"\n")
        with self._path.open("ab") as file:
            file.write((b"" if whole else b"\n") + line + b"\n")  # half a line is left where one was killed writing it
            file.flush()
            os.fsync(file.fileno())

    def last(self) -> dict[tuple[int, int], Result]:
        """The last result of each setting and seed."""
        return {(one.setting, one.seed): one for one in self._lines()}

    def _lines(self) -> Iterator[Result]:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines():
            try:
                yield msgspec.json.decode(line, type=Result)
            except msgspec.MsgspecError:
                continue  # half a line


def result_of(job: Job, metric: str, code: int, seconds: float) -> Result:
    """What came of a run whose process has ended."""
    outcome: Outcome
    report, value = job.report(), None
    if job.state() == "done" and report is not None:
        outcome, value = "done", figure(report, metric)
        why = "" if value is not None else unknown(report, metric)
    elif code in (0, STOPPED_NOW):
        outcome, why = "stopped", "stopped before its last step"
    else:
        outcome, why = "failed", _last_words(job, code)
    return Result(
        setting=job.setting, seed=job.seed, outcome=outcome, metric=metric, value=value, why=why, code=code,
        seconds=seconds,
    )  # fmt: skip


def figure(report: Mapping[str, Any], metric: str) -> float | None:
    """A number of a report by its dotted path; None where it isn't known."""
    value: Any = report
    for name in metric.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) else None


def unknown(report: Mapping[str, Any], metric: str) -> str:
    """Why a report has no number there."""
    return "nobody was left" if report.get("reason") == "extinct" else f"its report has no {metric}"


def expect_metric(report: Mapping[str, Any], metric: str) -> None:
    """Raise UsageError unless a report has such a number, or has it in other runs."""
    there = dict(_numbers("", report))
    if metric not in there:
        numbers = [path for path, value in there.items() if value is not None]
        raise UsageError(f"--metric {metric} is no number of a report: {nearest(metric, numbers)}")


def _numbers(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every number of a report, and every one that isn't known, by its path."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _numbers(f"{prefix}{name}.", value)
        elif value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            yield prefix + name, value


def _last_words(job: Job, code: int) -> str:
    """What a process said last, or how it ended if it said nothing."""
    ended = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
    try:
        with job.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_LINES))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        lines = []
    said = next((line for line in reversed(lines) if line.strip()), "")
    return f"{ended}: {said}" if said else ended


def as_json(value: Any) -> str:
    """A value as an indented JSON text."""
    return json.dumps(value, indent=2) + "\n"
