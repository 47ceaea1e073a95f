"""Crawlers that learn torques by PPO are recorded, examined, resumed and evaluated as others are."""

import shutil

import numpy as np
import pytest
from tiny_runs import TINY_CRAWLERS, TORQUES, changed, run_in

import teem
from teem.evaluate.doctor import examine
from teem.evaluate.episodes import evaluation_config, play_world
from teem.evaluate.proof import evaluate
from teem.evaluate.saved import open_saved
from teem.evaluate.trained import trained_of
from teem.learning.algorithms.ppo import PPO
from teem.learning.policies import Policies
from teem.learning.rollout import Rollouts
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.threads import Threads
from teem.worlds.crawlers.crawlers import Crawlers

STEPS = 70
NOT_FOR_CRAWLERS = {"recorded moves change positions", "who is in sight is seen", "observations are as specified"}


def by_name(run):
    return {one.name: one for one in examine(run, steps=STEPS)}


def test_a_healthy_run_passes_every_check_that_is_not_about_farms(tiny_torques):
    findings = by_name(tiny_torques)
    assert {name: one.detail for name, one in findings.items() if one.ok is False} == {}
    assert {name for name, one in findings.items() if one.ok is None} == NOT_FOR_CRAWLERS


def test_every_torque_is_recorded_a_word_a_joint(tiny_torques):
    run = teem.open_run(tiny_torques)
    assert "actions" not in run.names
    words = np.array([row.split() for row in run.actions()["action"]], np.float32)
    assert words.shape[1] == len(run.names["branches"]) == 7
    assert np.abs(words).max() <= 1 and len(np.unique(words)) > 100
    assert (words == 0).any()  # of joints that are not there


# ---- faults in the play


def joints_that_are_not_there_are_turned(monkeypatch):
    act = Policies.act

    def spoilt(self, observation, *, greedy=False):
        action = act(self, observation, greedy=greedy)
        return np.where(action == 0, np.float32(0.5), action)

    monkeypatch.setattr(Policies, "act", spoilt)


def more_than_all_torque_is_chosen(monkeypatch):
    act = Policies.act
    monkeypatch.setattr(Policies, "act", lambda self, seen, *, greedy=False: 3 * act(self, seen, greedy=greedy))


def the_world_does_something_else(monkeypatch):
    step = Crawlers.step

    def spoilt(self, action):
        outcome = step(self, action)
        outcome.action[outcome.acted] *= 0.5
        return outcome

    monkeypatch.setattr(Crawlers, "step", spoilt)


def nothing_is_stored(monkeypatch):
    monkeypatch.setattr(Rollouts, "add", lambda *args: None)


def nobody_learns(monkeypatch):
    def learn(self, rows, ids, step):
        self.gauges.updates[rows] += self.rollouts.ready[rows]
        self.rollouts.forget(rows[self.rollouts.ready[rows]])
        return len(rows)

    monkeypatch.setattr(PPO, "learn", learn)


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("actions are legal", joints_that_are_not_there_are_turned),
        ("actions are legal", more_than_all_torque_is_chosen),
        ("actions are legal", the_world_does_something_else),
        ("decisions are remembered as seen", nothing_is_stored),
        ("networks change when they learn", nobody_learns),
    ],
)
def test_a_planted_fault_is_found(tiny_torques, monkeypatch, name, plant):
    plant(monkeypatch)
    assert by_name(tiny_torques)[name].ok is False


# ---- resuming, evaluating


def test_a_resumed_run_goes_on_bit_for_bit(tmp_path):
    settings = changed(TINY_CRAWLERS, steps=200, **TORQUES)
    run_in(tmp_path / "whole", settings)
    run_in(tmp_path / "parts", changed(settings, steps=121))  # amid decisions and rollouts
    run = Run.resume(settings, RunFolder.open(tmp_path / "parts"))
    run.finish(run.play(lambda run, outcome: None, lambda: False))
    run.folder.close()
    whole, parts = (teem.open_run(tmp_path / name) for name in ("whole", "parts"))
    for table in ("agent_steps", "learning", "agents"):
        ours, theirs = (run.sql(f"SELECT * FROM {table}") for run in (whole, parts))
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.kind == "f") for name in ours)
    saved = [trained_of(open_saved(tmp_path / name)) for name in ("whole", "parts")]
    assert np.array_equal(saved[0].own["weights"], saved[1].own["weights"])
    assert (saved[0].updates > 1).all()


def test_it_is_evaluated_against_random_resting_and_gaits(tiny_torques, tmp_path, monkeypatch):
    monkeypatch.setattr("teem.worlds.crawlers.gaits.TRIES", 3)
    run = shutil.copytree(tiny_torques, tmp_path / "run")
    evidence = evaluate([run], seeds=2, steps=30, threads=1)
    assert evidence.values["fresh"].shape == (1, 2, 4, 4)
    assert np.isfinite(evidence.values["fresh"]).all()


@pytest.mark.parametrize("algorithm", ["ppo", "random", "resting", "heuristic"])
def test_each_policy_plays_by_torque(tiny_torques, algorithm):
    config = evaluation_config(open_saved(tiny_torques).config, 11, None)
    trained = trained_of(open_saved(tiny_torques))
    one, two = (play_world(config, {"it": algorithm}, trained, 60, Threads(1))["it"] for _ in range(2))
    assert np.array_equal(one, two)
    assert one[1] == 60
