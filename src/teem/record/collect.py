"""Turning steps into rows: columns are picked by slot, whole arrays at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import cohorts_of
from teem.config.settings import Config
from teem.population.variation import diversity
from teem.record.client import Recorder
from teem.record.notes import Notes
from teem.record.rows import AgentRows, tile_means, tile_sums
from teem.record.schema import INCIDENTS
from teem.state import State
from teem.version import __version__
from teem.worlds.base import Deaths, Outcome, World

TILES = 32  # most tiles a side in a picture of the resources
CELLS = 1024  # most cells a side that are read for it: a larger map is read in every second, third... cell

_NO_DEATHS = Deaths(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int32))

Gauges = Callable[[], Mapping[str, NDArray[Any]]]
"""Gives columns `[capacity]` of what the agents learned; asked only in a step that records them."""


class Collector:
    """What a run records of each step, through `recorder`.

    Lives and the beginnings of illness are noted in every step; `steps` and `agent_steps` are written when
    `step % record.every == 0`, and with them what was noted, likewise `resources` and `learning`; more rarely as long
    as they are stretched.
    """

    def __init__(
        self, world: World, config: Config, recorder: Recorder, cohort_of: NDArray[np.int8] | None = None
    ) -> None:
        self._world = world
        self._config = config
        self._recorder = recorder
        self._times = 1  # the intervals of the settings
        self._births = 0  # since the last row of steps
        self._deaths = 0
        self._notes = Notes(world.population)
        self._cohorts = cohorts_of(config.learning)
        self._cohort_of = cohort_of if config.learning.cohorts else None  # [capacity]; None: there are no cohorts
        self._joined: list[tuple[NDArray[np.int64], NDArray[np.int8]]] = []  # ids and their cohorts, not yet written
        self._rows = AgentRows(world.population.capacity, len(world.branches), continuous=world.continuous)

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
            branches=world.branches,
        )
        if self._cohort_of is not None:
            self._recorder.write_names(cohorts=[cohort.name for cohort in self._cohorts])
        if not resumed:
            self._notes.note(0, world.population.living, _NO_DEATHS)
            self._note_cohorts(world.population.living)
            self.hand_over()
        self._notes.remember()

    def stretch(self, times: int) -> None:
        """From now on write rows so many times more rarely than the settings say."""
        self._times = times

    def step(self, outcome: Outcome, gauges: Gauges | None = None) -> None:
        """Write what a step brought, and at times what the agents learned.

        Raises TeemError (from the recorder) when the writer has failed.
        """
        self._recorder.expect_alive()
        record, times = self._config.record, self._times
        self._births += len(outcome.births.slot)
        self._deaths += len(outcome.deaths.id)
        self._notes.note(outcome.step, outcome.births.slot, outcome.deaths)
        self._note_cohorts(outcome.births.slot)
        if outcome.step % (record.every * times) == 0:
            self.hand_over()
            self._write_step(outcome)
        elif self._notes.is_full:
            self.hand_over()
        if outcome.step % (record.resources_every * times) == 0:
            self._write_resources(outcome.step)
        if gauges is not None and outcome.step % (record.learning_every * times) == 0:
            self._write_learning(outcome.step, gauges())

    def hand_over(self) -> None:
        """Write what was noted since the last recorded step; to be called before a checkpoint and at the end."""
        for statement, columns in self._notes.take():
            self._recorder.write(statement, **columns)
            if statement == "births" and self._joined:
                ids, cohorts = (np.concatenate(parts) for parts in zip(*self._joined, strict=True))
                self._recorder.write("cohorts", agent_id=ids, cohort=cohorts)
                self._joined.clear()

    @property
    def noted(self) -> tuple[int, int]:
        """Rows noted and not yet handed over, of the kind that has most, and how many there is room for."""
        return self._notes.noted

    def _note_cohorts(self, born: NDArray[np.int32]) -> None:
        if self._cohort_of is not None and len(born):
            self._joined.append((self._world.population.id[born], self._cohort_of[born]))

    def state(self) -> State:
        """What the next rows depend on."""
        return {
            "births": self._births,
            "deaths": self._deaths,
            "failing": self._notes.failing[: self._world.population.size].copy(),
        }

    def load_state(self, state: State) -> None:
        """Continue from a saved state; the world's is loaded before."""
        self._births = int(state["births"])
        self._deaths = int(state["deaths"])
        self._world.population.load("record", {"failing": self._notes.failing}, state)
        self._notes.remember()

    def _write_step(self, outcome: Outcome) -> None:
        population = self._world.population
        rows, means = self._rows.gather(population, outcome)
        if len(rows["agent_id"]):
            self._recorder.write("agent_steps", step=outcome.step, **rows)
        resources = self._resources()
        self._recorder.write(
            "steps",
            step=outcome.step,
            population=len(population.living),
            births=self._births,
            deaths=self._deaths,
            mean_age=means.age,
            mean_energy=means.energy,
            mean_health=means.health,
            mean_reward=means.reward,
            diversity=diversity(population.genome[population.living]),
            resources=None
            if resources is None
            else float(tile_sums(resources, _side(resources)).sum()) / resources.size,
            mean_feats=float(self._world.feats[population.living].mean(dtype=np.float64))
            if len(population.living)
            else float("nan"),
        )
        self._births = self._deaths = 0

    def _write_resources(self, step: int) -> None:
        resources = self._resources()
        if resources is None:
            return
        side = _side(resources)
        stride = _stride(self._world.map()["resources"])
        y, x = (np.arange(0, length, side) * stride for length in resources.shape)
        amount = tile_means(resources, side)
        self._recorder.write(
            "resources", step=step, x=np.tile(x, len(y)), y=np.repeat(y, len(x)), amount=amount.ravel()
        )

    def _resources(self) -> NDArray[np.float32] | None:
        """The map of resources, thinned out when it is large; None in a world without."""
        resources = self._world.map().get("resources")
        if resources is None:
            return None
        stride = _stride(resources)
        return resources[::stride, ::stride]

    def _write_learning(self, step: int, gauges: Mapping[str, NDArray[Any]]) -> None:
        population = self._world.population
        living = population.living
        if not len(living):
            return
        updates, decisions = gauges["updates"][living], gauges["decisions"][living]
        trained = updates.astype(np.float64) * self._batch(living)
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

    def _batch(self, living: NDArray[np.int32]) -> int | NDArray[np.int64]:
        """How many transitions an update of each of the living is made of."""
        if self._cohort_of is None:
            return self._config.learning.transitions
        return np.array([cohort.transitions for cohort in self._cohorts])[self._cohort_of[living]]


def flat_settings(config: Config) -> Iterator[tuple[str, str | int | float | None]]:
    """Each setting as ('world.size', 512), lists as JSON; not those that never change the content.

    What the governor and the watchdog changed does; it stands in a table of its own.
    """
    yield from _flatten("", {**msgspec.to_builtins(config), "runtime": {}, "governor": {}, "watchdog": {}})


def _flatten(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str | int | float | None]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", json.dumps(value) if isinstance(value, (list, tuple)) else value


def _stride(map_: NDArray[np.float32]) -> int:
    """Every how many cells a map is read."""
    return max(1, -(-int(max(map_.shape)) // CELLS))


def _side(map_: NDArray[np.float32]) -> int:
    """Cells a side of a tile in a picture of a map."""
    return max(1, -(-int(max(map_.shape)) // TILES))
