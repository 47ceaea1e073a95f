"""A world as a Gymnasium VectorEnv: a row a slot, so that one policy acts for everybody."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.envs import spaces
from teem.envs.picture import image, metadata_of
from teem.envs.play import Passage, Play, resting
from teem.envs.seeds import check_seed, drawn_seed
from teem.errors import UsageError
from teem.threads import Threads
from teem.worlds.base import World

Views = NDArray[np.float32]
Marks = NDArray[np.bool_]


class Vector(VectorEnv[Views, Any, NDArray[Any]]):
    """Everybody in a world, a row a slot. An episode of a row is a life, or an episode of one where lives have them.

    Rows begin their next episode in the step in which the last one ended (`AutoresetMode.SAME_STEP`): what comes back
    is what the row perceives next, and `final_obs` in the infos what it perceived last. A row whose agent has died is
    vacant until somebody takes its slot: it perceives zeros, its action isn't read, and `acts` in the infos is False.
    No transition spans two lives: a row is done when its agent dies, and a newborn's first view is never the next
    view of somebody else's decision.
    """

    def __init__(self, config: Config, render_mode: str | None = None, *, refill: bool = True) -> None:
        self.metadata = {**metadata_of(config.world), "autoreset_mode": AutoresetMode.SAME_STEP}
        self.render_mode = render_mode
        self.vacant = 0  # rows that nobody was in, over all steps
        self._config = config
        self._refill = refill
        self._threads = Threads(config.runtime.threads or 1, execution=config.runtime.execution)
        self._begin(config.seed)
        self._begun = False
        world = self._play.world
        self.num_envs = config.capacity
        self.single_observation_space = spaces.observation_space(world)
        self.single_action_space = spaces.action_space(world)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._action = resting(world)
        self._slots = np.arange(self.num_envs, dtype=np.int32)
        self._names = [f"row {row}" for row in range(self.num_envs)]

    @property
    def world(self) -> World:
        """The world that is played now; after a reset it is another one."""
        return self._play.world

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Views, dict[str, Any]]:
        """Begin a world: of this seed, of the settings' one the first time, else of one drawn after the last."""
        if seed is None and self._np_random is None:
            seed = self._config.seed
        super().reset(seed=None if seed is None else check_seed(seed))
        self._begin(drawn_seed(self.np_random) if seed is None else int(seed))
        self._begun = True
        return self._play.seen.copy(), self._infos()

    def step(self, actions: Any) -> tuple[Views, NDArray[np.float32], Marks, Marks, dict[str, Any]]:
        """Play on until everybody decides again; a world that is over is followed by another one at once.

        Raises UsageError for actions that are none, of any row.
        """
        if not self._begun:
            raise UsageError("there is no world yet: call reset() to begin one")
        spaces.fill(self.world, self._action, self._slots, self._one_each(actions), self._names)
        self.vacant += self.num_envs - len(self._play.living)
        passage = self._play.advance(self._action)
        told = (passage.reward.copy(), passage.terminated.copy(), passage.truncated.copy())
        last = self._last(passage)
        if self._play.over:
            self._begin(drawn_seed(self.np_random))
        return self._play.seen.copy(), *told, self._infos() | last

    def action_masks(self) -> NDArray[np.bool_]:
        """What each row may do now, as sb3-contrib asks for it, `[rows, actions]` or `[rows, branches * actions]`."""
        return self._legal().reshape(self.num_envs, -1).astype(np.bool_)

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]  # all rows are in one picture
        """The world from above or from the side, `[height, width, 3]`; None unless `render_mode` asks for it."""
        return image(self._config.world, self.world) if self.render_mode == "rgb_array" else None

    def close_extras(self, **kwargs: Any) -> None:
        """End its threads."""
        self._threads.close()

    def _begin(self, seed: int) -> None:
        self._play = Play(self._config, seed, self._threads, refill=self._refill)

    def _one_each(self, actions: Any) -> Any:
        """The actions, if there are as many as rows."""
        if np.ndim(actions) and len(actions) == self.num_envs:
            return actions
        raise UsageError(f"actions has shape {list(np.shape(actions))}: give {self.num_envs} of them, one a row")

    def _infos(self) -> dict[str, Any]:
        """Who is in each row, whether its next action is read, and which ones are legal."""
        name = "branches" if self.world.continuous else "action_mask"
        return _whole(id=self.world.population.id.copy(), acts=self._play.deciding, **{name: self._legal()})

    def _legal(self) -> NDArray[np.int8]:
        """What each row may do now, `[rows, actions]` or `[rows, branches, actions]`; a vacant one may rest."""
        play = self._play
        legal = spaces.masks(play.world, play.observation, self._slots)
        vacant = play.world.population.id < 0
        if vacant.any():
            legal[vacant] = 0
            if not play.world.continuous:
                legal[vacant, ..., play.world.rest] = 1
        return legal

    def _last(self, passage: Passage) -> dict[str, Any]:
        """What those perceived last whose episodes ended, as Gymnasium has it, and who they were."""
        ended = passage.terminated | passage.truncated
        rows = np.flatnonzero(ended)
        if not len(rows):
            return {}
        views = np.full(self.num_envs, None, object)
        for row in rows:
            views[row] = passage.final[row].copy()
        ids = np.full(self.num_envs, -1, np.int64)
        ids[passage.slot] = passage.id
        return {
            "final_obs": views, "_final_obs": ended,
            "final_info": {"id": np.where(ended, ids, -1), "_id": ended}, "_final_info": ended,
        }  # fmt: skip


def _whole(**columns: NDArray[Any]) -> dict[str, Any]:
    """Infos that hold for every row, with the marks that Gymnasium keeps beside each."""
    return {**columns, **dict.fromkeys((f"_{name}" for name in columns), np.ones(len(columns["id"]), np.bool_))}
