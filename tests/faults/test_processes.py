"""Processes that are killed or stopped: it is seen, they are replaced, nothing is left over, and it is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from left import expect_whole

from teem.evaluate.saved import open_saved
from teem.runtime.processes.child import LOOK_S, STILL_S

WAIT_S = 300.0  # a first run compiles its kernels
SHM = Path("/dev/shm")


class Running:
    """`teem run --runtime async`, and the processes it has started."""

    def __init__(
        self, out: Path, *more: str, world: str = "farm", steps: int = 0, agents: int = 40, every: int = 200
    ) -> None:
        self.out = out
        options = {
            "agents": agents, "steps": steps, "runtime": "async", "learning.hidden": "16,8", "out": out,
            "record.every": 50, "checkpoint.every": every, "learning.replay.length": 64,
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "teem", "run", world, *words, "--headless", "--json", *more],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def log(self) -> list[dict[str, Any]]:
        path = self.out / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in listed.read_text().split()] if listed.exists() else []

    def find(self, role: str) -> int:
        """The process of that role; waits until there is one."""

        def look() -> int:
            for pid in self.children():
                if f'"role":"{role}"' in Path(f"/proc/{pid}/cmdline").read_text():
                    return pid
            return 0

        return int(self.wait(look))

    def wait(self, until: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = until()
            if found:
                return found
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)
        raise AssertionError("it did not come about")

    def checkpoints(self) -> list[str]:
        folder = self.out / "checkpoints"
        return sorted(entry.name for entry in folder.glob("step-*") if "." not in entry.name) if folder.is_dir() else []

    def wait_for_checkpoint(self) -> None:
        """Until one is written that is not there now."""
        before = self.checkpoints()
        self.wait(lambda: set(self.checkpoints()) - set(before))

    def lost(self) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == "process lost"]

    def end(self) -> tuple[int, dict[str, Any]]:
        """Interrupt it; its exit code and report."""
        self.process.send_signal(signal.SIGINT)
        said, errors = self.process.communicate(timeout=WAIT_S)
        assert said, errors
        return self.process.returncode, json.loads(said.splitlines()[-1])


def alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Running]:
    before = set(SHM.glob("*"))
    running = Running(tmp_path / "run")
    children: list[int] = []
    try:
        running.wait_for_checkpoint()
        children = running.children()
        yield running
    finally:
        running.process.kill()
        running.process.communicate()
    deadline = time.monotonic() + WAIT_S
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, children))
    assert set(SHM.glob("*")) <= before


def cpu_s(pid: int) -> float:
    """Seconds of CPU time that a process has taken."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def test_a_learner_that_nothing_comes_to_sleeps(run: Running) -> None:
    actor, learner = run.find("actor"), run.find("learner")
    os.kill(actor, signal.SIGSTOP)
    time.sleep(0.5)  # it learns from what had come
    before = cpu_s(learner)
    time.sleep(1.5)  # for less than what counts as being lost
    taken = cpu_s(learner) - before
    os.kill(actor, signal.SIGCONT)
    assert taken <= 0.02 * 1.5 + 1 / os.sysconf("SC_CLK_TCK")  # 2%, and what the clock can't tell
    assert run.end()[0] == 0


def test_it_is_seen_within_five_seconds() -> None:
    assert STILL_S + 2 * LOOK_S <= 5.0


@pytest.mark.parametrize(
    ("role", "number", "words"),
    [
        ("learner", signal.SIGKILL, "killed by signal 9"),
        ("learner", signal.SIGSTOP, "no sign of life"),
        ("actor", signal.SIGKILL, "killed by signal 9"),
        ("actor", signal.SIGSTOP, "no sign of life"),
    ],
)
def test_who_is_killed_or_stopped_is_replaced_and_the_exit_code_tells(
    run: Running, role: str, number: int, words: str
) -> None:
    os.kill(run.find(role), number)
    (lost,) = run.wait(run.lost)
    assert lost["process"] == f"{role} 0"
    assert words in lost["fault"]
    run.wait_for_checkpoint()  # it goes on
    code, report = run.end()
    assert code == 4
    assert report["async"]["restarts"] == 1
    assert report["reason"] == "interrupted"
    assert report["learning"]["updates"] > 0
    expect_whole(run.out)
    assert report["async"]["policy_lag_steps"]["max"] <= report["async"]["policy_lag_steps"]["cap"]


def test_when_the_run_itself_is_killed_nobody_and_nothing_is_left(run: Running) -> None:
    children = run.children()
    assert len(children) == 2
    run.process.kill()
    run.process.wait()
    deadline = time.monotonic() + WAIT_S
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, children))


def test_a_learner_that_is_lost_again_and_again_ends_the_run_loudly(tmp_path: Path) -> None:
    running = Running(tmp_path / "run", "--runtime.restarts", "1")
    running.wait_for_checkpoint()
    first = running.find("learner")
    os.kill(first, signal.SIGKILL)
    running.wait(running.lost)
    second = running.wait(lambda: next((pid for pid in [running.find("learner")] if pid != first), 0))
    os.kill(second, signal.SIGKILL)
    _, errors = running.process.communicate(timeout=WAIT_S)
    assert running.process.returncode == 1
    assert "learner 0 is lost" in errors
    assert "runtime.restarts is 1" in errors


def test_a_run_that_is_interrupted_is_saved_and_goes_on(tmp_path: Path) -> None:
    running = Running(tmp_path / "run")
    running.wait_for_checkpoint()
    code, report = running.end()
    assert code == 0
    assert report["reason"] == "interrupted"
    done = subprocess.run(
        [sys.executable, "-m", "teem", "resume", str(running.out), "--steps", str(report["steps"] + 30), "--json"],
        capture_output=True, text=True, timeout=WAIT_S, check=True,
    )  # fmt: skip
    again = json.loads(done.stdout.splitlines()[-1])
    assert again["steps"] == report["steps"] + 30
    assert again["learning"]["updates"] > report["learning"]["updates"]
    assert not list((running.out / "checkpoints").glob("*partial*"))


TOGETHER = ("--learning.sharing", "shared", "--runtime.learners", "2", "--runtime.threads", "1")


def listening(pid: int) -> set[str]:
    """The addresses that a process listens on, as the system writes them."""
    table = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().split("\n")[1:]
    ]
    open_at = {line[9]: line[1].partition(":")[0] for line in table if len(line) > 9 and line[3] == "0A"}
    held = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    return {address for inode, address in open_at.items() if f"socket:[{inode}]" in held}


@pytest.mark.slow
def test_learners_of_one_network_begin_anew_together_when_one_is_lost(tmp_path: Path) -> None:
    running = Running(tmp_path / "run", *TOGETHER, agents=16, every=120)
    try:
        running.wait_for_checkpoint()
        (second,) = [
            pid for pid in running.children()
            if '"role":"learner","index":1' in Path(f"/proc/{pid}/cmdline").read_text()
        ]  # fmt: skip
        assert listening(second) <= {"0100007F"}  # 127.0.0.1
        os.kill(second, signal.SIGKILL)
        (lost,) = running.wait(running.lost)
        assert lost["process"] == "learner 1"
        assert "killed by signal 9" in lost["fault"]
        running.wait_for_checkpoint()  # it goes on
        code, report = running.end()
    finally:
        running.process.kill()
        running.process.communicate()
    assert code == 4
    assert report["async"]["restarts"] == 1  # the other one's end is no loss of its own
    assert report["async"]["weights_compared"] > 0
    assert not list(running.out.glob(".learners-*"))
    (cohort,) = open_saved(running.out).state["policies"]["cohorts"].values()
    common = cohort["networks"]["common"]
    assert np.isfinite(common["weights"]).all()
    assert common["updates"][0] > 0
    assert report["async"]["policy_lag_steps"]["max"] <= report["async"]["policy_lag_steps"]["cap"]


@pytest.mark.slow
def test_a_run_of_cohorts_goes_on_when_a_learner_is_lost_and_can_be_examined(tmp_path: Path) -> None:
    running = Running(tmp_path / "run", "--runtime.learners", "2", world="farm-cohorts", every=120)
    try:
        running.wait_for_checkpoint()
        os.kill(running.find("learner"), signal.SIGKILL)
        (lost,) = running.wait(running.lost)
        assert "killed by signal 9" in lost["fault"]
        for _ in range(2):  # it goes on, and who had remembered nothing has learnt again
            running.wait_for_checkpoint()
        code, report = running.end()
    finally:
        running.process.kill()
        running.process.communicate()
    assert code == 4
    assert report["async"]["restarts"] == 1
    assert list(report["cohorts"]) == ["base", "quantiles", "chance"]
    assert report["async"]["replay_ratios"]["base"] > 0
    cohorts = open_saved(running.out).state["policies"]["cohorts"]
    assert list(cohorts) == ["0-dqn", "1-iqn", "2-random"]
    for name in ("0-dqn", "1-iqn"):
        assert np.isfinite(cohorts[name]["networks"]["own"]["weights"]).all()
    done = subprocess.run(
        [sys.executable, "-m", "teem", "doctor", str(running.out), "--steps", "60"],
        capture_output=True, text=True, timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
