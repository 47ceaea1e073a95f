"""What is drawn as one line: runs of the same settings and different seeds; and what to call it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from teem.errors import UsageError
from teem.plots.sources import Source
from teem.record.folder import CONFIG

TOLD = 3  # settings in a line's name, at most
ASIDE = ("seed", "steps", "runtime.threads", "runtime.execution", "runtime.panel_fps")  # runs may differ in these

Settings = dict[str, Any]  # by dotted path


class Group(NamedTuple):
    """Sources that differ in nothing but their seeds, and their name in the legend."""

    name: str
    sources: list[Source]
    repeated: list[Path]  # runs of a seed that is there already, which would count it twice


def groups(sources: Sequence[Source], *, average: bool = False) -> list[Group]:
    """The sources by their settings, in the order they were given; a tracked training is one by itself.

    `average`: all tracked trainings are one together, whatever they were of. Of several runs with the same settings
    and seed, the longest stands for all.
    """
    together: list[tuple[Settings | None, dict[Any, list[Source]]]] = []
    for source in sources:
        settings = _settings(source.folder)
        seed = source.folder if settings is None else settings["seed"]
        compared: Settings | None = {} if average else None
        if settings is not None:
            compared = {path: one for path, one in settings.items() if path not in ASIDE}
        for known, members in together:
            if compared is not None and compared == known:
                members.setdefault(seed, []).append(source)
                break
        else:
            together.append((compared, {seed: [source]}))
    names = _names(together)
    return [_group(name, list(members.values())) for name, (_, members) in zip(names, together, strict=True)]


def _group(name: str, seeds: Sequence[Sequence[Source]]) -> Group:
    kept = [max(some, key=_last_step) for some in seeds]
    repeated = [one.folder for some, of_seed in zip(seeds, kept, strict=True) for one in some if one is not of_seed]
    return Group(name if len(kept) == 1 else f"{name} ({len(kept)} runs)", kept, repeated)


def _last_step(source: Source) -> int:
    return max(one.last for one in source.extents.values())


def _settings(folder: Path) -> Settings | None:
    """A run's settings; None where there are none."""
    try:
        table = tomllib.loads((folder / CONFIG).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / CONFIG} can't be read ({error}): restore it from a copy") from error
    return {"seed": None, **dict(_flat("", table))}


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value


def _names(together: Sequence[tuple[Settings | None, Mapping[Any, Sequence[Source]]]]) -> list[str]:
    """A name for each group, and for no two the same."""
    known = [settings for settings, _ in together if settings]
    folders = [next(iter(members.values()))[0].folder for _, members in together]
    names = []
    for (settings, members), folder in zip(together, folders, strict=True):
        differs = _name(settings, known) if settings and len(together) > 1 else ""
        called = folder.resolve().parent if len(members) > 1 else folder.resolve()
        names.append("average" if settings == {} else differs or called.name)
    return [str(folder) if names.count(name) > 1 else name for name, folder in zip(names, folders, strict=True)]


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
