"""A whole sweep: played, reported, drawn, stopped, killed, and gone on with as if nothing had happened."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from standing_in import metric_of, use

from teem.cli import main
from teem.record.folder import acquire
from teem.sweep import workers
from teem.sweep.runs import Job

SMALL = ["--learning.algorithm", "random", "--record.every", "1", "--world.size", "32", "--headless"]


def test_a_sweep_is_reported_and_goes_on_with_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out, broken = tmp_path / "one", tmp_path / "broken"
    use(monkeypatch, broken)
    broken.write_text("setting-02/seed-8")
    asked = ["sweep", "farm", "--steps", "12", "--seeds", "3", "--headless", "--out", str(out),
             "--set", "learning.lr=1e-2,1e-3"]  # fmt: skip
    assert main(asked) == 1
    said = capsys.readouterr()
    assert "5 of 6 runs done, 1 failed" in said.out
    assert "failed: learning.lr = 0.001, seed 8: exit code 1: broken as planted" in said.out
    assert "the same command goes on with what isn't done" in said.err
    played = {path: path.stat().st_mtime_ns for path in out.glob("setting-*/seed-*/report.json")}
    assert len(played) == 5
    broken.unlink()
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["done"], told["whole"], told["unit"]) == (6, 6, True, "joules a step lived")
    assert [one["name"] for one in told["settings"]] == ["learning.lr = 0.01", "learning.lr = 0.001"]
    for rate, one in zip((1e-2, 1e-3), told["settings"], strict=True):
        assert one["values"] == {str(seed): pytest.approx(metric_of(rate, seed)) for seed in (7, 8, 9)}
    assert told["contrasts"][0]["pairs"] == 3
    assert told["contrasts"][0]["difference"] == pytest.approx(-1)
    assert {path: path.stat().st_mtime_ns for path in played} == played  # they were not played again
    outcomes = [json.loads(line)["outcome"] for line in (out / "results.jsonl").read_text().splitlines()]
    assert sorted(outcomes) == ["done"] * 6 + ["failed"]
    assert json.loads((out / "report.json").read_text()).items() <= told.items()
    assert all("learning.lr = 0.001" in (out / name).read_text() for name in ("report.md", "report.txt"))


def test_a_folder_that_is_another_sweep_or_in_use_and_a_metric_that_is_none_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    use(monkeypatch, tmp_path / "broken")
    out = tmp_path / "one"
    asked = ["sweep", "farm", "--steps", "12", "--seeds", "2", "--headless", "--out", str(out), "--set"]
    assert main([*asked, "learning.lr=0.1", "--metric", "feats.per_stop"]) == 2
    assert "--metric feats.per_stop is no number of a report: did you mean feats.per_step?" in capsys.readouterr().err
    assert main([*asked, "learning.lr=0.1", "--json"]) == 0  # what was played is kept
    assert json.loads(capsys.readouterr().out)["done"] == 2
    assert main([*asked, "learning.lr=0.1", "--metric", "agents"]) == 2
    lock = acquire(out)
    assert main([*asked, "learning.lr=0.1"]) == 3
    os.close(lock)
    assert main([*asked, "learning.lr=0.2"]) == 2
    assert "holds another sweep (learning.lr takes 0.1 there, 0.2 here)" in capsys.readouterr().err


def test_without_a_folder_the_same_command_finds_its_sweep_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    use(monkeypatch, tmp_path / "broken")
    monkeypatch.chdir(tmp_path)
    asked = ["sweep", "farm", "--steps", "12", "--seeds", "1", "--headless", "--json", "--set"]
    folders = []
    for rate in ("0.1", "0.10", "0.2"):
        assert main([*asked, f"learning.lr={rate}"]) == 0
        folders.append(json.loads(capsys.readouterr().out)["out"])
    assert folders[0] == folders[1] != folders[2]
    assert len((tmp_path / folders[0] / "results.jsonl").read_text().splitlines()) == 1


def start(asked: list[str], run: Job) -> tuple[subprocess.Popen[str], list[int]]:
    """A sweep in a process of its own, once there is a checkpoint; and its runs' processes."""
    process = subprocess.Popen([sys.executable, "-m", "teem", *asked], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list(run.folder.glob("checkpoints/step-*[0-9]")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return process, [int(child) for child in children]


def rows_of(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "run.db") as connection:
        return connection.execute("SELECT * FROM agent_steps ORDER BY step, agent_id").fetchall()


STOPPING = """
import json, os, signal, sys, time
from pathlib import Path
folder, heard = Path(sys.argv[1]), []
signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
folder.mkdir(parents=True)
os.kill(os.getppid(), signal.SIGINT)  # as if somebody had pressed Ctrl-C now
while not heard:
    time.sleep(0.01)
(folder / "checkpoints" / "step-000000003").mkdir(parents=True)
(folder / "report.json").write_text(json.dumps({"reason": "interrupted"}))
"""


def test_ctrl_c_stops_what_plays_and_says_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    use(monkeypatch, tmp_path / "broken")
    monkeypatch.setattr(workers, "command", lambda orders: [sys.executable, "-c", STOPPING, orders.folder])
    out = tmp_path / "one"
    assert (
        main(["sweep", "farm", "--steps", "9", "--seeds", "3", "--workers", "1", "--headless", "--out", str(out)]) == 0
    )
    said = capsys.readouterr()
    assert "0 of 3 runs done, 0 failed" in said.out
    assert "stopped: as given, seed 7: stopped before its last step" in said.out
    assert "waiting: 2 runs more" in said.out
    assert "the same command goes on with what isn't done" in said.err
    assert [Job(1, seed, 9, out).state() for seed in (7, 8, 9)] == ["begun", "waiting", "waiting"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_sweep_that_is_killed_ends_with_the_bits_of_a_plain_run(tmp_path: Path, capsys: Any) -> None:
    out, two = tmp_path / "one", tmp_path / "two"
    settings = [*SMALL, "--record.every", "100", "--agents", "12", "--steps", "3000", "--checkpoint.every", "250"]
    asked = ["sweep", "farm", *settings, "--seed", "3", "--seeds", "1", "--out", str(out)]
    run = Job(1, 3, 3000, out)
    process, children = start(asked, run)
    process.kill()
    process.communicate(timeout=120)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(children) == 1
    assert (run.state(), run.report(), (out / "results.jsonl").exists()) == ("begun", None, False)
    assert main([*asked, "--json"]) == 0
    told, report = json.loads(capsys.readouterr().out), run.report()
    assert report is not None
    assert told["settings"][0]["values"] == {"3": report["feats"]["per_step"]}
    assert "resumed" in (run.folder / "log.jsonl").read_text()
    assert main(["run", "farm", *settings, "--seed", "3", "--runtime.threads", "1", "--out", str(two)]) == 0
    assert rows_of(run.folder) == rows_of(two)
