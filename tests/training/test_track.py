"""A loop of one's own, tracked: evaluated beside, stopped, drawn and reported."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import cloudpickle
import pytest
from players import Line, right

from teem.errors import UsageError
from teem.training.schedules import Every
from teem.training.stopping import MostSteps, RewardThreshold
from teem.training.track import track


def children() -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(stat.parent.name))
    return found


def test_a_loop_is_evaluated_stopped_and_reported(tmp_path):
    before, there = threading.active_count(), children()
    weights = {"right": 0.0}

    def act(observation):
        return int(weights["right"] > 0.5)

    with track(Line, act, eval_every=50, log_dir=tmp_path, stop=[RewardThreshold(9.5)], episodes=3) as training:
        env = Line()
        observation, _ = env.reset(seed=0)
        while not training.stopped and training.steps < 20_000:
            weights["right"] = min(1.0, training.steps / 200)
            observation, reward, terminated, truncated, _ = env.step(act(observation))
            training.step(reward, terminated or truncated)
            if terminated:
                observation, _ = env.reset()
            training.tracker.update(training.steps, right=weights["right"])
            time.sleep(0.001)  # so that the evaluations, in another process, have time
    assert "reward was 9.5 or more" in training.stopped
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["stopped"] == training.stopped and summary["best"]["mean"] == 10.0
    assert summary["evaluations"]["failed"] == summary["evaluations"]["timed_out"] == 0
    first = training.tracker.results[0]
    assert first.step == 50 and first.mean == 0.0  # the policy as it was then, not as it has become
    assert cloudpickle.loads((tmp_path / "best_policy.pickle").read_bytes())(None) == 1
    with sqlite3.connect(tmp_path / "history.db") as connection:
        assert connection.execute("SELECT reason FROM ends").fetchall() == [(training.stopped,)]
        assert connection.execute("SELECT count(*) FROM history WHERE metric = 'right'").fetchone()[0] == training.steps
    connection.close()
    assert threading.active_count() == before and children() <= there
    assert not list(tmp_path.glob(".evaluating*"))


def test_what_a_training_left_that_was_killed_is_removed_and_of_one_that_goes_on_is_not(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    of_dead, of_living = (tmp_path / f".evaluating-{process}-x" for process in (dead.pid, os.getppid()))
    for folder in (of_dead, of_living):
        folder.mkdir()
        (folder / "version-3").write_bytes(b"weights")
    with track(log_dir=tmp_path) as training:
        training.step(1.0, True)
        assert not of_dead.exists() and of_living.exists()


def test_episodes_are_summed_in_each_of_several_environments():
    with track() as training:
        for step in range(1, 7):
            training.step([1.0, 10.0], [step % 2 == 0, step % 3 == 0])
    assert training.steps == 12
    assert training.tracker.episodes == 5
    assert training.tracker.series["reward"].recent()[1].tolist() == [2.0, 30.0, 2.0, 2.0, 30.0]
    assert training.tracker.series["length"].recent()[1].tolist() == [2.0, 3.0, 2.0, 2.0, 3.0]
    with pytest.raises(UsageError, match="1 rewards and 1 dones, 2 before"):
        training.step(1.0, False)


def test_an_evaluation_that_hangs_or_fails_never_stops_the_training(tmp_path):
    before = children()

    class Hangs(Line):
        def step(self, action):
            if threading.current_thread() is threading.main_thread() and self.hanging:
                time.sleep(600)
            return super().step(action)

        hanging = False

    def make():
        env = Hangs()
        env.hanging = not rehearsing
        return env

    rehearsing = True
    training = track(make, right, Every(steps=10), tmp_path, timeout_s=0.3, at_end=False)
    rehearsing = False
    with pytest.warns(UserWarning, match="took longer than 0.3 s"), training:
        while not (training.training.evaluations.evaluator.timed_out and training.steps > 100):
            training.step(1.0, training.steps % 10 == 0)
            time.sleep(0.001)
    assert training.summary["evaluations"]["done"] == 0
    assert training.summary["best"] is None and training.summary["last"] is None
    assert children() <= before


def test_a_loop_that_breaks_leaves_nothing_behind(tmp_path):
    before, there = threading.active_count(), children()
    with pytest.raises(ZeroDivisionError), track(Line, right, 10, tmp_path) as training:
        for _ in range(50):
            training.step(1.0, False)
        1 / 0  # noqa: B018
    assert children() <= there and threading.active_count() == before
    assert not list(tmp_path.glob(".evaluating*"))


def test_a_training_goes_on_where_another_ended_and_one_that_begins_anew_puts_it_aside(tmp_path):
    reward = {"of": 1.0}

    def train(steps: int, first: int = 0) -> track:
        training = track(lambda: Line(reward["of"]), right, Every(steps=10**9), tmp_path, episodes=2)
        training.steps = first
        with training:
            for _ in range(steps):
                training.step(1.0, False)
        return training

    first = train(30)
    assert first.summary["best"] == {"step": 30, "version": 1, "mean": 10.0, "std": 0.0, "length": 10.0}
    best = (tmp_path / "best_policy.pickle").read_bytes()
    reward["of"] = 0.5
    second = train(20, first=30)
    assert [(each.step, each.version, each.mean) for each in second.tracker.results] == [(30, 1, 10.0), (50, 2, 5.0)]
    assert second.summary["best"]["step"] == 30 and second.summary["last"]["step"] == 50
    assert (tmp_path / "best_policy.pickle").read_bytes() == best
    third = train(10)
    assert third.summary["best"] == {"step": 10, "version": 1, "mean": 5.0, "std": 0.0, "length": 10.0}
    with sqlite3.connect(tmp_path / "earlier-1" / "history.db") as connection:
        assert connection.execute("SELECT step FROM evaluations").fetchall() == [(30,), (50,)]
    connection.close()
    assert (tmp_path / "earlier-1" / "best_policy.pickle").read_bytes() == best


def test_without_an_environment_there_are_no_processes():
    before = children()
    with track(stop=[MostSteps(500)]) as training:
        while training.step(0.5, True):
            pass
        assert children() <= before
    assert training.summary["evaluations"] is None
    assert training.summary["step"] == training.steps == 500


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"eval_env": Line}, "both eval_env and policy"),
        ({"eval_env": 3, "policy": right}, "eval_env is 3"),
        ({"eval_env": "NoSuchEnv-v9", "policy": right}, "'NoSuchEnv-v9' is nothing that Gymnasium knows"),
        ({"eval_env": lambda: 1 / 0, "policy": right}, "ZeroDivisionError"),
        ({"eval_env": lambda: Line(float("nan")), "policy": lambda seen: 1}, "the reward nan in its first step"),
        ({"eval_env": Line, "policy": 5}, "policy is 5"),
        ({"eval_every": 0}, "eval_every is 0"),
        ({"episodes": 0}, "episodes is 0"),
        ({"timeout_s": 0}, "timeout_s is 0"),
        ({"stop": [7]}, "7 is no condition"),
    ],
)
def test_bad_input_is_told_at_construction(given, fault):
    with pytest.raises(UsageError, match=fault):
        track(**given)


def test_everything_wrong_is_told_at_once(tmp_path):
    with pytest.raises(UsageError) as told:
        track(3, right, 0, tmp_path / "fresh", episodes=0, timeout_s=-1)
    assert len(told.value.faults) == 4
    assert not (tmp_path / "fresh").exists()
