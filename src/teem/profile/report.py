"""What a phase found: a page for a person, the same as JSON, and its three largest costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teem.runtime import words
from teem.runtime.report import finite

COSTS = 3

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Cost:
    """Something that takes much: a share of a whole, and how much that is."""

    what: str
    share: float
    of: str  # the whole that it is a share of
    amount: str  # with its unit

    def __str__(self) -> str:
        return f"{self.what}: {words.percent(self.share)} of {self.of} ({self.amount})"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under a head; a note says how to read them."""

    title: str
    head: Row
    rows: Sequence[Row]
    note: str = ""

    def __str__(self) -> str:
        lines = [_line(self.head), _line(["---"] + ["---:"] * (len(self.head) - 1)), *map(_line, self.rows)]
        body = "\n".join(lines) if self.rows else "Nothing."
        return "\n\n".join(filter(None, (f"## {self.title}", self.note, body)))


def _line(cells: Row) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@dataclass(slots=True)
class Report:
    """A phase's findings; `figures` is all of them, in plain values."""

    phase: str
    title: str
    figures: dict[str, Any] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)  # largest first
    remarks: list[str] = field(default_factory=list)  # what else is to be known at once
    tables: list[Table] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # what is not told, and why
    files: list[tuple[str, str]] = field(default_factory=list)  # name within the folder, and what it is

    def write(self, out: Path, about: str) -> Path:
        """Write the page and the JSON; returns the page's path."""
        page = out / f"{self.phase}.md"
        page.write_text(self._page(about), encoding="utf-8")
        told = {
            "phase": self.phase,
            "about": about,
            "costs": [{"what": one.what, "share": one.share, "of": one.of, "amount": one.amount} for one in self.costs],
            "remarks": self.remarks,
            "missing": self.missing,
            "files": dict(self.files),
            "figures": self.figures,
        }
        (out / f"{self.phase}.json").write_text(json.dumps(finite(told), indent=2) + "\n", encoding="utf-8")
        return page

    def _page(self, about: str) -> str:
        parts = [f"# {self.title}", about]
        costs = [f"{number}. {one}" for number, one in enumerate(self.costs[:COSTS], 1)]
        parts.append("\n".join(["**The three largest costs**", "", *costs]))
        parts += self.remarks
        if self.missing:
            parts.append("\n".join(f"> {one}" for one in self.missing))
        parts += map(str, self.tables)
        if self.files:
            parts.append("\n".join(["## Files", "", *(f"- `{name}`: {what}" for name, what in self.files)]))
        return "\n\n".join(parts) + "\n"
