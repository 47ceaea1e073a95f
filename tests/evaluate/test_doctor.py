"""A healthy run passes every check, and each check fails when the fault that it looks for is planted."""

import hashlib
import json
import sqlite3

import numpy as np
import pytest
from rich.console import Console
from tiny_runs import TINY, changed, run_in

from teem.config.farm import CHANNELS, KindSettings
from teem.config.settings import PpoSettings
from teem.errors import UsageError
from teem.evaluate.doctor import PLAYED, examine
from teem.evaluate.finding import exit_code, render
from teem.learning.algorithms.dqn import DQN
from teem.learning.kernel_q import KernelQ
from teem.learning.policies import Policies
from teem.learning.replay import Replay
from teem.record.folder import RunFolder
from teem.worlds.farm import farm
from teem.worlds.farm.farm import Farm

STEPS = 20


def by_name(run, steps=STEPS):
    return {one.name: one for one in examine(run, steps=steps)}


def failed(run):
    return {name for name, one in by_name(run).items() if one.ok is False}


def contents(run):
    return {
        path.relative_to(run): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*"))
        if path.is_file()
    }


def change(run, *statements):
    connection = sqlite3.connect(run / "run.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


# ---- a healthy run


def test_a_healthy_run_passes_every_check_and_none_is_left_open(tiny_run):
    findings = examine(tiny_run, steps=50)
    assert {one.name: one.detail for one in findings if one.ok is not True} == {}
    assert exit_code(findings) == 0
    assert len(findings) == 27
    assert json.loads(json.dumps([one.as_dict() for one in findings], allow_nan=False))[0]["ok"] is True


OTHER_SETTINGS = {
    "a full view of every channel": {
        "world": {"channels": CHANNELS, "view": "full", "deposit": "bilinear", "edge": "bounded"}
    },
    "rock hides what is behind it": {"world": {"channels": CHANNELS, "occlusion": True, "obstacles": 0.15}},
    "no rock, no landmarks": {"world": {"channels": CHANNELS, "obstacles": 0.0, "landmarks": 0.0}},
    "everyone is alone": {"world": {"kinds": (KindSettings(name="loner", solitary=True),)}},
    "one kind, short-sighted": {"world": {"kinds": (KindSettings(name="mole", sight=0.0),), "view": "full"}},
    "many births": {"world": {"maturity": 5, "breed_energy": 4.0, "birth_energy": 1.0, "crossover": 0.5}},
    "ppo": {"learning": {"algorithm": "ppo", "ppo": PpoSettings(horizon=16)}},
    "implicit quantiles": {"learning": {"algorithm": "iqn"}},
    "one network for all": {"learning": {"sharing": "shared"}},
    "nothing is learnt": {"learning": {"algorithm": "heuristic"}},
    "soon extinct": {"world": {"age_max": 20}, "population": {"extinction": "stop"}},
}


@pytest.mark.parametrize("name", OTHER_SETTINGS)
def test_healthy_runs_of_other_settings_fail_no_check(tmp_path, name):
    run = run_in(tmp_path / "other", changed(TINY, steps=90, **OTHER_SETTINGS[name]))
    assert {one.name: one.detail for one in examine(run, steps=40) if one.ok is False} == {}


def test_examining_changes_nothing_and_a_run_in_use_can_be_examined(copied_run):
    before = contents(copied_run)
    held = RunFolder.open(copied_run)
    assert not failed(copied_run)
    held.close()
    after = contents(copied_run)
    assert {path for path in before | after if before.get(path) != after.get(path)} <= {
        path for path in after if path.name in (".lock", "run.db-shm", "run.db-wal")
    }


def test_findings_are_shown_by_name_with_what_was_found(tiny_run):
    console = Console(width=140)
    with console.capture() as capture:
        console.print(render(examine(tiny_run, steps=STEPS)))
    text = capture.get()
    assert "terminals are stored" in text
    assert "0 failed" in text


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        examine(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        examine(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="at least 10"):
        examine(tmp_path, steps=1)


# ---- what can't be told


def test_without_a_record_its_checks_are_unknown_and_say_why(copied_run):
    text = (copied_run / "config.toml").read_text()
    table = text.index("[record]")
    text = text[:table] + text[table:].replace("enabled = true", "enabled = false", 1)
    (copied_run / "config.toml").write_text(text)
    findings = by_name(copied_run)
    assert findings["one row an action"].ok is None
    assert "record.enabled is false" in findings["one row an action"].detail
    assert exit_code(list(findings.values())) == 0


def test_without_a_checkpoint_the_play_is_unknown_and_says_why(copied_run):
    for path in (copied_run / "checkpoints").iterdir():
        path.rename(copied_run / "elsewhere")
    findings = by_name(copied_run)
    names = [check.__name__.replace("_", " ") for check in PLAYED]
    assert {findings[name].ok for name in names} == {None}
    assert "no checkpoint" in findings[names[0]].detail


def test_when_nobody_is_left_the_play_is_unknown_and_says_why(tmp_path):
    settings = {"world": {"age_max": 20}, "population": {"extinction": "stop"}}
    findings = by_name(run_in(tmp_path / "extinct", changed(TINY, steps=90, **settings)))
    assert findings["terminals are stored"].ok is None
    assert "nobody was alive" in findings["terminals are stored"].detail


def test_when_all_die_during_the_play_that_is_no_fault(tmp_path):
    settings = {"world": {"age_max": 20}, "population": {"extinction": "stop"}}
    findings = by_name(run_in(tmp_path / "dying", changed(TINY, steps=18, **settings)))
    assert {name for name, one in findings.items() if one.ok is False} == set()
    assert findings["terminals are stored"].ok


# ---- faults of the record


def test_pages_that_are_damaged_are_found(copied_run):
    content = bytearray((copied_run / "run.db").read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    (copied_run / "run.db").write_bytes(content)
    assert "the database is whole" in failed(copied_run)


def test_tables_of_another_version_are_found(copied_run):
    change(copied_run, "PRAGMA user_version = 0")
    assert failed(copied_run) == {"the database is whole"}


def test_a_foreign_database_is_found(copied_run):
    (copied_run / "run.db").write_bytes(b"not a database" * 100)
    findings = by_name(copied_run)
    assert findings["the database is whole"].ok is False
    assert findings["one row an action"].ok is None


def test_dropped_rows_are_found(copied_run):
    text = (copied_run / "config.toml").read_text()
    (copied_run / "config.toml").write_text(text.replace('when_full = "wait"', 'when_full = "drop"'))
    assert not failed(copied_run)
    report = json.loads((copied_run / "report.json").read_text())
    report["record"]["dropped"] = 3
    (copied_run / "report.json").write_text(json.dumps(report))
    findings = by_name(copied_run)
    assert findings["no row was dropped"].ok is False
    assert findings["no row was dropped"].figure == 3
    assert findings["one row an action"].ok is None  # a missing row would be no surprise


DAMAGE = [
    ("one row an action", ["UPDATE agent_steps SET action = NULL WHERE step = 40 AND agent_id = 3"]),
    (
        "one row an action",
        [
            "CREATE TABLE more AS SELECT * FROM actions",
            "DROP VIEW actions",
            "ALTER TABLE more RENAME TO actions",
            "INSERT INTO actions SELECT * FROM actions WHERE step = 40 AND agent_id = 3",
        ],
    ),
    ("every agent lives once", ["UPDATE agents SET born_step = died_step + 1 WHERE agent_id = 3"]),
    (
        "every agent lives once",
        ["UPDATE agents SET died_step = 30, cause = 'age' WHERE agent_id = 3"],
    ),
    ("every agent lives once", ["DELETE FROM agents WHERE agent_id = 3"]),
    (
        "recorded moves change positions",
        [
            "UPDATE agent_steps SET (x, y) = (SELECT x, y FROM agent_steps b WHERE b.step = 19 "
            "AND b.agent_id = agent_steps.agent_id) WHERE step = 20"
        ],
    ),
    ("recorded numbers are finite", ["UPDATE agent_steps SET energy = NULL WHERE step = 9 AND agent_id = 3"]),
    ("recorded numbers are finite", ["UPDATE agent_steps SET x = 9e999 WHERE step = 9 AND agent_id = 3"]),
    ("recorded numbers are finite", ["UPDATE agent_steps SET reward = NULL WHERE step = 9 AND agent_id = 3"]),
    ("the record shows everyone old enough trained", ["UPDATE learning SET updates = 0"]),
    ("no fault was counted", ["UPDATE learning SET faults = 1 WHERE agent_id = 3"]),
]


@pytest.mark.parametrize(("name", "statements"), DAMAGE)
def test_a_damaged_record_is_found(copied_run, name, statements):
    change(copied_run, "UPDATE agents SET died_step = 149 WHERE agent_id = 3 AND died_step IS NULL", *statements)
    assert name in failed(copied_run)


# ---- faults of the checkpoint


def test_a_damaged_checkpoint_is_found(copied_run):
    (arrays,) = (copied_run / "checkpoints").glob("*/arrays.safetensors")
    content = bytearray(arrays.read_bytes())
    content[-1] ^= 1
    arrays.write_bytes(content)
    findings = by_name(copied_run)
    assert findings["the newest checkpoint is whole"].ok is False
    assert "arrays.safetensors" in findings["the newest checkpoint is whole"].detail
    assert findings["moves change positions"].ok is None


def test_a_checkpoint_that_does_not_fit_the_settings_is_found(copied_run):
    text = (copied_run / "config.toml").read_text()
    (copied_run / "config.toml").write_text(text.replace("hidden = [16]", "hidden = [32]"))
    findings = by_name(copied_run)
    assert findings["the newest checkpoint is whole"].ok
    assert findings["the run can go on"].ok is False
    assert "stack.weights" in findings["the run can go on"].detail
    assert findings["moves change positions"].ok is None


def test_a_checkpoint_that_lacks_something_is_found(tiny_run, monkeypatch):
    monkeypatch.setattr(Policies, "load_state", lambda self, state: state["newer"])
    findings = by_name(tiny_run)
    assert findings["the run can go on"].ok is False
    assert "another version" in findings["the run can go on"].detail


# ---- faults in the play


def after(monkeypatch, owner, method, spoil):
    """Let a method do what it does, and then `spoil(owner, result)`."""
    original = getattr(owner, method)

    def spoilt(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        spoil(self, result)
        return result

    monkeypatch.setattr(owner, method, spoilt)


def columns(world, start):
    return [number for number, name in enumerate(world.observation_names) if name.startswith(start)]


def nobody_moves(monkeypatch):
    monkeypatch.setattr(farm, "move", lambda *args: 0.0)


def one_acts_illegally(monkeypatch):
    original = Policies.act

    def act(self, observation, **kwargs):
        action = original(self, observation, **kwargs)
        slot = observation.living[(~observation.mask[observation.living]).any(axis=1)][0]
        action[slot] = np.flatnonzero(~observation.mask[slot])[0]
        return action

    monkeypatch.setattr(Policies, "act", act)


def the_world_does_something_else(monkeypatch):
    def step(self, outcome):
        outcome.action[outcome.acted[0]] = (outcome.action[outcome.acted[0]] + 1) % 15

    after(monkeypatch, Farm, "step", step)


def upkeep_is_booked_half(monkeypatch):
    original = farm.metabolise
    monkeypatch.setattr(farm, "metabolise", lambda *args: 0.5 * original(*args))


def somebody_gets_a_joule(monkeypatch):
    def give(self, outcome):
        self.population.energy[self.population.living[0]] += 0.1

    after(monkeypatch, Farm, "step", give)


def one_sees_nan(monkeypatch):
    def spoil(self, observation):
        observation.values[observation.living[0], 3] = np.nan

    after(monkeypatch, Farm, "observe", spoil)


def nobody_was_ever_trained(monkeypatch):
    def forget(self, result):
        self.gauges.updates[:] = 0

    after(monkeypatch, DQN, "load_state", forget)
    monkeypatch.setattr(DQN, "learn", lambda *args: 0)


def weights_are_noisy(monkeypatch):
    def spoil(self, result):
        self.networks.own.weights[:, 0] += np.float32(1e-3) * np.random.random()

    after(monkeypatch, DQN, "learn", spoil)


def allies_are_not_seen(monkeypatch):
    def spoil(self, observation):
        observation.values[:, columns(self, "allies.")] = 0

    after(monkeypatch, Farm, "observe", spoil)


def enemies_are_seen_twice(monkeypatch):
    def spoil(self, observation):
        observation.values[:, columns(self, "enemies.")] *= 2

    after(monkeypatch, Farm, "observe", spoil)


def resources_look_poorer(monkeypatch):
    def spoil(self, observation):
        observation.values[:, columns(self, "resources.far_")] *= 0.5

    after(monkeypatch, Farm, "observe", spoil)


def attacks_seem_legal(monkeypatch):
    def spoil(self, observation):
        observation.mask[:, self.actions.index("attack")] = True

    after(monkeypatch, Farm, "observe", spoil)


def resources_are_not_seen_to_the_north(monkeypatch):
    def spoil(self, observation):
        observation.values[:, columns(self, "resources.north")] = 0

    after(monkeypatch, Farm, "observe", spoil)


def nobody_hears_anything(monkeypatch):
    def spoil(self, observation):
        observation.values[:, columns(self, "ally_signal.")] = 0

    after(monkeypatch, Farm, "observe", spoil)


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

    after(monkeypatch, Farm, "observe", spoil)


def one_state_is_remembered_for_ever(monkeypatch):
    original = Replay.add

    def add(self, rows, observation, *args):
        original(self, rows, np.ones_like(observation), *args)

    monkeypatch.setattr(Replay, "add", add)


def deaths_are_not_stored(monkeypatch):
    original = Replay.add

    def add(self, rows, observation, mask, action, reward, terminated, truncated, final):
        original(self, rows, observation, mask, action, reward, np.zeros_like(terminated), truncated, final)

    monkeypatch.setattr(Replay, "add", add)


def everyone_is_said_to_die(monkeypatch):
    original = Replay.add

    def add(self, rows, observation, mask, action, reward, terminated, truncated, final):
        original(self, rows, observation, mask, action, reward, np.ones_like(terminated), truncated, final)

    monkeypatch.setattr(Replay, "add", add)


def updates_do_nothing(monkeypatch):
    monkeypatch.setattr(KernelQ, "update", lambda *args: None)


def weights_change_by_themselves(monkeypatch):
    def drift(self, rows, ids, step):
        self.networks.own.weights[rows] += np.float32(1e-3)
        return 0

    monkeypatch.setattr(DQN, "learn", drift)


def all_become_the_same(monkeypatch):
    def update(self, rows, *args):
        self.stack.weights[rows] = np.float32(self.stack.weights[0, 0])

    monkeypatch.setattr(KernelQ, "update", update)


def updates_are_held_back(monkeypatch):
    def update(self, rows, ids, replay, seed, step, loss, faults):
        faults[rows] += 1

    monkeypatch.setattr(KernelQ, "update", update)


def losses_are_infinite(monkeypatch):
    original = KernelQ.update

    def update(self, rows, ids, replay, seed, step, loss, faults):
        original(self, rows, ids, replay, seed, step, loss, faults)
        loss[rows] = np.inf

    monkeypatch.setattr(KernelQ, "update", update)


def weights_become_nan(monkeypatch):
    def update(self, rows, *args):
        self.stack.weights[rows, 0] = np.nan

    monkeypatch.setattr(KernelQ, "update", update)


PLANTS = [
    ("moves change positions", nobody_moves),
    ("actions are legal", one_acts_illegally),
    ("actions are legal", the_world_does_something_else),
    ("energy is conserved", upkeep_is_booked_half),
    ("energy is conserved", somebody_gets_a_joule),
    ("observations are finite", one_sees_nan),
    ("everyone old enough is trained", nobody_was_ever_trained),
    ("the same state gives the same bits", weights_are_noisy),
    ("who is in sight is seen", allies_are_not_seen),
    ("who is in sight is seen", enemies_are_seen_twice),
    ("observations are as specified", resources_look_poorer),
    ("observations are as specified", attacks_seem_legal),
    ("no observation column is constant", resources_are_not_seen_to_the_north),
    ("no observation column is constant", nobody_hears_anything),
    ("decisions are remembered as seen", something_else_is_remembered),
    ("decisions are remembered as seen", one_decision_is_not_stored),
    ("the next state differs from the state", every_state_looks_the_same),
    ("terminals are stored", deaths_are_not_stored),
    ("terminals are stored", everyone_is_said_to_die),
    ("networks change when they learn", updates_do_nothing),
    ("networks change when they learn", weights_change_by_themselves),
    ("networks differ between agents", all_become_the_same),
    ("gradients are finite", updates_are_held_back),
    ("gradients are finite", losses_are_infinite),
    ("weights are finite", weights_become_nan),
]


@pytest.mark.parametrize(("name", "plant"), PLANTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_fault_is_found(tiny_run, monkeypatch, name, plant):
    plant(monkeypatch)
    assert name in failed(tiny_run)


def test_every_check_has_its_fault():
    names = {check.__name__.replace("_", " ") for check in PLAYED}
    assert names == {name for name, _ in PLANTS}


def test_senses_that_are_constant_by_construction_are_named(tiny_run):
    finding = by_name(tiny_run)["no observation column is constant"]
    assert "constant since nobody stands on rock: obstacles.here" in finding.detail
