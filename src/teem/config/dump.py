"""Write settings down as TOML, each with its meaning and range beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from teem.config.cohorts import COHORTS
from teem.config.describe import Setting, config_type, fields_of, table_meaning, worlds
from teem.config.settings import Config


def dump_config(config: Config) -> str:
    """Return a TOML text that `load_config` reads back as the same settings."""
    return "\n".join(_table(config_type(), msgspec.to_builtins(config), "")).lstrip("\n") + "\n"


def written(value: Any) -> str:
    """A value as it is typed on the command line: 64,32 for a list; fractions without end are cut to six digits."""
    if isinstance(value, list | tuple):
        return ",".join(written(item) for item in value)
    if isinstance(value, float) and len(repr(value)) > 12:
        return f"{value:.6g}"
    return value if isinstance(value, str) else _value(value)


def _table(kind: inspect.StructType, values: dict[str, Any], path: str) -> Iterator[str]:
    """The lines of a table: its own values, then the tables within."""
    rows = fields_of(kind)
    nested = inspect.StructType | inspect.UnionType  # the world's is one of several
    tables = {name: row for name, row in rows.items() if isinstance(row.type, nested) or row.is_tables}
    if path:
        yield from ("", f"# {table_meaning(kind)}", f"[{path}]")
    if kind.tag is not None:
        yield f"name = {_value(values['name'])}"
    for name, row in rows.items():
        if name not in tables:
            yield from _line(row, values[name])
    for name, row in tables.items():
        inner = f"{path}.{name}" if path else name
        if inner == "world":
            yield from _table(worlds()[values["world"]["name"]], values["world"], "world")
        elif inner == COHORTS:
            yield from _cohorts(row, values, inner)
        elif isinstance(row.type, inspect.StructType):
            yield from _table(row.type, values[name], inner)
        else:
            yield from _tables(row, values[name], inner)


def _tables(row: Setting, items: list[dict[str, Any]], path: str) -> Iterator[str]:
    """A list of tables, `[[path]]` each; their meanings stand at the first."""
    assert isinstance(row.type, inspect.VarTupleType)
    assert isinstance(row.type.item_type, inspect.StructType)
    for index, item in enumerate(items):
        yield from ("", f"[[{path}]]")
        for name, field in fields_of(row.type.item_type).items():
            if index == 0:
                yield from _line(field, item[name])
            else:
                yield f"{name} = {_value(item[name])}"


def _cohorts(row: Setting, learning: dict[str, Any], path: str) -> Iterator[str]:
    """Each cohort with its name, its share, and what it has otherwise than `[learning]`."""
    assert isinstance(row.type, inspect.VarTupleType)
    assert isinstance(row.type.item_type, inspect.StructType)
    for cohort in learning[row.path]:
        yield from ("", f"[[{path}]]", *_otherwise(row.type.item_type, cohort, learning, path))


def _otherwise(kind: inspect.StructType, values: dict[str, Any], base: dict[str, Any], path: str) -> Iterator[str]:
    """The lines of those values that the base has otherwise, or doesn't have; then the tables within."""
    rows = fields_of(kind)
    differing = {name: row for name, row in rows.items() if name not in base or values[name] != base[name]}
    tables = {name: row.type for name, row in differing.items() if isinstance(row.type, inspect.StructType)}
    for name in sorted(differing.keys() - tables, key=lambda name: (name in base, list(rows).index(name))):
        yield from _line(differing[name], values[name])
    for name, table in tables.items():
        inner = f"{path}.{name}"
        yield from ("", f"[{inner}]", *_otherwise(table, values[name], base[name], inner))


def _line(row: Setting, value: Any) -> Iterator[str]:
    """A value with its comment beside it, or above it where the line would be long."""
    line, comment = f"{row.path} = {_value(value)}", f"# {_comment(row)}"
    if len(line) + len(comment) <= 120:
        yield f"{line}  {comment}"
    else:
        yield from (comment, line)


def _comment(row: Setting) -> str:
    return f"{row.meaning} [{row.allowed}]" if row.meaning else row.allowed


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value)
