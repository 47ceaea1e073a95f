"""Names that are not known, and those that were most likely meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def nearest(name: str, known: Collection[str]) -> str:
    """A remedy for a misspelt name: the nearest known one, or all of them."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known) or 'none'}"


def alike(path: str, known: Collection[str]) -> str | None:
    """The dotted path that was most likely meant: of the same last name, a like path, or a like last name."""
    last = path.rpartition(".")[2]
    same = [other for other in known if other.rpartition(".")[2] == last]
    like = same or get_close_matches(path, known, n=1, cutoff=0.7)
    if not like:
        lasts = get_close_matches(last, [other.rpartition(".")[2] for other in known], n=1, cutoff=0.7)
        like = [other for other in known if other.rpartition(".")[2] in lasts]
    return get_close_matches(path, like, n=1, cutoff=0.0)[0] if like else None
