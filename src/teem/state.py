"""What a part hands over to be saved: plain numbers, texts and arrays, nested by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

State = dict[str, "Any"]
"""A nested dictionary whose leaves are arrays, int, float, bool, str or None: no pickle, no objects."""

Array = NDArray[Any]


def expect_same_shape(path: str, saved: Array, here: Array) -> None:
    """Raise ValueError naming `path` unless the saved array fits the one it is loaded into."""
    if saved.shape != here.shape or saved.dtype != here.dtype:
        raise ValueError(f"{path}: saved {saved.dtype}{list(saved.shape)}, here {here.dtype}{list(here.shape)}")


def load_columns(path: str, columns: Mapping[str, Array], state: State) -> None:
    """Write saved arrays over the columns of the same names; raises ValueError, naming it, for one that doesn't fit."""
    for name, column in columns.items():
        expect_same_shape(f"{path}.{name}", state[name], column)
        column[:] = state[name]
