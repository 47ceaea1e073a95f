"""Every setting as a row: its path, its type, its range, its default and its meaning, read off the types."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from teem.config.settings import Config

INT_LIMIT = 2**63 - 1
FLOAT_LIMIT = 3.4e38  # kernels compute in 32-bit floats


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, or one field of a list of tables such as `world.kinds`."""

    path: str  # "world.size"
    type: inspect.Type  # its msgspec type, without the wrapper that carries the description
    default: Any  # msgspec.NODEFAULT: must be given
    meaning: str
    world: str = ""  # the world whose own it is; "": every run has it

    @property
    def table(self) -> str:
        """The path of the table it stands in; "" at the top."""
        return self.path.rpartition(".")[0]

    @property
    def is_tables(self) -> bool:
        """Whether it is a list of tables, which a file can give but an option can't."""
        return isinstance(self.type, inspect.VarTupleType) and isinstance(self.type.item_type, inspect.StructType)

    @property
    def allowed(self) -> str:
        """The values it takes, in words: "a whole number from 0 to 65536"."""
        return allowed_by(self.type)


def unwrap(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """The bare type and the description that came with it."""
    if isinstance(kind, inspect.Metadata):
        return kind.type, (kind.extra_json_schema or {}).get("description", "")
    return kind, ""


def fields_of(kind: inspect.StructType) -> dict[str, Setting]:
    """The fields of a table by name; their paths are their names."""
    rows = {}
    for field in kind.fields:
        bare, meaning = unwrap(field.type)
        rows[field.encode_name] = Setting(field.encode_name, bare, field.default, meaning)
    return rows


@cache
def config_type() -> inspect.StructType:
    """The type of a whole configuration."""
    kind = inspect.type_info(Config)
    assert isinstance(kind, inspect.StructType)
    return kind


@cache
def worlds() -> dict[str, inspect.StructType]:
    """The settings of each kind of world, by the name a file gives it in `world.name`."""
    kind = fields_of(config_type())["world"].type
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return {str(member.tag): member for member in members if isinstance(member, inspect.StructType)}


@cache
def settings(world: str | None = None) -> tuple[Setting, ...]:
    """Every setting in the order it is written down: those of a run of one world, or of all; "": of every run alike.

    Worlds may share a path: each has its own type, range, default and meaning for it.
    """
    return tuple(row for row in _walk(config_type(), "", "") if world is None or row.world in ("", world))


def _walk(kind: inspect.StructType, prefix: str, world: str) -> Iterator[Setting]:
    for name, setting in fields_of(kind).items():
        path = prefix + name
        if path == "world":
            for tag, member in worlds().items():
                yield from _walk(member, "world.", tag)
        elif isinstance(setting.type, inspect.StructType):
            yield from _walk(setting.type, path + ".", world)
        else:
            yield Setting(path, setting.type, setting.default, setting.meaning, world)


@cache
def tables() -> dict[tuple[str, str], str]:
    """What each table is about, by its world ("": every run has it) and its path."""
    meanings: dict[tuple[str, str], str] = {}

    def walk(kind: inspect.StructType, world: str, path: str) -> None:
        meanings[world, path] = table_meaning(kind)
        for name, row in fields_of(kind).items():
            if isinstance(row.type, inspect.StructType):
                walk(row.type, world, f"{path}.{name}" if path else name)

    walk(config_type(), "", "")
    for name, kind in worlds().items():
        walk(kind, name, "world")
    return meanings | {("", ""): "How long, and from which seed."}


def table_meaning(kind: inspect.StructType) -> str:
    """What a table is about: the first line of its docstring."""
    return (kind.cls.__doc__ or "").strip().partition("\n")[0]


def allowed_by(kind: inspect.Type) -> str:
    """What a type takes, in words."""
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in kind.values)
    if isinstance(kind, inspect.IntType):
        return "a whole number" + bounds(kind)
    if isinstance(kind, inspect.FloatType):
        return "a number" + bounds(kind)
    if isinstance(kind, inspect.StrType):
        return "a text" + _length(kind, "letters")
    if isinstance(kind, inspect.VarTupleType):
        return f"a list of {_ITEMS[type(kind.item_type)]}" + _length(kind, "of them")
    return "a table"


_ITEMS: dict[type[inspect.Type], str] = {
    inspect.IntType: "whole numbers",
    inspect.FloatType: "numbers",
    inspect.StrType: "names",
    inspect.StructType: "tables",
}


def bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    """The range of a number, in words, as it follows "a number"; "" if any will do."""
    high = ""
    if kind.le is not None and kind.le < INT_LIMIT:
        high = f"{kind.le:.10g}"
    elif kind.lt is not None:
        high = f"below {kind.lt:.10g}"
    if kind.ge is not None:
        return f" from {kind.ge:.10g} to {high}" if high else f", {kind.ge:.10g} or more"
    if kind.gt is not None:
        return f" above {kind.gt:.10g}, up to {high}" if high else f" above {kind.gt:.10g}"
    return f" up to {high}" if high else ""


def _length(kind: inspect.StrType | inspect.VarTupleType, of: str) -> str:
    low, high = kind.min_length or 0, kind.max_length
    if high is None:
        return f", {low} or more" if low else ""
    return f", {low} to {high} {of}"


def breaks_bounds(kind: inspect.IntType | inspect.FloatType, value: float) -> bool:
    """Whether a number lies outside the range of its setting, or is not finite."""
    limit = INT_LIMIT if isinstance(kind, inspect.IntType) else FLOAT_LIMIT
    return (
        not math.isfinite(value)
        or abs(value) > limit
        or (kind.ge is not None and value < kind.ge)
        or (kind.gt is not None and value <= kind.gt)
        or (kind.le is not None and value > kind.le)
        or (kind.lt is not None and value >= kind.lt)
    )


def is_required(setting: Setting) -> bool:
    """Whether a file has to give it."""
    return setting.default is msgspec.NODEFAULT
