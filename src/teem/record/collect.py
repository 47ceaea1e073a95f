"""Turning steps into rows: columns are picked by slot, whole arrays at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.population.variation import diversity
from teem.record.client import Recorder
from teem.record.illness import Illness
from teem.record.pending import Pending
from teem.record.schema import INCIDENTS
from teem.state import Array, State, expect_same_shape
from teem.version import __version__
from teem.worlds.base import Births, Outcome, World

TILES = 32  # most tiles a side in a picture of the resources
MOST_PENDING = 4096  # births and deaths that wait to be written together
CELLS = 1024  # most cells a side that are read for it: a larger map is read in every second, third... cell

Gauges = Mapping[str, NDArray[Any]]


class Collector:
    """What a run records of each step, through `recorder`.

    Lives and the beginnings of illness are noted in every step; `steps`, `agent_states` and `actions` are written
    when `step % record.every == 0`, and with them what was noted, likewise `resources` and `learning`.
    """

    def __init__(self, world: World, config: Config, recorder: Recorder) -> None:
        self._world = world
        self._config = config
        self._recorder = recorder
        self._births = 0  # since the last row of steps
        self._deaths = 0
        self._pending = Pending()  # a frame costs the writer as much as fifty rows, and births are few a step
        self._illness = Illness(world.population.capacity)

    def start(self, *, resumed: bool = False) -> None:
        """Write the run, its settings and its names, and the founders unless they are recorded already."""
        world = self._world
        write = self._recorder.write
        write(
            "runs",
            run_id=f"{world.name}-{self._config.seed}",
            world=world.name,
            seed=self._config.seed,
            version=__version__,
        )
        for key, value in flat_settings(self._config):
            write("config", key=key, value=value)
        self._recorder.write_names(
            kinds=world.kinds,
            causes=world.causes,
            actions=world.actions,
            traits=world.traits,
            incidents=INCIDENTS,
        )
        if not resumed:
            self._note_births(world.population.living.copy(), 0)
            self.hand_over()
        self._illness.remember(self._world.population)

    def step(self, outcome: Outcome, gauges: Gauges | None = None) -> None:
        """Write what a step brought; `gauges` are columns `[capacity]` of what the agents learned.

        Raises TeemError (from the recorder) when the writer has failed.
        """
        self._recorder.expect_alive()
        record = self._config.record
        self._note_lives(outcome)
        self._illness.note(self._world.population, outcome.step)
        if outcome.step % record.every == 0 or self._illness.is_full or self._pending.rows >= MOST_PENDING:
            self.hand_over()
        if outcome.step % record.every == 0:
            self._write_states(outcome)
            self._write_actions(outcome)
            self._write_step(outcome)
        if outcome.step % record.resources_every == 0:
            self._write_resources(outcome.step)
        if gauges is not None and outcome.step % record.learning_every == 0:
            self._write_learning(outcome.step, gauges)

    def hand_over(self) -> None:
        """Write what was noted since the last recorded step; to be called before a checkpoint and at the end."""
        for statement, columns in self._pending.take():
            self._recorder.write(statement, **columns)
        self._write_incidents()

    def state(self) -> State:
        """What the next rows depend on."""
        return {"births": self._births, "deaths": self._deaths, "failing": self._illness.failing.copy()}

    def load_state(self, state: State) -> None:
        """Continue from a saved state; the world's is loaded before."""
        expect_same_shape("record.failing", state["failing"], self._illness.failing)
        self._births = int(state["births"])
        self._deaths = int(state["deaths"])
        self._illness.failing[:] = state["failing"]
        self._illness.remember(self._world.population)

    def _note_births(self, slots: NDArray[np.int32], step: int) -> None:
        population = self._world.population
        if not len(slots):
            return
        self._pending.add(
            "births",
            len(slots),
            agent_id=population.id[slots],
            kind=population.kind[slots],
            born_step=step,
            parent_id=population.parent[slots],
            generation=population.generation[slots],
            genome=population.genome[slots],
        )

    def _note_lives(self, outcome: Outcome) -> None:
        births, deaths = outcome.births, outcome.deaths
        self._births += len(births.slot)
        self._deaths += len(deaths.slot)
        self._note_births(births.slot, outcome.step)
        if len(deaths.id):
            self._pending.add("deaths", len(deaths.id), died_step=outcome.step, cause=deaths.cause, agent_id=deaths.id)

    def _write_incidents(self) -> None:
        incidents = self._illness.take()
        if len(incidents["step"]):
            self._recorder.write("health_incidents", **incidents)

    def _write_states(self, outcome: Outcome) -> None:
        population = self._world.population
        living = population.living
        if not len(living):
            return
        self._recorder.write(
            "agent_states",
            step=outcome.step,
            agent_id=population.id[living],
            x=population.x[living],
            y=population.y[living],
            energy=population.energy[living],
            health=population.health[living],
            age=outcome.step - population.born[living],
            reward=_reward_of(living, outcome.reward, outcome.births),
        )

    def _write_actions(self, outcome: Outcome) -> None:
        acted = outcome.acted
        if not len(acted):
            return
        self._recorder.write(
            "actions",
            step=outcome.step,
            agent_id=outcome.id,
            action=outcome.action[acted],
            target_id=outcome.target[acted],
            reward=outcome.reward[acted],
        )

    def _write_step(self, outcome: Outcome) -> None:
        population = self._world.population
        living = population.living
        resources = self._resources()
        self._recorder.write(
            "steps",
            step=outcome.step,
            population=len(living),
            births=self._births,
            deaths=self._deaths,
            mean_age=_mean(outcome.step - population.born[living]),
            mean_energy=_mean(population.energy[living]),
            mean_health=_mean(population.health[living]),
            mean_reward=_mean(outcome.reward[outcome.acted]),
            diversity=diversity(population.genome[living]),
            resources=None if resources is None else resources.mean(),
        )
        self._births = self._deaths = 0

    def _write_resources(self, step: int) -> None:
        resources = self._resources()
        if resources is None:
            return
        height, width = resources.shape
        stride = max(1, -(-max(self._world.map()["resources"].shape) // CELLS))
        side = max(1, -(-max(height, width) // TILES))
        rows, columns = np.arange(0, height, side), np.arange(0, width, side)
        y, x = np.meshgrid(rows * stride, columns * stride, indexing="ij")
        amount = tile_means(resources, rows, columns)
        self._recorder.write("resources", step=step, x=x.ravel(), y=y.ravel(), amount=amount.ravel())

    def _resources(self) -> NDArray[np.float32] | None:
        """The map of resources, thinned out when it is large; None in a world without."""
        resources = self._world.map().get("resources")
        if resources is None:
            return None
        stride = max(1, -(-max(resources.shape) // CELLS))
        return resources[::stride, ::stride]

    def _write_learning(self, step: int, gauges: Gauges) -> None:
        population = self._world.population
        living = population.living
        if not len(living):
            return
        updates, decisions = gauges["updates"][living], gauges["decisions"][living]
        trained = updates.astype(np.float64) * self._config.learning.batch
        self._recorder.write(
            "learning",
            step=step,
            agent_id=population.id[living],
            updates=updates,
            loss=gauges["loss"][living],
            epsilon=gauges["epsilon"][living],
            decisions=decisions,
            replay_ratio=np.divide(trained, decisions, out=np.full(len(living), np.nan), where=decisions > 0),
            faults=gauges["faults"][living],
        )


def flat_settings(config: Config) -> Iterator[tuple[str, str | int | float | None]]:
    """Each setting as ('world.size', 512), lists as JSON; not `runtime`, which never changes the content."""
    yield from _flatten("", {**msgspec.to_builtins(config), "runtime": {}})


def _flatten(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str | int | float | None]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", json.dumps(value) if isinstance(value, (list, tuple)) else value


def tile_means(map: Array, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of each tile of a map `[height, width]`; tiles begin at `rows` and `columns`."""
    sums = np.add.reduceat(np.add.reduceat(map, rows, axis=0, dtype=np.float64), columns, axis=1)
    heights = np.diff(rows, append=map.shape[0])
    widths = np.diff(columns, append=map.shape[1])
    means: NDArray[np.float64] = sums / np.outer(heights, widths)
    return means


def _mean(values: Array) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")


def _reward_of(living: NDArray[np.int32], reward: NDArray[np.float32], births: Births) -> NDArray[np.float32]:
    """Rewards of the living; NaN for those who were born in this step and have not acted."""
    if not len(births.slot):
        return reward[living]
    known = reward.copy()
    known[births.slot] = np.nan
    return known[living]
