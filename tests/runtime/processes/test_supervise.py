"""Several actors and learners, started and ended by their supervisor."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from together import config_of

from teem.evaluate.saved import open_saved
from teem.record.folder import RunFolder
from teem.runtime.interrupt import Interrupts
from teem.runtime.processes.facts import room_of
from teem.runtime.processes.links import Links, lay
from teem.runtime.processes.patience import WAKE_S
from teem.runtime.processes.supervise import Supervisor


def test_each_actor_has_a_world_of_its_own_and_all_learners_serve_both(tmp_path: Path) -> None:
    config = config_of(
        runtime__mode="async", runtime__actors=2, runtime__learners=2, steps=40, record__enabled=True, record__every=5
    )
    folder = RunFolder.create(tmp_path / "run", "run")
    report = Supervisor.create(config, folder).play(Interrupts(), headless=True)
    folder.close()
    (other,) = report["async"]["others"]
    assert report["steps"] == other["steps"] == 40
    assert report["async"]["restarts"] == 0
    for one in (report, other):
        assert one["learning"]["updates"] > 0
        assert one["async"]["policy_lag_steps"]["max"] <= 16
    weights = []
    for path in (tmp_path / "run", tmp_path / "run" / "actors" / "1"):
        saved = open_saved(path)
        (cohort,) = saved.state["policies"]["cohorts"].values()
        living = saved.state["world"]["population"]["living"]
        trained = cohort["networks"]["own"]["updates"] > 0
        assert {int(slot) % 2 for slot in living[trained]} == {0, 1}  # both learners have learnt for it
        assert (path / "run.db").exists()
        weights.append(cohort["networks"]["own"]["weights"])
    assert not np.array_equal(weights[0][:4], weights[1][:4])  # another seed
    assert [open_saved(path).config.seed for path in (tmp_path / "run", tmp_path / "run" / "actors" / "1")] == [7, 8]


def test_who_waits_for_what_has_a_limit_of_its_own_gets_on() -> None:
    control = Links(lay(config := config_of(runtime__mode="async"), room_of(config))).control
    _, before = control.signs(0)
    with control.getting_on(0):
        deadline = time.monotonic() + 60
        while control.signs(0)[1] == before and time.monotonic() < deadline:
            time.sleep(0.01)
    _, after = control.signs(0)
    assert after > before
    time.sleep(2 * WAKE_S)
    assert control.signs(0)[1] == after  # the wait is over: from now on it must get on by itself
