"""The treasure world: its parts, and a step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.config.treasure import TreasureSettings
from teem.measure.spans import Spans
from teem.population.slots import Population
from teem.state import State, load_columns
from teem.threads import Threads
from teem.worlds.base import Births, Deaths, Observation, Outcome
from teem.worlds.tokens import Tokens
from teem.worlds.treasure import step as steps
from teem.worlds.treasure.board import ACTIONS, REST, Game, board_of, hunters_of, parts_of, terms_of, within
from teem.worlds.treasure.entities import chances_of, channels_of, number_of, palette_of, table_of
from teem.worlds.treasure.heuristic import hunt
from teem.worlds.treasure.look import see_plain
from teem.worlds.treasure.own import columns_of, rules_of
from teem.worlds.turns import Turns

_AT_LEAST = 64  # worlds that a thread takes at once: handing them over costs as much as these
_NO_SLOTS, _NO_IDS = np.empty(0, np.int32), np.empty(0, np.int64)
_NO_BIRTHS, _NO_DEATHS = Births(_NO_SLOTS, _NO_SLOTS, _NO_SLOTS), Deaths(_NO_SLOTS, _NO_IDS, _NO_SLOTS)
_NO_HONOURS = np.empty((0, 2), np.int32)


class Treasure:
    """Agents on grids who collect treasure, an episode after another; see `World` for the contract.

    Nobody is born and nobody dies: an agent keeps its slot, its id and its world, whose episodes end by time
    (truncated) or by an entity that ends them (terminated), for all of its agents at once.
    """

    name = "treasure"
    guests = None
    actions: tuple[str, ...] = ACTIONS
    rest = REST
    branches: tuple[str, ...] = ()
    turns = Turns()
    episodes = True
    continuous = False
    tokens: Tokens | None = None
    feat = "value"
    causes: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("hunter",)

    def __init__(self, config: Config, threads: Threads, spans: Spans) -> None:
        assert isinstance(config.world, TreasureSettings)
        settings = self.settings = config.world
        self._threads = threads
        self._spans = spans
        self.step_count = 0
        self.population = Population(config.capacity, 0)
        self._living = self.population.spawn(config.population.founders)
        self._ids = self.population.id[self._living]
        self.population.health[self._living] = 1.0
        self.game = Game(
            hunters_of(self.population), board_of(settings), terms_of(config, settings),
            table_of(settings), chances_of(settings), palette_of(settings),
        )  # fmt: skip
        self._parts = parts_of(self.game)
        self._rules = rules_of(settings)
        self._columns = columns_of(self.game.board, self.game.hunters, settings.sight)
        wide, channels = 2 * settings.sight + 1, channels_of(settings)
        self.observation_shape: tuple[int, ...] = (settings.frames, wide, wide, len(channels))
        self.observation_names = names_of(channels, settings.sight, settings.frames)
        shape = (config.capacity, settings.frames, wide * wide, len(channels))
        self._views, self._final = np.zeros((2, *shape), np.float32), np.zeros(shape, np.float32)
        self._shown = self._views.reshape(2, config.capacity, *self.observation_shape)
        self._shown_last = self._final.reshape(self._shown.shape[1:])
        self._mask = np.ones((config.capacity, len(ACTIONS)), np.bool_)
        self._target = np.full(config.capacity, -1, np.int64)
        self._share(steps.begin, self._views[0])

    @property
    def feats(self) -> NDArray[np.float32]:
        """The value of all that each has entered in its life, `[capacity]`."""
        return self.game.hunters.feats

    def _share(self, kernel: Callable[..., None], *given: object) -> None:
        """Have threads do something for all worlds."""
        self._threads.share(kernel, self.settings.worlds, *given, *self._parts, at_least=_AT_LEAST)

    def observe(self) -> Observation:
        """What everyone perceives now; a step has looked already, and left what was perceived before it as it was."""
        return Observation(self._living, self._shown[self.step_count % 2], self._mask)

    def heuristic(self, observation: Observation, action: NDArray[np.int32]) -> None:
        """Walk to what has the most value for its distance in sight."""
        ids = self.population.id[observation.living]
        hunt(observation.living, ids, self.step_count, action, *self._parts)

    def step(self, action: NDArray[np.int32]) -> Outcome:
        """Apply every rule once, in the order of `step.py`."""
        hunters, step = self.game.hunters, self.step_count
        looking = (self._views[step % 2], self._views[1 - step % 2], self._final)
        if self._rules:
            self._share(steps.before, step, action)
            self._apply_own_rules()
            self._share(steps.after, step, *looking)
        else:
            self._share(steps.play, step, action, *looking)
        outcome = Outcome(
            step=step,
            acted=self._living,
            id=self._ids,
            action=hunters.action,
            target=self._target,
            reward=hunters.reward,
            terminated=hunters.terminated,
            truncated=hunters.truncated,
            births=_NO_BIRTHS,
            deaths=_NO_DEATHS,
            honours=_NO_HONOURS,
            final=self._shown_last,
        )
        self.step_count += 1
        return outcome

    def _apply_own_rules(self) -> None:
        with self._spans("world.own_rules"):
            for rule, numbers in self._rules:
                rule(self._columns, numbers, self.game.terms.seed, self.step_count)

    def see_plain(self, slot: int) -> NDArray[np.float32]:
        """What somebody sees now by the specification, `[wide, wide, channels]`, without the views before."""
        game, sight = self.game, self.settings.sight
        cells, people = within(game.board.cells, sight), within(game.board.people, sight)
        edge = number_of(self.settings.edge, self.settings)
        w = slot // game.terms.agents
        return see_plain(w, slot, game.hunters, cells, people, game.palette, game.terms, edge)

    # ---- seeing and saving the whole

    def map(self) -> dict[str, NDArray[np.float32]]:
        """What each cell holds, by number, `[worlds * height, width]`: the worlds one below the other."""
        cells = within(self.game.board.cells, self.settings.sight)
        return {"entities": cells.reshape(-1, self.settings.width).astype(np.float32)}

    def state(self) -> State:
        """Population, worlds, the agents' own columns, and what is seen."""
        return {
            "step_count": self.step_count,
            "population": self.population.state(),
            "board": {name: column.copy() for name, column in self.game.board._asdict().items()},
            "hunters": {name: getattr(self.game.hunters, name).copy() for name in _OWN},
            "seen": self._views[self.step_count % 2].copy(),
        }

    def load_state(self, state: State) -> None:
        """Continue from a saved state of a treasure world with the same settings."""
        self.step_count = int(state["step_count"])
        self.population.load_state(state["population"])
        load_columns("world.board", self.game.board._asdict(), state["board"])
        load_columns("world.hunters", {name: getattr(self.game.hunters, name) for name in _OWN}, state["hunters"])
        load_columns("world", {"seen": self._views[self.step_count % 2]}, state)


_OWN = ("feats", "reward", "terminated", "truncated", "action", "entered")  # columns beside the population's


def names_of(channels: tuple[str, ...], sight: int, frames: int) -> tuple[str, ...]:
    """One name a value: `gem[-1,0]` of a cell's row and column from the agent; with frames `gem[-1,0,-2]`, two ago."""
    offsets = range(-sight, sight + 1)
    ago = [""] if frames == 1 else [f",{k}" for k in range(1 - frames, 1)]
    return tuple(f"{name}[{y},{x}{k}]" for k in ago for y in offsets for x in offsets for name in channels)
