"""Actors and learners as Ray actors on this machine, from their start to what is left of them: nothing."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from together import config_of

from teem.evaluate.saved import open_saved
from teem.record.folder import RunFolder
from teem.runtime.remote.fleet import Fleet
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
