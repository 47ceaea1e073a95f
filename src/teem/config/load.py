"""Read settings: a ready-made world or a TOML file, then options on top, then every fault at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from teem.config.check import contradictions
from teem.config.cohorts import COHORTS, completed
from teem.config.describe import (
    FLOAT_LIMIT,
    INT_LIMIT,
    Setting,
    allowed_by,
    breaks_bounds,
    config_type,
    fields_of,
    is_required,
    settings,
    worlds,
)
from teem.config.fault import Fault
from teem.config.names import alike, nearest
from teem.config.ready import ready_worlds
from teem.config.settings import Config, LearningSettings
from teem.errors import UsageError

Table = dict[str, Any]


def load_config(source: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Return the settings of a ready-made world or a TOML file, with `overrides` by dotted path on top.

    Overrides may be texts as typed on the command line ("512", "64,32", "true") or values. The modules that the
    settings name are imported, so that what they register is known. Raises UsageError with every fault at once.
    """
    faults: list[Fault] = []
    overrides = overrides or {}
    table, from_file = _given(source, faults)
    world = _which_world(table, overrides, from_file, faults)
    for path, value in overrides.items():
        _override(table, path, value, world, faults)
    config = _build(table, world, faults)
    _import(config.imports, faults)
    faulty = {fault.path for fault in faults}
    faults.extend(
        fault
        for fault in contradictions(config)
        if not any(_covers(path, involved) for path in faulty for involved in fault.paths)
    )
    if faults:
        raise UsageError([fault.text for fault in faults])
    return config


def _given(source: str | Path | None, faults: list[Fault]) -> tuple[Table, bool]:
    """The table to start from, and whether a file gave it; a file that can't be read is one fault of many."""
    if source is None:
        return {"world": {"name": next(iter(worlds()))}}, False
    try:
        return read_table(find_source(source)), True
    except UsageError as error:
        faults.extend(Fault(text, "source") for text in error.faults)
        return {}, False


def _which_world(table: Table, overrides: Mapping[str, Any], from_file: bool, faults: list[Fault]) -> str:
    """The world whose settings they are; where that is not told, the one that has most of those that are given."""
    world = table.get("world", {})
    given = world if isinstance(world, dict) else {"name": None}
    name = overrides.get("world.name", given.get("name"))
    if isinstance(name, str) and name in worlds():
        return name
    known = ", ".join(worlds())
    if name is not None:
        faults.append(Fault(f"world.name is {show(name)}, an unknown world: known are {known}", "world.name"))
    elif from_file and given is world:
        faults.append(Fault(f"world.name is missing: say which world it is, one of {known}", "world.name"))
    paths = [*overrides, *(f"world.{key}" for key in given)]
    return max(worlds(), key=lambda one: sum(_has(one, path) for path in paths))


def _has(world: str, path: str) -> bool:
    """Whether a run of this world has a setting, or a table, of this path."""
    return any(row.path == path or row.path.startswith(path + ".") for row in settings(world))


def world_of(source: str | Path) -> str | None:
    """Which world a ready-made one or a TOML file says it is; None if it can't be told."""
    try:
        world = read_table(find_source(source)).get("world")
    except UsageError:
        return None
    name = world.get("name") if isinstance(world, dict) else None
    return name if isinstance(name, str) and name in worlds() else None


def _import(modules: tuple[str, ...], faults: list[Fault]) -> None:
    """Import a user's own modules for what they register; whatever goes wrong in them is a fault of the setting."""
    for index, name in enumerate(modules):
        try:
            import_module(name)
        except UsageError as error:  # what it registers doesn't fit
            faults.extend(Fault(f"imports[{index}] {name}: {text}", "imports") for text in error.faults)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            text = f'imports[{index}] is "{name}", which can\'t be imported ({what}): put its folder on PYTHONPATH'
            faults.append(Fault(text, "imports"))


def find_source(source: str | Path) -> Path:
    """The file behind a ready-made world's name or a path; raises UsageError if there is none."""
    ready = ready_worlds()
    if str(source) in ready:
        return ready[str(source)]
    path = Path(source).expanduser()
    if path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise UsageError(f"{source} is no file: give a TOML file, or one of {', '.join(ready)}")
    raise UsageError(f'"{source}" is an unknown world: {nearest(str(source), ready)} (or give a TOML file)')


def read_table(path: Path) -> Table:
    """The contents of a TOML file; raises UsageError naming the line that is wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error


def _unknown(path: str, world: str, beside: str = "") -> Fault:
    """The fault of a setting that a run of this world doesn't have; `beside` is a like one of the same table."""
    if _has(world, path):
        within = next(row.path for row in settings(world) if row.path.startswith(path + "."))
        return Fault(f"{path} is a table: give one of its settings, such as {within}", path)
    others = [other for other in worlds() if _has(other, path)]
    if others:
        text = f"{path} is no setting of {world} but of {' and '.join(others)}: run that world, or leave it out"
        return Fault(text, path)
    meant = beside or alike(path, [row.path for row in settings(world)])
    remedy = f"did you mean {meant}?" if meant else f"`teem run {world} --help` lists every setting"
    return Fault(f"{path} is unknown: {remedy}", path)


def _override(table: Table, path: str, value: Any, world: str, faults: list[Fault]) -> None:
    """Put one override into the table; a text becomes what its setting is made of, if it can."""
    setting = next((setting for setting in settings(world) if setting.path == path), None)
    if setting is None and path != "world.name":
        faults.append(_unknown(path, world))
        return
    if setting is not None and isinstance(value, str):
        if setting.is_tables:
            faults.append(Fault(f"{path} can't be given as an option: write [[{path}]] tables in a file", path))
            return
        value = from_text(setting.type, value)
    *parents, name = path.split(".")
    for parent in parents:
        inner = table.setdefault(parent, {})
        if not isinstance(inner, dict):
            return  # a wrong type in the file, reported when the table is built
        table = inner
    table[name] = value


def from_text(kind: inspect.Type, text: str) -> Any:
    """What a text typed as an option means to a setting; the text itself if it means nothing."""
    if isinstance(kind, inspect.BoolType):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(kind, inspect.VarTupleType):
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        return [from_text(kind.item_type, part) for part in parts]
    try:
        if isinstance(kind, inspect.IntType):
            return int(text)
        if isinstance(kind, inspect.FloatType):
            return float(text)
    except ValueError:
        return text
    return text


def misfits(setting: Setting, value: Any) -> list[str]:
    """Why a value can't be that of a setting, whatever the others are: it is of another type, or out of range."""
    faults: list[Fault] = []
    _read(setting.type, value, setting.path, faults, setting.world)
    return [_explained(fault, setting.path, setting).text if setting.meaning else fault.text for fault in faults]


def _build(table: Table, world: str, faults: list[Fault]) -> Config:
    """The configuration of a run of this world that a table describes; what is faulty keeps its default."""
    rows = {name: row for name, row in fields_of(config_type()).items() if name != "world"}
    values = _read_fields(table, rows, "", faults, world, ["world"])
    values["world"] = _read_struct(worlds()[world], table.get("world", {}), "world", faults, world)
    if "learning" in values and values["learning"].cohorts:
        values["learning"] = _complete_cohorts(values["learning"], table["learning"]["cohorts"])
    return Config(**values)


def _complete_cohorts(learning: LearningSettings, tables: list[Table]) -> LearningSettings:
    """What a cohort's table leaves out is as `[learning]` has it."""
    cohorts = (completed(cohort, said, learning) for cohort, said in zip(learning.cohorts, tables, strict=True))
    return msgspec.structs.replace(learning, cohorts=tuple(cohorts))


def _read_struct(kind: inspect.StructType, table: Any, path: str, faults: list[Fault], world: str) -> Any:
    """The Struct a table describes."""
    if not isinstance(table, dict):
        faults.append(Fault(f"{path} is {show(table)}: give a table, [{path}]", path))
        return kind.cls(**{name: _blank(row) for name, row in fields_of(kind).items() if is_required(row)})
    known = fields_of(kind)
    values = _read_fields(table, known, path + ".", faults, world, ["name"] if path == "world" else [])
    for name, setting in known.items():
        if is_required(setting) and name not in values:
            if name not in table:
                faults.append(Fault(f"{path}.{name} is missing: give {setting.allowed}", f"{path}.{name}"))
            values[name] = _blank(setting)  # the fault keeps this from being used
    return kind.cls(**values)


def _blank(setting: Setting) -> Any:
    """What stands where a required value is missing."""
    return 0.0 if isinstance(setting.type, inspect.FloatType) else ""


def _read_fields(
    table: Table, known: Mapping[str, Setting], prefix: str, faults: list[Fault], world: str, elsewhere: list[str]
) -> Table:
    """The good values of a table by name; keys in `elsewhere` are read by others."""
    values: Table = {}
    for name, value in table.items():
        path = prefix + name
        if name in known:
            before = len(faults)
            read = _read(known[name].type, value, path, faults, world)
            whole = isinstance(known[name].type, inspect.StructType) or (path == COHORTS and isinstance(read, tuple))
            if len(faults) == before or whole:  # what is sound in a table is looked at together with the rest
                values[name] = read
            elif known[name].meaning:
                faults[before:] = [_explained(fault, path, known[name]) for fault in faults[before:]]
        elif name not in elsewhere:
            close = get_close_matches(name, [*known, *elsewhere], n=1, cutoff=0.6)
            faults.append(_unknown(path, world, prefix + close[0] if close else ""))
    return values


def _explained(fault: Fault, path: str, setting: Setting) -> Fault:
    """The fault with the setting's meaning after it, unless it is about a table within."""
    return fault if "." in fault.path[len(path) :] else fault.explained(setting.meaning)


def _read(kind: inspect.Type, value: Any, path: str, faults: list[Fault], world: str) -> Any:
    """One value of a setting, converted; a fault if it is of another type or out of range."""
    if isinstance(kind, inspect.StructType):
        return _read_struct(kind, value, path, faults, world)
    if isinstance(kind, inspect.VarTupleType) and isinstance(value, list | tuple):
        high = kind.max_length if kind.max_length is not None else len(value)
        if not (kind.min_length or 0) <= len(value) <= high:
            faults.append(Fault(f"{path} has {len(value)} items: give {allowed_by(kind)}", path))
        return tuple(_read(kind.item_type, item, f"{path}[{i}]", faults, world) for i, item in enumerate(value))
    if not _fits(kind, value):
        limit = INT_LIMIT if isinstance(kind, inspect.IntType) else FLOAT_LIMIT
        huge = isinstance(value, int | float) and limit < abs(value) < float("inf")
        most = f", at most {limit} in size" if huge else ""
        faults.append(Fault(f"{path} is {show(value)}: give {allowed_by(kind)}{most}", path))
    return float(value) if isinstance(kind, inspect.FloatType) and _fits(kind, value) else value


def _fits(kind: inspect.Type, value: Any) -> bool:
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, inspect.LiteralType):
        return isinstance(value, str) and value in kind.values
    if isinstance(kind, inspect.IntType):
        return isinstance(value, int) and not isinstance(value, bool) and not breaks_bounds(kind, value)
    if isinstance(kind, inspect.FloatType):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and not breaks_bounds(kind, value)
    if isinstance(kind, inspect.StrType):
        most = kind.max_length if kind.max_length is not None else 1024
        return isinstance(value, str) and (kind.min_length or 0) <= len(value) <= most
    return False


def show(value: Any) -> str:
    """A value as a user would write it, cut to a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f'"{value}"' if isinstance(value, str) else "a table" if isinstance(value, dict) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _covers(path: str, involved: str) -> bool:
    """Whether a fault at `path` makes what `involved` says meaningless."""
    return involved == path or involved.startswith((path + ".", path + "[")) or path.startswith(involved + "[")
