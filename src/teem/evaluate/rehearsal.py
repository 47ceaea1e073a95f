"""Playing on with a saved run in memory: as the run itself would go on, but with everything written down.

The run's folder is only read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.evaluate.experience import Remembered, decisions_held, remembered
from teem.evaluate.saved import Saved
from teem.evaluate.sight import Look, look_again, sight_of
from teem.evaluate.trained import Networked
from teem.learning.acting import acting_of
from teem.learning.build import build_policies
from teem.learning.cohort import Cohort
from teem.learning.policies import Policies
from teem.measure.spans import Spans
from teem.record.archive import digest
from teem.threads import Threads
from teem.worlds.base import Action, Observation, Outcome, World
from teem.worlds.catalogue import make_world
from teem.worlds.crawlers.crawlers import Crawlers
from teem.worlds.farm.farm import Farm

WATCHED = 200  # most agents whose observations are kept


@dataclass(frozen=True, slots=True)
class Moment:
    """One step as it was played; a row each of those whose decision came to its end in it, and was seen to be made."""

    step: int
    id: NDArray[np.int64]  # [n]
    legal: NDArray[np.bool_]  # [n, actions] or, with branches, [n, branches]
    chosen: Action  # [n] or [n, branches] by the policies
    done: Action  # [n] or [n, branches] in the world
    before: NDArray[np.float32]  # [n, 2] place when it decided
    after: NDArray[np.float32]  # [n, 2]
    reward: NDArray[np.float32]  # [n]
    terminated: NDArray[np.bool_]  # [n]
    truncated: NDArray[np.bool_]  # [n] in a world of episodes; of others nothing is said of what was cut off
    died: int
    looked: int  # how many were shown something in this step
    unsound: NDArray[np.int64]  # ids of those whose observation was not finite
    watched: NDArray[np.int64]  # [m] rows of those whose observation is kept
    seen: NDArray[np.float32]  # [m, D] what they saw when they decided
    remembered: Remembered
    joules: float  # in all before the step; NaN where the world has none
    joules_after: float
    ledger: dict[str, float]
    events: dict[str, int]  # how often something happened to the watched that can be seen
    sight: NDArray[np.float64]  # [m] cells to each side that the watched see; [0] if the world has no such trait
    look: Look | None  # looked again, in some of the steps


@dataclass(frozen=True, slots=True)
class Learnt:
    """Networks of some agents at one time, and how often each had been updated and held back."""

    id: NDArray[np.int64]  # [k]
    cohort: NDArray[np.int8]  # [k] number of
    weights: NDArray[np.float32]  # [k, size] of the largest network, what is shared included; zeros beyond an own one
    size: NDArray[np.int64]  # [k] of the own one; 0: none
    updates: NDArray[np.int64]  # [k]
    faults: NDArray[np.int64]  # [k]
    loss: NDArray[np.float32]  # [k] NaN before the first update


class Rehearsal:
    """A saved run, taken up again in memory."""

    def __init__(self, saved: Saved, threads: Threads) -> None:
        self.config = saved.config
        self.world: World = make_world(saved.config, threads, Spans(1))
        self.policies = build_policies(saved.config, self.world, threads)
        self.world.load_state(saved.state["world"])
        self.policies.load_state(saved.state["policies"])
        self.stride = max(1, len(self.world.population.living) // WATCHED)
        self._decisions = _Decisions(self.world, self.stride)

    def advance(self, *, look: bool = False) -> Moment:
        """Make one step, as `runtime.loop.Run.advance` does."""
        world, policies = self.world, self.policies
        observation = world.observe()
        before = _Before(world, self.config, observation, self.stride)
        self._decisions.begin(observation)
        again = look_again(world, self.config, observation, before.watched) if look else None
        action = policies.act(observation)
        self._decisions.choose(observation.living, action)
        outcome = world.step(action)
        held = decisions_held(policies, outcome.acted)
        policies.remember(observation, outcome)
        moment = self._moment(before, outcome, held, again)
        for entry, slot in outcome.honours:
            policies.honour(int(entry), int(slot))
        policies.inherit(outcome.births)
        policies.learn()
        return moment

    def stir(self, moment_seed: int) -> Moment:
        """Make one step in which everyone does any legal thing, so that more happens; nothing is learnt."""
        world = self.world
        observation = world.observe()
        living = observation.living.copy()
        before = _Before(world, self.config, observation, self.stride)
        self._decisions.begin(observation)
        draws, mask = np.random.default_rng(moment_seed), observation.mask[living]
        action = acting_of(world).nothing(world.population.capacity)
        if world.continuous:
            action[living] = np.where(mask, draws.uniform(-1.0, 1.0, mask.shape), world.rest)
        elif world.branches:
            action[living] = np.where(mask, draws.integers(0, len(world.actions), mask.shape), world.rest)
        else:
            action[living] = np.where(mask, draws.random(mask.shape), -1).argmax(axis=1)
        self._decisions.choose(living, action)
        outcome = world.step(action)
        return self._moment(before, outcome, decisions_held(self.policies, outcome.acted), None)

    def _moment(self, before: _Before, outcome: Outcome, held: NDArray[np.int64], look: Look | None) -> Moment:
        """The moment, now that the step was made, and remembered if it is at all; `held` before that, by who acted."""
        world, decisions = self.world, self._decisions
        known = decisions.id[outcome.acted] == outcome.id  # those that were in progress at first were not seen
        rows, ids = outcome.acted[known], outcome.id[known]
        watched = np.flatnonzero(_watched(ids, self.stride))
        return Moment(
            step=outcome.step,
            id=ids,
            legal=decisions.legal[rows],
            chosen=decisions.chosen[rows],
            done=outcome.action[rows],
            before=decisions.place[rows],
            after=_places(world, rows),
            reward=outcome.reward[rows],
            terminated=outcome.terminated[rows],
            truncated=outcome.truncated[rows] & world.episodes,
            died=len(outcome.deaths.id),
            looked=before.looked,
            unsound=before.unsound,
            watched=watched,
            seen=decisions.end(rows, watched),
            remembered=remembered(self.policies, rows, held[known], watched, outcome, decisions.width),
            joules=before.joules,
            joules_after=joules(world),
            ledger=dict(outcome.ledger),
            events=events(world, rows[watched]) | {"ripe": before.ripe},
            sight=sight_of(world, self.config, rows[watched]),
            look=look,
        )

    def learnt(self) -> Learnt:
        """The networks of the watched, as they are now."""
        living = self.world.population.living
        rows = living[_watched(self.world.population.id[living], self.stride)]
        gauges = self.policies.gauges
        ids = self.world.population.id[rows]
        weights, size = weights_of(self.policies, rows)
        cohort, updates, faults = self.policies.cohort_of[rows], gauges.updates[rows], gauges.faults[rows]
        return Learnt(ids, cohort, weights, size, updates, faults, gauges.loss[rows])

    def doom(self) -> int:
        """Take all health from the oldest of the living, so that it dies in the next step; returns its id."""
        slot = self.world.population.living[0]
        healing = 1.0 if isinstance(self.world, Crawlers) else 0.0  # most that a step gives back
        self.world.population.health[slot] = -healing
        return int(self.world.population.id[slot])

    def digest(self) -> dict[str, str]:
        """A hash of each array and number that a later step depends on, by path."""
        return digest({"world": self.world.state(), "policies": self.policies.state()})


class _Before:
    """What there was before a step."""

    def __init__(self, world: World, config: Config, observation: Observation, stride: int) -> None:
        living = observation.living
        ids = world.population.id[living]
        flat = observation.values.reshape(world.population.capacity, -1)
        self.looked = len(living)
        self.unsound = ids[~np.isfinite(flat[living]).all(axis=1)]
        self.watched = np.flatnonzero(_watched(ids, stride))  # of the living
        self.joules = joules(world)
        self.ripe = ripe(world, config, living[self.watched])


class _Decisions:
    """The decisions that are in progress, by slot: what was seen, what could be done, what was chosen, and where."""

    def __init__(self, world: World, stride: int) -> None:
        acting, capacity = acting_of(world), world.population.capacity
        self._world, self._stride = world, stride
        self.id = np.full(capacity, -1, np.int64)  # whose; -1: none that was seen to be made
        self.legal = np.zeros((capacity, acting.marks), np.bool_)
        self.chosen = acting.nothing(capacity)
        self.place = np.zeros((capacity, 2), np.float32)
        self._seen: dict[int, NDArray[np.float32]] = {}  # of the watched
        self.width = int(np.prod(world.observation_shape))  # numbers in an observation

    def begin(self, observation: Observation) -> None:
        """Those who look now are about to decide."""
        rows = observation.living
        self.id[rows] = self._world.population.id[rows]
        self.legal[rows] = observation.mask[rows]
        self.place[rows] = _places(self._world, rows)
        flat = observation.values.reshape(len(observation.values), -1)
        for row in rows[_watched(self.id[rows], self._stride)]:
            self._seen[int(row)] = flat[row].copy()

    def choose(self, rows: NDArray[np.int32], action: Action) -> None:
        """What they do."""
        self.chosen[rows] = action[rows]

    def end(self, rows: NDArray[np.int32], watched: NDArray[np.int64]) -> NDArray[np.float32]:
        """The decisions of these rows are over; what the watched among them saw, `[m, D]`."""
        self.id[rows] = -1
        seen = [self._seen.pop(int(row)) for row in rows[watched]]
        return np.stack(seen) if seen else np.empty((0, self.width), np.float32)


def _watched(ids: NDArray[np.int64], stride: int) -> NDArray[np.bool_]:
    """Who is watched: the same agents in every step, whoever else is born."""
    return np.asarray(ids % stride == 0)


def _places(world: World, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.stack([world.population.x[rows], world.population.y[rows]], axis=1)


def joules(world: World) -> float:
    """All energy that a world's ledger is about: of agents and, on a farm, on the map; NaN if it keeps none."""
    people = world.population
    held = people.energy[people.living].sum(dtype=np.float64)
    if isinstance(world, Crawlers):
        return float(held)
    resources = world.map().get("resources")
    return float("nan") if resources is None else float(held + resources.sum(dtype=np.float64))


def events(world: World, rows: NDArray[np.int32]) -> dict[str, int]:
    """How many of the rows something has just happened to that their senses should show."""
    if not isinstance(world, Farm):
        return {}
    bodies = world.bodies
    return {
        "hurt": int((bodies.hurt[rows] > 0).sum()),
        "told": int((bodies.signal[rows] > 0).sum()),
        "gathered": int((bodies.gathered[rows] > 0).sum()),
        "unwell": int((bodies.health[rows] < 1).sum()),
    }


def ripe(world: World, config: Config, rows: NDArray[np.int32]) -> int:
    """How many of the rows could breed, as the settings have it."""
    if not isinstance(world, Farm):
        return 0
    people, settings = world.population, config.farm
    old = world.step_count - people.born[rows] >= settings.maturity
    return int((old & (people.energy[rows] >= settings.breed_energy)).sum())


def weights_of(policies: Policies, rows: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The weights that each row decides by, `[n, size]` of the largest, zeros beyond its own; and sizes `[n]`."""
    sizes = [_weights_of(cohort, rows[:0]).shape[1] for cohort in policies.cohorts]
    weights, size = np.zeros((len(rows), max(sizes)), np.float32), np.zeros(len(rows), np.int64)
    for cohort, places in policies.parts(rows):
        own = _weights_of(cohort, rows[places])
        weights[places, : own.shape[1]] = own
        size[places] = own.shape[1]
    return weights, size


def _weights_of(cohort: Cohort, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """The weights of rows of one cohort, `[n, size]`; size 0 where there are no networks."""
    if not isinstance(cohort, Networked):
        return np.empty((len(rows), 0), np.float32)
    state = cohort.networks.state(rows)
    common = np.broadcast_to(state["common"]["weights"], (len(rows), state["common"]["weights"].shape[1]))
    return np.concatenate([state["own"]["weights"], common], axis=1)
