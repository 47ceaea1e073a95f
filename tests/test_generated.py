"""The tables of the reference pages are filled in from the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from teem.config.describe import settings, worlds

DOCS = Path(__file__).parents[1] / "docs"


def filled(page: str) -> str:
    spec = importlib.util.spec_from_file_location("generated", DOCS / "_extensions" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    generated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generated)
    source = [(DOCS / f"{page}.md").read_text("utf-8")]
    generated.fill(None, page, source)
    return source[0]


@pytest.mark.parametrize("page", ["reference/settings", "reference/cli", "reference/database", "guide/measuring"])
def test_no_mark_is_left(page: str) -> None:
    assert "<!-- generated" not in filled(page)


def test_each_world_has_a_section_with_its_own_settings() -> None:
    common, *sections = filled("reference/settings").split("## `[world]` with `name = ")
    assert [section.partition("`")[0] for section in sections] == [f'"{name}"' for name in worlds()]
    for name, text in {"": common, **dict(zip(worlds(), sections, strict=True))}.items():
        for row in settings():
            if not row.is_tables:
                cell = f"| `{row.path}`"
                told = any(line.startswith(cell) and row.meaning in line for line in text.splitlines())
                assert told or row.world != name, (name, row.path)
                assert row.path.startswith("world.") or told == (name == "")
