"""Actors and learners as Ray actors on this machine, from their start to what is left of them: nothing."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from together import config_of

from teem.errors import TeemError
from teem.evaluate.saved import open_saved
from teem.record.folder import RunFolder
from teem.runtime.remote import fleet
from teem.runtime.remote.fleet import Fleet, Member
from teem.runtime.remote.parts import Signs
from teem.runtime.session import exit_code, play

SHM = Path("/dev/shm")


def processes_that_say(word: str) -> list[str]:
    """Processes that live and have it in their command lines."""
    lines = (entry / "cmdline" for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [str(line) for line in lines if line.exists() and word.encode() in line.read_bytes()]


def test_each_actor_has_a_world_of_its_own_and_all_learners_serve_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(SHM.glob("*"))
    sockets = tempfile.mkdtemp(prefix="t-", dir="/tmp")  # short, as sockets need
    monkeypatch.setattr(tempfile, "tempdir", sockets)
    config = config_of(
        runtime__mode="ray", ray__role="actors", runtime__actors=2, runtime__learners=2, ray__cpus=0.5, steps=40,
        record__enabled=True, record__every=5, learning__replay_ratio=4.0, runtime__policy_lag_max=4,
        runtime__patience=300,
    )  # fmt: skip
    folder = RunFolder.create(tmp_path / "run", "run")
    report = play(Fleet.create(config, folder), SimpleNamespace(asked=False), headless=True)  # type: ignore[arg-type]
    (other,) = report["ray"]["others"]
    assert (report["reason"], report["steps"], other["steps"], exit_code(report)) == ("steps", 40, 40, 0)
    assert (report["ray"]["restarts"], report["ray"]["lost"]) == (0, [])
    folders = [tmp_path / "run", tmp_path / "run" / "actors" / "1"]
    for one, path, seed in zip((report, other), folders, (7, 8), strict=True):
        assert one["learning"]["updates"] > 0
        assert one["ray"]["policy_lag_steps"]["max"] <= 4
        assert one["ray"]["steps_lost"] == 0
        assert one["ray"]["bytes_sent"] > 0
        saved = open_saved(path)
        assert (saved.step, saved.config.seed) == (40, seed)
        (cohort,) = saved.state["policies"]["cohorts"].values()
        living = saved.state["world"]["population"]["living"]
        trained = cohort["networks"]["own"]["updates"] > 0
        assert {int(slot) % 2 for slot in living[trained]} == {0, 1}  # both learners have learnt for it
        assert np.isfinite(cohort["networks"]["own"]["weights"]).all()
        assert (path / "run.db").exists()
    deadline = time.monotonic() + 60
    while processes_that_say(sockets) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_that_say(sockets)
    assert not list(Path(sockets).iterdir())
    Path(sockets).rmdir()
    assert set(SHM.glob("*")) <= before


class Nobody:
    """A cluster without a free node: nobody who is placed there ever answers."""

    def place(self, part: type, *words: Any, **options: Any) -> Any:
        return SimpleNamespace(
            **{name: SimpleNamespace(remote=lambda *words: object()) for name in ("play", "serve", "signs", "meet")}
        )

    def ready(self, waits: Any, seconds: float, most: int) -> list[Any]:
        return []

    def end(self, part: Any) -> None:
        pass

    def close(self) -> None:
        pass


def test_where_no_node_is_free_the_run_ends_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "Cluster", lambda *words: Nobody())
    monkeypatch.setattr(fleet, "START_S", 0.1)
    folder = RunFolder.create(tmp_path / "run", "run")
    with pytest.raises(TeemError, match=r"learner 0 has not begun within 0.1 s: give the cluster a node with 1 CPUs"):
        play(Fleet.create(config_of(runtime__mode="ray", ray__role="actors"), folder), SimpleNamespace(asked=False))  # type: ignore[arg-type]


def test_who_lives_but_makes_no_progress_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    member, now = Member("learner", 1), 1000.0
    monkeypatch.setattr(fleet.time, "monotonic", lambda: now)
    member.seen_at = member.got_on_at = now
    assert member.fault(60.0) is None
    member.signs = Signs(begun=True, progress=5)
    now += 9.0
    assert member.fault(60.0) is None
    now += 2.0
    assert member.fault(60.0) == "it gave no sign of life for 10 s"
    member.seen_at = now
    assert member.fault(60.0) is None
    member.seen_at = now = now + 60.0
    assert member.fault(60.0) == "it made no progress for 60 s"
    member.signs = Signs(begun=False, progress=5)  # it compiles, or makes its world
    assert member.fault(60.0) is None
    member.signs = Signs(begun=True, progress=5, fault="what went wrong")
    assert member.fault(60.0) == "what went wrong"
