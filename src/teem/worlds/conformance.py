"""Does a world keep the contract of `World`? A check to run on any world, your own too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.rng import Stream, uniforms
from teem.state import State
from teem.worlds.base import Observation, Outcome, World

Make = Callable[[], World]
_PLAIN = (np.ndarray, int, float, bool, str, type(None))


def check_world(make: Make, steps: int) -> None:
    """Raise AssertionError, naming what is violated, unless the worlds that `make` builds keep the contract.

    Drives them for `steps` steps with random actions, some of them illegal. `make` takes nothing and builds the
    same world each time.
    """
    world = make()
    _check_names(world)
    places, seen = set(), set(world.population.id[world.population.living].tolist())
    for _ in range(steps):
        observation = world.observe()
        _check_observation(world, observation)
        _check_heuristic(world, observation)
        places |= _places(world)
        seen |= _check_step(world, observation, seen)
    moved = len({who for who, _, _ in places}) < len(places)
    _require(moved or steps < 2, f"nobody changed place in {steps} steps")
    _check_repeatable(make, steps)
    _check_saving(make, steps)


def unvarying(make: Make, steps: int) -> list[str]:
    """The names of the observation's values that are the same for everyone in all of `steps` random steps."""
    world = make()
    low, high = np.full(world.observation_shape, np.inf), np.full(world.observation_shape, -np.inf)
    for _ in range(steps):
        observation = world.observe()
        values = observation.values[observation.living]
        low = np.minimum(low, values.min(axis=0, initial=np.inf))
        high = np.maximum(high, values.max(axis=0, initial=-np.inf))
        world.step(random_actions(world, observation))
    return [name for name, same in zip(world.observation_names, (low == high).flat, strict=True) if same]


def random_actions(world: World, observation: Observation, illegal: float = 0.0) -> NDArray[np.int32]:
    """A random action for each of the living, drawn by id: legal, but for a part `illegal` of any number at all."""
    ids, count = world.population.id[observation.living], len(world.actions)
    draws = uniforms(1, Stream.POLICY, world.step_count, ids, 2)
    action = np.full(world.population.capacity, count, np.int32)
    for slot, (draw, fault) in zip(observation.living, draws, strict=True):
        legal = np.flatnonzero(observation.mask[slot])
        action[slot] = int(draw * (count + 2)) - 1 if fault < illegal else legal[int(draw * len(legal))]
    return action


def _require(holds: Any, violated: str) -> None:
    if not holds:
        raise AssertionError(violated)


def _check_names(world: World) -> None:
    names = world.observation_names
    _require(len(names) == prod(world.observation_shape), "observation_names: not one a value")
    for kind in ("actions", "causes", "traits", "kinds", "observation_names"):
        given = getattr(world, kind)
        _require(given and len(set(given)) == len(given), f"{kind}: empty, or a name comes twice")
    _require(world.step_count == 0, "step_count: a new world has made no step")
    _require(world.population.genome.shape[1] == len(world.traits), "traits: not one a column of the genome")
    for name, picture in world.map().items():
        _require(picture.ndim == 2 and picture.dtype == np.float32, f"map: {name} is no picture of float32")


def _check_observation(world: World, observation: Observation) -> None:
    population, living = world.population, observation.living
    n = population.capacity
    _require(np.array_equal(living, population.living), "observe: living are not the population's")
    _require((np.diff(population.id[living]) > 0).all(), "living: not by rising id")
    _require(len(living) == (population.id >= 0).sum(), "living: not everyone with an id")
    _require(observation.values.shape == (n, *world.observation_shape), "observe: wrong shape of values")
    _require(observation.values.dtype == np.float32, "observe: values are not float32")
    _require(np.isfinite(observation.values[living]).all(), "observe: a value is not finite")
    _require(observation.mask.shape == (n, len(world.actions)), "observe: wrong shape of the mask")
    _require(observation.mask[living, -1].all(), "observe: to pass is illegal for somebody")
    before = observation.values[living].copy(), observation.mask[living].copy()
    again = world.observe()
    _require(np.array_equal(again.values[living], before[0]), "observe: another result the second time")
    _require(np.array_equal(again.mask[living], before[1]), "observe: another mask the second time")


def _check_heuristic(world: World, observation: Observation) -> None:
    action = np.full(world.population.capacity, -1, np.int32)
    world.heuristic(observation, action)
    living = observation.living
    inside = (action[living] >= 0) & (action[living] < len(world.actions))
    _require(inside.all(), "heuristic: somebody was left without an action")
    _require(observation.mask[living, action[living]].all(), "heuristic: an illegal action")


def _places(world: World) -> set[tuple[int, float, float]]:
    population = world.population
    living = population.living
    return set(zip(*(column[living].tolist() for column in (population.id, population.x, population.y)), strict=True))


def _check_step(world: World, observation: Observation, seen: set[int]) -> set[int]:
    """Make a step and check what it returned; returns the ids of the newborn."""
    population, living, step = world.population, observation.living.copy(), world.step_count
    ids, mask = population.id[living].copy(), observation.mask.copy()
    wanted = random_actions(world, observation, illegal=0.3)
    outcome = world.step(wanted.copy())
    _require(outcome.step == step and world.step_count == step + 1, "step: the count is wrong")
    _require(np.array_equal(outcome.acted, living), "acted: not those who were alive")
    _require(np.array_equal(outcome.id, ids), "id: not of those who acted")
    passing = len(world.actions) - 1
    asked = wanted[living]
    legal = (asked >= 0) & (asked <= passing) & mask[living, np.clip(asked, 0, passing)]
    _require(
        np.array_equal(outcome.action[living], np.where(legal, asked, passing)),
        "action: not what was asked where that is legal, and to pass where it isn't",
    )
    _require(np.isin(outcome.target[living], [*ids, -1]).all(), "target: nobody who was alive")
    _require(np.isfinite(outcome.reward[living]).all(), "reward: not finite")
    _check_deaths(world, outcome)
    return _check_births(world, outcome, seen)


def _check_deaths(world: World, outcome: Outcome) -> None:
    population, deaths, acted = world.population, outcome.deaths, outcome.acted
    ended = acted[outcome.terminated[acted]]
    _require(np.array_equal(np.sort(deaths.slot), np.sort(ended)), "deaths: not those who terminated")
    _require(not (outcome.terminated & outcome.truncated)[acted].any(), "truncated: terminated already")
    id_of = dict(zip(acted.tolist(), outcome.id.tolist(), strict=True))
    _require([id_of[slot] for slot in deaths.slot.tolist()] == deaths.id.tolist(), "deaths: wrong ids")
    _require(np.isin(deaths.cause, range(len(world.causes))).all(), "deaths: an unknown cause")
    _require((population.id[deaths.slot] == -1).all(), "deaths: a slot freed in this step is taken already")
    _require(np.isin(outcome.honours[:, 1], deaths.slot).all(), "honours: somebody who didn't die")


def _check_births(world: World, outcome: Outcome, seen: set[int]) -> set[int]:
    population, births = world.population, outcome.births
    born = population.id[births.slot].tolist()
    survivors = np.setdiff1d(outcome.acted, outcome.deaths.slot)
    after = np.sort(np.concatenate([survivors, births.slot]))
    _require(np.array_equal(after, np.sort(population.living)), "living: not the survivors and the newborn")
    _require(not set(born) & seen and len(set(born)) == len(born), "births: an id is used again")
    _require((population.born[births.slot] == outcome.step).all(), "births: born in another step")
    with_parent = births.parent_slot >= 0
    parents, children = births.parent_slot[with_parent], births.slot[with_parent]
    _require(np.isin(parents, survivors).all(), "births: a parent that isn't alive")
    _require((population.parent[children] == population.id[parents]).all(), "births: the wrong parent's id")
    _require(
        (population.generation[children] == population.generation[parents] + 1).all(),
        "births: a generation was skipped",
    )
    return set(born)


def _told(world: World, steps: int) -> Iterator[dict[str, bytes]]:
    """Everything that can be told of each step, bit for bit."""
    for _ in range(steps):
        observation = world.observe()
        living = observation.living.copy()
        told = {"values": observation.values[living].tobytes(), "mask": observation.mask[living].tobytes()}
        outcome = world.step(random_actions(world, observation))
        arrays = {name: getattr(outcome, name)[living] for name in ("action", "target", "reward", "terminated")}
        arrays |= {"births": outcome.births.slot, "deaths": outcome.deaths.id, "cause": outcome.deaths.cause}
        yield told | {name: array.tobytes() for name, array in arrays.items()}


def _same(one: Iterator[dict[str, bytes]], other: Iterator[dict[str, bytes]], violated: str) -> None:
    for step, (ours, theirs) in enumerate(zip(one, other, strict=True)):
        different = [name for name in ours if ours[name] != theirs[name]]
        _require(not different, f"{violated}: {', '.join(different)} differ after {step} steps")


def _check_repeatable(make: Make, steps: int) -> None:
    _same(_told(make(), steps), _told(make(), steps), "two worlds made alike")


def _check_saving(make: Make, steps: int) -> None:
    world, other = make(), make()
    for _ in _told(world, steps // 2):
        pass
    saved = world.state()
    kept = deepcopy(saved)
    _check_plain("state", saved)
    after = list(_told(world, steps))
    _check_equal("state", saved, kept, "changed after it was taken")
    for _ in _told(other, 1):
        pass
    other.load_state(saved)
    _check_equal("state", other.state(), kept, "not the one that was loaded")
    _same(_told(other, steps), iter(after), "a world restored")


def _check_plain(path: str, state: State) -> None:
    for name, value in state.items():
        here = f"{path}.{name}"
        if isinstance(value, dict):
            _check_plain(here, value)
            continue
        plain = isinstance(value, _PLAIN) and getattr(value, "dtype", None) != np.dtype(object)
        _require(isinstance(name, str) and plain, f"{here}: neither array, number, text nor None")


def _check_equal(path: str, one: State, other: State, violated: str) -> None:
    _require(one.keys() == other.keys(), f"{path}: {violated}")
    for name, value in one.items():
        if isinstance(value, dict):
            _check_equal(f"{path}.{name}", value, other[name], violated)
        else:
            same = np.asarray(value).tobytes() == np.asarray(other[name]).tobytes()
            _require(same, f"{path}.{name}: {violated}")
