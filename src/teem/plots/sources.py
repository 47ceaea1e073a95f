"""Folders with curves: runs, tracked trainings, and folders of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from teem.errors import UsageError
from teem.plots.curve import Curve, Extent, Grid
from teem.plots.record import USUAL, RunRecord
from teem.plots.tracked import EVALUATION, Tracked
from teem.record.folder import DATABASE
from teem.training.history import FILE as HISTORY


class Source(Protocol):
    """A folder with curves."""

    folder: Path

    @property
    def extents(self) -> Mapping[str, Extent]:
        """Its curves by name, and where each of them is."""
        ...

    @property
    def usual(self) -> Sequence[str]:
        """Those that are drawn unless others are asked for."""
        ...

    def label(self, metric: str) -> str:
        """What a curve is of, with its unit."""
        ...

    def curve(self, metric: str, grid: Grid) -> Curve:
        """One of its curves, added up in the places of a grid."""
        ...


class Both:
    """A run that was evaluated as it went on: its record, and the history of its evaluations."""

    def __init__(self, folder: Path, parts: Sequence[Source]) -> None:
        self.folder = folder
        self._of = {name: part for part in parts for name in part.extents}
        self.extents = {name: part.extents[name] for name, part in self._of.items()}
        self.usual = [name for name in (EVALUATION, *USUAL) if name in self._of]

    def label(self, metric: str) -> str:
        """What a curve is of."""
        return self._of[metric].label(metric)

    def curve(self, metric: str, grid: Grid) -> Curve:
        """One of its curves."""
        return self._of[metric].curve(metric, grid)


def open_sources(folders: Sequence[Path]) -> list[Source]:
    """Each folder's curves, and of a folder of runs those of each of them; UsageError tells of all that have none."""
    sources: dict[Path, Source] = {}
    faults: list[str] = []
    for folder in folders:
        before = len(faults)
        try:
            within = _within(folder)
        except UsageError as error:
            faults += error.faults
            continue
        for one in within:
            try:
                source = _open(one)
            except UsageError as error:
                faults += error.faults
            else:
                sources |= {one.resolve(): source} if source.extents else {}
        if before == len(faults) and not any(one.resolve() in sources for one in within):
            faults.append(f"{folder} has nothing to plot: no step is recorded yet")
    if faults:
        raise UsageError(faults)
    return list(sources.values())


def _within(folder: Path) -> list[Path]:
    """The folder itself, or the runs in it; a sweep's lie two folders deep."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: give that of a run, such as runs/farm-7")
    if _is_source(folder):
        return [folder]
    within = [one for depth in ("*", "*/*") for one in sorted(folder.glob(depth)) if one.is_dir() and _is_source(one)]
    if not within:
        raise UsageError(
            f"{folder} holds neither {DATABASE} nor {HISTORY}, nor folders that do: give the folder of a run that was "
            "recorded, of a sweep, or of a tracker"
        )
    return within


def _is_source(folder: Path) -> bool:
    return (folder / DATABASE).is_file() or (folder / HISTORY).is_file()


def _open(folder: Path) -> Source:
    kinds = ((HISTORY, Tracked), (DATABASE, RunRecord))
    found: list[Source] = [kind(folder) for file, kind in kinds if (folder / file).is_file()]
    return found[0] if len(found) == 1 else Both(folder, found)
