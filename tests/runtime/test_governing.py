"""A governed run, by a clock that is made up: what is turned is recorded, saved, shown, and made again bit for bit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teem.config.load import load_config
from teem.config.settings import Config
from teem.errors import UsageError
from teem.measure.governor import Controls
from teem.record.folder import RunFolder
from teem.runtime.cohorts import least_trained
from teem.runtime.governing import expect_replayable, recorded, replay_ratios
from teem.runtime.loop import Run
from teem.runtime.report import build_report, in_words

SMALL: dict[str, Any] = {
    "population.founders": 20, "population.capacity": 24, "world.upkeep": 0.0, "world.attack_damage": 0.0,
    "learning.hidden": (16, 8), "learning.interval": 4, "learning.replay.length": 32, "learning.replay.warmup": 32,
    "record.every": 5, "checkpoint.every": 50, "runtime.threads": 1, "watchdog.frame": 0.0, "steps": 0,
}  # fmt: skip
STEPS = 420


def config(world: str = "farm", **more: Any) -> Config:
    return load_config(world, {**SMALL, **{name.replace("__", "."): value for name, value in more.items()}})


def load(step: int) -> float:
    """What there is to do doubles at step 100, and halves at step 200."""
    return 2.0 if 100 <= step < 200 else 1.0


def made_up(run: Run) -> Callable[[], tuple[float, float]]:
    """A clock by which the last step took 3 ms and 5 ms of learning, times the load."""

    def measure() -> tuple[float, float]:
        learnt = 5.0 * load(run.step - 1) * run.governing.controls.learning
        return 3.0 * load(run.step - 1) + learnt, learnt

    return measure


def begin(settings: Config, out: Path) -> Run:
    run = Run.create(settings, RunFolder.create(out, "run"))
    run.governing.measure = made_up(run)  # type: ignore[method-assign]
    return run


def go_on(run: Run, until: int) -> Run:
    while run.step < until:
        run.advance()
    return run


def end(run: Run) -> dict[str, Any]:
    run.finish("steps")
    report = build_report(run, "steps", 1.0)
    run.folder.close()
    return report


def content(out: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(out / "run.db") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


def weights(run: Run) -> np.ndarray:
    cohort = run.policies.cohorts[0]
    return np.stack([cohort.weights_of(int(slot)) for slot in run.world.population.living])  # type: ignore[misc]


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, dict[str, Any]]:
    """A run that was governed, its weights in the end, and its report."""
    out = tmp_path_factory.mktemp("governed") / "run"
    run = go_on(begin(config(governor__frame=10.0), out), STEPS)
    return out, weights(run), end(run)


def test_a_load_that_doubles_is_shed_at_once_and_given_back_when_it_is_gone(governed: Any) -> None:
    out, _, report = governed
    changes = recorded(out)
    steps = sorted(changes)
    assert 101 < steps[0] <= 112
    assert [changes[step].why for step in steps[:2]] == ["shed", "given back"]
    assert changes[steps[0]].controls.learning == pytest.approx(0.263, abs=0.07)
    assert all(changes[step].why == "given back" for step in steps[1:])
    assert report["governor"]["changes"] == len(steps)
    assert report["governor"]["most"]["learning"] == changes[steps[0]].controls.learning
    assert report["governor"]["steps_shed"] == STEPS - steps[0]


def test_it_is_told_in_the_log_and_in_words_that_it_does_not_follow_from_its_seed(governed: Any) -> None:
    out, _, report = governed
    log = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    told = [line for line in log if line["event"] == "governor"]
    assert [line["step"] for line in told] == sorted(recorded(out))
    assert told[0]["p95_ms"] > told[0]["target_ms"] == 10.0
    text = in_words(report, str(out))
    assert "it does not follow from its seed alone" in text
    ratio = report["governor"]["replay_ratios"]["base"]
    assert 0 < ratio["done"] < ratio["asked"] == 8.0


def test_what_was_turned_is_made_again_to_the_same_bits(governed: Any, tmp_path: Path) -> None:
    out, before, _ = governed
    again = config(governor__replay=str(out))
    expect_replayable(again)
    run = go_on(begin(again, tmp_path / "again"), STEPS)
    assert np.array_equal(weights(run), before)
    report = end(run)
    assert report["governor"]["replays"] == str(out)
    assert content(tmp_path / "again") == content(out)
    free = go_on(begin(config(), tmp_path / "free"), STEPS)
    assert not np.array_equal(weights(free), before)  # so that it is no wonder
    end(free)


def test_a_resumed_run_goes_on_with_what_was_turned(governed: Any, tmp_path: Path) -> None:
    """Stopped amid the load, and past its last checkpoint: made again from its own record it is the same run."""
    settings = config(governor__frame=10.0)
    run = go_on(begin(settings, tmp_path / "parts"), 150)
    held = run.governing.controls
    assert held != Controls()
    end(run)
    resumed = Run.resume(settings, RunFolder.open(tmp_path / "parts"))
    assert resumed.governing.controls == held
    resumed.governing.measure = made_up(resumed)  # type: ignore[method-assign]
    go_on(resumed, STEPS)
    end(resumed)
    again = go_on(begin(config(governor__replay=str(tmp_path / "parts")), tmp_path / "again"), STEPS)
    assert np.array_equal(weights(again), weights(resumed))
    end(again)
    assert content(tmp_path / "again") == content(tmp_path / "parts")


def test_with_the_least_share_everybody_still_learns(tmp_path: Path) -> None:
    run = begin(config(governor__frame=10.0, governor__learning=0.2, world__maturity=10**6), tmp_path / "run")
    run.governing.measure = lambda: (100.0, 50.0)  # type: ignore[method-assign]
    go_on(run, 200)
    first = least_trained(run)
    go_on(run, 400)
    second = least_trained(run)
    assert run.governing.controls == Controls(0.2, 1, 8)
    assert first is not None
    assert second is not None
    assert second >= first + 200 / 4 * 0.2 - 2
    updates = run.policies.gauges.updates[run.world.population.living]
    assert updates.max() - updates.min() <= 10  # what they had before it was shed, and as many turns
    rows = run.recorder.rows  # type: ignore[union-attr]
    assert rows
    end(run)
    steps = [row[0] for row in content(tmp_path / "run")["steps"]]
    assert all(step % 40 == 0 for step in steps if step > 100)
    assert set(run_checkpoints(tmp_path / "run")) <= {50, 400}


@pytest.mark.parametrize(
    "learning",
    [
        {"learning__algorithm": "ppo", "learning__ppo__horizon": 7, "learning__ppo__minibatches": 1},
        {"learning__sharing": "shared", "learning__backend": "torch"},
    ],
)
def test_a_share_is_a_share_however_agents_learn(tmp_path: Path, learning: dict[str, Any]) -> None:
    run = begin(
        config(**learning, governor__frame=10.0, governor__learning=0.25, world__maturity=10**6), tmp_path / "run"
    )
    run.governing.measure = lambda: (5.0, 1.0)  # type: ignore[method-assign]
    go_on(run, 80)
    before = run.totals.updates
    go_on(run, 160)
    usual = run.totals.updates - before
    run.governing.measure = lambda: (100.0, 50.0)  # type: ignore[method-assign]
    go_on(run, 200)
    before, least = run.totals.updates, least_trained(run)
    go_on(run, 360)
    made = run.totals.updates - before
    assert run.governing.controls.learning == 0.25
    assert usual > 10
    assert made == pytest.approx(0.25 * 2 * usual, rel=0.15)
    assert least_trained(run) > least  # type: ignore[operator]
    end(run)


def run_checkpoints(out: Path) -> list[int]:
    return [int(folder.name[5:]) for folder in (out / "checkpoints").iterdir()]


def test_without_a_target_nothing_is_turned_or_told(tmp_path: Path) -> None:
    run = go_on(begin(config(), tmp_path / "run"), 40)
    assert run.governing.changes == 0
    report = end(run)
    assert report["governor"] is None
    assert "governor" not in in_words(report, "here")
    assert content(tmp_path / "run")["governor"] == []


def test_a_run_of_other_settings_can_not_be_made_again(governed: Any, tmp_path: Path) -> None:
    out, _, _ = governed
    with pytest.raises(UsageError) as refused:
        expect_replayable(config(governor__replay=str(out), seed=8, learning__gamma=0.5))
    assert len(refused.value.faults) == 2
    assert f"seed is 8 but was 7 in {out}, which governor.replay makes again: give 7" in refused.value.faults
    with pytest.raises(UsageError, match=r"governor\.replay is .*nowhere"):
        expect_replayable(config(governor__replay=str(tmp_path / "nowhere")))
    expect_replayable(config())


def test_a_cohort_that_has_no_replay_has_no_replay_ratio(still_run: Callable[..., Any]) -> None:
    run = still_run()
    assert replay_ratios(run)["base"] == {"asked": 8.0, "done": pytest.approx(32 * (38 * 5 + 3) / 39_000)}
