"""The crawlers: the world's parts, and one step as the list of its rules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.config.settings import Config
from teem.measure.spans import Spans
from teem.population.fame import HallOfFame
from teem.population.guests import Guests
from teem.population.slots import Population
from teem.population.variation import Genomes
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Action, Births, Deaths, Observation, Outcome
from teem.worlds.crawlers import food, rules
from teem.worlds.crawlers.chart import chart
from teem.worlds.crawlers.collide import collisions_of
from teem.worlds.crawlers.control import control_of
from teem.worlds.crawlers.creatures import Creatures
from teem.worlds.crawlers.food import Food
from teem.worlds.crawlers.genome import TRAITS
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.morphology import build
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import Plan
from teem.worlds.crawlers.settle import anywhere, bear, founders, heirs, lifespans, put, welcome
from teem.worlds.crawlers.terrain import Terrain
from teem.worlds.crawlers.view import View
from teem.worlds.tokens import Tokens
from teem.worlds.turns import Turns, turns_of

Slots = NDArray[np.int32]


class Crawlers:
    """Articulated creatures on endless ground; see `World` for the contract.

    A creature decides when it's its turn (`Turns`), and in between its action holds; a decision's reward is that of
    all these steps together. One that is too weary to move decides nothing: its last decision goes on until it can.
    """

    name = "crawlers"
    episodes = False
    feat = "metres"
    kinds: tuple[str, ...] = ("crawler",)
    causes: tuple[str, ...] = rules.CAUSES
    traits = TRAITS
    tokens: Tokens | None

    def __init__(self, config: Config, threads: Threads, spans: Spans, genomes: Genomes | None = None) -> None:
        assert isinstance(config.world, CrawlersSettings)
        settings = self._settings = config.world
        capacity = config.capacity
        self._population_settings = config.population
        self._seed = config.seed
        self._threads = threads
        self._spans = spans
        self._usual_turns = self._coming_turns = self.turns = turns_of(config)
        self.step_count = 0
        control = self._control = control_of(settings)
        self.continuous, self.actions, self.rest = control.continuous, control.actions, control.rest
        self.population = Population(capacity, len(TRAITS), *config.growth)
        self.creatures = Creatures.of(capacity)
        self.fame = HallOfFame(config.population.fame, len(TRAITS))
        self.guests = Guests(config.population.fame, len(TRAITS))
        self.plan = Plan.of(capacity)
        self.terrain = Terrain(settings.terrain, config.seed)
        self.food = Food(settings.food, self.terrain, config.seed)
        self.physics = Physics(capacity, threads, settings.substeps, settings.dt)
        self._collisions = collisions_of(settings, self.plan, self.physics, threads)
        self._view = View(settings, self.population, self.plan, self.physics, threads)
        self.branches = self._view.branches
        self.tokens = self._view.tokens
        self.observation_shape: tuple[int, ...] = (self._view.tokens.size,)
        self.observation_names: tuple[str, ...] = self._view.names
        kind = np.float32 if self.continuous else np.int32
        self._action: Action = np.full((capacity, len(self.branches)), self.rest, kind)
        self._target = np.full(capacity, -1, np.int64)
        self._terminated = np.zeros(capacity, np.bool_)
        self._truncated = np.zeros(capacity, np.bool_)
        self._some = np.empty(capacity, np.int32)
        self._cause = np.empty(capacity, np.int32)
        self._terms = rules.terms_of(settings)
        self._observed_step = -1
        self._found(config.population.founders, genomes)

    @property
    def feats(self) -> NDArray[np.float32]:
        """Metres that each has got from its birthplace, `[capacity]`."""
        return self.creatures.feats

    # ---- looking

    def observe(self) -> Observation:
        """What those whose turn it is perceive now."""
        self._observed_step = self.step_count
        deciding = self._due(self.population.living, self.step_count)
        with self._spans("world.look"):
            values, mask = self._view.look(deciding, self.terrain, self.food.items)
        return Observation(deciding, values, mask)

    def heuristic(self, observation: Observation, action: Action) -> None:
        """Swing every joint to and fro, each limb after the one before it."""
        time = self.step_count * self._settings.dt
        joint = np.arange(len(self.branches))
        swing = np.sin(2 * np.pi * (1.2 * time - joint / 7.0))
        wanted = np.broadcast_to(self._control.nearest(swing), (len(observation.living), len(joint)))
        action[observation.living] = self._control.comply(wanted, observation.mask[observation.living])

    # ---- one step

    def step(self, action: Action) -> Outcome:
        """Apply every rule once, in this order."""
        alive = self._begin(action)
        self.turns = self._coming_turns  # whose decision ends now decides in these turns again
        ids = self.population.id[alive]
        self._crawl(alive)
        ledger = {"eaten": self._eat(alive), "taken": self._metabolise(alive)}
        self._tire(alive)
        self._judge(alive)
        decided = self.creatures.decided[alive]
        ended = decided & self.turns.due(ids, self.step_count + 1) & ~self.creatures.immobile[alive]
        self._set_down(alive[ended])
        deaths, honours, ledger["lost"] = self._die(alive)
        births, ledger["seeded"] = self._breed()
        ledger["grown"] = self._grow()
        done = ended | (decided & self._terminated[alive])
        self.creatures.decided[alive[done]] = False
        outcome = Outcome(
            step=self.step_count,
            acted=alive[done],
            id=ids[done],
            action=self._action,
            target=self._target,
            reward=self.creatures.reward,
            terminated=self._terminated,
            truncated=self._truncated,
            births=births,
            deaths=deaths,
            honours=honours,
            ledger=ledger,
            alive=len(alive),
        )
        self.step_count += 1
        return outcome

    def stretch(self, times: int) -> Turns:
        """Let decisions last so many times what the settings say, from those on that end in the next step."""
        self._coming_turns = self._usual_turns.stretched(times)
        return self._coming_turns

    def _due(self, living: Slots, step: int) -> Slots:
        """Those of the living who decide before this step."""
        return living[self.turns.due(self.population.id[living], step) & ~self.creatures.immobile[living]]

    @property
    def batches(self) -> dict[str, int]:
        """How many of the living decide before the next step, let their action hold, or are too weary to move."""
        living = self.population.living
        deciding, immobile = len(self._due(living, self.step_count)), int(self.creatures.immobile[living].sum())
        return {"deciding": deciding, "holding": len(living) - deciding - immobile, "immobile": immobile}

    def _begin(self, action: Action) -> Slots:
        """Take over new decisions, what is no action as rest, and clear what a step writes."""
        if self._observed_step != self.step_count:
            self.observe()
        self.population.recycle()
        alive = self.population.living.copy()
        deciding = self._due(alive, self.step_count)
        taken = self._control.comply(action[deciding], self._view.mask[deciding])
        self._action[deciding] = taken
        self.physics.command[deciding[:, None], self._view.joints] = self._control.command(taken)
        self.creatures.decided[deciding] = True
        self.creatures.reward[deciding] = 0.0
        self._terminated[alive] = False
        self._truncated[alive] = False
        return alive

    def _crawl(self, alive: Slots) -> None:
        """Move everybody; who collides is pushed first."""
        people, creatures, reading = self.population, self.creatures, self.physics.reading
        impulse = self._collide(alive)
        with self._spans("world.crawl"):
            self.physics.step(1, self.terrain.ground, impulse)
            self.physics.read()
            rules.note_places(
                alive, reading.tile, reading.pose, people.x, people.y, creatures.x, creatures.birthplace,
                creatures.feats, creatures.made,
            )  # fmt: skip

    def _collide(self, alive: Slots) -> NDArray[np.float32] | None:
        """What creatures that meet give each other's parts, if they collide at all."""
        if self._collisions is None:
            return None
        with self._spans("world.collide"):
            return self._collisions.impulses(alive, self.terrain.ground)

    def _eat(self, alive: Slots) -> float:
        with self._spans("world.eat"):
            return self._view.eat(alive, self.step_count, self.food.items)

    def _metabolise(self, alive: Slots) -> float:
        people = self.population
        with self._spans("world.metabolise"):
            return float(
                rules.metabolise(alive, self.physics.reading.energy, people.energy, people.health, self._terms)
            )

    def _tire(self, alive: Slots) -> None:
        """Turn the motors of the weary off, and of those who have recovered on again."""
        if not self._settings.immobile:
            return
        immobile = self.creatures.immobile
        with self._spans("world.tire"):
            count = rules.tire(alive, self.population.energy, immobile, self._terms, self._some)
            if count:
                changed = self._some[:count].copy()
                self.physics.drive(changed[immobile[changed]], by_torque=True)
                self.physics.drive(changed[~immobile[changed]], by_torque=self.continuous)

    def _judge(self, alive: Slots) -> None:
        reading, creatures = self.physics.reading, self.creatures
        with self._spans("world.judge"):
            rules.judge(alive, creatures.made, reading.energy, reading.pose, creatures.reward, self._terms)

    def _set_down(self, ended: Slots) -> None:
        """Whoever has been stranded is set down, level, somewhere else on the ground; its decision was cut off."""
        creatures = self.creatures
        with self._spans("world.set_down"):
            count = rules.find_stranded(
                ended, self.step_count, creatures.x, creatures.farthest, creatures.advanced, self._terms, self._some
            )
            if count:
                stuck = self._some[:count].copy()
                self._truncated[stuck] = True
                ids, front = self.population.id[stuck], float(creatures.x[self.population.living].max())
                x = anywhere(ids, self.terrain.oldest * TILE, front, self._seed, self.step_count)
                creatures.carry(stuck, x)
                self._put(stuck, x)

    def _die(self, alive: Slots) -> tuple[Deaths, NDArray[np.int32], float]:
        people = self.population
        with self._spans("world.die"):
            wall = self.terrain.oldest * TILE
            count = rules.find_doomed(
                alive, self.step_count, wall, self.creatures.x, self.creatures.ends, people.health, self._terms,
                self._some, self._cause,
            )  # fmt: skip
            dead = self._some[:count].copy()
            deaths = Deaths(dead, people.id[dead], self._cause[:count].copy())
            if not count:
                return deaths, np.empty((0, 2), np.int32), 0.0
            honours = self.fame.honour(dead, self.creatures.feats, people.kind, people.genome)
            self._terminated[dead] = True
            self._truncated[dead] = False
            lost = float(people.energy[dead].sum(dtype=np.float64))
            self.physics.remove(dead)
            people.release(dead)
        return deaths, honours, lost

    def _breed(self) -> tuple[Births, float]:
        """Children of those who have enough, then guests; when nobody is left, founders if the settings ask."""
        population, settings = self.population, self._settings
        with self._spans("world.breed"):
            guests = min(len(self.guests), population.room)  # who have waited come before children
            parents, child = bear(population, settings, population.room - guests, self._seed, self.step_count)
            births = Births(child, parents, np.full(len(child), -1, np.int32))
            if len(child):
                self._embody(child, self.creatures.x[parents] - 2.0)
            if guests:
                return births.and_then(self._welcome(guests)), settings.energy * guests
            if len(child):
                return births, 0.0
            wanted = self._population_settings.founders
            extinct = not len(population.living) and self._population_settings.extinction == "reseed"
            if not extinct or population.room < wanted:
                return Births.none(), 0.0
            slots, entries = heirs(wanted, self.fame, population, settings, self._seed, self.step_count)
            self._embody(slots, self._places(wanted))
        return Births(slots, np.full(wanted, -1, np.int32), entries), settings.energy * wanted

    def _welcome(self, count: int) -> Births:
        """Guests settle anywhere between the wall and the foremost, with the genomes they came with."""
        population, wall, step = self.population, self.terrain.oldest * TILE, self.step_count
        front = float(self.creatures.x[population.living].max(initial=wall))
        slots, places = welcome(count, self.guests, population, self._settings, step)
        self._embody(slots, anywhere(population.id[slots], wall, front, self._seed, step))
        return Births(slots, np.full(count, -1, np.int32), places + np.int32(len(self.fame.score)))

    def _grow(self) -> float:
        """Let food grow again, and the ground go on ahead of the foremost."""
        with self._spans("world.grow"):
            grown = float(food.regrow(self.step_count, self._settings.food.regrowth, self.food.items))
            living = self.population.living
            if len(living):
                self._reach(float(self.creatures.x[living].max()))
        return grown

    # ---- coming into the world

    def _found(self, count: int, genomes: Genomes | None) -> None:
        slots = founders(count, genomes, self.population, self._settings, self._seed, 0)
        self._embody(slots, self._places(count))

    def _places(self, count: int) -> NDArray[np.float64]:
        """Where founders begin, side by side from the oldest tile on."""
        spread = min(self._settings.spread, (self._settings.terrain.tiles - 2) * TILE / count)
        return np.asarray(self.terrain.oldest * TILE + 5.0 + spread * np.arange(count), np.float64)

    def _embody(self, slots: Slots, x: NDArray[np.float64]) -> None:
        """Build the bodies of newcomers and put them at x."""
        x = np.maximum(x, self.terrain.oldest * TILE + 2.0)
        build(self.population.genome[slots], slots, self._settings.body, self.plan)
        self._action[slots] = self.rest
        lifespan = lifespans(self.population.id[slots], self._settings.age_max, self._seed)
        self.creatures.begin(slots, x, self.step_count, lifespan)
        self._reach(float(x.max()))
        self._put(slots, x)
        self.population.x[slots] = x
        self.population.y[slots] = self.physics.reading.pose[slots, 0, 1]

    def _put(self, slots: Slots, x: NDArray[np.float64]) -> None:
        """Stand bodies at x, level and at rest."""
        put(slots, x, self.plan, self.terrain, self.physics, by_torque=self.continuous)

    def _reach(self, x: float) -> None:
        """Have ground up to a tile ahead of x, with its food."""
        ahead = int(x // TILE) + 1
        if ahead > self.terrain.newest:
            self.terrain.extend_to(ahead)
            self.food.follow(self.terrain)

    # ---- seeing and saving the whole

    def map(self) -> dict[str, NDArray[np.float32]]:
        """The ground's heights, the metres to where the world began, and the food, a row each, `[1, samples]`."""
        return chart(self.terrain.ground, self.food.items)

    def state(self) -> State:
        """Population, bodies and their motion, ground, food, fame and guests."""
        return {
            "step_count": self.step_count,
            "stretch": self._coming_turns.every // self._usual_turns.every,
            "population": self.population.state(),
            "creatures": self.population.saved(self.creatures.columns()),
            "plan": self.population.saved(self.plan.columns()),
            "physics": self.physics.state(self.population.size),
            "terrain": self.terrain.state(),
            "food": self.food.state(),
            "fame": self.fame.state(),
            "guests": self.guests.state(),
            "action": self._action[: self.population.size].copy(),
            "view": self._view.state(),
        }

    def load_state(self, state: State) -> None:
        """Continue from a saved state of crawlers with the same settings."""
        self.step_count = int(state["step_count"])
        self.turns = self.stretch(int(state["stretch"]))
        self.population.load_state(state["population"])
        self.population.load("world.creatures", self.creatures.columns(), state["creatures"])
        self.population.load("world.plan", self.plan.columns(), state["plan"])
        self.physics.load_state(state["physics"])
        self.terrain.load_state(state["terrain"])
        self.food.load_state(state["food"], self.terrain)
        self.fame.load_state(state["fame"])
        self.guests.load_state(state["guests"])
        self.population.load("world", {"action": self._action}, state)
        self._action[self.population.size :] = self.rest
        self._view.load_state(state["view"])
        self._observed_step = -1
        self.physics.read()
