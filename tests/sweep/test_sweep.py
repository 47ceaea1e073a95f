"""A whole sweep: played, reported, drawn, stopped, killed, and gone on with as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from teem.cli import main
from teem.plots.groups import groups
from teem.plots.sources import open_sources
from teem.record.folder import acquire
from teem.record.read import open_run
from teem.sweep import workers as module
from teem.sweep.runs import Job, Orders, command

SMALL = ["--learning.algorithm", "random", "--record.every", "1", "--world.size", "32", "--headless"]


def test_a_sweep_is_played_reported_and_goes_on_with_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out = tmp_path / "one"
    asked = ["sweep", "farm", *SMALL, "--steps", "12", "--seeds", "1", "--out", str(out),
             "--set", "population.founders=10,12"]  # fmt: skip

    def broken(orders: Orders) -> list[str]:
        if "setting-02" not in orders.folder:
            return command(orders)
        return [sys.executable, "-c", "import sys; sys.exit('the disk is full')"]

    monkeypatch.setattr(module, "command", broken)
    assert main(asked) == 1
    told = capsys.readouterr()
    assert "1 of 2 runs done, 1 failed" in told.out
    assert "failed: population.founders = 12, seed 7: exit code 1: the disk is full" in told.out
    assert "not tested" in told.out
    assert "the same command goes on with what isn't done" in told.err
    first = (out / "setting-01" / "seed-7" / "run.db").stat().st_mtime_ns
    monkeypatch.setattr(module, "command", command)
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["done"], told["whole"], told["unit"]) == (2, 2, True, "joules a step lived")
    assert [one["name"] for one in told["settings"]] == ["population.founders = 10", "population.founders = 12"]
    for number, one in enumerate(told["settings"], 1):
        report = open_run(out / f"setting-{number:02d}" / "seed-7").report
        assert report is not None
        assert one["values"] == {"7": report["feats"]["per_step"]}
        assert (report["seed"], report["agents"]["alive"]) == (7, (10, 12)[number - 1])
    assert (out / "setting-01" / "seed-7" / "run.db").stat().st_mtime_ns == first  # it was not played again
    outcomes = [json.loads(line)["outcome"] for line in (out / "results.jsonl").read_text().splitlines()]
    assert sorted(outcomes) == ["done", "done", "failed"]
    assert json.loads((out / "report.json").read_text()).items() <= told.items()
    assert "population.founders = 10" in (out / "report.md").read_text()
    assert [one.name for one in groups(open_sources([out]))] == [
        "population.founders = 10", "population.founders = 12",
    ]  # fmt: skip
    assert main([*asked, "--metric", "agents.aliev"]) == 2
    assert "--metric agents.aliev is no number of a report: did you mean agents.alive?" in capsys.readouterr().err
    lock = acquire(out)
    assert main(asked) == 3  # another sweep has it
    os.close(lock)
    assert main([*asked[:-1], "population.founders=10,13"]) == 2
    assert "holds another sweep (population.founders takes 10, 12 there, 10, 13 here)" in capsys.readouterr().err


def start(asked: list[str], run: Job, beyond: int) -> tuple[subprocess.Popen[str], list[int]]:
    """A sweep in a process of its own, once a checkpoint after that step is there; and its runs' processes."""
    process = subprocess.Popen([sys.executable, "-m", "teem", *asked], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while max((int(one.name[5:14]) for one in run.folder.glob("checkpoints/step-*")), default=0) <= beyond:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return process, [int(child) for child in children]


def rows_of(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "run.db") as connection:
        return connection.execute("SELECT * FROM agent_steps ORDER BY step, agent_id").fetchall()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_sweep_that_is_stopped_and_then_killed_ends_with_the_bits_of_a_plain_run(tmp_path: Path, capsys: Any) -> None:
    out, settings = tmp_path / "one", ["--agents", "12", "--steps", "5000", "--checkpoint.every", "250", "--seed", "3"]
    asked = ["sweep", "farm", *SMALL, *settings, "--record.every", "100", "--seeds", "1", "--out", str(out)]
    run = Job(1, 3, 5000, out)
    process, children = start(asked, run, 0)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "0 of 1 runs done, 0 failed" in printed
    assert "stopped: as given, seed 3: stopped before its last step" in printed
    report = run.report()
    assert report is not None
    assert (report["reason"], run.state()) == ("interrupted", "begun")
    process, more = start(asked, run, report["steps"])
    process.kill()
    process.communicate(timeout=120)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in (*children, *more)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(more) == 1
    assert (run.state(), json.loads((out / "results.jsonl").read_text())["outcome"]) == ("begun", "stopped")
    assert main(asked) == 0
    assert "1 of 1 runs done, 0 failed" in capsys.readouterr().out
    assert "resumed" in (run.folder / "log.jsonl").read_text()
    plain = [
        "run",
        "farm",
        *SMALL,
        *settings,
        "--record.every",
        "100",
        "--runtime.threads",
        "1",
        "--out",
        str(tmp_path / "two"),
    ]
    assert main(plain) == 0
    assert rows_of(run.folder) == rows_of(tmp_path / "two")
