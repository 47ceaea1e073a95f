"""Actors and learners on a cluster that are killed or stopped, or whose node goes: replaced, and it is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clusters import WAIT_S, wait_for
from left import expect_whole

from teem.config.load import load_config
from teem.evaluate.saved import open_saved
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.cluster import Cluster
from teem.runtime.remote.fleet import Fleet
from teem.runtime.session import exit_code, play

SHM = Path("/dev/shm")
pytestmark = pytest.mark.slow  # whole clusters start and end here


class Running:
    """`teem run --runtime ray --ray.role actors`, and the processes of its cluster, which inherit a mark."""

    def __init__(self, out: Path, *more: str) -> None:
        self.out, self.mark = out, uuid.uuid4().hex
        options = {
            "agents": 40, "steps": 0, "runtime": "ray", "ray.role": "actors", "learning.hidden": "16,8", "out": out,
            "record.every": 50, "checkpoint.every": 200, "learning.replay.length": 64,
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "teem", "run", "farm", *words, "--headless", "--json", *more],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TEEM_TEST": self.mark},
        )  # fmt: skip

    def processes(self, name: str = "") -> list[int]:
        """Those of its cluster that have the name in their titles."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != self.process.pid:
                try:
                    title = (entry / "cmdline").read_bytes().decode(errors="replace")
                    if name in title and self.mark.encode() in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def find(self, role: str) -> int:
        """The only process of that role; waits until there is one."""
        return int(self.wait(lambda: self.processes(f"ray::{role}"))[0])

    def wait(self, until: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if found := until():
                return found
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)
        raise AssertionError("it did not come about")

    def wait_for_checkpoints(self, count: int = 1) -> None:
        """Until so many are written that are newer than what is there now."""
        newest = max(checkpoint.steps_of(self.out / "checkpoints"), default=0)
        self.wait(lambda: max(checkpoint.steps_of(self.out / "checkpoints"), default=0) >= newest + 200 * count)

    def lost(self) -> list[dict[str, Any]]:
        path = self.out / "log.jsonl"
        log = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in log if line["event"] == "process lost"]

    def lose(self, role: str, number: int) -> dict[str, Any]:
        """Send one a signal; the line in the log that says that it is lost."""
        before = len(self.lost())
        os.kill(self.find(role), number)
        begun = time.monotonic()
        (line,) = self.wait(lambda: self.lost()[before:])
        return {**line, "after": time.monotonic() - begun}

    def end(self) -> tuple[int, dict[str, Any]]:
        """Interrupt it; its exit code and report."""
        self.process.send_signal(signal.SIGINT)
        said, errors = self.process.communicate(timeout=WAIT_S)
        assert said, errors
        return self.process.returncode, json.loads(said.splitlines()[-1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    before, runs = set(SHM.glob("*")), []

    def start(*more: str) -> Running:
        runs.append(Running(tmp_path / "run", *more))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.communicate()
        deadline = time.monotonic() + WAIT_S
        while run.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not run.processes()
    assert set(SHM.glob("*")) <= before


def test_who_is_killed_or_stopped_is_replaced_and_the_exit_code_tells(start: Callable[..., Running]) -> None:
    run = start("--runtime.restarts", "20")
    run.wait_for_checkpoints()
    for role, number, words in (
        ("Learner", signal.SIGKILL, "died"),
        ("Actor", signal.SIGKILL, "died"),
        ("Learner", signal.SIGSTOP, "no sign of life"),
        ("Actor", signal.SIGSTOP, "no sign of life"),
    ):
        line = run.lose(role, number)
        print(line["process"], "seen after", line["after"])
        assert line["process"] == f"{role.lower()} 0"
        assert words in line["fault"]
        run.wait_for_checkpoints(2)  # it goes on
    code, report = run.end()
    assert code == 4
    assert report["ray"]["restarts"] == 4
    assert report["reason"] == "interrupted"
    assert report["learning"]["updates"] > 0
    assert report["ray"]["policy_lag_steps"]["max"] <= report["ray"]["policy_lag_steps"]["cap"]
    expect_whole(run.out)
    done = subprocess.run(
        [sys.executable, "-m", "teem", "resume", str(run.out), "--steps", str(report["steps"] + 30), "--json"],
        capture_output=True, text=True, timeout=WAIT_S, check=True,
    )  # fmt: skip
    again = json.loads(done.stdout.splitlines()[-1])
    assert again["steps"] == report["steps"] + 30
    assert again["learning"]["updates"] > report["learning"]["updates"]


def test_a_learner_that_is_lost_again_and_again_ends_the_run_loudly(start: Callable[..., Running]) -> None:
    run = start("--runtime.restarts", "1")
    run.wait_for_checkpoints()
    first = run.find("Learner")
    run.lose("Learner", signal.SIGKILL)
    second = run.wait(lambda: [one for one in run.processes("ray::Learner") if one != first])[0]
    run.wait_for_checkpoints()
    os.kill(second, signal.SIGKILL)
    _, errors = run.process.communicate(timeout=WAIT_S)
    assert run.process.returncode == 1
    assert "learner 0 is lost" in errors
    assert "runtime.restarts is 1" in errors


@pytest.mark.parametrize("role", ["Actor", "Learner"])
def test_a_node_is_removed_and_who_played_there_goes_on_elsewhere(
    two_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """At first, who has that role is put on the node that will be removed, the other one is not."""
    place, nodes = Cluster.place, (two_nodes.cluster.head_node.node_id, two_nodes.other.node_id)

    def put(self: Cluster, part: type, *words: Any, calls: int = 1, again: bool = False) -> Any:
        with monkeypatch.context() as patch:
            if not again:
                patch.setattr(Cluster, "_silent", lambda self: [nodes[part.__name__ != role]])
            return place(self, part, *words, calls=calls, again=True)

    monkeypatch.setattr(Cluster, "place", put)
    config = load_config(
        "farm",
        {
            "population.founders": "24", "steps": "4000", "learning.hidden": "16,8", "learning.replay.length": "64",
            "checkpoint.every": "200", "record.every": "50", "runtime.mode": "ray", "ray.role": "actors",
            "ray.address": two_nodes.address,
        },
    )  # fmt: skip
    run = Fleet.create(config, RunFolder.create(tmp_path / "run", "farm"))

    def pull_the_plug() -> None:
        wait_for(lambda: checkpoint.steps_of(run.folder.checkpoints))
        two_nodes.cluster.remove_node(two_nodes.other, allow_graceful=False)
        removed.append(datetime.now(UTC))

    removed: list[datetime] = []
    plug = threading.Thread(target=pull_the_plug)
    plug.start()
    report = play(run, SimpleNamespace(asked=False))  # type: ignore[arg-type]
    plug.join()
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    (lost,) = [line for line in log if line["event"] == "process lost"]
    assert lost["process"] == f"{role.lower()} 0"
    print("seen after", datetime.fromisoformat(lost["time"]) - removed[0])
    assert report["ray"]["restarts"] == 1
    assert exit_code(report) == 4
    assert (report["steps"], report["reason"]) == (4000, "steps")
    assert report["ray"]["policy_lag_steps"]["max"] <= 16
    saved = open_saved(tmp_path / "run")
    assert saved.step == 4000
    (cohort,) = saved.state["policies"]["cohorts"].values()
    assert np.isfinite(cohort["networks"]["own"]["weights"]).all()
