"""The crawlers' world as a whole: its contract, its joules, its turns, and that no thread or slot decides a life."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crawling import SMALL, crawlers_of

from teem.config.crawlers import FoodSettings, TerrainSettings
from teem.worlds.conformance import check_world, random_actions, unvarying
from teem.worlds.crawlers.crawlers import Crawlers
from teem.worlds.crawlers.ground import TILE

BREEDING = {"age_max": 15, "maturity": 2, "breed_energy": 9000.0, "birth_energy": 1000.0}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"body": SMALL, "decision": 1, "bins": 3},
        {**BREEDING, "crossover": 1.0},
        {"founders": 3, "capacity": 3, "age_max": 5},
        {"founders": 2, "capacity": 2, "age_max": 4, "extinction": "stop"},
        {"stranded": 5, "threads": 2, "turns": 6},
        {**BREEDING, "decision": 4, "turns": 2},
        {"energy": 3.0, "starvation": 0.5, "terrain": TerrainSettings(style="canyon", tiles=2)},
    ],
    ids=lambda settings: "-".join(settings) or "plain",
)
def test_crawlers_keep_the_contract(settings: dict[str, Any]) -> None:
    check_world(lambda: crawlers_of(**settings), 20)


def test_every_sense_shows_something() -> None:
    """All but the friction underfoot, where a tile is all the country there is."""
    terrain = TerrainSettings(biomes=("rocky", "forest", "wetlands"))
    make = lambda: crawlers_of(60, 60, body=SMALL, terrain=terrain, spread=8.0, maturity=2)  # noqa: E731
    assert unvarying(make, 120) == []


def play(world: Crawlers, steps: int) -> list[Any]:
    """The outcomes of steps with random actions; the arrays of all but the last have been used again."""
    outcomes = []
    for _ in range(steps):
        action = random_actions(world, world.observe())
        outcomes.append(world.step(action))
    return outcomes


def test_joules_are_conserved() -> None:
    world = crawlers_of(**BREEDING, food=FoodSettings(density=4.0, reach=4.0), energy=9500.0)
    people, joules = world.population, 12 * 9500.0
    for _ in range(60):
        ledger = play(world, 1)[0].ledger
        joules += ledger["eaten"] + ledger["seeded"] - ledger["taken"] - ledger["lost"]
        # what each holds is rounded to 5e-4 whenever it changes
        assert people.energy[people.living].sum(dtype=np.float64) == pytest.approx(joules, abs=0.1)
    assert people.next_id > 12  # some were born, so the parents' gift was counted


def test_each_decides_every_sixth_step_and_neighbours_in_turn() -> None:
    world = crawlers_of(turns=6)
    turns: dict[int, list[int]] = {}
    for step in range(24):
        observation = world.observe()
        assert 0 < len(observation.living) <= 2  # twelve in six steps
        for one in world.population.id[observation.living].tolist():
            turns.setdefault(one, []).append(step)
        world.step(random_actions(world, observation))
    assert all(list(np.diff(steps)) == [6, 6, 6] for steps in turns.values())
    assert len(turns) == 12


def test_a_decision_is_rewarded_with_all_of_its_steps() -> None:
    world = crawlers_of(decision=6)
    made = np.zeros(16)
    for outcome in (play(world, 1)[0] for _ in range(40)):
        made[world.population.living] += world.creatures.made[world.population.living]
        for slot in outcome.acted.tolist():
            if outcome.step >= 12:
                about = world._settings.reward.progress * made[slot]
                assert outcome.reward[slot] == pytest.approx(about, abs=0.35)  # work and posture come on top
            made[slot] = 0.0


def test_actions_hold_between_decisions() -> None:
    world = crawlers_of(turns=6)
    play(world, 7)
    before = world.physics.command.copy()
    observation = world.observe()
    others = np.setdiff1d(world.population.living, observation.living)
    world.step(random_actions(world, observation))
    assert (world.physics.command[others] == before[others]).all()


def test_the_stranded_are_set_down_elsewhere_and_their_decision_is_cut_off() -> None:
    world = crawlers_of(stranded=12)
    cut = 0
    for outcome in (play(world, 1)[0] for _ in range(48)):
        cut += outcome.truncated[outcome.acted].sum()
        assert not outcome.terminated[outcome.truncated].any()
    assert cut > 12
    world = crawlers_of(stranded=0)
    assert not any(play(world, 1)[0].truncated.any() for _ in range(30))


def test_somebody_just_set_down_stands_level_and_the_way_counts_for_nothing() -> None:
    world = crawlers_of(stranded=6)
    slots = np.empty(0, np.int32)
    while not len(slots):
        x = world.creatures.x.copy()
        outcome = play(world, 1)[0]
        slots = outcome.acted[outcome.truncated[outcome.acted]]
    pose = world.physics.reading.pose[slots, 0]
    assert (pose[:, 2] == 1).all() and (pose[:, 4:] == 0).all()
    place = world.physics.reading.tile[slots] * TILE + pose[:, 0]
    assert np.abs(place - world.creatures.x[slots]).max() < 1e-4
    assert np.abs(world.creatures.x[slots] - x[slots]).max() > 1.0
    assert np.abs(world.creatures.feats[slots]).max() < 1.5


def lives(world: Crawlers, steps: int) -> dict[int, bytes]:
    play(world, steps)
    people = world.population
    return {
        int(people.id[slot]): world.physics.reading.pose[slot].tobytes() + world.creatures.x[slot].tobytes()
        for slot in people.living
    }


def test_neither_threads_nor_slots_change_a_life() -> None:
    one, two = lives(crawlers_of(**BREEDING), 40), lives(crawlers_of(**BREEDING, threads=2), 40)
    assert one == two
    shuffled = crawlers_of(founders=12, capacity=64, **BREEDING)
    saved = shuffled.population.state()
    shuffled.population.load_state({**saved, "free": saved["free"][::-1]})
    wide = crawlers_of(founders=12, capacity=64, **BREEDING)
    assert lives(shuffled, 40) == lives(wide, 40)


def test_the_ground_goes_on_ahead_and_the_wall_buries_who_stays_behind() -> None:
    world = crawlers_of(terrain=TerrainSettings(tiles=2), founders=4, capacity=8, extinction="stop")
    runner = world.population.living[:1]
    world._put(runner, np.array([150.0]))
    outcomes = play(world, 1)
    assert world.terrain.newest == 2
    assert world.terrain.oldest == 1
    outcomes = play(world, 1)
    assert set(outcomes[0].deaths.cause.tolist()) == {world.causes.index("wall")}
    assert len(world.population.living) == 1


def test_a_decision_in_progress_is_saved_with_what_was_perceived() -> None:
    """It is remembered only when it ends, maybe after a resume."""
    world, other = crawlers_of(), crawlers_of()
    play(world, 21)
    other.load_state(world.state())
    deciding = world.population.living[world.creatures.decided[world.population.living]]
    assert len(deciding) > 5
    for one in (world, other):
        one.observe()
    for name in ("_values", "mask"):
        assert (getattr(world._view, name)[deciding] == getattr(other._view, name)[deciding]).all()


def test_founders_die_of_age_one_by_one_each_in_the_second_half_of_the_longest_life() -> None:
    world = crawlers_of(40, 40, body=SMALL, age_max=40, extinction="stop")
    lived = {int(id_): outcome.step for outcome in play(world, 41) for id_ in outcome.deaths.id}
    assert len(lived) == 40 and min(lived.values()) >= 20 and max(lived.values()) <= 40
    assert len(set(lived.values())) > 8
    again = crawlers_of(40, 60, body=SMALL, age_max=40, extinction="stop")
    assert {int(id_): outcome.step for outcome in play(again, 41) for id_ in outcome.deaths.id} == lived
