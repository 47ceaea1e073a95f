"""A run of several processes is profiled as it is: its spans on one clock, and samples of all of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from teem.cli import main
from teem.profile import system
from teem.profile.apart import own_times
from teem.profile.play import Job
from teem.profile.play_apart import Moments, traces_of
from teem.profile.subject import find_subject

TOML = """
[world]
name = "farm"
[population]
founders = 30
[runtime]
mode = "async"
threads = 1
"""


@pytest.fixture
def apart(tmp_path: Path) -> str:
    path = tmp_path / "apart.toml"
    path.write_text(TOML)
    return str(path)


def test_a_span_owns_what_the_spans_within_it_do_not() -> None:
    def span(name: str, begun: float, lasted: float) -> dict[str, Any]:
        return {"name": name, "ts": begun, "dur": lasted}

    spans = {
        "actor 0": [span("look", 1e6, 2e6), span("step", 0, 4e6), span("step", 5e6, 1e6)],
        "learner 0": [span("wait", 0, 3e6)],
    }
    told = {(row["process"], row["span"]): (row["s"], row["own_s"], row["times"]) for row in own_times(spans)}
    assert told == {
        ("actor 0", "step"): (5.0, 3.0, 2),
        ("actor 0", "look"): (2.0, 2.0, 1),
        ("learner 0", "wait"): (3.0, 3.0, 1),
    }


def test_a_run_is_measured_from_when_all_are_warm_until_the_steps_are_made() -> None:
    run, said, heard = SimpleNamespace(steps=0), io.StringIO(), []
    job = Job("", "", "", 10, 20, "", "", (), 0)
    moments = Moments(run, job, said, heard.append)  # type: ignore[arg-type]
    stopped = []
    for run.steps in (5, 12, 31, 33, 40):
        stopped.append(moments.asked)
    assert stopped == [False, False, False, True, True]
    assert heard == ["go", "tell"]
    assert [json.loads(line) for line in said.getvalue().splitlines()] == [{"ready": 12}, {"over": True}]
    assert (moments.begun or ())[0] == 12
    assert moments.ended[0] == 33


def test_macro_and_system_are_of_the_processes_and_all_else_is_in_lockstep(apart: str) -> None:
    subject = find_subject(apart, None)
    assert subject.apart is not None
    assert (subject.config.runtime.mode, subject.apart.runtime.mode) == ("lockstep", "async")
    assert subject.apart.metrics.trace
    assert "macro and system are of its processes" in subject.notes[0]
    assert find_subject("farm", None).apart is None


def test_each_process_is_called_by_what_it_does() -> None:
    orders = '{"role": "learner", "index": 1}'
    assert system._called(["python", "-P", "-m", "teem.runtime.processes.worker", orders]) == "learner 1"
    assert system._called(["python", "-m", "teem.record.writer", "run.db"]) == "its writer"
    assert system._called(["ls", "-m"]) == "ls -m"


def test_traces_are_found_in_the_folder_of_each(tmp_path: Path) -> None:
    for place in ("", "actors/1/", "learners/0/"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "trace.json").touch()
    assert list(traces_of(tmp_path)) == ["actor 0", "actor 1", "learner 0"]


@pytest.mark.slow  # twelve processes
def test_actor_and_learner_are_in_one_trace_and_in_the_samples(apart: str, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert main(["profile", apart, "--phase", "macro", "--steps", "100", "--out", str(out)]) == 0
    told = json.loads((out / "macro.json").read_text("utf-8"))
    assert told["figures"]["processes"] == ["actor 0", "learner 0"]
    assert told["figures"]["steps"] >= 100
    assert len(told["costs"]) == 3
    events = [one for one in json.loads((out / "trace.json").read_text("utf-8"))["traceEvents"] if one["ph"] == "X"]
    processes = {name: {one["pid"] for one in events if one["name"] == name} for name in ("act", "learn")}
    assert processes["act"].isdisjoint(processes["learn"])
    assert all(0 <= one["ts"] <= 1.5e6 * told["figures"]["wall_s"] for one in events)
    if not any("py-spy" in one for one in told["missing"]):
        assert (out / "flame.svg").exists()
        assert any("pupils.py" in row["where"] or "kernel" in row["where"] for row in told["figures"]["samples"]["own"])
    assert main(["profile", apart, "--phase", "system", "--steps", "100", "--out", str(tmp_path / "system")]) == 0
    page = (tmp_path / "system" / "system.md").read_text("utf-8")
    assert "| learner 0 |" in page
    assert "| actor 0 |" in page
