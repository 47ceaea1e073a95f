"""Rows of rare events, gathered until they are written together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]


class Pending:
    """Rows by statement, in the order in which statements first came."""

    rows: int  # gathered and not taken yet

    def __init__(self) -> None:
        self.rows = 0
        self._parts: dict[str, list[Columns]] = {}

    def add(self, statement: str, rows: int, **columns: Any) -> None:
        """Keep rows; a column is an array `[rows]` that nobody else writes to, or one value for all rows."""
        if not rows:
            return
        part = {
            name: value if isinstance(value, np.ndarray) else np.full(rows, value) for name, value in columns.items()
        }
        self._parts.setdefault(statement, []).append(part)
        self.rows += rows

    def take(self) -> Iterator[tuple[str, Columns]]:
        """Each statement with all of its rows, which are not kept any more."""
        self.rows = 0
        for statement, parts in self._parts.items():
            if parts:
                yield statement, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
                parts.clear()
