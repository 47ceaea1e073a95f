"""The command line: every verb, every fault at once, and what a run leaves behind."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from teem.cli import main
from teem.config.describe import settings
from teem.config.load import load_config
from teem.options import build_parser, parse
from teem.record.folder import RunFolder
from teem.version import __version__

SMALL = ["--agents", "12", "--learning.algorithm", "random", "--record.every", "1", "--runtime.threads", "1"]


def teem(*arguments: str, cwd: Path, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "teem", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False, env=os.environ | environment,
    )  # fmt: skip


# ---- the grammar


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "what shall be done? give one of run, resume, sweep, evaluate, doctor, profile, bench, plot, worlds"),
        (["rum"], "rum is no verb: did you mean run?"),
        (
            ["run"],
            "which world? give one of agentfarm, crawlers, crawlers-attention, farm, farm-cohorts, order-and-chaos, "
            "treasure, treasure-small",
        ),
        (["run", "fram"], '"fram" is an unknown world: did you mean farm?'),
        (["run", "farm", "--world.sise", "9"], "--world.sise is no option: did you mean --world.size?"),
        (["run", "farm", "--size=9"], "--size is no option: did you mean --world.size?"),
        (["run", "crawlers", "--tiles", "9"], "--tiles is no option: did you mean --world.terrain.tiles?"),
        (["run", "crawlers", "--world.sight=9"], "world.sight is no setting of crawlers but of farm and treasure"),
        (["run", "farm", "--world.dt", "1"], "world.dt is no setting of farm but of crawlers: run that world"),
        (["run", "farm", "--steps"], "--steps needs a value"),
        (["run", "farm", "--world.size", "big"], 'world.size is "big": give a whole number from 0 to 65536'),
        (["run", "farm", "--learning.lr", "nan"], "learning.lr is nan"),
        (["run", "farm", "--learning.lr", "-inf"], "learning.lr is -inf"),
        (["run", "farm", "--agents", "9", "--population.capacity", "8"], "population.capacity is 8 but"),
        (["run", "farm", "more"], "more is one too many"),
        (["run", "none.toml"], "none.toml is no file"),
        (["resume", "nowhere"], "nowhere does not exist"),
        (["resume"], "the following arguments are required: RUN"),
        (["evaluate", "a", "--seeds", "x"], "argument --seeds: invalid int value: 'x'"),
    ],
)
def test_wrong_usage_is_told_with_a_remedy_and_exits_2(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith(f"teem: {told}")
    assert list(tmp_path.iterdir()) == []


def test_every_fault_is_told_at_once_from_a_fresh_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = teem(
        "run", "fram", "extra", "--world.sise", "3", "--seed", "-1", "--learning.lr", "nan", "--steps",
        "--out", "file/deep", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    starts = [
        "--world.sise is no option", "--steps needs a value", "extra is one too many",
        '"fram" is an unknown world', "seed is -1", "learning.lr is nan", "--out file/deep:",
    ]  # fmt: skip
    lines = done.stderr.splitlines()
    assert len(lines) == len(starts)
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith("teem: " + start)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_setting_is_an_option_with_its_meaning() -> None:
    help_text = " ".join(build_parser()[1]["run"].format_help().split())
    for row in settings():
        assert row.is_tables or f"--{row.path} " in help_text, row.path
        assert row.is_tables or " ".join(row.meaning.split()[:4]) in help_text, row.path


@pytest.mark.parametrize("world", ["farm", "crawlers", "treasure"])
def test_help_on_a_world_shows_its_own_settings_and_no_others(world: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'[world]\nname = "{world}"\n')
    shown = []
    for arguments in (["run", world, "--help"], ["run", "--help", str(path)], ["run", "-h", "--steps", "3", world]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        shown.append(" ".join(capsys.readouterr().out.split()))
    assert len(set(shown)) == 1
    own = {row.path for row in settings(world) if not row.is_tables}
    assert [path for path in own if f"--{path} " not in shown[0]] == []
    assert [row.path for row in settings() if row.path not in own and f"--{row.path} " in shown[0]] == []
    meanings = [" ".join(row.meaning.split()[:4]) for row in settings(world) if not row.is_tables]
    assert [meaning for meaning in meanings if meaning not in shown[0]] == []


def test_help_without_a_world_shows_those_of_all_in_one_group_a_world() -> None:
    text = build_parser()[1]["run"].format_help()
    _, *parts = re.split(r"\[world\] of \w+:", text)
    for name, part in zip(("farm", "crawlers", "treasure"), parts, strict=True):
        for row in settings(name):
            assert (f"--{row.path} " in part) == bool(row.world and not row.is_tables), (name, row.path)


def test_options_become_settings() -> None:
    given = parse(["run", "farm", "--agents", "9", "--world.size=64", "--world.reward.death", "-3", "--json"])
    assert given.settings == {"population.founders": "9", "world.size": "64", "world.reward.death": "-3"}
    assert (given.world, given.json, given.headless, given.faults) == ("farm", True, False, [])


def test_asking_for_help_or_the_version_needs_neither_numba_nor_torch(tmp_path: Path) -> None:
    program = """
import sys
from teem.cli import main
for arguments in (["worlds"], ["--version"], ["run", "--help"]):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code
print([name for name in ("numba", "torch", "numpy", "scipy", "rich") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert f"teem {__version__}" in done.stdout


def test_worlds_are_listed(capsys: Any) -> None:
    assert main(["worlds"]) == 0
    assert "farm " in capsys.readouterr().out
    assert main(["worlds", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) >= {"farm", "agentfarm"}


# ---- runs


def run_small(*more: str, steps: int = 12) -> int:
    return main(["run", "farm", "--steps", str(steps), "--headless", *SMALL, *more])


def test_a_run_leaves_a_folder_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_small("--json", "--seed", "5") == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    folder = tmp_path / "runs" / "farm-5"
    assert report == json.loads((folder / "report.json").read_text())
    assert (report["steps"], report["seed"], report["world"], report["reason"]) == (12, 5, "farm", "steps")
    assert report["agent_steps"] > 0
    assert {"config.toml", "run.db", "report.json", "log.jsonl", "checkpoints"} <= {
        path.name for path in folder.iterdir()
    }
    assert load_config(folder / "config.toml").population.founders == 12


def test_a_run_from_a_file_is_named_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meadow.toml").write_text('seed = 3\nsteps = 4\n[world]\nname = "farm"\n')
    assert main(["run", "meadow.toml", "--headless", *SMALL]) == 0
    assert (tmp_path / "runs" / "meadow-3" / "report.json").is_file()
    assert "done at step 4" in capsys.readouterr().out


def test_a_run_goes_on_to_more_steps_but_not_past_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "here"
    assert run_small("--out", str(out)) == 0
    report = (out / "report.json").read_text()
    assert main(["resume", str(out)]) == 2
    assert "is at step 12 and its steps are 12: give more --steps" in capsys.readouterr().err
    assert (out / "report.json").read_text() == report
    assert main(["resume", str(out), "--steps", "20", "--headless", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 20
    assert load_config(out / "config.toml").steps == 20
    assert run_small("--out", str(out)) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_crawlers_run_are_recorded_and_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "crawlers", "--steps", "30", "--headless", "--json", *SMALL]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["world"], report["steps"], report["agent_steps"]) == ("crawlers", 30, 30 * 12)
    assert report["feats"]["unit"] == "metres"
    assert report["feats"]["mean"] <= report["feats"]["most"]
    out = tmp_path / "runs" / "crawlers-7"
    assert recorded_steps(out) == 30
    assert main(["resume", str(out), "--steps", "45", "--headless"]) == 0
    printed = capsys.readouterr().out
    assert "done at step 45" in printed
    assert re.search(r"metres +-?[0-9.]+ a life so far, -?[0-9.]+ at most", printed)
    assert recorded_steps(out) == 45
    whole = tmp_path / "whole"
    assert main(["run", "crawlers", "--steps", "45", "--headless", "--out", str(whole), *SMALL]) == 0
    assert len(rows_of(out)) == 45 * 12
    assert rows_of(out) == rows_of(whole)  # with the same bits as in one go


def test_treasure_worlds_run_are_recorded_and_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["treasure", "--headless", "--agents", "8", "--world.worlds", "4", "--world.episode", "7"]
    small += [
        "--learning.sharing",
        "own",
        "--learning.replay.warmup",
        "8",
        "--learning.batch",
        "8",
        "--record.every",
        "1",
    ]
    assert main(["run", *small, "--steps", "20", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["world"], report["agent_steps"], report["feats"]["unit"]) == ("treasure", 160, "value")
    assert main(["resume", "runs/treasure-7", "--steps", "30", "--headless"]) == 0
    assert main(["run", *small, "--steps", "30", "--out", "whole"]) == 0
    assert len(rows_of(tmp_path / "whole")) == 30 * 8
    assert rows_of(tmp_path / "runs" / "treasure-7") == rows_of(tmp_path / "whole")


def rows_of(out: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(out / "run.db") as connection:
        return connection.execute("SELECT * FROM agent_steps ORDER BY step, agent_id").fetchall()


def test_a_run_can_be_examined_and_evaluated(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "short"
    assert run_small("--out", str(out)) == 0
    capsys.readouterr()
    assert main(["doctor", str(out), "--steps", "10", "--json"]) in (0, 1)
    findings = json.loads(capsys.readouterr().out)
    assert {"name", "ok", "detail", "figure"} == set(findings[0])
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert main(["evaluate", str(out), "--seeds", "1"]) == 2
    assert "seeds is 1: give at least 2" in capsys.readouterr().err


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "busy"
    assert run_small("--out", str(out)) == 0
    held = RunFolder.open(out)
    try:
        assert main(["resume", str(out), "--steps", "20"]) == 3
    finally:
        held.close()
    assert "in use by process" in capsys.readouterr().err


def test_a_run_that_can_not_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("teem.runtime.session.is_warm", lambda config: True)  # else warming up would fail first
    assert main(["run", "farm", "--agents", "12", "--learning.network", "no_such_module:Net"]) == 2
    assert "no_such_module" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def start(out: Path, **more: Any) -> subprocess.Popen[str]:
    """An endless run in a process of its own, once it has recorded something."""
    process = subprocess.Popen(
        [sys.executable, "-m", "teem", "run", "farm", "--steps", "0", "--json", "--out", str(out), *SMALL],
        text=True, **more,
    )  # fmt: skip
    deadline = time.monotonic() + 300  # on a busy machine, and kernels may have to be compiled
    while recorded_steps(out) == 0:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


def recorded_steps(out: Path) -> int:
    try:
        with sqlite3.connect(f"file:{out / 'run.db'}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM steps").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_ctrl_c_saves_and_reports(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    process = start(out, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    report = json.loads(printed.splitlines()[-1])
    assert report["reason"] == "interrupted"
    assert recorded_steps(out) == report["steps"]
    assert [path.name for path in (out / "checkpoints").iterdir()]


def test_ctrl_c_twice_leaves_the_database_whole(tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = start(out, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    RunFolder.open(out).close()  # waits for the writer to be done
    with sqlite3.connect(out / "run.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert recorded_steps(out) > 0


def read_until_closed(terminal: int) -> bytes:
    """What a terminal says next; nothing once its other end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:  # how Linux says that a terminal has ended
            raise
        return b""


def test_on_a_terminal_there_is_a_panel(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", "PYTHONUTF8": "1"}
    process = start(tmp_path / "seen", stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while b"agent-steps/s" not in seen:
        seen += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    while chunk := read_until_closed(ours):  # it would wait for us if we didn't read
        seen += chunk
    assert process.wait(timeout=60) == 0
    os.close(ours)
    text = seen.decode(errors="replace")
    assert "▀" in text
    assert "Ctrl-C saves and stops" in text


def test_a_run_with_a_channel_of_ones_own_is_resumed_and_examined_from_the_command_line(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "corners.py").write_text(
        "import teem\n\n\n"
        "def mark(plane, scale, living, bodies, step):\n    plane[:20, :20] = 1\n\n\n"
        'teem.register_channel("corner", mark, "persistent")\n'
    )
    own = ["--imports", "corners", "--world.channels", "resources,corner", "--steps", "5", "--out", "own"]
    begun = teem("run", "farm", *SMALL, *own, cwd=tmp_path, PYTHONPATH=str(modules))
    assert begun.returncode == 0, begun.stderr
    resumed = teem("resume", "own", "--steps", "9", cwd=tmp_path, PYTHONPATH=str(modules))
    assert resumed.returncode == 0, resumed.stderr
    elsewhere = teem("resume", "own", "--steps", "12", cwd=tmp_path)
    assert elsewhere.returncode == 2
    assert 'imports[0] is "corners", which can\'t be imported' in elsewhere.stderr
    assert "put its folder on PYTHONPATH" in elsewhere.stderr
