"""What is drawn as one line: runs of the same settings and different seeds; and what to call it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from teem.errors import UsageError
from teem.plots.curve import Curve, Extent, Grid
from teem.plots.record import RunRecord
from teem.plots.tracked import HISTORY, Tracked
from teem.record.folder import CONFIG, DATABASE

TOLD = 3  # settings in a line's name, at most
ASIDE = ("seed", "runtime.threads", "runtime.execution", "runtime.panel_fps")  # runs that differ in these are alike

Settings = dict[str, Any]  # by dotted path


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
        self.usual = [name for part in parts for name in part.usual]

    def label(self, metric: str) -> str:
        """What a curve is of."""
        return self._of[metric].label(metric)

    def curve(self, metric: str, grid: Grid) -> Curve:
        """One of its curves."""
        return self._of[metric].curve(metric, grid)


class Group(NamedTuple):
    """Sources that differ in nothing but their seeds, and their name in the legend."""

    name: str
    sources: list[Source]


def open_sources(folders: Sequence[Path]) -> list[Source]:
    """Each folder's curves, and of a folder of runs those of each of them; UsageError tells of all that have none."""
    sources: list[Source] = []
    faults: list[str] = []
    for folder in folders:
        before = len(sources), len(faults)
        try:
            for one in _within(folder):
                try:
                    sources += [source for source in (_open(one),) if source.extents]
                except UsageError as error:
                    faults += error.faults
        except UsageError as error:
            faults += error.faults
        if before == (len(sources), len(faults)):
            faults.append(f"{folder} has nothing to plot: no step is recorded yet")
    if faults:
        raise UsageError(faults)
    return sources


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


def groups(sources: Sequence[Source]) -> list[Group]:
    """The sources by their settings, in the order they were given; a tracked training is one by itself."""
    together: list[tuple[Settings | None, list[Source]]] = []
    for source in sources:
        settings = _settings(source.folder)
        for known, members in together:
            if settings is not None and settings == known:
                members.append(source)
                break
        else:
            together.append((settings, [source]))
    known_settings = [settings for settings, _ in together if settings is not None]
    names = [
        _folder_name(members[0].folder) if settings is None or len(together) == 1 else _name(settings, known_settings)
        for settings, members in together
    ]
    return [Group(_with_runs(name, members), members) for name, (_, members) in zip(names, together, strict=True)]


def _settings(folder: Path) -> Settings | None:
    """A run's settings, but its seed and those that change no result; None where there are none."""
    try:
        table = tomllib.loads((folder / CONFIG).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / CONFIG} can't be read ({error}): restore it from a copy") from error
    return {path: value for path, value in _flat("", table) if path not in ASIDE}


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value


def _name(settings: Settings, others: Sequence[Settings]) -> str:
    """What sets a group apart from the others: its world, if there are several, and how it differs within it."""
    world = settings.get("world.name")
    alike = [one for one in others if one.get("world.name") == world]
    differing = [path for path in settings if any(one.get(path) != settings[path] for one in alike)]
    told = [f"{path} = {_shown(settings[path])}" for path in differing[:TOLD]]
    more = [f"{len(differing) - TOLD} more"] if len(differing) > TOLD else []
    return ", ".join([*([str(world)] if len(alike) < len(others) else []), *told, *more])


def _shown(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _folder_name(folder: Path) -> str:
    return folder.resolve().name


def _with_runs(name: str, members: Sequence[Source]) -> str:
    return name if len(members) == 1 else f"{name} ({len(members)} runs)"
