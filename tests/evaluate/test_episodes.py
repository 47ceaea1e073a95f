"""Worlds in which policies are compared: the same founders for each, fairly dealt, and rightly counted."""

from dataclasses import replace

import numpy as np
from tiny_runs import TINY, changed, run_in

from teem.evaluate.compare import contrast
from teem.evaluate.episodes import (
    MEASURES,
    Lives,
    count,
    deal,
    evaluation_config,
    play_world,
    world_seed,
)
from teem.evaluate.saved import open_saved
from teem.evaluate.trained import Trained, draw_of_kind, teach, trained_of
from teem.learning.build import build_cohort
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.catalogue import make_world

ONE = Threads(1)
FEATS, LIFETIME, CHILDREN, SURVIVORS = range(len(MEASURES))
NOTHING = Trained(
    np.empty(0, np.int32), {}, {}, np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty(0, np.float32)
)
BREEDING = changed(
    TINY, population={"capacity": 90}, world={"maturity": 5, "breed_energy": 4.0, "birth_energy": 1.0, "energy": 4.5}
)


def test_worlds_to_compare_in_have_other_seeds_than_the_training_and_each_its_own():
    seeds = [world_seed(training, index) for training in (0, 7) for index in range(50)]
    assert len(set(seeds)) == 100
    assert {0, 7}.isdisjoint(seeds)
    assert seeds[50:] == [world_seed(7, index) for index in range(50)]


def test_nothing_is_learnt_and_nobody_reseeded_where_policies_are_compared():
    config = evaluation_config(TINY, 99, None)
    assert not config.learning.enabled
    assert config.population.extinction == "stop"
    assert (config.seed, config.population.founders, config.world) == (99, 60, TINY.world)


def test_with_other_founders_room_and_size_change_in_proportion():
    config = changed(TINY, world={"size": 100}, population={"capacity": 90})
    larger = evaluation_config(config, 1, 240)
    assert (larger.population.founders, larger.population.capacity, larger.world.size) == (240, 360, 200)


def test_sides_are_dealt_fairly_and_by_id():
    ids = np.arange(103, dtype=np.int64)
    side = deal(ids, 4, 5)
    assert np.bincount(side).tolist() == [26, 26, 26, 25]
    np.testing.assert_array_equal(deal(ids, 4, 5), side)
    assert (deal(ids, 4, 6) != side).any()
    kinds = np.bincount(side[:52], minlength=4)
    assert (kinds > 5).all()  # not the first ids to the first side


def test_lives_are_counted_as_one_by_one():
    """The counts against a plain account kept by dictionaries, with births and deaths among founders."""
    config = evaluation_config(changed(BREEDING, world={"upkeep": 0.3}), 3, None)
    world = make_world(config, ONE, Spans(1))
    lives = Lives.of(np.zeros(60, np.int8))
    rng = np.random.default_rng(0)
    lived, gathered, children, dead = dict.fromkeys(range(60), 0), dict.fromkeys(range(60), 0.0), {}, set()
    for _ in range(60):
        observation = world.observe()
        action = np.where(observation.mask, rng.random(observation.mask.shape), -1).argmax(1).astype(np.int32)
        heuristic = np.zeros_like(action)
        world.heuristic(observation, heuristic)
        action[::2] = heuristic[::2]
        alive = world.population.id[world.population.living]
        outcome = world.step(action)
        count(alive, outcome, world, lives)
        for agent, slot in zip(outcome.id.tolist(), outcome.acted.tolist(), strict=True):
            if agent < 60:
                lived[agent] += 1
                gathered[agent] += float(world.bodies.gathered[slot])
        dead |= set(outcome.deaths.id.tolist())
        for slot in outcome.births.slot.tolist():
            parent = int(world.population.parent[slot])
            children[parent] = children.get(parent, 0) + 1
    assert lives.lived.tolist() == list(lived.values())
    assert lives.children.tolist() == [children.get(agent, 0) for agent in range(60)]
    assert set(np.flatnonzero(~lives.alive)) == {agent for agent in dead if agent < 60}
    assert sum(children.values()) > 0 and len(dead) > 0
    ended = np.flatnonzero(~lives.alive)
    np.testing.assert_allclose(lives.feats[ended], [gathered[agent] for agent in ended], rtol=1e-4)


def test_resting_gathers_nothing_and_the_heuristic_gathers():
    config = evaluation_config(TINY, 3, None)
    resting = play_world(config, {"resting": "resting"}, NOTHING, 40, ONE)["resting"]
    heuristic = play_world(config, {"heuristic": "heuristic"}, NOTHING, 40, ONE)["heuristic"]
    assert resting[FEATS] == 0 < heuristic[FEATS]
    assert resting[LIFETIME] == 40 and resting[SURVIVORS] == 1


def test_a_world_is_played_the_same_with_any_number_of_threads():
    config = evaluation_config(BREEDING, 3, 256)
    sides = {"random": "random", "heuristic": "heuristic"}
    one = play_world(config, sides, NOTHING, 30, ONE)
    two = play_world(config, sides, NOTHING, 30, Threads(2))
    assert {name: values.tolist() for name, values in one.items()} == {
        name: values.tolist() for name, values in two.items()
    }
    assert one["heuristic"][CHILDREN] > 0


def test_play_ends_when_no_founder_is_left():
    config = evaluation_config(changed(TINY, world={"upkeep": 3.0}), 3, None)
    assert play_world(config, {"resting": "resting"}, NOTHING, 10**9, ONE)["resting"][SURVIVORS] == 0


def test_where_all_sides_act_at_random_none_is_told_from_another():
    """Calibration, in real mixed worlds: two random sides differ by chance only."""
    sides = {"one": "random", "two": "random"}
    worlds = [play_world(evaluation_config(TINY, seed, None), sides, NOTHING, 60, ONE) for seed in range(40)]
    values = np.array([[played["one"], played["two"]] for played in worlds])
    alarms = 0
    for start in range(0, 40, 5):
        for measure in (FEATS, LIFETIME):
            one, two = values[start : start + 5, :, measure].T
            alarms += contrast(MEASURES[measure], one, two).sign != 0
    assert alarms <= 1


# ---- trained networks


def test_founders_get_networks_of_their_own_kind_and_of_any_where_there_is_none(tiny_run):
    saved = open_saved(tiny_run)
    trained = trained_of(saved)
    assert set(trained.kind) == {0, 1, 2}
    own = {name: array[trained.kind != 2] for name, array in trained.own.items()}
    few = replace(trained, kind=trained.kind[trained.kind != 2], own=own)
    config = evaluation_config(saved.config, 3, None)
    world = make_world(config, ONE, Spans(1))
    cohort = build_cohort(config, world, ONE, "dqn")
    rows = world.population.living
    cohort.found(rows, world.population.id[rows])
    chosen = draw_of_kind(few, world.population.kind[rows], world.population.id[rows], 3)
    teach(cohort, few, chosen, rows)
    owners = {row.tobytes(): kind for row, kind in zip(few.own["weights"], few.kind, strict=True)}
    for row in rows:
        owner = owners[cohort.weights_of(row).tobytes()]
        kind = world.population.kind[row]
        assert owner == kind if kind != 2 else owner in (0, 1)
    assert len({cohort.weights_of(row).tobytes() for row in rows}) > 15  # many, not one for all


def test_what_all_share_is_taken_over_too(tmp_path):
    saved = open_saved(run_in(tmp_path / "shared", changed(TINY, steps=30, learning={"sharing": "encoder"})))
    trained = trained_of(saved)
    config = evaluation_config(saved.config, 3, None)
    world = make_world(config, ONE, Spans(1))
    cohort = build_cohort(config, world, ONE, "dqn")
    rows = world.population.living
    teach(cohort, trained, draw_of_kind(trained, world.population.kind[rows], world.population.id[rows], 3), rows)
    assert trained.common["weights"].size
    np.testing.assert_array_equal(cohort.networks.common.weights, trained.common["weights"])


def test_the_trained_play_with_what_was_saved_and_not_with_fresh_networks(tiny_run):
    saved = open_saved(tiny_run)
    trained = trained_of(saved)
    zeros = {name: np.zeros_like(array) for name, array in trained.own.items()}
    config = evaluation_config(saved.config, 3, None)
    sides = {"trained": "dqn"}
    played = play_world(config, sides, trained, 30, ONE)["trained"]
    same = play_world(config, sides, trained, 30, ONE)["trained"]
    other = replace(trained, own=zeros)
    np.testing.assert_array_equal(played, same)
    assert (play_world(config, sides, other, 30, ONE)["trained"] != played).any()
