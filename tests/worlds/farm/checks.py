"""What must hold of every farm; each check is seen to fail in tests/invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
from farms import by_chance, farm_of, flat, joules, plainly, run
from numpy.typing import NDArray

from teem.population.slots import COLUMNS
from teem.worlds.farm.bodies import OWN
from teem.worlds.farm.farm import Farm


def assert_seen_as_specified(farm: Farm, known: Any) -> None:
    values, mask, ally, enemy = plainly(farm, known)
    observation = farm.observe()
    living = farm.population.living
    np.testing.assert_allclose(observation.values[living], values[living], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(observation.mask[living], mask[living])
    np.testing.assert_array_equal(farm.bodies.ally[living], ally[living])
    np.testing.assert_array_equal(farm.bodies.enemy[living], enemy[living])


def change_by_ledger(ledger: Any) -> float:
    """What the ledger says a step adds to all the joules there are."""
    sources = ledger["grown"] + ledger["seeded"]
    return float(sources - ledger["moving"] - ledger["fighting"] - ledger["upkeep"] - ledger["lost"])


def make_accounted_steps(farm: Farm, steps: int) -> set[int]:
    """Make steps by chance, each checked against its ledger; returns the actions that were taken."""
    taken: set[int] = set()
    for _ in range(steps):
        before = joules(farm)
        outcome = farm.step(by_chance(farm, farm.observe()))
        taken |= set(outcome.action[outcome.acted].tolist())
        unknown = joules(farm) - before - change_by_ledger(outcome.ledger)
        assert abs(unknown) < 2e-3, f"{unknown} joules that the ledger does not know"
        assert (farm.fields.values("resources") >= 0).all()
        assert (farm.population.energy[farm.population.living] >= 0).all()
        assert (farm.population.energy[farm.population.living] <= farm._settings.energy_max + 1e-4).all()
    return taken


def permuted(state: dict[str, Any], to: NDArray[np.int64]) -> dict[str, Any]:
    """A farm's state with everybody moved from slot s to slot to[s]."""

    def moved(column: NDArray[Any]) -> NDArray[Any]:
        there = np.empty_like(column)
        there[to] = column
        return there

    def renamed(slots: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.where(slots >= 0, to[slots], -1).astype(np.int32)

    lists = ("living", "free", "freed")
    population = {
        name: renamed(value) if name in lists else value if name == "next_id" else moved(value)
        for name, value in state["population"].items()
    }
    bodies = {name: moved(state["bodies"][name]) for name in OWN}
    bodies |= {name: renamed(bodies[name]) for name in ("ally", "enemy")}
    memory = {name: moved(column) for name, column in state["memory"].items()}
    return {**state, "population": population, "bodies": bodies, "memory": memory}


def lives_from(state: dict[str, Any], steps: int, **settings: Any) -> list[dict[str, Any]]:
    """Every step's lives, by id: all columns, what was seen, done and earned."""
    farm = farm_of(**settings)
    farm.load_state(state)
    told = []
    for _ in range(steps):
        observation = farm.observe()
        living, population = observation.living.copy(), farm.population
        told.append({"id": population.id[living], "seen": observation.values[living].copy()})
        outcome = farm.step(by_chance(farm, observation))
        columns = {name: getattr(population, name)[population.living] for name in (*COLUMNS, "genome")}
        done = {name: getattr(outcome, name)[living] for name in ("action", "target", "reward")}
        died = {"died": outcome.deaths.id, "cause": outcome.deaths.cause}
        born = {"born": population.id[outcome.births.slot]}
        world = {"map": farm.fields.planes.copy(), "fame": farm.fame.score.copy(), **outcome.ledger}
        told.append({**{f"own {name}": value for name, value in columns.items()}, **done, **died, **born, **world})
    return told


def assert_same_lives(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    for step, (ours, theirs) in enumerate(zip(one, other, strict=True)):
        for name, value in ours.items():
            assert np.array_equal(value, theirs[name], equal_nan=True), f"{name} differs at {step // 2}"


def assert_slots_do_not_matter(order: list[int], **settings: Any) -> list[dict[str, Any]]:
    """Live on from a saved state, and from the same with everybody in another slot: all lives are the same."""
    farm = farm_of(**settings)
    run(farm, 10)
    state = farm.state()
    shuffled = permuted(state, np.array(order))
    assert flat(shuffled).keys() == flat(state).keys()
    here = lives_from(state, 25, **settings)
    assert_same_lives(here, lives_from(shuffled, 25, **settings))
    return here
