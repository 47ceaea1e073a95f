"""The farm: the world's parts, and one step as the list of its rules."""

from __future__ import annotations

from math import ceil, sqrt
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.measure.spans import Spans
from teem.population.fame import HallOfFame
from teem.population.guests import Guests
from teem.population.slots import Population
from teem.space.grid import Grid
from teem.state import Array, State
from teem.threads import Threads
from teem.worlds.base import Births, Deaths, Observation, Outcome, Progress, silent
from teem.worlds.farm.bodies import ACTIONS, CAUSES, OWN, PASS, TRAITS, blank, bodies_of, kinds_of, terms_of
from teem.worlds.farm.channels import write_channels
from teem.worlds.farm.fields import RESOURCES, ROCK, TERRAIN, empty_map
from teem.worlds.farm.heuristic import farm_by_rule
from teem.worlds.farm.layout import lay_out, make_fields
from teem.worlds.farm.look import look
from teem.worlds.farm.memory import make_memory
from teem.worlds.farm.rules.breed import breed, parents
from teem.worlds.farm.rules.fight import fight
from teem.worlds.farm.rules.gather import gather
from teem.worlds.farm.rules.metabolise import die, metabolise
from teem.worlds.farm.rules.move import move
from teem.worlds.farm.rules.regrow import lasting, regrow, regrow_tiles
from teem.worlds.farm.rules.share import communicate, share
from teem.worlds.farm.settle import resettle, settle, welcome
from teem.worlds.farm.tiles import AT_ONCE
from teem.worlds.farm.view import make_view, observation_names, observation_shape
from teem.worlds.tokens import Tokens
from teem.worlds.turns import Turns

_CELLS_A_FOUNDER = 8  # side of the square that a founder has to itself, where size is 0
Slots = NDArray[np.int32]


class Farm:
    """Gatherers and fighters on a plane of regrowing resources; see `World` for the contract."""

    name = "farm"
    actions = ACTIONS
    rest = PASS
    branches: tuple[str, ...] = ()
    turns = Turns()
    episodes = False
    continuous = False
    tokens: Tokens | None = None
    feat = "joules"
    causes = CAUSES
    traits = TRAITS

    def __init__(
        self, config: Config, threads: Threads, spans: Spans, folder: Path | None = None, progress: Progress = silent
    ) -> None:
        settings = self._settings = config.farm
        self._population_settings = config.population
        self._seed = config.seed
        self._threads = threads
        self._spans = spans
        self.kinds = tuple(kind.name for kind in settings.kinds)
        self.observation_shape = observation_shape(settings)
        self.observation_names = observation_names(settings)
        self.step_count = 0
        side = side_of(config)
        capacity = config.capacity
        self.population = Population(capacity, len(TRAITS), *config.growth)
        self.fame = HallOfFame(config.population.fame, len(TRAITS))
        self.guests = Guests(config.population.fame, len(TRAITS))
        self.fields = make_fields(settings, side, folder)
        self.bodies = bodies_of(self.population)
        self._terms = terms_of(settings, side)
        self._kinds = kinds_of(settings)
        self._view, self._charts = make_view(settings, self.fields)
        self._grid = Grid(side, settings.edge == "torus", capacity, settings.sight + 1, threads)
        self._memory = make_memory(self.population, settings.sight, self._view.known_empty >= 0)
        self._demand = empty_map((side, side), settings.storage, folder)
        self._lasts = lasting(settings.growth, settings.regrow_every)
        self._values = np.zeros((capacity, *self.observation_shape), np.float32)
        self._mask = np.zeros((capacity, len(ACTIONS)), np.bool_)
        self._action = np.zeros(capacity, np.int32)
        self._target = np.full(capacity, -1, np.int64)
        self._terminated = np.zeros(capacity, np.bool_)
        self._truncated = np.zeros(capacity, np.bool_)
        self._dead = np.zeros(capacity, np.int32)
        self._cause = np.zeros(capacity, np.int32)
        self._observed_step = -1
        lay_out(self.fields, settings, config.seed, threads, progress)
        settle(config.population.founders, self.population, self.fields, settings, config.seed, 0)
        write_channels(self.fields, self.population.living, self.bodies, 0, "persistent", "instant", "decaying")

    @property
    def feats(self) -> NDArray[np.float32]:
        """Joules that each has gathered in its life, `[capacity]`."""
        return self.bodies.feats

    # ---- looking

    def observe(self) -> Observation:
        """What everyone alive perceives now."""
        population, grid = self.population, self._grid
        living = population.living
        with self._spans("world.index"):
            grid.rebuild(population.x, population.y, living)
        nearby = grid.cells[-1]  # the living by place: neighbours look at the same part of the map
        with self._spans("world.look"):
            self._threads.share(
                look, len(living), nearby, self.step_count, population.room_next, self.bodies,
                (self.fields.planes, self.fields.scale, self.fields.capacity), (grid.plane, grid.cells),
                self._view, self._charts, self._terms, self._kinds, self._memory,
                self._values.reshape(population.capacity, -1), self._mask, at_least=256,
            )  # fmt: skip
        self._observed_step = self.step_count
        return Observation(living, self._values, self._mask)

    def heuristic(self, observation: Observation, action: NDArray[np.int32]) -> None:
        """Farm by rule of thumb: breed, eat, walk to the best cell in sight."""
        farm_by_rule(
            observation.living, self.bodies, self.fields.planes, self.fields.capacity, self._view,
            self._terms, observation.mask, action,
        )  # fmt: skip

    # ---- one step

    def step(self, action: NDArray[np.int32]) -> Outcome:
        """Apply every rule once, in this order."""
        acted, ids = self._begin(action)
        ledger = {
            "moving": self._move(acted),
            "gathered": self._gather(acted),
            "fighting": self._fight(acted),
            "shared": self._share(acted),
            "upkeep": self._metabolise(acted),
        }
        deaths, honours, ledger["lost"] = self._die(acted)
        births = self._breed()
        ledger["seeded"] = self._settings.energy * int((births.parent_slot < 0).sum())
        ledger["grown"] = self._regrow(np.concatenate((acted, births.slot)))
        self._fade()
        outcome = Outcome(
            step=self.step_count,
            acted=acted,
            id=ids,
            action=self._action,
            target=self._target,
            reward=self.bodies.reward,
            terminated=self._terminated,
            truncated=self._truncated,
            births=births,
            deaths=deaths,
            honours=honours,
            ledger=ledger,
        )
        self.step_count += 1
        return outcome

    def _begin(self, action: NDArray[np.int32]) -> tuple[Slots, NDArray[np.int64]]:
        """Make last step's dead room available, and turn illegal actions into passing."""
        if self._observed_step != self.step_count:
            self.observe()
        self.population.recycle()
        acted = self.population.living.copy()
        _comply(acted, action, self._mask, self._action, self._target, self.bodies.reward)
        return acted, self.population.id[acted]

    def _move(self, acted: Slots) -> float:
        trails = self.fields.index("trails")
        with self._spans("world.move"):
            return float(
                move(
                    acted, self._action, self.bodies, self.fields.planes, self._terms, trails,
                    self.fields.scale[trails],
                )
            )  # fmt: skip

    def _gather(self, acted: Slots) -> float:
        fields = self.fields
        with self._spans("world.gather"):
            return float(
                gather(
                    acted,
                    self._action,
                    self.bodies,
                    fields.planes,
                    fields.capacity,
                    self._terms,
                    self._demand,
                )
            )

    def _fight(self, acted: Slots) -> float:
        heat = self.fields.index("damage_heat")
        with self._spans("world.fight"):
            return float(
                fight(
                    acted, self._action, self._target, self.bodies, self.fields.planes, self._terms,
                    self._kinds, heat,
                    self.fields.scale[heat],
                )
            )  # fmt: skip

    def _share(self, acted: Slots) -> float:
        with self._spans("world.share"):
            shared = share(acted, self._action, self._target, self.bodies, self._terms, self._kinds)
            communicate(acted, self._action, self.bodies, self.fields.planes, self._terms)
        return float(shared)

    def _metabolise(self, acted: Slots) -> float:
        with self._spans("world.metabolise"):
            return float(metabolise(acted, self.bodies, self._terms))

    def _die(self, acted: Slots) -> tuple[Deaths, NDArray[np.int32], float]:
        bodies, population = self.bodies, self.population
        with self._spans("world.die"):
            count, lost = die(acted, bodies, self._terms, self.step_count, self._terminated, self._dead, self._cause)
            dead = self._dead[:count].copy()
            deaths = Deaths(dead, population.id[dead], self._cause[:count].copy())
            honours = self.fame.honour(dead, bodies.feats, bodies.kind, bodies.genome)
            if count:
                population.release(dead)
        return deaths, honours, float(lost)

    def _breed(self) -> Births:
        population, settings = self.population, self._settings
        with self._spans("world.breed"):
            guests = min(len(self.guests), population.room)  # who have waited come before children
            chosen = parents(
                population.living,
                self._action,
                self.bodies,
                settings,
                self._seed,
                self.step_count,
                population.room - guests,
            )
            if len(chosen):
                child = breed(chosen, population, self.bodies, settings, self._seed, self.step_count)
                births = Births(child, chosen, np.full(len(child), -1, np.int32))
            else:
                births = Births.none() if guests else self._reseed()
            if guests:
                births = births.and_then(self._welcome(guests))
            self._forget(births.slot)
        return births

    def _welcome(self, count: int) -> Births:
        """Guests settle as founders do, with the genomes they came with."""
        slots, places = welcome(
            count, self.guests, self.population, self.fields, self._settings, self._seed, self.step_count
        )
        return Births(slots, np.full(count, -1, np.int32), places + np.int32(len(self.fame.score)))

    def _reseed(self) -> Births:
        """Nobody is born, unless nobody is left, the settings ask for new founders and all have room."""
        population, settings = self.population, self._settings
        wanted, extinction = self._population_settings.founders, self._population_settings.extinction
        if len(population.living) or extinction == "stop" or population.room < wanted:
            return Births.none()
        where = (population, self.fields, settings, self._seed, self.step_count)
        if len(self.fame):
            slots, entries = resettle(wanted, self.fame, *where)
        else:
            slots, entries = settle(wanted, *where), np.full(wanted, -1, np.int32)
        return Births(slots, np.full(wanted, -1, np.int32), entries)

    def _forget(self, newborn: Slots) -> None:
        """Clear the farm's own columns for a new life."""
        if len(newborn):
            blank(self.bodies, newborn)
            self._memory.since[newborn] = -1

    def _regrow(self, somebody: Slots) -> float:
        settings, fields, step, every = self._settings, self.fields, self.step_count, self._settings.regrow_every
        with self._spans("world.regrow"):
            if fields.tiles is None:
                return float(regrow(step, every, fields.planes, fields.capacity, self._lasts))
            return float(
                regrow_tiles(
                    somebody, self.bodies.x, self.bodies.y, max(settings.sight, ceil(settings.move_distance)),
                    settings.edge == "torus", step, every, settings.growth, AT_ONCE, fields.planes, fields.capacity,
                    fields.tiles,
                )
            )  # fmt: skip

    def _fade(self) -> None:
        self.fields.fade()
        write_channels(self.fields, self.population.living, self.bodies, self.step_count + 1, "instant", "decaying")

    # ---- seeing and saving the whole

    def map(self) -> dict[str, NDArray[np.float32]]:
        """What lasts on the map, `[side, side]` each: resources and how much a cell can hold, rock, steepness."""
        planes = self.fields.planes
        return {
            "resources": planes[:, :, RESOURCES],
            "capacity": self.fields.capacity,
            "obstacles": planes[:, :, ROCK],
            "terrain_cost": planes[:, :, TERRAIN],
        }

    def state(self) -> State:
        """Population, map, the farm's own columns, memories, fame and guests."""
        return {
            "step_count": self.step_count,
            "population": self.population.state(),
            "fields": self.fields.state(),
            "bodies": self.population.saved(self._own()),
            "memory": self.population.saved(self._memory._asdict()),
            "fame": self.fame.state(),
            "guests": self.guests.state(),
        }

    def load_state(self, state: State) -> None:
        """Continue from a saved state of a farm with the same settings."""
        self.step_count = int(state["step_count"])
        self._observed_step = -1
        self.population.load_state(state["population"])
        self.fields.load_state(state["fields"])
        self.fame.load_state(state["fame"])
        self.guests.load_state(state["guests"])
        self.population.load("world.bodies", self._own(), state["bodies"])
        self.population.load("world.memory", self._memory._asdict(), state["memory"])

    def _own(self) -> dict[str, Array]:
        """The farm's own columns by slot."""
        return {name: getattr(self.bodies, name) for name in OWN}


def side_of(config: Config) -> int:
    """Cells along an edge: as set, or as many as the founders need; never too few to see or walk around once."""
    settings = config.farm
    wanted = settings.size or ceil(_CELLS_A_FOUNDER * sqrt(config.population.founders))
    return max(wanted, 2 * settings.sight + 3, ceil(settings.move_distance))


@njit(nogil=True, cache=True)
def _comply(living, wanted, mask, action, target, reward):  # type: ignore[no-untyped-def]
    """Take over legal actions, make the others a pass, and clear what a step writes."""
    for i in living:
        legal = 0 <= wanted[i] < mask.shape[1] and mask[i, wanted[i]]
        action[i] = wanted[i] if legal else PASS
        target[i] = -1
        reward[i] = np.float32(0.0)
