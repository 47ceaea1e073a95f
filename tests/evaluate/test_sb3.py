"""The callback of Stable-Baselines3: its results are the library's own, and training goes as it would without it."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import pytest
import torch

pytest.importorskip("stable_baselines3", reason="needs Stable-Baselines3: pip install 'teem[sb3]'")

import stable_baselines3 as sb3
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from teem.errors import UsageError
from teem.evaluate.sb3 import TeemCallback
from teem.evaluate.sb3_player import Sb3Player, write_version
from teem.training.stopping import MostSteps, RewardThreshold

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "PPO": ("CartPole-v1", "MlpPolicy", {"n_steps": 256}),
    "A2C": ("CartPole-v1", "MlpPolicy", {}),
    "DQN": ("CartPole-v1", "MlpPolicy", {"learning_starts": 100, "exploration_fraction": 0.9}),
    "SAC": ("Pendulum-v1", "MlpPolicy", {"learning_starts": 100, "train_freq": 8}),
    "TD3": ("Pendulum-v1", "MlpPolicy", {"learning_starts": 100, "train_freq": 8}),
    "QRDQN": ("CartPole-v1", "MlpPolicy", {"learning_starts": 100}),
    "TQC": ("Pendulum-v1", "MlpPolicy", {"learning_starts": 100, "train_freq": 8}),
    "TRPO": ("CartPole-v1", "MlpPolicy", {"n_steps": 256}),
    "ARS": ("CartPole-v1", "LinearPolicy", {}),
    "RecurrentPPO": ("CartPole-v1", "MlpLstmPolicy", {"n_steps": 256}),
}


def model_of(kind: str, env: Any = None, **more: Any) -> Any:
    home = sb3 if hasattr(sb3, kind) else __import__("sb3_contrib")
    name, policy, settings = KINDS[kind]
    return getattr(home, kind)(policy, env or name, seed=3, **{**settings, **more})


def their_own(path: Path, model: Any, make: Callable[[], Any], seed: int, deterministic: bool) -> list[float]:
    """What `evaluate_policy` gives for what was saved."""
    env = DummyVecEnv([lambda: Monitor(make())])
    env.seed(seed)
    loaded = type(model).load(path, device="cpu")
    loaded.set_random_seed(seed)
    torch.set_num_threads(1)
    return list(evaluate_policy(loaded, env, 4, deterministic=deterministic, return_episode_rewards=True)[0])


@pytest.mark.parametrize(
    ("kind", "deterministic"),
    [("PPO", True)]
    + [pytest.param(kind, True, marks=pytest.mark.slow) for kind in KINDS if kind != "PPO"]
    + [pytest.param(kind, False, marks=pytest.mark.slow) for kind in ("PPO", "DQN", "SAC")],
)
def test_results_are_those_of_the_librarys_own_evaluation(tmp_path, kind, deterministic):
    model = model_of(kind)
    env = KINDS[kind][0]
    callback = TeemCallback(env, 400, tmp_path, episodes=4, seed=11, deterministic=deterministic, timeout_s=120)
    model.learn(1000, callback=callback)
    last = callback.tracker.results[-1]
    assert last.step == model.num_timesteps  # what training ended with was evaluated, too
    assert list(last.rewards) == their_own(
        tmp_path / "last_model.zip", model, lambda: gymnasium.make(env), 11, deterministic
    )
    best = max(callback.tracker.results, key=lambda each: each.mean)
    assert list(best.rewards) == their_own(callback.best_model, model, lambda: gymnasium.make(env), 11, deterministic)
    assert callback.summary["best"]["mean"] == best.mean


def test_weights_that_are_not_finite_are_no_result(tmp_path):
    model = model_of("PPO")
    player = Sb3Player(model, lambda: gymnasium.make("CartPole-v1"), 1, 0, True)
    with torch.no_grad():
        next(model.policy.parameters()).fill_(float("nan"))
    write_version(model, tmp_path / "version")
    validates = torch.distributions.Distribution._validate_args
    with pytest.raises(ValueError, match="not finite"):
        player.play(tmp_path / "version")
    torch.distributions.Distribution.set_default_validate_args(validates)


def test_training_is_the_same_with_and_without_and_nothing_is_left(tmp_path):
    plain = model_of("PPO")
    plain.learn(1500)
    before = threading.active_count()
    tracked = model_of("PPO")
    steps = tracked.env.step
    callback = TeemCallback("CartPole-v1", 300, tmp_path, episodes=2)
    tracked.learn(1500, callback=callback)
    for mine, theirs in zip(tracked.policy.parameters(), plain.policy.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert threading.active_count() == before
    assert tracked.env.step == steps and "forward" not in vars(tracked.policy)
    assert not {"step_wait", "step_async"} & set(vars(tracked.env)) and "on_step" not in vars(callback)
    assert callback.tracker.episodes == len(tracked.ep_info_buffer)
    with sqlite3.connect(tmp_path / "history.db") as connection:
        told = connection.execute("SELECT value FROM history WHERE metric = 'reward' ORDER BY rowid").fetchall()
    connection.close()
    assert [reward for (reward,) in told] == [info["r"] for info in tracked.ep_info_buffer]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["shares"]) == {"environment", "inference", "learning", "evaluation", "callback", "other"}
    assert sum(summary["shares"].values()) == pytest.approx(1.0)
    assert all(share > 0 for name, share in summary["shares"].items() if name != "other")


@pytest.mark.parametrize(("threads", "rests"), [(2, True), (1, False)])
def test_who_evaluates_rests_while_threads_that_fill_the_cores_learn(monkeypatch, threads, rests):
    monkeypatch.setattr("teem.evaluate.sb3.cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr("teem.training.rounds.LEAST_S", 0.0)
    monkeypatch.setattr("teem.training.rounds.MOST", float("inf"))
    model = model_of("PPO")
    callback = TeemCallback("CartPole-v1", 300, episodes=2, timeout_s=120)
    still: dict[str, list[bool]] = {"learning": [], "acting": []}

    def looking(when: str, work: Callable[[Any], Any]) -> Callable[[Any], None]:
        def look(of: Any) -> None:
            work(of)
            pid = callback.training.evaluations.evaluator.process.pid
            still[when].append(psutil.Process(pid).status() == psutil.STATUS_STOPPED)

        return look

    monkeypatch.setattr(sb3.PPO, "train", looking("learning", sb3.PPO.train))
    monkeypatch.setattr(TeemCallback, "_on_rollout_start", looking("acting", TeemCallback._on_rollout_start))
    model.learn(4000, callback=callback)
    assert len(still["learning"]) > 10
    assert still["learning"][-5:] == 5 * [rests]
    assert not any(still["acting"])
    assert callback.summary["evaluations"]["done"] > 0


@pytest.mark.parametrize("monitored", [True, False])
def test_the_episodes_of_ars_are_heard_of_though_no_step_tells_of_them(monitored):
    env = DummyVecEnv([lambda: Monitor(gymnasium.make("CartPole-v1")) if monitored else gymnasium.make("CartPole-v1")])
    model = model_of("ARS", env=env)
    callback = TeemCallback("CartPole-v1", 10_000, at_end=False)
    told: list[tuple[float, int]] = []
    record = model._mimic_monitor_wrapper
    model._mimic_monitor_wrapper = lambda rewards, lengths: (
        told.extend(zip(rewards, lengths, strict=True)), record(rewards, lengths)
    )  # fmt: skip
    model.learn(3000, callback=callback)
    assert callback.summary["episodes"] == len(told) > 30
    assert callback.tracker.curve("reward").mean.tolist() == [reward for reward, _ in told]
    assert callback.tracker.curve("length").mean.tolist() == [length for _, length in told]


@pytest.mark.slow
def test_normalised_training_is_evaluated_by_its_statistics(tmp_path):
    env = VecNormalize(DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")]))
    model = sb3.PPO("MlpPolicy", env, n_steps=256, seed=3)
    callback = TeemCallback("Pendulum-v1", 10_000, tmp_path, episodes=2, seed=5)
    model.learn(600, callback=callback)
    same = VecNormalize(
        DummyVecEnv([lambda: Monitor(gymnasium.make("Pendulum-v1"))]), training=False, norm_reward=False
    )
    same.obs_rms = env.obs_rms
    same.seed(5)
    model.set_random_seed(5)
    expected = evaluate_policy(model, same, 2, return_episode_rewards=True)[0]
    assert list(callback.tracker.results[-1].rewards) == list(expected)
    rewards = callback.tracker.series["reward"].recent()[1]  # though nothing monitors the environment that trains
    assert len(rewards) == 3 and (rewards < -100).all()  # as the environment gave them, not as they are normalised


class Forbidding(gymnasium.Env[Any, Any]):
    """Of four actions the one that was observed earns most, and one that is not allowed ends everything."""

    observation_space = gymnasium.spaces.Box(0, 3, (1,))
    action_space = gymnasium.spaces.Discrete(4)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return self.observe(), {}

    def observe(self) -> Any:
        self.best = int(self.np_random.integers(4))
        return np.array([self.best], np.float32)

    def action_masks(self) -> Any:
        return np.arange(4) != (self.best + 1) % 4

    def step(self, action: Any) -> Any:
        self.steps += 1
        allowed = bool(self.action_masks()[action])
        gained = float(action == self.best) + 0.1 * float(action)
        return self.observe(), gained if allowed else -1000.0, not allowed, self.steps == 20, {}


@pytest.mark.slow
@pytest.mark.parametrize("deterministic", [True, False])
def test_who_masks_actions_is_evaluated_with_its_masks(tmp_path, deterministic):
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.evaluation import evaluate_policy as of_maskable

    model = MaskablePPO("MlpPolicy", Forbidding(), n_steps=64, seed=3)
    callback = TeemCallback(Forbidding, 200, tmp_path, episodes=4, seed=11, deterministic=deterministic)
    model.learn(600, callback=callback)
    env = DummyVecEnv([lambda: Monitor(Forbidding())])
    env.seed(11)
    model.set_random_seed(11)
    expected, _ = of_maskable(model, env, 4, deterministic=deterministic, return_episode_rewards=True)
    last = callback.tracker.results[-1]
    assert list(last.rewards) == expected and min(expected) > 0  # nothing was tried that isn't allowed


@pytest.mark.slow
def test_a_callback_can_be_used_again(tmp_path):
    model = model_of("PPO")
    callback = TeemCallback("CartPole-v1", 200, tmp_path, episodes=1, stop=[RewardThreshold(1.0)], at_end=False)
    for _ in range(2):  # the second knows nothing of why the first was stopped, nor of its steps
        model.learn(100_000, callback=callback)
        assert callback.summary["step"] == model.num_timesteps < 100_000
        assert callback.tracker.results[0].step == 200


@pytest.mark.parametrize("envs", [1, 4])
def test_evaluations_begin_and_training_ends_just_at_their_steps(tmp_path, envs):
    venv = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")] * envs)
    model = sb3.PPO("MlpPolicy", venv, n_steps=200, batch_size=100, seed=3)
    callback = TeemCallback(
        "CartPole-v1", 330, tmp_path, episodes=1, stop=[MostSteps(771)], at_end=False, timeout_s=120
    )
    model.learn(100_000, callback=callback)
    assert callback.tracker.results[0].step == 330 + 330 % envs
    assert callback.summary["step"] == 771 + -771 % envs


class OfAUser:
    """A schedule that doesn't tell when it will be due."""

    def due(self, step: int, seconds: float) -> bool:
        return step in (37, 41)

    def took(self, seconds: float) -> None:
        """It doesn't matter."""


def test_a_schedule_that_does_not_tell_is_asked_at_every_step(tmp_path):
    model = model_of("PPO")
    callback = TeemCallback("CartPole-v1", OfAUser(), tmp_path, episodes=1, at_end=False, timeout_s=120)
    model.learn(100, callback=callback)
    found = callback.summary["evaluations"]
    assert (found["done"], found["refused"]) == (1, 1) and callback.tracker.results[0].step == 37


class Hanging(gymnasium.Wrapper):
    """Hangs in its third episode, where it is not rehearsed."""

    def reset(self, **given: Any) -> Any:
        self.count = getattr(self, "count", 0) + 1
        if self.count > 2:
            time.sleep(600)
        return super().reset(**given)


@pytest.mark.slow
def test_an_evaluation_that_hangs_is_ended_and_training_goes_on(tmp_path):
    before = threading.active_count()
    model = model_of("PPO")
    callback = TeemCallback(
        lambda: Hanging(gymnasium.make("CartPole-v1")), 500, tmp_path, episodes=5, timeout_s=1.0, at_end=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.learn(20_000, callback=callback)
    found = callback.summary["evaluations"]
    assert found["timed_out"] >= 1 and found["done"] == 0
    assert callback.summary["best"] is None and not callback.best_model.exists()
    assert threading.active_count() == before
    children = [pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]
    assert [Path(f"/proc/{pid}/cmdline").read_text() for pid in children] == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"eval_env": None}, "eval_env is None: give a function"),
        ({"eval_env": "NoSuch-v0"}, "'NoSuch-v0' is nothing that Gymnasium knows"),
        ({"eval_env": lambda: 1 / 0}, "eval_env could not be made: ZeroDivisionError"),
        ({"eval_env": lambda: 5}, "eval_env could not be made"),
        ({"eval_every": 0}, "eval_every is 0"),
        ({"episodes": 0}, "episodes is 0"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"stop": [RewardThreshold]}, "is no condition"),
        ({"log_dir": "/proc/nowhere"}, "log_dir /proc/nowhere can't be written to"),
    ],
)
def test_bad_input_is_told_at_construction(given, fault):
    with pytest.raises(UsageError, match=fault):
        TeemCallback(**{"eval_env": "CartPole-v1", **given})


def test_a_reward_that_is_no_number_is_refused():
    class Broken(gymnasium.RewardWrapper):
        def reward(self, reward: Any) -> float:
            return float("nan")

    with pytest.raises(UsageError, match="rewards must be numbers"):
        TeemCallback(lambda: Broken(gymnasium.make("CartPole-v1")))


def test_an_observation_unlike_its_space_is_refused():
    class Broken(gymnasium.ObservationWrapper):
        def observation(self, observation: Any) -> Any:
            return observation[:3]

    with pytest.raises(UsageError, match=r"eval_env could not make a step.*\(3,\)"):
        TeemCallback(lambda: Broken(gymnasium.make("CartPole-v1", disable_env_checker=True)))


def test_another_space_is_refused_before_anything_is_learnt(tmp_path):
    model = model_of("PPO")
    with pytest.raises(UsageError) as told:
        model.learn(100, callback=TeemCallback("Pendulum-v1", log_dir=tmp_path))
    assert len(told.value.faults) == 2 and "eval_env observes" in told.value.faults[0]
    assert model.num_timesteps == 0


def test_a_model_that_cannot_be_saved_is_refused_before_anything_is_learnt(tmp_path):
    model, before = model_of("PPO"), threading.active_count()
    model.held = threading.Lock()
    with pytest.raises(UsageError, match=r"the model can't be saved.*give it no open file, socket or lock"):
        model.learn(300, callback=TeemCallback("CartPole-v1", 100, tmp_path))
    assert model.num_timesteps == 0 and threading.active_count() == before


def test_a_user_without_the_library_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.callbacks", None)
    monkeypatch.delitem(sys.modules, "teem.evaluate.sb3")
    with pytest.raises(Exception, match=r"pip install 'teem\[sb3\]'"):
        __import__("teem.evaluate.sb3")


def test_it_stops_and_says_why_and_the_library_is_told_as_by_its_own_callback(tmp_path):
    model = model_of("PPO")
    heard: dict[str, Any] = {}
    record = sb3.common.logger.Logger.record
    callback = TeemCallback("CartPole-v1", 100, tmp_path, episodes=1, stop=[RewardThreshold(1.0)], at_end=False)

    def listen(self: Any, key: str, value: Any, *more: Any, **others: Any) -> None:
        heard[key] = value
        record(self, key, value, *more, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sb3.common.logger.Logger, "record", listen)
        model.learn(1_000_000, callback=callback)
    assert "the reward was 1 or more" in callback.summary["stopped"]
    assert model.num_timesteps < 1_000_000
    assert heard["eval/mean_reward"] == callback.tracker.results[-1].mean
