"""The doctor examines a run of crawlers: what holds there, what is not for them, and faults planted in them."""

import shutil
import sqlite3

import numpy as np
import pytest
from tiny_runs import TINY_CRAWLERS, changed, run_in

from teem.config.crawlers import BodySettings, FoodSettings, TerrainSettings
from teem.evaluate.doctor import examine
from teem.learning.algorithms.dqn import DQN
from teem.learning.policies import Policies
from teem.learning.replay import Replay
from teem.worlds.crawlers.crawlers import Crawlers
from teem.worlds.crawlers.physics import Physics

STEPS = 40
NOT_FOR_CRAWLERS = {
    "recorded moves change positions",
    "who is in sight is seen",
    "observations are as specified",
}


def by_name(run, steps=STEPS):
    return {one.name: one for one in examine(run, steps=steps)}


def failed(run):
    return {name for name, one in by_name(run).items() if one.ok is False}


def test_a_healthy_run_passes_every_check_that_is_not_about_farms(tiny_crawlers):
    findings = by_name(tiny_crawlers, 60)
    assert {name: one.detail for name, one in findings.items() if one.ok is False} == {}
    assert {name for name, one in findings.items() if one.ok is None} == NOT_FOR_CRAWLERS
    assert all("not for this world" in findings[name].detail for name in NOT_FOR_CRAWLERS)


OTHER_SETTINGS = {
    "a decision a step": {"world": {"decision": 1, "turns": 1}},
    "rare decisions, all at once": {"world": {"decision": 25, "turns": 1}},
    "one limb, level ground without food": {
        "world": {
            "body": BodySettings(limbs=1, segments=2, wheels=0),
            "terrain": TerrainSettings(style="flat", obstacles=0.0, biomes=("plains",)),
            "food": FoodSettings(density=0.0),
        }
    },
    "many births and deaths": {
        "world": {"age_max": 70, "maturity": 5, "breed_energy": 9000.0, "birth_energy": 500.0, "immobile": 0.0},
        "population": {"founders": 6, "capacity": 16},
    },
    "soon stranded": {"world": {"stranded": 20}},
    "nothing is learnt": {"learning": {"algorithm": "heuristic"}},
    "attention": {"learning": {"network": "attention"}},
    "recorded rarely": {"record": {"every": 7}},
}


@pytest.mark.parametrize("name", OTHER_SETTINGS)
def test_healthy_runs_of_other_settings_fail_no_check(tmp_path, name):
    run = run_in(tmp_path / "other", changed(TINY_CRAWLERS, steps=150, **OTHER_SETTINGS[name]))
    assert {one.name: one.detail for one in examine(run, steps=STEPS) if one.ok is False} == {}


# ---- faults in the play


def after(monkeypatch, owner, method, spoil):
    """Let a method do what it does, and then `spoil(owner, result)`."""
    original = getattr(owner, method)

    def spoilt(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        spoil(self, result)
        return result

    monkeypatch.setattr(owner, method, spoilt)


def bodies_stand_still(monkeypatch):
    monkeypatch.setattr(Physics, "step", lambda self, *args: None)


def joints_that_are_not_there_are_turned(monkeypatch):
    def spoil(self, action):
        population = self._world.population.living
        action[population] = np.where(self._world._view.mask[population], action[population], 0)

    after(monkeypatch, Policies, "act", spoil)


def the_world_turns_another_joint(monkeypatch):
    def spoil(self, outcome):
        outcome.action[outcome.acted] = np.roll(outcome.action[outcome.acted], 1, axis=1)

    after(monkeypatch, Crawlers, "step", spoil)


def somebody_gets_ten_joules(monkeypatch):
    def spoil(self, outcome):
        self.population.energy[self.population.living[0]] += 10

    after(monkeypatch, Crawlers, "step", spoil)


def one_sees_nan(monkeypatch):
    def spoil(self, observation):
        observation.values[observation.living[:1], 3] = np.nan

    after(monkeypatch, Crawlers, "observe", spoil)


def columns_show_one_value(*ends):
    def plant(monkeypatch):
        def spoil(self, observation):
            names = self.observation_names
            observation.values[:, [number for number, name in enumerate(names) if name.endswith(ends)]] = 0.5

        after(monkeypatch, Crawlers, "observe", spoil)

    plant.__name__ = f"columns_show_one_value{ends}"
    return plant


def something_else_is_remembered(monkeypatch):
    original = Replay.add

    def add(self, rows, observation, *args, **kwargs):
        original(self, rows, np.roll(observation, 1, axis=1), *args, **kwargs)

    monkeypatch.setattr(Replay, "add", add)


def one_decision_is_not_stored(monkeypatch):
    original = Replay.add
    monkeypatch.setattr(Replay, "add", lambda self, rows, *args: original(self, rows[1:], *args))


def every_state_looks_the_same(monkeypatch):
    def spoil(self, observation):
        observation.values[:] = 0.5

    after(monkeypatch, Crawlers, "observe", spoil)


def deaths_are_not_stored(monkeypatch):
    original = Replay.add

    def add(self, rows, observation, mask, action, reward, terminated, truncated, final):
        original(self, rows, observation, mask, action, reward, np.zeros_like(terminated), truncated, final)

    monkeypatch.setattr(Replay, "add", add)


def nobody_was_ever_trained(monkeypatch):
    def forget(self, result):
        self.gauges.updates[:] = 0

    after(monkeypatch, DQN, "load_state", forget)
    monkeypatch.setattr(DQN, "learn", lambda *args: 0)


PLANTS = [
    ("moves change positions", bodies_stand_still),
    ("actions are legal", joints_that_are_not_there_are_turned),
    ("actions are legal", the_world_turns_another_joint),
    ("energy is conserved", somebody_gets_ten_joules),
    ("observations are finite", one_sees_nan),
    ("no observation column is constant", columns_show_one_value("self.forward")),
    ("no observation column is constant", columns_show_one_value("limb0.0.angle")),
    ("no observation column is constant", columns_show_one_value(".command")),
    ("decisions are remembered as seen", something_else_is_remembered),
    ("decisions are remembered as seen", one_decision_is_not_stored),
    ("the next state differs from the state", every_state_looks_the_same),
    ("terminals are stored", deaths_are_not_stored),
    ("everyone old enough is trained", nobody_was_ever_trained),
]


@pytest.mark.parametrize(("name", "plant"), PLANTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_fault_is_found(tiny_crawlers, monkeypatch, name, plant):
    plant(monkeypatch)
    assert name in failed(tiny_crawlers)


# ---- faults of the record


@pytest.mark.parametrize(
    ("said", "statement"),
    [
        ("has no action", "UPDATE agent_steps SET action = NULL WHERE step = 101 AND action IS NOT NULL"),
        ("its decision goes on", "UPDATE agent_steps SET action = 'x' WHERE step = 101 AND action IS NULL"),
    ],
)
def test_an_action_that_lacks_or_should_not_be_there_is_found(tiny_crawlers, tmp_path, said, statement):
    run = shutil.copytree(tiny_crawlers, tmp_path / "copied")
    connection = sqlite3.connect(run / "run.db")
    connection.execute(statement)
    connection.commit()
    connection.close()
    found = by_name(run)["one row an action"]
    assert found.ok is False and said in found.detail


def test_rewards_between_decisions_may_lack_but_no_place(tiny_crawlers, tmp_path):
    run = shutil.copytree(tiny_crawlers, tmp_path / "copied")
    connection = sqlite3.connect(run / "run.db")
    rows = connection.execute("SELECT count(*) FROM agent_states WHERE reward IS NULL").fetchone()[0]
    assert rows > 8
    assert by_name(run)["recorded numbers are finite"].ok
    connection.execute("UPDATE agent_steps SET x = NULL WHERE step = 90 AND agent_id = 3")
    connection.commit()
    connection.close()
    assert "recorded numbers are finite" in failed(run)
