"""Settings that were written down are read back the same."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from teem.config.crawlers import CrawlersSettings
from teem.config.describe import FLOAT_LIMIT, INT_LIMIT, breaks_bounds, tables, worlds
from teem.config.describe import settings as every_setting
from teem.config.dump import dump_config
from teem.config.load import load_config
from teem.config.settings import Config
from teem.errors import UsageError


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value that a setting of this type takes."""
    if isinstance(kind, inspect.BoolType):
        return st.booleans()
    if isinstance(kind, inspect.LiteralType):
        return st.sampled_from(kind.values)
    if isinstance(kind, inspect.IntType):
        return st.integers(kind.ge if kind.ge is not None else -INT_LIMIT, kind.le or INT_LIMIT)
    if isinstance(kind, inspect.FloatType):
        low = kind.ge if kind.ge is not None else kind.gt if kind.gt is not None else -FLOAT_LIMIT
        high = kind.le if kind.le is not None else kind.lt if kind.lt is not None else FLOAT_LIMIT
        return st.floats(low, high).filter(lambda value: not breaks_bounds(kind, value))
    if isinstance(kind, inspect.StrType):
        return st.text(min_size=kind.min_length or 0, max_size=kind.max_length or 20)
    assert isinstance(kind, inspect.VarTupleType)
    return st.lists(values(kind.item_type), min_size=kind.min_length or 0, max_size=kind.max_length or 4)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read_back_exactly(tmp_path_factory: Any, data: st.DataObject) -> None:
    world = data.draw(st.sampled_from(sorted(worlds())))
    rows = [row for row in every_setting(world) if not row.is_tables]
    chosen = data.draw(st.lists(st.sampled_from(rows), max_size=12, unique_by=lambda row: row.path))
    tree = msgspec.to_builtins(load_config(None, {"world.name": world}))
    for row in chosen:
        *parents, name = row.path.split(".")
        table = tree
        for parent in parents:
            table = table[parent]
        table[name] = data.draw(values(row.type))
    config = msgspec.convert(tree, Config)
    path = tmp_path_factory.mktemp("dump") / "config.toml"
    path.write_text(dump_config(config), encoding="utf-8")
    try:
        again = load_config(path)
    except UsageError:  # the draw contradicts itself: then the texts still say what was meant
        again = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Config)
    assert again == config


@pytest.mark.parametrize("world", sorted(worlds()))
def test_every_setting_is_written_with_its_meaning(tmp_path: Path, world: str) -> None:
    config = load_config(None, {"world.name": world})
    text = dump_config(config)
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert load_config(path) == config
    for row in every_setting(world):
        assert row.is_tables or row.meaning in text, row.path
        assert f"{row.path.rpartition('.')[2]} = " in text or row.is_tables


def test_every_setting_has_a_meaning() -> None:
    assert [row.path for row in every_setting() if not row.meaning] == []
    assert [path for path, meaning in tables().items() if not meaning] == []


def test_worlds_share_paths_but_not_what_stands_there() -> None:
    energy = {row.world: row for row in every_setting() if row.path == "world.energy"}
    assert energy["farm"].default == Config().farm.energy
    assert energy["crawlers"].default == CrawlersSettings().energy
    for name in worlds():
        paths = [row.path for row in every_setting(name)]
        assert len(paths) == len(set(paths))
    assert {row.world for row in every_setting("")} == {""}
