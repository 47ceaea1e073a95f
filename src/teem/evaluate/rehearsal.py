"""Playing on with a saved run in memory: as the run itself would go on, but with everything written down.

The run's folder is only read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.evaluate.experience import Remembered, decisions_held, remembered
from teem.evaluate.saved import Saved
from teem.evaluate.sight import Look, look_again, sight_of
from teem.evaluate.trained import Networked
from teem.learning.build import build_policies
from teem.learning.cohort import Cohort
from teem.measure.spans import Spans
from teem.record.archive import pack
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Observation, Outcome, World
from teem.worlds.catalogue import make_world
from teem.worlds.farm.farm import Farm

WATCHED = 200  # most agents whose observations are kept


@dataclass(frozen=True, slots=True)
class Moment:
    """One step as it was played; a row each of those who acted."""

    step: int
    id: NDArray[np.int64]  # [n]
    legal: NDArray[np.bool_]  # [n, actions]
    chosen: NDArray[np.int32]  # [n] by the policies
    done: NDArray[np.int32]  # [n] in the world
    before: NDArray[np.float32]  # [n, 2] place
    after: NDArray[np.float32]  # [n, 2]
    reward: NDArray[np.float32]  # [n]
    terminated: NDArray[np.bool_]  # [n]
    unsound: NDArray[np.int64]  # ids of those whose observation was not finite
    watched: NDArray[np.int64]  # [m] rows of those whose observation is kept
    seen: NDArray[np.float32]  # [m, D] what they saw
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
    weights: NDArray[np.float32]  # [k, size], what is shared included
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

    def advance(self, *, look: bool = False) -> Moment:
        """Make one step, as `runtime.loop.Run.advance` does."""
        world, policies = self.world, self.policies
        observation = world.observe()
        living = observation.living.copy()
        before = _Before(world, self.config, observation, self.stride)
        again = look_again(world, self.config, observation, before.watched) if look else None
        action = policies.act(observation)
        chosen = action[living].copy()
        held = self._held(living)
        outcome = world.step(action)
        policies.remember(observation, outcome)
        kept = self._remembered(living, held, before.watched)
        moment = before.complete(world, outcome, chosen, kept, again)
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
        draws = np.random.default_rng(moment_seed).random(observation.mask[living].shape)
        action = np.zeros(world.population.capacity, np.int32)
        action[living] = np.where(observation.mask[living], draws, -1).argmax(axis=1)
        chosen = action[living].copy()
        outcome = world.step(action)
        nothing = self._remembered(living, self._held(living), before.watched)
        return before.complete(world, outcome, chosen, nothing, None)

    def learnt(self) -> Learnt:
        """The networks of the watched, as they are now."""
        living = self.world.population.living
        rows = living[_watched(self.world.population.id[living], self.stride)]
        gauges = self.policies.gauges
        ids = self.world.population.id[rows]
        return Learnt(ids, weights_of(self._cohort, rows), gauges.updates[rows], gauges.faults[rows], gauges.loss[rows])

    def doom(self) -> int:
        """Take all health from the oldest of the living, so that it dies in the next step; returns its id."""
        slot = self.world.population.living[0]
        self.world.population.health[slot] = 0.0
        return int(self.world.population.id[slot])

    def digest(self) -> dict[str, str]:
        """A hash of each array and number that a later step depends on, by path."""
        return digest({"world": self.world.state(), "policies": self.policies.state()})

    @property
    def _cohort(self) -> Cohort:
        """A run has one cohort."""
        return self.policies.cohorts[0]

    def _held(self, living: NDArray[np.int32]) -> NDArray[np.int64]:
        return decisions_held(self._cohort, living).copy()

    def _remembered(self, living: NDArray[np.int32], held: NDArray[np.int64], watched: NDArray[np.int64]) -> Remembered:
        return remembered(self._cohort, living, held, watched)


class _Before:
    """What there was before a step, to be completed after it."""

    def __init__(self, world: World, config: Config, observation: Observation, stride: int) -> None:
        population, living = world.population, observation.living
        self.id = population.id[living]
        self.legal = observation.mask[living]
        self.place = _places(world, living)
        self.watched = np.flatnonzero(_watched(self.id, stride))
        flat = observation.values.reshape(population.capacity, -1)
        self.unsound = self.id[~np.isfinite(flat[living]).all(axis=1)]
        self.seen = flat[living[self.watched]]
        self.joules = joules(world)
        self.ripe = ripe(world, config, living[self.watched])
        self.sight = sight_of(world, config, living[self.watched])

    def complete(
        self,
        world: World,
        outcome: Outcome,
        chosen: NDArray[np.int32],
        kept: Remembered,
        look: Look | None,
    ) -> Moment:
        """The moment, now that the step was made."""
        acted = outcome.acted
        return Moment(
            step=outcome.step,
            id=self.id,
            legal=self.legal,
            chosen=chosen,
            done=outcome.action[acted],
            before=self.place,
            after=_places(world, acted),
            reward=outcome.reward[acted],
            terminated=outcome.terminated[acted],
            unsound=self.unsound,
            watched=self.watched,
            seen=self.seen,
            remembered=kept,
            joules=self.joules,
            joules_after=joules(world),
            ledger=dict(outcome.ledger),
            events=events(world, acted[self.watched]) | {"ripe": self.ripe},
            sight=self.sight,
            look=look,
        )


def _watched(ids: NDArray[np.int64], stride: int) -> NDArray[np.bool_]:
    """Who is watched: the same agents in every step, whoever else is born."""
    return np.asarray(ids % stride == 0)


def _places(world: World, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.stack([world.population.x[rows], world.population.y[rows]], axis=1)


def joules(world: World) -> float:
    """All energy there is, of agents and on the map; NaN in a world without a map of resources."""
    resources = world.map().get("resources")
    if resources is None:
        return float("nan")
    people = world.population
    held = people.energy[people.living].sum(dtype=np.float64)
    return float(held + resources.sum(dtype=np.float64))


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
    people, settings = world.population, config.world
    old = world.step_count - people.born[rows] >= settings.maturity
    return int((old & (people.energy[rows] >= settings.breed_energy)).sum())


def weights_of(cohort: Cohort, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """The weights that each row decides by, `[n, size]`; size 0 where there are no networks."""
    if not isinstance(cohort, Networked):
        return np.empty((len(rows), 0), np.float32)
    state = cohort.networks.state(rows)
    common = np.broadcast_to(state["common"]["weights"], (len(rows), state["common"]["weights"].shape[1]))
    return np.concatenate([state["own"]["weights"], common], axis=1)


def digest(state: State) -> dict[str, str]:
    """A hash of each array of a state by its path, and one of all other values."""
    packed = pack(state)
    hashes = {
        path: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for path, array in packed.arrays.items()
    }
    return hashes | {"plain values": hashlib.sha256(repr(packed.tree).encode()).hexdigest()}
