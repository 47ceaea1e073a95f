"""The doctor examines treasure worlds, and what was learnt in them is compared: what holds, and faults planted."""

import numpy as np
import pytest
from tiny_runs import TINY_TREASURE, changed, run_in

from teem.config.treasure import GEM, GROUND, WALL, EntitySettings
from teem.errors import UsageError
from teem.evaluate.doctor import examine
from teem.evaluate.proof import evaluate
from teem.learning.replay import Replay
from teem.worlds.treasure.treasure import Treasure

STEPS = 40
NOT_FOR_TREASURE = {"energy is conserved", "who is in sight is seen", "recorded moves change positions"}


def by_name(run):
    return {one.name: one for one in examine(run, steps=STEPS)}


def failed(run):
    return {name for name, one in by_name(run).items() if one.ok is False}


def test_a_healthy_run_passes_every_check(tiny_treasure):
    findings = by_name(tiny_treasure)
    assert {name: one.detail for name, one in findings.items() if one.ok is False} == {}
    assert {name for name, one in findings.items() if one.ok is None} == NOT_FOR_TREASURE
    assert findings["terminals are stored"].detail == "48 episodes were cut off, each stored as cut"


EXIT = EntitySettings(name="exit", share=0.1, ends=True)
OTHER_SETTINGS = {
    "an exit": {"world": {"entities": (GROUND, WALL, GEM, EXIT)}},
    "frames": {"world": {"frames": 3, "view": "rgb"}},
    "ppo": {"learning": {"algorithm": "ppo"}},
    "nothing is learnt": {"learning": {"algorithm": "heuristic"}},
}


@pytest.mark.parametrize("tables", OTHER_SETTINGS.values(), ids=OTHER_SETTINGS)
def test_healthy_runs_of_other_settings_have_no_fault(tmp_path, tables):
    findings = by_name(run_in(tmp_path / "run", changed(TINY_TREASURE, **tables)))
    assert {name: one.detail for name, one in findings.items() if one.ok is False} == {}


def episodes_run_into_each_other(monkeypatch):
    original = Replay.add

    def add(self, rows, observation, mask, action, reward, terminated, truncated, final):
        original(self, rows, observation, mask, action, reward, terminated, np.zeros_like(truncated), None)

    monkeypatch.setattr(Replay, "add", add)


def cuts_are_stored_as_ends(monkeypatch):
    original = Replay.add

    def add(self, rows, observation, mask, action, reward, terminated, truncated, final):
        original(self, rows, observation, mask, action, reward, terminated | truncated, truncated, final)

    monkeypatch.setattr(Replay, "add", add)


def nobody_gets_anywhere(monkeypatch):
    original = Treasure.step

    def step(self, action):
        return original(self, np.where(np.arange(len(action)) == 0, action, 0).astype(np.int32))

    monkeypatch.setattr(Treasure, "step", step)


def walking_leads_nowhere(monkeypatch):
    original = Treasure.step

    def step(self, action):
        outcome = original(self, np.full_like(action, 4))
        outcome.action = action
        return outcome

    monkeypatch.setattr(Treasure, "step", step)


def a_neighbour_is_shown(monkeypatch):
    original = Treasure.observe

    def observe(self):
        observation = original(self)
        observation.values[:-1] = observation.values[1:].copy()
        return observation

    monkeypatch.setattr(Treasure, "observe", observe)


@pytest.mark.parametrize(
    ("plant", "name"),
    [
        (episodes_run_into_each_other, "decisions are remembered as seen"),
        (cuts_are_stored_as_ends, "decisions are remembered as seen"),
        (nobody_gets_anywhere, "actions are legal"),
        (walking_leads_nowhere, "moves change positions"),
        (a_neighbour_is_shown, "observations are as specified"),
    ],
)
def test_a_planted_fault_is_found(tiny_treasure, monkeypatch, plant, name):
    plant(monkeypatch)
    assert name in failed(tiny_treasure)


def test_what_was_learnt_is_compared_by_value(tiny_treasure, tmp_path):
    evidence = evaluate([tiny_treasure], seeds=2, steps=40, agents=8, threads=1)
    assert evidence.contest.world == "treasure"
    means = evidence.comparisons["fresh"].means
    assert means["resting"]["feats"].mean == 0
    assert means["heuristic"]["feats"].mean > means["random"]["feats"].mean
    assert evidence.founders == (8,)


def test_agents_that_cant_be_spread_evenly_are_told(tiny_treasure):
    with pytest.raises(UsageError, match=r"agents is 10, but the worlds of .* have 4 each: give a multiple of 4"):
        evaluate([tiny_treasure], seeds=2, steps=5, agents=10, threads=1)
