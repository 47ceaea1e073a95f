"""A world as a PettingZoo ParallelEnv: everybody by name, with births and deaths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from teem.config.load import show
from teem.config.settings import Config
from teem.envs import spaces
from teem.envs.picture import image, metadata_of
from teem.envs.play import Passage, Play, resting
from teem.envs.seeds import check_seed, drawn_seed
from teem.errors import UsageError
from teem.threads import Threads
from teem.worlds.base import World

Slots = NDArray[np.int32]
Views = dict[str, NDArray[np.float32]]
Infos = dict[str, dict[str, Any]]
Step = tuple[Views, dict[str, float], dict[str, bool], dict[str, bool], Infos]
_PREFIX = "agent_"


class Parallel(ParallelEnv):  # type: ignore[misc]  # PettingZoo has no types
    """Everybody in a world by name, `agent_` and an id that is never given twice.

    Who is born joins `agents`, who dies leaves them. In a world with episodes an agent leaves when its episode ends,
    and when all have, the next `reset` begins anew. `possible_agents` is there only where nobody is born.
    """

    def __init__(self, config: Config, render_mode: str | None = None) -> None:
        self.metadata = metadata_of(config.world)
        self.render_mode = render_mode
        self._config = config
        self._threads = Threads(config.runtime.threads or 1, execution=config.runtime.execution)
        self._play = Play(config, config.seed, self._threads)
        self._random: np.random.Generator | None = None
        self._action = resting(world := self._play.world)
        self._observation_space, self._action_space = spaces.observation_space(world), spaces.action_space(world)
        self.agents: list[str] = []
        self._slots = np.empty(0, np.int32)  # [agents] where they are, by rising id
        self._next_id = 0  # whoever has this id or a higher one is not among them yet
        if not world.causes:  # nobody dies, and nobody is born
            self.possible_agents = _names(world.population.id[world.population.living])

    @property
    def world(self) -> World:
        """The world that is played now; after a reset it is another one."""
        return self._play.world

    @property
    def max_num_agents(self) -> int:
        """The most that can be alive at once."""
        return self._config.capacity

    def observation_space(self, agent: str) -> spaces.Space:
        """What an agent perceives; one space for all."""
        return self._observation_space

    def action_space(self, agent: str) -> spaces.Space:
        """What an agent can do; one space for all."""
        return self._action_space

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Views, Infos]:
        """Begin a world: of this seed, of the settings' one the first time, else of one drawn after the last."""
        if seed is not None or self._random is None:
            seed = check_seed(self._config.seed if seed is None else seed)
            self._random, _ = seeding.np_random(seed)
        else:
            seed = drawn_seed(self._random)
        self._play = Play(self._config, seed, self._threads)
        self._action[:] = self.world.rest
        self.agents, self._slots, self._next_id = [], np.empty(0, np.int32), 0
        self._join(self._newcomers())
        infos: Infos = {name: {} for name in self.agents}
        self._tell_legal(infos)
        return dict(zip(self.agents, self._play.seen[self._slots], strict=True)), infos

    def step(self, actions: Mapping[str, Any]) -> Step:
        """Play on until somebody decides again. Who is born is in all that comes back, with nothing done yet.

        Raises UsageError for actions that are missing, wrong, or of somebody who isn't there.
        """
        if not self.agents:
            raise UsageError("nobody is there to act: call reset() to begin a world")
        self._take(actions)
        passage = self._play.advance(self._action)
        names, slots, leaving = self.agents, self._slots, self._leaving(passage)
        born = self._newcomers()
        self.agents = [name for name, leaves in zip(names, leaving.tolist(), strict=True) if not leaves]
        self._slots = slots[~leaving]
        self._action[slots[leaving]] = self.world.rest
        newborn = self._join(born)
        views = self._play.seen[np.concatenate((slots, born))]
        views[: len(slots)][leaving] = passage.final[slots[leaving]]
        everybody, nothing = names + newborn, [False] * len(newborn)
        return (
            dict(zip(everybody, views, strict=True)),
            dict(zip(everybody, passage.reward[slots].tolist() + [0.0] * len(newborn), strict=True)),
            dict(zip(everybody, (passage.terminated[slots] & leaving).tolist() + nothing, strict=True)),
            dict(zip(everybody, (passage.truncated[slots] & leaving).tolist() + nothing, strict=True)),
            self._told(passage, names, slots, newborn, born),
        )

    def render(self) -> NDArray[np.uint8] | None:
        """The world from above or from the side, `[height, width, 3]`; None unless `render_mode` asks for it."""
        return image(self._config.world, self.world) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End its threads."""
        self._threads.close()

    # ---- who comes and goes

    def _newcomers(self) -> Slots:
        """Slots of those who are alive and in `agents` for the first time; none when the world is over."""
        people, living = self.world.population, self._play.living
        return living[people.id[living] >= self._next_id] if not self._play.over else living[:0]

    def _join(self, slots: Slots) -> list[str]:
        """Add newcomers to `agents`; returns their names."""
        people = self.world.population
        names = _names(people.id[slots])
        self.agents = self.agents + names
        self._slots = np.concatenate((self._slots, slots))
        self._next_id = people.next_id
        return names

    def _leaving(self, passage: Passage) -> NDArray[np.bool_]:
        """Who of `agents` is there no more: died, or came to the end of its episode or of the world, `[agents]`."""
        slots = self._slots
        ended = passage.terminated[slots] | passage.truncated[slots]
        return ended if self.world.episodes or self._play.over else passage.died[slots]

    # ---- actions and infos

    def _deciding(self) -> NDArray[np.bool_]:
        """Whose actions the next step reads, `[agents]`."""
        return self._play.deciding[self._slots]

    def _take(self, actions: Mapping[str, Any]) -> None:
        """Write down what those do who decide now."""
        if not isinstance(actions, Mapping):
            raise UsageError(f"actions is {show(actions)}: give a dictionary of an action each by name")
        deciding = self._deciding()
        names = [name for name, decides in zip(self.agents, deciding.tolist(), strict=True) if decides]
        faults = [self._stranger(name) for name in actions.keys() - set(self.agents)]
        missing = [name for name in names if name not in actions]
        if missing:
            faults.append(f"actions lacks {_some(missing)}: give one for each of env.agents who decides now")
        if faults:
            raise UsageError(faults)
        given = [actions[name] for name in names]
        spaces.fill(self.world, self._action, self._slots[deciding], given, names)

    def _stranger(self, name: Any) -> str:
        """What is wrong with an action of somebody who is not in `agents`."""
        number = name.removeprefix(_PREFIX) if isinstance(name, str) else ""
        known = number.isdecimal() and name == f"{_PREFIX}{int(number)}" and int(number) < self._next_id
        what = "who has left" if known else "who is unknown"
        return f"actions has {name!r}, {what}: act for those in env.agents"

    def _tell_legal(self, infos: Infos) -> None:
        """Add what those of `agents` may do who decide now and, where not all do in every step, who that is."""
        play, deciding = self._play, self._deciding()
        name_of_mask = "branches" if play.world.continuous else "action_mask"
        legal = spaces.masks(play.world, play.observation, self._slots)
        split = bool(play.world.branches) and not play.world.continuous
        for name, decides, mask in zip(self.agents, deciding.tolist(), legal, strict=True):
            if decides:
                infos[name][name_of_mask] = tuple(mask) if split else mask
            if play.world.turns.every > 1:
                infos[name]["decides"] = decides

    def _told(self, passage: Passage, names: list[str], slots: Slots, newborn: list[str], born: Slots) -> Infos:
        """What is said of each of those who were there, `names` in `slots`, and of the newborn."""
        infos: Infos = {name: {} for name in names + newborn}
        self._tell_legal(infos)
        world = self._play.world
        for place in np.flatnonzero(passage.died[slots]).tolist():
            infos[names[place]]["cause"] = world.causes[passage.cause[slots[place]]]
        if not world.episodes and not self._play.over:
            for place in np.flatnonzero(passage.truncated[slots]).tolist():
                infos[names[place]]["cut_off"] = True  # it lives on, elsewhere than its action led to
        for name, parent in zip(newborn, world.population.parent[born].tolist(), strict=True):
            infos[name]["parent"] = f"{_PREFIX}{parent}" if parent >= 0 else None
        return infos


def _names(ids: Iterable[int]) -> list[str]:
    return [f"{_PREFIX}{number}" for number in np.asarray(ids).tolist()]


def _some(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
