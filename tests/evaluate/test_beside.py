"""Evaluations beside a run: they are what the checkpoint plays, change no bit of it, and end it when it is enough."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tiny_runs import TINY, TINY_CRAWLERS, changed

from teem.cli import main
from teem.config.cohorts import cohort_of
from teem.config.dump import dump_config
from teem.config.evaluation import EvaluationSettings
from teem.config.load import load_config
from teem.errors import UsageError
from teem.evaluate.contest import contest_of
from teem.evaluate.episodes import evaluation_config, play_world, world_seed
from teem.evaluate.saved import of_cohort, open_saved
from teem.evaluate.trained import trained_of
from teem.record import checkpoint
from teem.runtime.report import in_words
from teem.threads import Threads

EVALUATION = EvaluationSettings(every=40, worlds=2, steps=30, pictures=False)


def children() -> set[str]:
    """Processes that this one has begun, and that are still there."""
    return {pid for path in Path(f"/proc/{os.getpid()}/task").glob("*/children") for pid in path.read_text().split()}


def mixed():
    """Settings of a run of three cohorts, one of which doesn't learn."""
    parts = (("wide", 0.4, {"hidden": (24,)}), ("idle", 0.2, {"algorithm": "random"}))
    cohorts = tuple(cohort_of(TINY.learning, name, share, **own) for name, share, own in parts)
    return changed(TINY, learning={"cohorts": cohorts})


def played(folder, tmp_path, config):
    """A run by the command line."""
    file = tmp_path / f"{folder.name}.toml"
    file.write_text(dump_config(config))
    assert main(["run", str(file), "--out", str(folder), "--headless"]) == 0
    return json.loads((folder / "report.json").read_text())


def by_hand(folder, worlds, steps, cohort=""):
    """What a run's newest checkpoint comes to, played here."""
    saved = of_cohort(open_saved(folder), cohort)
    trained, threads = trained_of(saved), Threads(1)
    configs = [evaluation_config(saved.config, world_seed(saved.config.seed, index), None) for index in range(worlds)]
    sides = {"trained": saved.config.learning.algorithm}
    scale = contest_of(saved.config).scale
    found = [play_world(config, sides, trained, steps, threads)["trained"][0] * scale for config in configs]
    threads.close()
    return found


def test_a_run_is_evaluated_as_its_checkpoints_play_and_goes_as_it_would(tmp_path, tiny_run):
    threads = threading.active_count()
    config = msgspec.structs.replace(TINY, evaluation=EVALUATION)
    report = played(tmp_path / "run", tmp_path, config)
    found = report["evaluations"]
    assert found["evaluations"]["done"] >= 2 and found["evaluations"]["failed"] == 0
    assert found["last"]["step"] == TINY.steps  # what it ended with was evaluated, too
    last = by_hand(tmp_path / "run", 2, 30)
    assert found["last"]["mean"] == pytest.approx(np.mean(last), rel=1e-12)
    assert found["best"]["mean"] == pytest.approx(np.mean(by_hand(tmp_path / "run" / "best_run", 2, 30)), rel=1e-12)
    with sqlite3.connect(tmp_path / "run" / "history.db") as database:
        rows = database.execute("SELECT step, status, mean FROM evaluations ORDER BY step").fetchall()
    database.close()
    assert rows[0][0] == 40 and rows[-1] == (150, "done", found["last"]["mean"])
    one, other = (checkpoint.latest(run / "checkpoints") for run in (tmp_path / "run", tiny_run))
    assert one.step == other.step
    np.testing.assert_equal(one.state["world"], other.state["world"])
    np.testing.assert_equal(one.state["policies"], other.state["policies"])
    measured = json.loads((tmp_path / "run" / "metrics.json").read_text())["values"]
    assert measured["evaluations"].keys() == {"done", "failed", "timed_out", "refused"}
    assert measured["evaluations"]["failed"] == 0
    assert threading.active_count() == threads
    assert not list((tmp_path / "run").glob(".evaluating*")) and not list((tmp_path / "run").glob("partial*"))


def test_who_goes_on_is_evaluated_when_it_would_have_been(tmp_path):
    played(tmp_path / "run", tmp_path, msgspec.structs.replace(TINY, evaluation=EVALUATION))
    assert main(["resume", str(tmp_path / "run"), "--steps", "165", "--headless"]) == 0
    with sqlite3.connect(tmp_path / "run" / "history.db") as database:
        steps = [step for (step,) in database.execute("SELECT step FROM evaluations WHERE step >= 150 ORDER BY step")]
    database.close()
    assert steps[0] == 150 and steps[-1] == 165
    assert set(steps[1:-1]) <= {160}  # and not at once


def test_a_run_ends_when_it_is_enough_and_can_be_gone_on_with(tmp_path, capfd):
    config = changed(TINY, steps=0, evaluation=msgspec.structs.replace(EVALUATION, enough=1e-9))
    report = played(tmp_path / "run", tmp_path, config)
    assert report["reason"] == "enough" and report["steps"] >= 40
    assert "the reward was 1e-09 or more" in report["evaluations"]["stopped"]
    assert "enough: at step" in capfd.readouterr().out
    assert main(["resume", str(tmp_path / "run"), "--steps", str(report["steps"] + 10), "--headless"]) == 0
    again = json.loads((tmp_path / "run" / "report.json").read_text())
    assert again["evaluations"]["stopped"]  # it was enough before, and still is
    assert again["evaluations"]["best"]["mean"] >= report["evaluations"]["best"]["mean"]


def test_an_evaluation_that_takes_too_long_is_no_result_and_holds_up_nothing(tmp_path):
    there = children()
    evaluation = EvaluationSettings(every=20, worlds=50, steps=100_000, timeout=0.3, pictures=False)
    with pytest.warns(UserWarning, match=r"took longer than 0.3 s"):
        report = played(tmp_path / "run", tmp_path, changed(TINY, evaluation=evaluation))
    found = report["evaluations"]
    assert report["reason"] == "steps" and report["steps"] == TINY.steps
    assert found["best"] is None and found["last"] is None and found["evaluations"]["done"] == 0
    assert children() <= there


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"evaluation.patience": 3}, "evaluation.patience is 3 but evaluation.every is 0"),
        (
            {"evaluation.every": 10, "runtime.mode": "ray", "ray.role": "actors"},
            "evaluation.every is 10 but runtime.mode is ray",
        ),
        ({"evaluation.every": 10, "evaluation.cohort": "wide"}, 'evaluation.cohort is "wide" but there are no'),
        (
            {"evaluation.every": 10, "learning.algorithm": "random"},
            "learning.algorithm is random, so nothing is learnt",
        ),
        ({"evaluation.every": 10, "learning.enabled": False}, "learning.enabled is false"),
        ({"evaluation.every": -1}, "evaluation.every"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, fault):
    with pytest.raises(UsageError, match=fault):
        load_config("farm", given)


@pytest.mark.parametrize(("asked", "tried"), [("", "base"), ("wide", "wide")])
def test_of_cohorts_one_is_evaluated(tmp_path, asked, tried):
    evaluation = msgspec.structs.replace(EVALUATION, cohort=asked)
    report = played(tmp_path / "run", tmp_path, changed(mixed(), evaluation=evaluation))
    found = report["evaluations"]
    assert found["cohort"] == tried and found["evaluations"]["failed"] == 0
    assert found["last"]["step"] == TINY.steps
    results = {name: np.mean(by_hand(tmp_path / "run", 2, 30, name)) for name in ("base", "wide")}
    assert found["last"]["mean"] == pytest.approx(results[tried], rel=1e-12)
    assert len(set(results.values())) == 2  # another cohort's would be seen
    assert f"times of {tried}" in in_words(report, "")


@pytest.mark.parametrize(
    ("asked", "fault"),
    [("wid", r"no cohort has that name: did you mean wide"), ("idle", 'is "idle", which does not learn: give base')],
)
def test_a_cohort_that_cannot_be_evaluated_is_refused(tmp_path, asked, fault):
    file = tmp_path / "settings.toml"
    evaluation = msgspec.structs.replace(EVALUATION, cohort=asked)
    file.write_text(dump_config(changed(mixed(), evaluation=evaluation)))
    with pytest.raises(UsageError, match=fault):
        load_config(str(file))


def test_a_run_in_processes_is_evaluated_as_its_checkpoints_play(tmp_path):
    there = children()
    runtime = {"mode": "async", "actors": 2, "threads": 1}
    evaluation = msgspec.structs.replace(EVALUATION, worlds=8, steps=150)
    report = played(tmp_path / "run", tmp_path, changed(TINY, runtime=runtime, evaluation=evaluation))
    found = report["evaluations"]
    assert report["async"]["restarts"] == 0
    assert found["evaluations"]["done"] >= 1 and found["evaluations"]["failed"] == 0
    assert found["last"]["step"] == TINY.steps
    assert found["last"]["mean"] == pytest.approx(np.mean(by_hand(tmp_path / "run", 8, 150)), rel=1e-12)
    assert not (tmp_path / "run" / "actors" / "1" / "history.db").exists()  # the first actor's world is the one
    assert children() <= there


@pytest.mark.slow
def test_an_actor_that_waits_for_its_last_evaluation_is_not_taken_for_lost(tmp_path):
    runtime = {"mode": "async", "threads": 1, "patience": 10.0}
    evaluation = EvaluationSettings(every=250, worlds=100, steps=100_000, timeout=14.0, pictures=False)
    report = played(tmp_path / "run", tmp_path, changed(TINY_CRAWLERS, runtime=runtime, evaluation=evaluation))
    assert report["evaluations"]["evaluations"]["timed_out"] >= 1
    assert report["async"]["restarts"] == 0


def test_when_it_is_enough_all_actors_stop(tmp_path, capfd):
    runtime = {"mode": "async", "actors": 2, "threads": 1}
    evaluation = msgspec.structs.replace(EVALUATION, enough=1e-9)
    report = played(tmp_path / "run", tmp_path, changed(TINY, steps=0, runtime=runtime, evaluation=evaluation))
    assert report["reason"] == "enough" and report["steps"] >= 40
    (other,) = report["async"]["others"]
    assert other["steps"] >= 1
    assert "enough: at step" in capfd.readouterr().out
