"""A world as a Gymnasium Env: one agent of it, among others who rest or act by rule of thumb."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.envs import spaces
from teem.envs.picture import image, metadata_of
from teem.envs.play import Passage, Play, resting
from teem.envs.seeds import check_seed, drawn_seed
from teem.errors import UsageError
from teem.threads import Threads
from teem.worlds.base import World

View = NDArray[np.float32]


class Single(gymnasium.Env[View, Any]):
    """The life of a world's first founder, or an episode of it; a step lasts until that agent decides again."""

    def __init__(self, config: Config, render_mode: str | None = None, others: str = "heuristic") -> None:
        self.metadata = metadata_of(config.world)
        self.render_mode = render_mode
        self._config = config
        self._others = others
        self._threads = Threads(config.runtime.threads or 1, execution=config.runtime.execution)
        self._play = Play(config, config.seed, self._threads)
        self._action, self._own = resting(self.world), resting(self.world)
        self._slot, self._going = 0, False
        self.observation_space = spaces.observation_space(self.world)
        self.action_space = spaces.action_space(self.world)

    @property
    def world(self) -> World:
        """The world that is played now; after a reset it is another one."""
        return self._play.world

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[View, dict[str, Any]]:
        """Begin a world: of this seed, of the settings' one the first time, else of one drawn after the last."""
        if seed is None and self._np_random is None:
            seed = self._config.seed
        super().reset(seed=None if seed is None else check_seed(seed))
        self._play = Play(self._config, drawn_seed(self.np_random) if seed is None else int(seed), self._threads)
        self._slot, self._going = int(self._play.living[0]), True
        while not self._decides():
            if self._go_on()[2]:  # gone before its first decision
                return self.reset()
        return self._play.seen[self._slot].copy(), self._info()

    def step(self, action: Any) -> tuple[View, float, bool, bool, dict[str, Any]]:
        """Play until the agent decides again, or its life or episode is over; raises UsageError for no such action."""
        if not self._going:
            raise UsageError("the agent's episode is over: call reset() to begin a world")
        slot = np.array([self._slot], np.int32)
        spaces.fill(self.world, self._own, slot, [action], ["the agent"])
        total = 0.0
        while True:
            passage, reward, ended = self._go_on()
            total += reward
            if ended or self._decides():
                break
        self._going = not ended
        view = (passage.final if ended else self._play.seen)[self._slot].copy()
        terminated, truncated = bool(passage.terminated[self._slot]), bool(passage.truncated[self._slot])
        return view, total, terminated, truncated, self._info()

    def action_masks(self) -> NDArray[np.bool_]:
        """What the agent may do now, as sb3-contrib asks for it, `[actions]` or `[branches * actions]`."""
        return self._legal().reshape(-1).astype(np.bool_)

    def render(self) -> NDArray[np.uint8] | None:
        """The world from above or from the side, `[height, width, 3]`; None unless `render_mode` asks for it."""
        return image(self._config.world, self.world) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End its threads."""
        self._threads.close()

    def _go_on(self) -> tuple[Passage, float, bool]:
        """Until somebody decides: what came of it, the agent's reward, and whether its life or episode has ended."""
        world, observation = self._play.world, self._play.observation
        if self._others == "heuristic":
            world.heuristic(observation, self._action)
        self._action[self._slot] = self._own[self._slot]
        passage = self._play.advance(self._action)
        ended = bool(passage.terminated[self._slot] or passage.truncated[self._slot])
        return passage, float(passage.reward[self._slot]), ended

    def _info(self) -> dict[str, Any]:
        """What the agent may do now; nothing once its episode has ended."""
        if not self._going:
            return {}
        legal = self._legal()
        if self.world.continuous:
            return {"branches": legal}
        return {"action_mask": tuple(legal) if self.world.branches else legal}

    def _decides(self) -> bool:
        return self._slot in self._play.observation.living

    def _legal(self) -> NDArray[np.int8]:
        """What the agent may do now, `[actions]` or `[branches, actions]`."""
        legal: NDArray[np.int8] = spaces.masks(self.world, self._play.observation, np.array([self._slot]))[0]
        return legal
