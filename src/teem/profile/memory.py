"""Memory: what is held, at the peak and afterwards, and what grows while the steps are made."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from teem.profile.play import Played
from teem.profile.report import Cost, Report, Table
from teem.profile.stage import Stage
from teem.profile.tools import missing
from teem.runtime import words

ROWS = 20
FLAME = "memory-flame.html"
PATIENCE_S = 120.0  # that drawing it may take


def profile_memory(stage: Stage) -> Report:
    """Play under tracemalloc, and under memray where it is installed."""
    report = Report("memory", "Memory: what is held, and what grows")
    traced = stage.play("tracemalloc", "under tracemalloc")
    found = traced.found
    held = found["held"]
    grown = held[-1]["bytes"] - held[0]["bytes"]
    report.figures = {"rss_mb_plain": stage.plain.rss_mb, "rss_mb_peak_plain": stage.plain.rss_mb_peak, **found}
    report.costs = [
        Cost(_where(row), row["bytes"] / held[-1]["bytes"], "what Python and NumPy hold", _size(row["bytes"]))
        for row in found["largest"][:3]
    ]
    most = "".join(f", most of it at {_where(row)} ({_size(row['bytes'])})" for row in found["grown"][:1])
    report.remarks.append(
        f"Held by Python and NumPy: {_size(held[0]['bytes'])} before the steps, {_size(held[-1]['bytes'])} after "
        f"{traced.steps}, {_size(found['peak_bytes'])} at the peak. Grew by {_size(grown)}"
        f"{most}. The process takes {words.number(stage.plain.rss_mb)} MB, "
        f"{words.number(stage.plain.rss_mb_peak)} MB at most."
    )
    grew = [_growth(row, traced) for row in found["grown"][:ROWS]]
    kept = [(_where(row), _size(row["bytes"])) for row in found["largest"][:ROWS]]
    note = "tracemalloc: what is held after the steps and was not before them, by the line that asked for it."
    report.tables = [
        _over_time(held),
        Table("Grown most", ("line", "grown", "a step"), grew, note),
        Table("Held afterwards", ("line", "held"), kept),
    ]
    if lack := missing("memray"):
        report.missing.append(lack)
    else:
        _track(stage, report)
    return report


def _where(row: dict[str, Any]) -> str:
    place = f"{row['file']}:{row['line']}" if row["line"] else row["file"]
    return f"{place} `{row['code']}`" if row["code"] else place


def _size(count: float) -> str:
    return f"{words.number(count)}B"


def _growth(row: dict[str, Any], played: Played) -> tuple[str, ...]:
    return _where(row), _size(row["bytes"]), _size(row["bytes"] / played.steps)


def _over_time(held: list[dict[str, Any]]) -> Table:
    rows = [(str(one["step"]), _size(one["bytes"]), words.number(one["rss_mb"])) for one in held]
    note = "The process takes more than without tracemalloc, which keeps a note of every block."
    return Table("Over the steps", ("step", "held by Python and NumPy", "process, MB"), rows, note)


def _track(stage: Stage, report: Report) -> None:
    """Under memray, which sees what native code takes too."""
    played = stage.play("memray", "under memray")
    found = played.found
    report.figures["memray"] = found
    report.files.append((found["file"], "every allocation: `python -m memray tree`, `stats`, `flamegraph`"))
    head = ("line", "bytes", "allocations")
    for title, rows, total in (
        ("At the peak, above what was held before the steps", found["peak"], found["peak_bytes"]),
        ("Allocated in the steps and held still", found["left"], found["left_bytes"]),
    ):
        table = [(_where(row), _size(row["bytes"]), str(row["blocks"])) for row in rows[:ROWS]]
        note = f"memray, native code too: {_size(total)} in all, of {words.count(found['allocations'])} allocations."
        report.tables.append(Table(title, head, table, note))
    _draw(stage, report, found["file"])


def _draw(stage: Stage, report: Report, file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "memray", "flamegraph", "--force", "--output", str(stage.out / FLAME),
         str(stage.out / file)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        report.files.append(
            (
                FLAME,
                "flame graph of the peak; open it in a browser with a network, since memray's page fetches its scripts",
            )
        )
    else:
        report.missing.append(f"memray could not draw its flame graph: {(done.stderr or done.stdout).strip()[-200:]}")
