"""A node of a cluster that goes while islands play on it: they go on elsewhere, and the exit code tells."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clusters import processes_that_say, wait_for

from teem.config.load import load_config
from teem.evaluate.saved import open_saved
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.islands.archipelago import Archipelago, island_folder
from teem.runtime.session import exit_code, go_on, play

SHM = Path("/dev/shm")
pytestmark = pytest.mark.slow  # whole clusters start and end here, a minute by the wall
STEPS = 6000


def test_a_node_is_removed_and_its_island_goes_on_elsewhere(two_nodes: Any, tmp_path: Path) -> None:
    config = load_config(
        "farm",
        {
            "population.founders": "24", "steps": str(STEPS), "learning.hidden": "16,8", "learning.replay.length": "64",
            "checkpoint.every": "200", "record.every": "50", "ray.slice": "100", "ray.migrate_every": "200",
            "runtime.mode": "ray", "ray.address": two_nodes.address,
        },
    )  # fmt: skip
    run = Archipelago.create(config, RunFolder.create(tmp_path / "run", "farm"))
    folders = [island_folder(run.folder.path, island) for island in range(2)]

    def pull_the_plug() -> None:
        wait_for(lambda: all(checkpoint.steps_of(folder / "checkpoints") for folder in folders))
        two_nodes.cluster.remove_node(two_nodes.other, allow_graceful=False)

    plug = threading.Thread(target=pull_the_plug)
    plug.start()
    report = play(run, SimpleNamespace(asked=False))
    plug.join()
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    (lost,) = [line for line in log if line["event"] == "island lost"]  # it is not put on the lost node once more
    assert report["ray"]["restarts"] == 1
    assert exit_code(report) == 4
    assert [one["steps"] for one in report["ray"]["each"]] == [STEPS, STEPS]
    assert report["reason"] == "steps"
    assert report["ray"]["migrants_received"] > 0
    resumed = [json.loads(line) for line in (folders[lost["island"]] / "log.jsonl").read_text().splitlines()]
    assert all(line["step"] >= 200 for line in resumed if line["event"] == "resumed")
    assert [line for line in resumed if line["event"] == "resumed"]
    for folder in folders:
        saved = open_saved(folder)
        assert saved.step == STEPS
        (cohort,) = saved.state["policies"]["cohorts"].values()
        assert np.isfinite(cohort["networks"]["own"]["weights"]).all()


def test_a_run_here_is_stopped_resumed_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(SHM.glob("*"))
    settings = {
        "population.founders": "24", "steps": "400", "learning.hidden": "16,8", "ray.slice": "50",
        "ray.migrate_every": "100", "runtime.mode": "ray", "record.enabled": "false",
    }  # fmt: skip
    run = Archipelago.create(load_config("farm", settings), RunFolder.create(tmp_path / "run", "farm"))
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # short, as sockets need
    try:
        report = play(run, SimpleNamespace(asked=True))
        assert report["reason"] == "interrupted"
        assert report["steps"] < 400
        report = play(go_on(tmp_path / "run"), SimpleNamespace(asked=False))
        assert (report["reason"], report["steps"], exit_code(report)) == ("steps", 400, 0)
        assert report["ray"]["migrants_sent"] == 2 * 3 * 4
        left = str(tempfile.tempdir)
        wait_for(lambda: not processes_that_say(left))
        assert not list(Path(left).iterdir())
        assert set(SHM.glob("*")) <= before
    finally:
        Path(str(tempfile.tempdir)).rmdir()
