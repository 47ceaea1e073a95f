"""The report of a sweep: as text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from teem.runtime import words
from teem.sweep.compare import ABOUT, Contrast, Standing, Test
from teem.sweep.results import Result
from teem.sweep.runs import settings_file

PAIRS = 40  # that are listed; all are in the JSON


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep found."""

    world: str
    metric: str
    unit: str  # "" where the metric has none that is known
    test: Test
    runs: int  # that were planned
    done: int
    settings: list[Standing]
    contrasts: list[Contrast]
    missing: list[Result]  # runs that failed, were stopped, or have no figure
    waiting: int  # that were not begun, or were killed
    refused: list[str] = []  # settings of a search that contradict each other
    best: int | None = None  # the setting that a search found, by its number

    @property
    def is_whole(self) -> bool:
        """Whether every run that was planned is done."""
        return self.done == self.runs


def headline(report: Report) -> list[str]:
    """What was played and what it is judged by."""
    unit = f" ({report.unit})" if report.unit else ""
    failed = sum(one.outcome == "failed" for one in report.missing)
    lines = [f"{report.world}: {report.done} of {report.runs} runs done, {failed} failed; by {report.metric}{unit}"]
    if not report.is_whole:
        lines.append("not all runs are done: what follows is of those that are")
    return lines


def setting_rows(report: Report) -> list[list[str]]:
    """A row a setting, under a header."""
    rows = [["", "setting", "mean", "95% interval", "seeds"]]
    for number, one in enumerate(report.settings, 1):
        rows.append([str(number), one.name, words.number(one.mean), _interval(one), str(len(one.values))])
    return rows


def contrast_rows(report: Report) -> list[list[str]]:
    """A row a pair of settings, under a header."""
    rows = [["settings", "difference", "95% interval", "pairs", "p", "p, Holm", ""]]
    for one in report.contrasts[:PAIRS]:
        told = "significant" if one.significant else "not significant" if one.p is not None else "not tested"
        rows.append(
            [f"{one.one} - {one.other}", words.number(one.difference), _interval(one), str(one.pairs), _p(one.p),
             _p(one.p_holm), told]
        )  # fmt: skip
    return rows


def remarks(report: Report) -> list[str]:
    """How it was tested, and every run that is no result."""
    lines = []
    if report.contrasts:
        lines.append(
            f"p: {ABOUT[report.test]}, two-sided; corrected for {len(report.contrasts)} "
            f"{'pairs' if len(report.contrasts) > 1 else 'pair'} (Holm 1979); significant below 0.05"
        )
        if len(report.contrasts) > PAIRS:
            lines.append(f"{len(report.contrasts) - PAIRS} more pairs, of greater p, stand in report.json")
    for one in report.missing:
        name = report.settings[one.setting - 1].name
        lines.append(f"{'no figure' if one.outcome == 'done' else one.outcome}: {name}, seed {one.seed}: {one.why}")
    lines += [f"can't be played: {one}" for one in report.refused]
    if report.best is not None:
        found = report.settings[report.best - 1]
        lines.append(
            f"best: setting {report.best}, {found.name}: {words.number(found.mean)}. It was chosen by these runs, so "
            f"its figure is too good: play {settings_file(Path(), report.best)} with other seeds to know it"
        )
    if report.waiting:
        lines.append(f"waiting: {report.waiting} runs more")
    return lines


def as_text(report: Report) -> str:
    """For a terminal."""
    parts = [headline(report), _aligned(setting_rows(report))]
    if report.contrasts:
        parts.append(_aligned(contrast_rows(report)))
    parts.append(remarks(report))
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def as_markdown(report: Report) -> str:
    """The same, as a page."""
    parts = [[f"# {report.world}: a sweep"], headline(report), _table(setting_rows(report))]
    if report.contrasts:
        parts.append(_table(contrast_rows(report)))
    parts.append([f"- {line}" for line in remarks(report)])
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def as_dict(report: Report) -> dict[str, Any]:
    """The same, as JSON takes it, with every value and every pair."""
    told: dict[str, Any] = msgspec.to_builtins(report, str_keys=True)
    return {**told, "test_about": ABOUT[report.test], "whole": report.is_whole}


def _interval(one: Standing | Contrast) -> str:
    if one.low is None or one.high is None:
        return words.UNKNOWN
    return f"{words.number(one.low)} to {words.number(one.high)}"


def _p(value: float | None) -> str:
    if value is None:
        return words.UNKNOWN
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    header, *body = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    return [header, f"| {' | '.join('---' for _ in rows[0])} |", *body]
