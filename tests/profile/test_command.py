"""`teem profile` from its command line to its pages."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from teem.cli import main
from teem.config.load import load_config
from teem.profile import command, tools
from teem.profile.play import digest_of
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.loop import Run

HERE = Path(__file__).parent
TOML = """
imports = ["slow_channel"]
[world]
name = "farm"
channels = ["resources", "allies", "planted"]
[population]
founders = 300
[runtime]
threads = 1
[learning]
algorithm = "random"
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of settings whose steps are held up by a module of the user's own."""
    (tmp_path / "slow_channel.py").write_text("import planted\nplanted.plant()\n")
    (tmp_path / "slow.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(HERE), os.environ.get("PYTHONPATH", ""))))
    monkeypatch.setattr(command, "is_warm", lambda config: True)
    monkeypatch.setattr(command, "find_subject", _unimported)
    return "slow.toml"


def _unimported(source: str, agents: int | None) -> Any:
    """As `find_subject`, and take back what the file's modules registered in this process."""
    from teem.profile.subject import find_subject
    from teem.worlds.farm.channels import forget_channel

    try:
        return find_subject(source, agents)
    finally:
        import sys

        if sys.modules.pop("slow_channel", None):
            forget_channel("planted")


@pytest.mark.slow  # four plays
def test_a_slow_function_of_the_users_own_is_the_largest_cost(slow: str, capsys: Any) -> None:
    pytest.importorskip("psutil", reason="of the extra `profile`, and so py-spy")
    assert main(["profile", slow, "--phase", "macro", "--agents", "20", "--steps", "30", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    out = Path(told["out"])
    assert out == Path("profiles/slow-20")
    assert any("dawdle (planted.py:" in cost for cost in told["phases"]["macro"]["costs"])
    assert told["same_state"]
    assert set(told["digests"]) >= {"spans", "cprofile"}
    page = (out / "macro.md").read_text("utf-8")
    assert "dawdle (planted.py:" in page
    assert "| world |" in page
    figures = json.loads((out / "macro.json").read_text("utf-8"))["figures"]
    assert figures["plain"]["steps"] == 30
    assert 0.5 < figures["covered"] <= 1.0
    if told["phases"]["macro"]["missing"]:
        pytest.skip(f"py-spy: {told['phases']['macro']['missing']}")  # not allowed here: the hint says so
    assert "dawdle (planted.py:" in figures["samples"]["own"][0]["where"]
    ElementTree.parse(out / "flame.svg")
    assert not (out / ".playing").exists()


def saved_run(path: Path, algorithm: str = "random") -> Path:
    config = load_config("farm", {"population.founders": 20, "steps": 40, "learning.algorithm": algorithm})
    run = Run.create(config, RunFolder.create(path, "run"))
    assert run.play(lambda run, outcome: None, lambda: False) == "steps"
    run.finish("steps")
    run.folder.close()
    return path


def test_a_branch_goes_on_as_the_run_itself_does(tmp_path: Path) -> None:
    path = saved_run(tmp_path / "run", "dqn")
    saved = checkpoint.latest(path / "checkpoints")
    config = load_config(path / "config.toml", {"steps": 0})
    digests = []
    for run in (
        Run.branch(config, RunFolder.create(tmp_path / "branch", "run"), saved),
        Run.resume(config, RunFolder.open(path)),
    ):
        assert run.step == 40
        for _ in range(10):
            run.advance()
        digests.append(digest_of(run))
        run.finish("steps")
        run.folder.close()
    assert digests[0] == digests[1]


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_run_is_profiled_from_its_checkpoint_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(tools, "find_spec", lambda tool: None)  # nothing of the extra is installed
    monkeypatch.setattr(tools, "py_spy", lambda: None)
    path = saved_run(tmp_path / "run")
    before = contents(path)
    out = tmp_path / "out"
    assert main(["profile", str(path), "--phase", "system", "--steps", "10", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert contents(path) == before
    told = json.loads((out / "system.json").read_text("utf-8"))
    assert "10 steps from its checkpoint of step 40" in told["about"]
    assert [cost["what"] for cost in told["costs"]]
    assert {"psutil", "yappi"} == {one.partition(" ")[0] for one in told["missing"]}
    assert all("pip install 'teem[profile]'" in one for one in told["missing"])
    assert "1. " in said
    assert str(out) in said


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_written(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    arguments = ["--steps", "0", "--agents", "-3", "--function", "teem.nothing:at_all", "--out", str(tmp_path / "out")]
    assert main(["profile", "farm", *arguments]) == 2
    told = capsys.readouterr().err
    for fault in ("--steps is 0", "population.founders is -3", "is not an empty folder", "--function teem.nothing"):
        assert fault in told
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]
    assert main(["profile", str(tmp_path)]) == 2
    assert "is no run folder" in capsys.readouterr().err
    assert main(["profile", "farm", "--phase", "makro"]) == 2
    assert "invalid choice" in capsys.readouterr().err
