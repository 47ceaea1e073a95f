"""What an examination finds: each check by name, whether it holds, and what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rich.table import Table

from teem.runtime.words import UNKNOWN, number


class Verdict(NamedTuple):
    """What a check says: True it holds, False it doesn't, None it can't be told."""

    ok: bool | None
    detail: str
    figure: float | None = None  # what was counted or measured, if it is one number


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's name with what it says."""

    name: str
    ok: bool | None
    detail: str
    figure: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)


def good(detail: str, figure: float | None = None) -> Verdict:
    """It holds."""
    return Verdict(True, detail, figure)


def bad(detail: str, figure: float | None = None) -> Verdict:
    """It doesn't hold."""
    return Verdict(False, detail, figure)


def unknown(reason: str) -> Verdict:
    """It can't be told, and why."""
    return Verdict(None, reason)


def exit_code(findings: Sequence[Finding]) -> int:
    """1 when a check failed, 0 otherwise; what is unknown is no failure."""
    return 1 if any(one.ok is False for one in findings) else 0


_WORDS = {True: "[green]holds[/]", False: "[bold red]FAILS[/]", None: "[yellow]unknown[/]"}


def render(findings: Sequence[Finding]) -> Table:
    """A table of all findings, a row each."""
    failed = sum(one.ok is False for one in findings)
    open_ones = sum(one.ok is None for one in findings)
    caption = f"{len(findings)} checks: {failed} failed, {open_ones} unknown"
    table = Table(caption=caption, caption_justify="left")
    for heading in ("check", "", "figure", "what was found"):
        table.add_column(heading, justify="right" if heading == "figure" else "left", overflow="fold")
    for one in findings:
        figure = UNKNOWN if one.figure is None else number(one.figure)
        table.add_row(one.name, _WORDS[one.ok], figure, one.detail)
    return table
