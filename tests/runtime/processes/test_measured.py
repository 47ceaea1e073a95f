"""A learner measures itself, and what is wrong with it is told where the run is shown."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from together import Together, config_of

from teem.config.settings import Config
from teem.measure.machine import rss_mb
from teem.runtime.beside import alarms_beside, learner_folder
from teem.runtime.page import page_of
from teem.runtime.processes.links import Links
from teem.runtime.processes.teaching import Teaching
from teem.runtime.watch import Watch
from teem.threads import Threads


class Measured(Together):
    """Learners that keep what they measure beside the run."""

    def __init__(self, config: Config, out: Path) -> None:
        self._out = out
        super().__init__(config, out)

    def teaching(self, config: Config, learner: int) -> Teaching:
        folder = learner_folder(self._out, learner, os.open(self._out, os.O_RDONLY))
        links = Links(self.links.wiring, 1 + learner)
        return Teaching([config], links, learner, Threads(1), folder=folder)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Measured]:
    limit = (rss_mb() or 0.0) + 1000
    crowd = {"population__founders": 200, "population__capacity": 400}  # so that a step is far longer than a hitch
    config = config_of(
        runtime__mode="async", runtime__learners=2, metrics__trace=True, forecast__memory_limit=limit, **crowd
    )
    made = Measured(config, tmp_path / "run")
    yield made
    for one in made.learners:
        one.close()
        one.folder.close()
    made.run.watch.close()
    made.run.folder.close()


def watch_of(teaching: Teaching) -> Watch:
    assert teaching.watch is not None
    return teaching.watch


def sampled(watch: Watch) -> None:
    watch._take([watch._sample(time.perf_counter())])


def test_learners_tell_what_they_do_and_hold(pair: Measured) -> None:
    for _ in range(30):
        pair.step()
    values = []
    for one in pair.learners:
        sampled(watch_of(one))
        assert watch_of(one).registry.failed == {}
        values.append(json.loads((one.folder.path / "metrics.json").read_text("utf-8"))["values"])
    run = pair.run
    assert [one["steps"] for one in values] == [30, 30]
    assert sum(one["updates"] for one in values) == run.totals.updates + run.policies.told_late() > 0
    assert sum(one["alive"]["base"] for one in values) == len(run.world.population.living)
    assert sum(one["batches"]["base"] for one in values) > 0
    assert all(one["published"] > 0 and one["filled_megabytes"] > 0 for one in values)
    assert all(one["container_items"]["replay"] > 0 for one in values)
    told = json.loads((pair.learners[0].folder.path / "metrics.json").read_text("utf-8"))["spans"]
    assert {"read", "remember", "inherit", "learn", "publish", "step"} <= told.keys()
    inner = sum(one["total_s"] for name, one in told.items() if name not in ("step", "wait"))
    assert 0.5 * told["step"]["total_s"] < inner <= told["step"]["total_s"]


def test_each_process_leaves_its_trace(pair: Measured) -> None:
    for _ in range(10):
        pair.step()
    pair.learners[0].close()
    events = json.loads((pair.learners[0].folder.path / "trace.json").read_text("utf-8"))["traceEvents"]
    assert {"learn", "publish"} <= {event["name"] for event in events}


def test_a_learner_that_hoards_is_foretold_where_the_run_is_shown(pair: Measured) -> None:
    learner, hoard = pair.learners[1], []
    for step in range(120):
        pair.step()
        hoard.append(np.ones(200_000))  # 1.6 MB
        if step % 2:
            sampled(watch_of(learner))
        if step % 20 == 19:
            watch_of(learner)._look()
    sampled(watch_of(learner))
    sampled(pair.run.watch)
    (alarm,) = (one for one in pair.run.watch.all_alarms() if one["name"] == "memory")
    assert alarm["process"] == "learner 1"
    assert "arrays" in alarm["cause"]
    assert any(line.startswith("learner 1: memory grows") for line in pair.run.watch.warnings())
    logged = [json.loads(line) for line in (pair.run.folder.path / "log.jsonl").read_text("utf-8").splitlines()]
    alarms = [line for line in logged if line["event"] == "alarm"]  # on a busy machine one of its frames may be another
    assert [line["process"] for line in alarms if line["name"] == "memory"] == ["learner 1"]
    assert {one["process"] for one in alarms_beside(pair.run.folder.path)} == {"learner 1"}


def test_the_page_has_a_part_for_each_learner(pair: Measured) -> None:
    for _ in range(4):
        pair.step()
    for one in pair.learners:
        sampled(watch_of(one))
    apart = _Apart(pair.run.folder, pair.run.config)
    samples = [sample for family in page_of(apart) for sample in family.samples]
    assert {"learner 0", "learner 1", "main"} == {sample.labels["part"] for sample in samples}


class _Apart:
    """A run that is played by others, as far as its page asks."""

    def __init__(self, folder: object, config: Config) -> None:
        self.folder, self.config, self._lost = folder, config, []
