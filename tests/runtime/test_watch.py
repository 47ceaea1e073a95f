"""A run is sampled between its steps, and what is wrong with a real one is found out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teem.config.load import load_config
from teem.errors import UsageError
from teem.measure.endpoint import Endpoint
from teem.measure.machine import rss_mb
from teem.record.folder import RunFolder
from teem.runtime import session
from teem.runtime.interrupt import Interrupts
from teem.runtime.loop import Run
from teem.runtime.page import expect_page, page_of
from teem.runtime.report import build_report, in_words

SMALL = {"population.founders": 20, "runtime.threads": 1, "record.every": 50, "checkpoint.at_end": False}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs = []

    def begin(**settings: Any) -> Run:
        config = load_config("farm", SMALL | {name.replace("__", "."): value for name, value in settings.items()})
        runs.append(Run.create(config, RunFolder.create(tmp_path / str(len(runs)), "run")))
        return runs[-1]

    yield begin
    for run in runs:
        run.pools.close()
        if run.recorder:
            run.recorder.close()


def sampled(run: Run, steps: int, work: Callable[[int], object], every: int = 4) -> None:
    """Play, with a sample every so many steps and a look every twenty samples, instead of every few seconds."""
    run.watch._next = float("inf")
    for step in range(steps):
        run.advance()
        work(step)
        if step % every == 0:
            run.watch._take([run.watch._sample(time.perf_counter())])
        if step % (20 * every) == 0:
            run.watch._look()


def test_a_run_leaves_its_metrics_and_says_nothing_of_alarms(make: Callable[..., Run]) -> None:
    run = make(steps=30, metrics__every=0.001)
    assert run.play(lambda run, outcome: None, lambda: False) == "steps"
    run.finish("steps")
    told = json.loads((run.folder.path / "metrics.json").read_text("utf-8"))
    assert told["step"] == told["values"]["steps"] == 30
    assert told["values"]["record_rows"] == run.recorder.rows  # type: ignore[union-attr]
    assert told["values"]["memory_megabytes"] > 10
    assert told["values"]["alive"] == {"base": len(run.world.population.living)}
    assert told["spans"].keys() == run.spans.names.keys()
    assert told["forecasts"] == build_report(run, "steps", 1.0)["alarms"] == []
    names = {sample.name for family in page_of(run) for sample in family.samples}
    assert {"teem_steps_total", "teem_container_items", "teem_span_recent_seconds", "teem_memory_megabytes"} <= names


def test_what_is_not_to_be_measured_is_not(make: Callable[..., Run]) -> None:
    run = make(steps=5, metrics__enabled=False)
    run.play(lambda run, outcome: None, lambda: False)
    run.finish("steps")
    assert run.watch.latest is None
    assert not (run.folder.path / "metrics.json").exists()


def test_the_bits_are_the_same_whether_it_is_measured_or_not(make: Callable[..., Run]) -> None:
    runs = [make(steps=60, metrics__enabled=False), make(steps=60, metrics__every=0.001, forecast__every=0.001)]
    for run in runs:
        run.play(lambda run, outcome: None, lambda: False)
        run.finish("steps")
    first, second = (run.world.population.state() for run in runs)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.slow  # in a process of its own: memory that others gave back hides what it takes
def test_a_list_that_nobody_bounds_is_foretold_by_name(make: Callable[..., Run]) -> None:
    run = make(steps=0, forecast__memory_limit=(rss_mb() or 0.0) + 1000)
    tracker: list[bytes] = []
    sampled(run, 240, lambda step: tracker.extend(bytes([step]) * 20_000 for _ in range(30)), every=2)
    cause = {alarm.name: alarm.cause for alarm in run.watch.alarms}["memory"]
    assert re.search(r"the list tracker in test_a_list_that_nobody_bounds.*, \d+ items", cause)
    report = build_report(run, "steps", 1.0)
    assert "alarm     memory grows by" in in_words(report, "here")
    assert "memory grows by" in run.watch.warnings()[[alarm.name for alarm in run.watch.alarms].index("memory")]
    logged = [json.loads(line) for line in (run.folder.path / "log.jsonl").read_text("utf-8").splitlines()]
    assert "memory" in [line["name"] for line in logged if line["event"] == "alarm"]


def test_threads_that_outlive_their_evaluation_are_counted(make: Callable[..., Run]) -> None:
    run, over = make(steps=0), threading.Event()

    def evaluate(step: int) -> None:
        if step % 4 == 0:
            threading.Thread(target=over.wait, daemon=True).start()

    sampled(run, 400, evaluate)
    over.set()
    assert "threads became more" in {alarm.name: alarm.cause for alarm in run.watch.alarms}["threads"]


@pytest.mark.slow
def test_a_plot_in_the_loop_is_told_from_the_step(make: Callable[..., Run]) -> None:
    run = make(steps=0)

    def plot(step: int) -> None:
        until = time.thread_time() + 2e-5 * step
        while time.thread_time() < until:
            pass

    sampled(run, 600, plot)
    assert "between steps" in {alarm.name: alarm.cause for alarm in run.watch.alarms}["frame"]


def test_a_port_that_is_taken_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    other = Endpoint(0, lambda: ())
    try:
        config = load_config("farm", {**SMALL, "metrics.port": other.port})
        with pytest.raises(UsageError, match=f"metrics.port is {other.port}"):
            session.begin(config, "farm", tmp_path / "run")
    finally:
        other.close()
    assert not (tmp_path / "run").exists()
    expect_page(load_config("farm", SMALL))


def test_the_page_is_there_while_a_run_is_played(tmp_path: Path) -> None:
    import urllib.request

    free = Endpoint(0, lambda: ())
    free.close()
    config = load_config("farm", {**SMALL, "steps": 40, "metrics.port": free.port, "metrics.every": 0.001})
    run = session.begin(config, "farm", tmp_path / "run")
    assert isinstance(run, Run)
    seen: list[str] = []
    on_step = run.watch.on_step

    def look() -> None:
        on_step()
        if run.step == 30:
            while run.watch.latest is None:  # the thread that watches is about to tell
                time.sleep(0.01)
            seen.append(urllib.request.urlopen(f"http://127.0.0.1:{free.port}/metrics", timeout=20).read().decode())

    run.watch.on_step = look  # type: ignore[method-assign]
    with Interrupts() as interrupts:
        session.play(run, interrupts, headless=True)
    assert "teem_agent_steps_total " in seen[0]
    Endpoint(free.port, lambda: ()).close()  # it is free again


STARTED = """
import sys
from pathlib import Path
from teem.config.load import load_config
from teem.runtime import session
config = load_config("farm", {"population.founders": 20, "runtime.threads": 1, "record.enabled": False, "steps": 30})
run = session.begin(config, "farm", Path(sys.argv[1]))
for _ in range(30):
    run.advance()
    run.watch._look()
print([name for name in ("scipy.stats", "scipy.signal", "scipy.spatial", "ruptures") if name in sys.modules])
"""


def test_a_run_begins_without_what_only_a_forecast_needs(tmp_path: Path) -> None:
    """A look at what has too few points to tell imports nothing either."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED, str(tmp_path / "run")], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout.strip() == "[]"
