"""A world's rows as Stable-Baselines3's VecEnv, so that one of its policies learns from everybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from teem.config.settings import Config
from teem.envs.vector import Vector

Indices = int | Iterable[int] | None


class Rows(VecEnv):
    """`Vector` as Stable-Baselines3 wants it: `done` for both ends, and last views in each row's info.

    `info["terminal_observation"]` is what a row perceived last, and `info["TimeLimit.truncated"]` says that it was cut
    off, so that its value goes on. The transition of a vacant row is one of zeros without reward; it belongs to the
    episode of whoever takes the row next.
    """

    def __init__(self, config: Config, render_mode: str | None = None, *, refill: bool = True) -> None:
        self.vector = Vector(config, render_mode, refill=refill)
        self._actions: Any = None
        super().__init__(self.vector.num_envs, self.vector.single_observation_space, self.vector.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Begin a world; of the seed that `seed` was given, if it was."""
        views, _ = self.vector.reset(seed=self._seeds[0])
        self.reset_infos = self._each()
        self._reset_seeds()
        self._reset_options()
        return views

    def step_async(self, actions: NDArray[Any]) -> None:
        """Note the actions, one a row."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Play on until everybody decides again."""
        views, reward, terminated, truncated, told = self.vector.step(self._actions)
        infos = self._each()
        done = terminated | truncated
        for row in np.flatnonzero(done).tolist():
            infos[row]["terminal_observation"] = told["final_obs"][row]
            infos[row]["TimeLimit.truncated"] = bool(truncated[row])
        return views, reward, done, infos

    def close(self) -> None:
        """End its threads."""
        self.vector.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """One picture, in which all rows are."""
        return [self.vector.render()]

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """An attribute of `vector`, which is the same for every row."""
        return [getattr(self.vector, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set an attribute of `vector`, for every row at once."""
        setattr(self.vector, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of `vector` once: its result for each row, of `action_masks` the row's own."""
        result = getattr(self.vector, method_name)(*method_args, **method_kwargs)
        rows = self._rows(indices)
        return [result[row] for row in rows] if method_name == "action_masks" else [result] * len(rows)

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> list[bool]:
        """No row is an environment that could be wrapped by itself."""
        return [False] * len(self._rows(indices))

    def _rows(self, indices: Indices) -> list[int]:
        return list(self._get_indices(indices))

    def _each(self) -> list[dict[str, Any]]:
        return [{} for _ in range(self.num_envs)]
