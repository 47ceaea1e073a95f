"""What the documentation says is there: names, links, queries and Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import teem
from teem.config.farm import CHANNELS
from teem.record.folder import RunFolder
from teem.record.schema import SAMPLED
from teem.runtime.report import build_report
from teem.worlds.farm.bodies import ACTIONS, CAUSES, TRAITS
from teem.worlds.farm.view import OWN_SENSES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("*/*.md"))]
SCRIPTS = [*sorted((ROOT / "benchmarks").glob("*.py")), *sorted((ROOT / "examples").glob("*.py"))]
NAMES: dict[str, tuple[str, ...]] = {
    "guide/farm": (*ACTIONS, *CAUSES, *TRAITS),
    "guide/perception": (*CHANNELS, *OWN_SENSES),
    "guide/runs-and-records": (*SAMPLED, "runs", "config", "names", "agents"),
}


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A short run with its report."""
    config = teem.load_config("farm", {"population.founders": 30, "steps": 30, "world.maturity": 1})
    folder = RunFolder.create(tmp_path_factory.mktemp("docs") / "run", "run")
    run = teem.Run.create(config, folder)
    assert run.play(lambda run, outcome: None, lambda: False) == "steps"
    run.finish("steps")
    folder.close()
    return folder.path, build_report(run, "steps", 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_everything_that_it_lists(name: str) -> None:
    text = page(name)
    assert [one for one in NAMES[name] if f"`{one}`" not in text] == []


def test_every_field_of_a_report_is_explained(recorded: Any) -> None:
    text = page("reference/report")
    assert [field for field in recorded[1] if f"`{field}`" not in text] == []


@pytest.mark.parametrize("query", blocks(page("guide/runs-and-records"), "sql"))
def test_queries_in_the_guide_work(query: str, recorded: Any) -> None:
    assert teem.open_run(recorded[0]).sql(query)


def lacking(source: str) -> list[str]:
    """What Python imports from teem that isn't there."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "teem":
            try:
                exec(compile(ast.Module([node], []), "<source>", "exec"), {})
            except ImportError:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_python_in_the_pages_is_python_and_imports_what_there_is(path: Path) -> None:
    assert [one for block in blocks(path.read_text("utf-8"), "python") for one in lacking(block)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_what_there_is(path: Path) -> None:
    """Benchmarks and examples that are run by hand: what they ask of teem has not gone."""
    assert lacking(path.read_text("utf-8")) == []


def test_an_import_of_what_has_gone_is_found() -> None:
    assert lacking("def late():\n    from teem.execution import GONE, MODES\n") != []


def test_the_python_in_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks((ROOT / "README.md").read_text("utf-8"), "python")
    exec(code.replace(": 300", ": 20").replace(": 1000", ": 30"), {})
    assert "20 lives, up to generation 0" in capsys.readouterr().out
    assert (tmp_path / "runs" / "farm-7" / "config.toml").exists()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_settings_named_in_the_guide_exist() -> None:
    from teem.config.describe import settings

    known = {setting.path for setting in settings()} | {"world.kinds", "world.observation_names"}
    tables = ("world", "population", "learning", "record", "checkpoint", "runtime")
    pattern = rf"`((?:{'|'.join(tables)})\.[a-z_.]+)`"
    others = {"world.move", "world.look", "learning.replay_ratio"}  # spans, and a column of run.db
    named = {name for path in PAGES for name in re.findall(pattern, path.read_text("utf-8"))}
    assert sorted(name for name in named - others if name not in known) == []


def test_the_picture_of_the_panel_is_small_and_fetches_nothing() -> None:
    picture = (ROOT / "docs" / "panel.svg").read_text("utf-8")
    assert len(picture) < 200_000
    assert "@font-face" not in picture
