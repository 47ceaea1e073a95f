"""How far a sweep is, and how long it will take, is told from the steps that its runs have made."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from teem.sweep.asked import Asked, make_plan
from teem.sweep.runs import Job
from teem.sweep.study import Round, Study


class Asking:
    asked = False


def test_time_left_is_that_of_the_steps_left_at_the_pace_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, configs = make_plan(Asked("farm", {"steps": "100"}, 2, ["learning.lr=0.1,0.2"]))
    study = Study(tmp_path / "one", plan, "feats.per_step")
    for values, config in configs:
        study.take(values, config)
    jobs, made = study.jobs, {}
    assert [(job.setting, job.seed) for job in jobs] == [(1, 7), (2, 7), (1, 8), (2, 8)]  # pairs come together
    jobs[0].folder.mkdir(parents=True)
    (jobs[0].folder / "report.json").write_text(json.dumps({"reason": "steps", "feats": {"per_step": 1.0}}))
    made[jobs[1]] = 20  # by an earlier call
    monkeypatch.setattr(Job, "steps_made", lambda job: made.get(job, 0))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stop = Asking()
    told = Round(study, jobs, stop, True, "")
    told._playing = [SimpleNamespace(job=jobs[1]), SimpleNamespace(job=jobs[2])]  # type: ignore[list-item]
    assert told._say() == "1 of 4 runs done, 2 playing; 30% of all steps; – left"
    now += 60
    made[jobs[1]], made[jobs[2]] = 70, 30
    assert told._say() == "1 of 4 runs done, 2 playing; 50% of all steps; 2 min 30 s left"
    told._note(_ended(jobs[1], now), 0)
    stop.asked = True
    assert told._say() == "1 of 4 runs done, 2 playing; 50% of all steps; stopping, they save first"
    assert study.results.last()[2, 7].outcome == "stopped"
    study.close()


def _ended(job: Job, begun: float) -> Any:
    return SimpleNamespace(job=job, begun=begun)
