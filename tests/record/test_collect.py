"""What is recorded of a step is what happened in it."""

import json
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_world import TinyWorld, config_of

from teem.measure.spans import Spans
from teem.population.variation import diversity
from teem.record.client import Recorder
from teem.record.collect import Collector, flat_settings
from teem.record.rows import tile_means

STEPS = 60


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A recorded run, and what a plain observer with a notebook saw of it."""
    path = tmp_path_factory.mktemp("collect") / "run.db"
    config = config_of()
    world = TinyWorld(config.seed)
    recorder = Recorder(path, config.record, Spans())
    collector = Collector(world, config, recorder)
    collector.start()
    p = world.population
    notes = {
        "states": [],
        "actions": [],
        "deaths": {},
        "born": dict.fromkeys(p.id[p.living].tolist(), 0),
        "step": [],
        "feats": [],
    }
    notes["genome"] = {int(p.id[s]): p.genome[s].copy() for s in p.living}
    for step in range(STEPS):
        outcome = world.step()
        collector.step(outcome, world.gauges)
        for slot in outcome.births.slot:
            notes["born"][int(p.id[slot])] = step
            notes["genome"][int(p.id[slot])] = p.genome[slot].copy()
        for agent, cause in zip(outcome.deaths.id, outcome.deaths.cause, strict=True):
            notes["deaths"][int(agent)] = (step, world.causes[cause])
        if step % config.record.every:
            continue
        new = set(outcome.births.slot.tolist())
        for slot in p.living:
            reward = None if slot in new else float(outcome.reward[slot])
            values = [float(getattr(p, name)[slot]) for name in ("x", "y", "energy", "health")]
            notes["states"].append((step, int(p.id[slot]), *values, step - int(p.born[slot]), reward))
        for slot, agent in zip(outcome.acted, outcome.id, strict=True):
            target = int(outcome.target[slot])
            action = world.actions[outcome.action[slot]]
            row = (step, int(agent), action, None if target < 0 else target, float(outcome.reward[slot]))
            notes["actions"].append(row)
        notes["step"].append((step, len(p.living)))
        notes["feats"].append(sum(float(world.feats[slot]) for slot in p.living) / max(len(p.living), 1))
    collector.hand_over()
    recorder.close()
    connection = sqlite3.connect(path)
    yield world, notes, lambda query: connection.execute(query).fetchall()
    connection.close()


def test_states_are_those_of_the_living_at_the_end_of_the_step(story):
    _, notes, sql = story
    assert sql("SELECT * FROM agent_states") == sorted(notes["states"])
    assert any(row[-1] is None for row in notes["states"])


def test_what_an_agent_did_and_how_it_was_afterwards_are_one_row(story):
    _, notes, sql = story
    both = {row[:2] for row in notes["states"]} & {row[:2] for row in notes["actions"]}
    either = {row[:2] for row in notes["states"]} | {row[:2] for row in notes["actions"]}
    assert sql("SELECT step, agent_id FROM agent_steps ORDER BY 1, 2") == sorted(either)
    assert 0 < len(both) < len(either)


def test_one_row_an_action_with_its_name_and_target(story):
    _, notes, sql = story
    assert sql("SELECT * FROM actions") == sorted(notes["actions"])


def test_every_life_is_recorded_whatever_the_interval(story):
    _, notes, sql = story
    rows = sql("SELECT agent_id, born_step, died_step, cause, genome FROM agents")
    assert {row[0]: row[1] for row in rows} == notes["born"]
    assert {row[0]: row[2:4] for row in rows if row[2] is not None} == notes["deaths"]
    for row in rows:
        genome = np.array(list(json.loads(row[4]).values()), np.float32)
        assert np.array_equal(genome, notes["genome"][row[0]])
    assert len(notes["deaths"]) > 5


def test_lives_and_illness_do_not_depend_on_how_seldom_steps_are_recorded(tmp_path):
    found = []
    for every in (1, 10_000):
        world, config = TinyWorld(2), config_of(every=every)
        recorder = Recorder(tmp_path / f"{every}.db", config.record, Spans())
        collector = Collector(world, config, recorder)
        collector.start()
        for _ in range(300):
            collector.step(world.step())
        collector.hand_over()
        recorder.close()
        connection = sqlite3.connect(recorder.path)
        found.append(
            [connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("agents", "health_incidents")]
        )
        connection.close()
    assert found[0] == found[1]
    assert all(len(rows) > 4 * world.population.capacity for rows in found[0])  # more than is kept back


def test_births_and_deaths_of_the_steps_between_are_counted(story):
    _, notes, sql = story
    rows = sql("SELECT step, population, births, deaths FROM steps")
    assert [row[:2] for row in rows] == notes["step"]
    last = rows[-1][0]
    assert sum(row[2] for row in rows) == sum(1 for step in notes["born"].values() if step <= last) - 5
    assert sum(row[3] for row in rows) == sum(1 for step, _ in notes["deaths"].values() if step <= last)


def test_means_are_those_of_the_rows(story):
    _, notes, sql = story
    query = """SELECT s.mean_energy - avg(a.energy), s.mean_health - avg(a.health), s.mean_age - avg(a.age)
               FROM steps s JOIN agent_states a USING(step) GROUP BY step"""
    assert np.allclose(sql(query), 0, atol=1e-6)
    rows = sql("SELECT step, resources FROM steps WHERE step % 15 = 0 AND step > 0")
    pictures = [sql(f"SELECT avg(amount) FROM resources WHERE step = {step}")[0][0] for step, _ in rows]
    assert len(rows) == 3
    assert np.allclose([row[1] for row in rows], pictures)
    assert np.allclose([row[0] for row in sql("SELECT mean_feats FROM steps")], notes["feats"])
    query = "SELECT s.mean_reward - avg(a.reward) FROM steps s JOIN actions a USING(step) GROUP BY step"
    assert np.allclose(sql(query), 0, atol=1e-6)


def test_an_incident_is_recorded_when_health_begins_to_fall_and_not_again_while_it_falls(tmp_path):
    world = TinyWorld(1, founders=3)
    config = config_of(every=1)
    recorder = Recorder(tmp_path / "run.db", config.record, Spans())
    collector = Collector(world, config, recorder)
    collector.start()
    outcome = world.step()
    p = world.population
    slot = p.living[0]
    p.health[p.living] = 1.0
    empty = outcome.births.slot[:0]
    outcome.births.slot = outcome.births.parent_slot = outcome.births.fame = outcome.deaths.slot = empty
    outcome.deaths.id, outcome.deaths.cause = empty.astype(np.int64), empty
    collector.step(outcome)
    for step, (health, energy) in enumerate([(0.75, 1), (0.5, 1), (0.5, 0), (0.25, 0), (0.5, 0), (0.25, 2)]):
        saved = collector.state()
        collector = Collector(world, config, recorder)  # as if stopped and resumed here
        collector.load_state(saved)
        p.health[slot], p.energy[slot], outcome.step = health, energy, step + 1
        collector.step(outcome)
    collector.hand_over()
    recorder.close()
    connection = sqlite3.connect(tmp_path / "run.db")
    rows = connection.execute("SELECT step, incident, lost, health FROM health_incidents").fetchall()
    connection.close()
    assert rows == [(1, "wounded", 0.25, 0.75), (4, "starving", 0.25, 0.25), (6, "wounded", 0.25, 0.25)]


def test_learning_is_recorded_with_its_replay_ratio(story):
    _, _, sql = story
    rows = sql("SELECT step, updates, decisions, replay_ratio, loss, epsilon, faults FROM learning")
    assert {row[0] for row in rows} == set(range(0, STEPS, 4))
    assert all(row[3] == (row[1] * 32 / row[2] if row[2] else None) for row in rows)


def test_names_list_what_never_happened_too(story):
    world, _, sql = story
    assert sql("SELECT name FROM names WHERE list = 'actions' ORDER BY number") == [(name,) for name in world.actions]


def test_settings_are_recorded_by_path(story):
    _, _, sql = story
    settings_ = dict(sql("SELECT key, value FROM config"))
    assert settings_["record.every"] == 3
    assert settings_["seed"] == 7
    assert json.loads(settings_["learning.hidden"]) == [64, 32]
    assert settings_ == dict(flat_settings(config_of()))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(0, 99))
def test_tile_means_equal_the_plain_means_of_the_parts(height, width, side, seed):
    map_ = np.random.default_rng(seed).random((height, width), np.float32)
    rows, columns = np.arange(0, height, side), np.arange(0, width, side)
    plain = [[map_[y : y + side, x : x + side].mean(dtype=np.float64) for x in columns] for y in rows]
    assert np.allclose(tile_means(map_, side), plain, rtol=1e-12)


def test_a_large_map_is_thinned_out_and_keeps_its_coordinates(tmp_path):
    world = TinyWorld(1, founders=1, side=3000)
    world.resources[:] = np.arange(3000, dtype=np.float32)  # rises with x
    config = config_of()
    recorder = Recorder(tmp_path / "run.db", config.record, Spans())
    collector = Collector(world, config, recorder)
    collector.start()
    collector.step(world.step())
    collector.hand_over()
    recorder.close()
    connection = sqlite3.connect(tmp_path / "run.db")
    rows = connection.execute("SELECT x, amount FROM resources WHERE y = 0").fetchall()
    connection.close()
    assert len(rows) == 32
    tile = rows[1][0]
    assert all(abs(amount / 0.99 - (x + tile / 2)) < tile for x, amount in rows[:-1])


def test_diversity_is_the_mean_deviation_of_traits():
    genome = np.array([[0, 1], [1, 1]], np.float32)
    assert diversity(genome) == 0.25
    assert np.isnan(diversity(genome[:0]))


def test_an_extinct_world_is_recorded_without_rows_of_agents(tmp_path):
    world = TinyWorld(1, founders=1)
    config = config_of(every=1)
    recorder = Recorder(tmp_path / "run.db", config.record, Spans())
    collector = Collector(world, config, recorder)
    collector.start()
    for _ in range(400):
        collector.step(world.step(), world.gauges)
        if not len(world.population.living):
            break
    collector.step(world.step(), world.gauges)
    collector.hand_over()
    recorder.close()
    connection = sqlite3.connect(tmp_path / "run.db")
    last = connection.execute("SELECT population, mean_energy, diversity FROM steps ORDER BY step DESC").fetchone()
    connection.close()
    assert last == (0, None, None)
