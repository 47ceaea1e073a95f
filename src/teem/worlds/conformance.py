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
from teem.worlds.base import Action, Observation, Outcome, World

Make = Callable[[], World]
_PLAIN = (np.ndarray, int, float, bool, str, type(None))


def check_world(make: Make, steps: int) -> None:
    """Raise AssertionError, naming what is violated, unless the worlds that `make` builds keep the contract.

    Drives them for `steps` steps with random actions, some of them illegal. `make` takes nothing and builds the
    same world each time.
    """
    world = make()
    _check_names(world)
    open_: dict[int, Action] = {}
    episodes = _Episodes()
    places, seen = set(), set(world.population.id[world.population.living].tolist())
    for _ in range(steps):
        observation = world.observe()
        _check_observation(world, observation)
        _check_heuristic(world, observation)
        places |= _places(world)
        seen |= _check_step(world, observation, seen, open_, episodes)
    moved = len({who for who, _, _ in places}) < len(places)
    _require(moved or steps < 2, f"nobody changed place in {steps} steps")
    episodes.check(world)
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


def random_actions(world: World, observation: Observation, illegal: float = 0.0) -> Action:
    """A random action for each of the living, drawn by id: legal, but for a part `illegal` of any number at all."""
    ids, count, parts = world.population.id[observation.living], len(world.actions), max(1, len(world.branches))
    draws = uniforms(1, Stream.POLICY, world.step_count, ids, 2 * parts).reshape(len(ids), parts, 2)
    if world.continuous:
        return _random_numbers(world, observation, draws, illegal)
    action = np.full((world.population.capacity, parts), count, np.int32)
    for slot, its in zip(observation.living, draws, strict=True):
        for part, (draw, fault) in enumerate(its):
            legal = np.arange(count) if world.branches else np.flatnonzero(observation.mask[slot])
            action[slot, part] = int(draw * (count + 2)) - 1 if fault < illegal else legal[int(draw * len(legal))]
    return action if world.branches else action[:, 0]


def _random_numbers(world: World, observation: Observation, draws: NDArray[np.float32], illegal: float) -> Action:
    """Random actions of a continuous world; of a part `illegal` some are beyond -1 or 1, and some not finite."""
    faults = draws[..., 1] / max(illegal, 1e-30)  # below 1: illegal
    number = 2 * draws[..., 0] - 1
    for below, wrong in ((1.0, 3 * number), (0.5, np.float32(np.inf)), (0.25, np.float32(np.nan))):
        number = np.where(faults < below, wrong, number)
    action = np.full((world.population.capacity, draws.shape[1]), np.nan, np.float32)
    action[observation.living] = number
    return action


def _complied(world: World, wanted: Action, mask: NDArray[np.bool_]) -> Action:
    """What becomes of the actions `wanted` by some, `[n]` or `[n, branches]`: the impossible ones are rest."""
    if world.continuous:
        return np.where(mask & np.isfinite(wanted), np.clip(wanted, -1, 1), 0).astype(np.float32)
    possible = (wanted >= 0) & (wanted < len(world.actions))
    if world.branches:
        possible &= mask
    else:
        possible &= mask[np.arange(len(wanted)), np.clip(wanted, 0, len(world.actions) - 1)]
    return np.where(possible, wanted, world.rest).astype(np.int32)


def _require(holds: Any, violated: str) -> None:
    if not holds:
        raise AssertionError(violated)


def _check_names(world: World) -> None:
    names = world.observation_names
    _require(len(names) == prod(world.observation_shape), "observation_names: not one a value")
    for kind in ("actions", "causes", "traits", "kinds", "observation_names"):
        given = getattr(world, kind)
        if kind == "actions" and world.continuous:
            _require(not given and world.branches, "actions: a continuous world has branches instead of these")
            continue
        needed = kind not in ("causes", "traits")
        _require((given or not needed) and len(set(given)) == len(given), f"{kind}: empty, or a name comes twice")
    _require(world.step_count == 0, "step_count: a new world has made no step")
    _require(world.population.genome.shape[1] == len(world.traits), "traits: not one a column of the genome")
    for name, picture in world.map().items():
        _require(picture.ndim == 2 and picture.dtype == np.float32, f"map: {name} is no picture of float32")


def _check_observation(world: World, observation: Observation) -> None:
    population, living = world.population, observation.living
    n = population.capacity
    if world.turns.every == 1:
        _require(np.array_equal(living, population.living), "observe: living are not the population's")
    _require(np.isin(living, population.living).all(), "observe: somebody decides who isn't alive")
    _require((np.diff(population.id[population.living]) > 0).all(), "living: not by rising id")
    _require((np.diff(population.id[living]) > 0).all(), "observe: not by rising id")
    _require(len(population.living) == (population.id >= 0).sum(), "living: not everyone with an id")
    _require(observation.values.shape == (n, *world.observation_shape), "observe: wrong shape of values")
    _require(observation.values.dtype == np.float32, "observe: values are not float32")
    _require(np.isfinite(observation.values[living]).all(), "observe: a value is not finite")
    _require(observation.mask.shape == (n, len(world.branches or world.actions)), "observe: wrong shape of the mask")
    resting = observation.mask[living].any(axis=1) if world.branches else observation.mask[living, world.rest]
    _require(resting.all(), "observe: to rest is illegal for somebody, or it has no branch")
    before = observation.values[living].copy(), observation.mask[living].copy()
    again = world.observe()
    _require(np.array_equal(again.values[living], before[0]), "observe: another result the second time")
    _require(np.array_equal(again.mask[living], before[1]), "observe: another mask the second time")


def _check_heuristic(world: World, observation: Observation) -> None:
    shape = (world.population.capacity, *([len(world.branches)] if world.branches else []))
    action = np.full(shape, np.nan, np.float32) if world.continuous else np.full(shape, -1, np.int32)
    world.heuristic(observation, action)
    chosen = action[observation.living]
    inside = np.abs(chosen) <= 1 if world.continuous else (chosen >= 0) & (chosen < len(world.actions))
    _require(inside.all(), "heuristic: somebody was left without an action")
    complied = _complied(world, chosen, observation.mask[observation.living])
    _require(np.array_equal(complied, chosen), "heuristic: an illegal action")


def _places(world: World) -> set[tuple[int, float, float]]:
    population = world.population
    living = population.living
    return set(zip(*(column[living].tolist() for column in (population.id, population.x, population.y)), strict=True))


class _Episodes:
    """What became of the views that were the last of an episode: they must not be the first of the next one."""

    def __init__(self) -> None:
        self.cut = 0  # decisions with which an episode was cut off
        self.told_apart = 0  # of them, those whose last view differs from the next episode's first

    def note(self, world: World, outcome: Outcome) -> None:
        """Check what a step says of the episodes that were cut off in it; to be called before anybody looks again."""
        cut = outcome.acted[outcome.truncated[outcome.acted]]
        if not world.episodes or not len(cut):
            return
        _require(outcome.final is not None, "final: not given, though an episode was cut off")
        assert outcome.final is not None
        shape = (world.population.capacity, *world.observation_shape)
        _require(outcome.final.shape == shape and outcome.final.dtype == np.float32, "final: wrong shape or type")
        _require(np.isfinite(outcome.final[cut]).all(), "final: a value is not finite")
        kept = outcome.final[cut].copy()
        values = world.observe().values
        _require(np.array_equal(outcome.final[cut], kept), "final: changed when the next episode was looked at")
        self.cut += len(cut)
        self.told_apart += int((kept != values[cut]).reshape(len(cut), -1).any(axis=1).sum())

    def check(self, world: World) -> None:
        """Raise unless the last views were the old episodes' own."""
        _require(self.told_apart or not self.cut, "final: always the first view of the next episode")


def _check_step(
    world: World, observation: Observation, seen: set[int], open_: dict[int, Action], episodes: _Episodes
) -> set[int]:
    """Make a step and check what it returned; returns the ids of the newborn.

    `open_` are the decisions in progress: the action of each id as it should have been taken. It is kept up.
    """
    population, step = world.population, world.step_count
    alive, deciding = population.living.copy(), observation.living.copy()
    id_of = population.id.copy()
    wanted = random_actions(world, observation, illegal=0.3)
    for slot, action in zip(deciding, _complied(world, wanted[deciding], observation.mask[deciding]), strict=True):
        open_[int(id_of[slot])] = action
    outcome = world.step(wanted.copy())
    _require(outcome.step == step and world.step_count == step + 1, "step: the count is wrong")
    _require(outcome.agents == len(alive), "agents: not as many as were alive")
    episodes.note(world, outcome)
    _check_acted(world, outcome, alive, id_of, open_)
    _require(np.isin(outcome.target[outcome.acted], [*id_of[alive], -1]).all(), "target: nobody who was alive")
    _require(np.isfinite(outcome.reward[outcome.acted]).all(), "reward: not finite")
    _check_deaths(world, outcome, alive, id_of)
    return _check_births(world, outcome, alive, seen)


def _check_acted(
    world: World, outcome: Outcome, alive: NDArray[np.int32], id_of: NDArray[np.int64], open_: dict[int, Any]
) -> None:
    """Those whose decisions ended: they had one, took it as asked, and all who decide next or died are among them."""
    acted = outcome.acted
    _require(np.array_equal(outcome.id, id_of[acted]), "id: not of those who acted")
    _require((np.diff(outcome.id) > 0).all() and np.isin(acted, alive).all(), "acted: not alive, or not by rising id")
    if world.turns.every == 1:
        _require(np.array_equal(acted, alive), "acted: not those who were alive")
    next_ = set(world.population.id[world.observe().living].tolist())
    dead = set(outcome.deaths.id.tolist())
    ended = {one for one in open_ if one in next_ or one in dead}
    _require(set(outcome.id.tolist()) == ended, "acted: not those who decided and now decide anew or died")
    for slot, one in zip(acted, outcome.id.tolist(), strict=True):
        _require(
            np.array_equal(outcome.action[slot], open_.pop(one)),
            "action: not what was asked where that is legal, and to rest where it isn't",
        )


def _check_deaths(world: World, outcome: Outcome, alive: NDArray[np.int32], id_of: NDArray[np.int64]) -> None:
    population, deaths, acted = world.population, outcome.deaths, outcome.acted
    ended = acted[outcome.terminated[acted]]
    died = np.intersect1d(deaths.slot, acted)
    if world.episodes:
        _require(np.isin(died, ended).all(), "deaths: of those who acted, somebody who didn't terminate")
    else:
        _require(np.array_equal(died, np.sort(ended)), "deaths: of those who acted, not those who terminated")
    _require(np.isin(deaths.slot, alive).all(), "deaths: somebody who wasn't alive")
    _require(not (outcome.terminated & outcome.truncated)[acted].any(), "truncated: terminated already")
    _require(np.array_equal(id_of[deaths.slot], deaths.id), "deaths: wrong ids")
    _require(np.isin(deaths.cause, range(len(world.causes))).all(), "deaths: an unknown cause")
    _require((population.id[deaths.slot] == -1).all(), "deaths: a slot freed in this step is taken already")
    _require(np.isin(outcome.honours[:, 1], deaths.slot).all(), "honours: somebody who didn't die")


def _check_births(world: World, outcome: Outcome, alive: NDArray[np.int32], seen: set[int]) -> set[int]:
    population, births = world.population, outcome.births
    born = population.id[births.slot].tolist()
    survivors = np.setdiff1d(alive, outcome.deaths.slot)
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
        told["alive"] = world.population.living.tobytes() + world.feats[world.population.living].tobytes()
        names = ("action", "target", "reward", "terminated", "truncated")
        arrays = {name: getattr(outcome, name)[outcome.acted] for name in names}
        if outcome.final is not None:
            arrays["final"] = outcome.final[outcome.acted[outcome.truncated[outcome.acted]]]
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
