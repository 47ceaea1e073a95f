"""Plays versions of a Stable-Baselines3 model, by that library's own `evaluate_policy`."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from teem.errors import UsageError
from teem.evaluate.sb3_quick import quick_env, quick_model

MakeEnv = Callable[[], Any]
"""Makes a Gymnasium `Env`, or a `VecEnv` of Stable-Baselines3."""


class Sb3Player:
    """Versions of one model in environments of their own; each evaluation begins from the same seed.

    It travels with the model as it was when training began, as a file's bytes; a version is the parameters that
    changed since, the optimisers' too, and the statistics that `VecNormalize` observes by.
    """

    def __init__(self, model: Any, make_env: MakeEnv, episodes: int, seed: int | None, deterministic: bool) -> None:
        """UsageError when the model can't be saved."""
        self._kind, self._bytes = type(model), _saved(model)
        self._make_env, self._episodes, self._seed = make_env, episodes, seed
        self._deterministic = deterministic
        self._normalised = normalised_by(model.get_vec_normalize_env())
        self._model: Any = None
        self._env: Any = None

    def play(self, policy: Path) -> tuple[list[float], list[int]]:
        """Load a version, and play it."""
        import torch

        if self._model is None:
            torch.set_num_threads(1)
            self._model = quick_model(self._kind.load(io.BytesIO(self._bytes), device="cpu"))
            self._env = quick_env(vectorised(self._make_env, self._kind, self._normalised))
        version = torch.load(policy, map_location="cpu", weights_only=False)  # written by the process that trains
        self._model.set_parameters(version["parameters"], device="cpu")
        if not all(bool(weights.isfinite().all()) for weights in self._model.policy.parameters()):
            raise ValueError("the weights are not finite")
        for name, value in version["attributes"].items():
            setattr(self._model, name, value)
        if self._normalised is not None:
            self._env.obs_rms, self._env.ret_rms = version["statistics"]
        return self._evaluate()

    def keep(self, path: Path) -> None:
        """Save the version as a model that `load` takes."""
        self._model.save(path)

    def close(self) -> None:
        """Close the environment."""
        if self._env is not None:
            self._env.close()

    def _evaluate(self) -> tuple[list[float], list[int]]:
        if self._seed is not None:
            self._env.seed(self._seed)
            self._model.set_random_seed(self._seed)
        rewards, lengths = evaluation_of(self._model)(
            self._model,
            self._env,
            self._episodes,
            deterministic=self._deterministic,
            return_episode_rewards=True,
            warn=False,
        )
        return rewards, lengths


def _saved(model: Any) -> bytes:
    file = io.BytesIO()
    try:
        model.save(file)
    except Exception as error:  # saving pickles whatever a user gave the model: this can't travel
        raise UsageError(
            f"the model can't be saved ({type(error).__name__}: {error}), so it can't be evaluated in another process: "
            "give it no open file, socket or lock"
        ) from error
    return file.getvalue()


ATTRIBUTES = ("num_timesteps", "_n_updates", "exploration_rate", "_current_progress_remaining")
"""What a version has besides parameters, as far as its algorithm has it."""


def write_version(model: Any, path: Path) -> None:
    """Write what has changed of a model since training began."""
    import torch

    normalize = model.get_vec_normalize_env()
    version = {
        "parameters": model.get_parameters(),
        "attributes": {name: getattr(model, name) for name in ATTRIBUTES if hasattr(model, name)},
        "statistics": None if normalize is None else (normalize.obs_rms, normalize.ret_rms),
    }
    torch.save(version, path)


def evaluation_of(model: Any) -> Any:
    """The library's evaluation for this kind of model: who masks actions has another one."""
    if type(model).__name__ == "MaskablePPO":
        from sb3_contrib.common.maskable.evaluation import evaluate_policy as of_maskable

        return of_maskable
    from stable_baselines3.common.evaluation import evaluate_policy

    return evaluate_policy


def normalised_by(normalize: Any) -> dict[str, Any] | None:
    """How training normalises what is observed; None where it doesn't."""
    if normalize is None:
        return None
    return {name: getattr(normalize, name) for name in ("norm_obs", "clip_obs", "gamma", "epsilon", "norm_obs_keys")}


def vectorised(make_env: MakeEnv, kind: Any, normalised: dict[str, Any] | None = None) -> Any:
    """The environment wrapped as this kind of model wraps one to train in: monitored, vectorised, images turned."""
    from stable_baselines3.common.vec_env import VecNormalize, is_vecenv_wrapped

    env = kind._wrap_env(make_env(), 0, True)
    if is_vecenv_wrapped(env, VecNormalize) or normalised is None:
        return env
    return VecNormalize(env, training=False, norm_reward=False, **normalised)
