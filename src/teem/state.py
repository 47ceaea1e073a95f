"""What a part hands over to be saved: plain numbers, texts and arrays, nested by name."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

State = dict[str, "Any"]
"""A nested dictionary whose leaves are arrays, int, float, bool, str or None: no pickle, no objects."""

Array = NDArray[Any]


def expect_same_shape(path: str, saved: Array, here: Array) -> None:
    """Raise ValueError naming `path` unless the saved array fits the one it is loaded into."""
    if saved.shape != here.shape or saved.dtype != here.dtype:
        raise ValueError(f"{path}: saved {saved.dtype}{list(saved.shape)}, here {here.dtype}{list(here.shape)}")
