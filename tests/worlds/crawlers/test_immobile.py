"""Who is too weary to move: its motors are off, it decides nothing, and it goes on deciding when it has recovered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crawling import SMALL, crawlers_of
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.load import load_config
from teem.errors import UsageError
from teem.worlds.base import Outcome
from teem.worlds.conformance import check_world, random_actions
from teem.worlds.crawlers.crawlers import Crawlers

LEAST = 0.15 * 20_000.0


def world_of(**given: Any) -> Crawlers:
    return crawlers_of(**{"body": SMALL, "immobile": 0.15, "turns": 3, **given})


def advance(world: Crawlers) -> tuple[np.ndarray, Outcome]:
    """A step; who decided before it."""
    observation = world.observe()
    deciding = observation.living.copy()
    return deciding, world.step(random_actions(world, observation))


def assert_immobile_are_left_alone(world: Crawlers, steps: int, draws: np.random.Generator) -> int:
    """Play while joules come and go; what must be true of the immobile in each step. How many there were, in all."""
    people, creatures, seen = world.population, world.creatures, 0
    for _ in range(steps):
        living = people.living.copy()
        people.energy[draws.choice(living, len(living) // 4)] = draws.choice([1000.0, LEAST, 9000.0])
        immobile, before = living[creatures.immobile[living]], people.energy.copy()
        batches, ids = world.batches, people.id.copy()
        deciding, outcome = advance(world)
        assert batches == {
            "deciding": len(deciding), "holding": len(living) - len(deciding) - len(immobile),
            "immobile": len(immobile),
        }  # fmt: skip
        assert not np.isin(immobile, deciding).any()  # nobody asks their networks
        assert (world.physics.command[immobile] == 0).all()
        assert (world.physics.reading.energy[immobile] == 0).all()  # their motors do no work
        stays = immobile[people.id[immobile] == ids[immobile]]
        fed = world._view._got[stays] > 0
        assert (before[stays][~fed] - people.energy[stays][~fed] <= 0.2 + 1e-3).all()  # living is all it takes
        for slot, one in zip(outcome.acted.tolist(), outcome.id.tolist(), strict=True):
            again = people.id[slot] == one and not creatures.immobile[slot]
            assert again or outcome.terminated[slot]  # a decision ends where the next one follows, or in death
        seen += len(immobile)
    return seen


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), control=st.sampled_from(["speed", "torque"]))
def test_the_immobile_decide_nothing_and_their_motors_are_off(seed: int, control: str) -> None:
    world = world_of(seed=seed, control=control)
    assert assert_immobile_are_left_alone(world, 30, np.random.default_rng(seed)) > 20


@pytest.mark.parametrize("fault", ["the motors stay on", "they are asked all the same"])
def test_a_planted_fault_is_found_out(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    if fault == "the motors stay on":
        monkeypatch.setattr(world.physics, "drive", lambda slots, by_torque: None)
    else:
        due = lambda living, step: living[world.turns.due(world.population.id[living], step)]  # noqa: E731
        monkeypatch.setattr(world, "_due", due)
    with pytest.raises(AssertionError):
        assert_immobile_are_left_alone(world, 30, np.random.default_rng(3))


def test_a_decision_goes_on_until_its_agent_can_decide_again_and_holds_what_came_meanwhile() -> None:
    world = world_of(turns=1)
    one = world.population.living[:1]
    deciding, _ = advance(world)
    assert one[0] in deciding
    world.population.energy[one] = 1000.0
    worth = 0.0
    for step in range(1, 30):
        if step == 20:
            world.population.energy[one] = 9000.0
        deciding, outcome = advance(world)
        assert one[0] not in deciding
        if step >= 6 or step < 5:
            assert (one[0] in outcome.acted) == (step == 23)
        if one[0] in outcome.acted:
            break
        assert outcome.reward[one] != worth
        worth = outcome.reward[one]
    assert world.step_count == 24  # a turn of its, after it had recovered
    assert not outcome.terminated[one]
    assert one[0] in advance(world)[0]


def test_worlds_with_the_immobile_keep_the_contract_and_are_saved_whole() -> None:
    """Bodies of nobody else are touched, and what is saved amid it goes on with the same bits."""
    check_world(lambda: world_of(energy=3001.0, upkeep=0.5), 20)
    one, other = world_of(energy=3001.0, upkeep=0.5), world_of(energy=3001.0, upkeep=0.5)
    for _ in range(10):
        advance(one)
    assert one.creatures.immobile.any()
    other.load_state(one.state())
    for world in (one, other):
        for _ in range(10):
            advance(world)
    living = one.population.living
    assert one.batches["immobile"] > 0
    assert (one.physics.reading.pose[living] == other.physics.reading.pose[living]).all()
    assert (one.population.energy == other.population.energy).all()


def test_nobody_is_immobile_where_the_setting_is_0() -> None:
    world = world_of(immobile=0.0, energy=1.0, starvation=0.001)
    for _ in range(12):
        advance(world)
    assert world.batches["immobile"] == 0
    assert not world.creatures.immobile.any()


def test_who_could_never_move_is_an_error_that_names_the_remedy() -> None:
    with pytest.raises(UsageError) as error:
        load_config("crawlers", {"world.immobile": 0.5, "world.birth_energy": 9000})
    assert "world.birth_energy is 9000.0 but world.immobile is 0.5, 10000 J" in str(error.value)
    assert "world.energy is" not in str(error.value)
