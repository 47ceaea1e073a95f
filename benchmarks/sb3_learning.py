"""Does one policy of Stable-Baselines3, trained on everybody of a world, earn more than random actions?

    python benchmarks/sb3_learning.py [--world farm] [--agents 100] [--steps 60000] [--seeds 3] [--played 300]

PPO with its own defaults, but for rollouts of 64 steps and eight batches of each, is trained for so many transitions of
all rows together, then plays worlds it has not seen beside random and resting rows, and the world's rule of thumb: mean
reward of a row somebody is in, a step. Needs `pip install 'teem[envs,sb3]'`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import teem

Choice = Callable[[Any, Any], Any]
UNSEEN = 1000  # added to a training's seed


def earned(world: str, agents: int, seed: int, steps: int, choose: Choice) -> float:
    """Mean reward of those in rows, a step, in one world of this seed."""
    env = teem.make_env(world, "vector", agents=agents, seed=seed, steps=0)
    env.action_space.seed(seed)
    views, infos = env.reset()
    total, count = 0.0, 0
    for _ in range(steps):
        acts = infos["acts"]
        views, reward, _, _, infos = env.step(choose(env, views))
        total, count = total + float(reward[acts].sum()), count + int(acts.sum())
    env.close()
    return total / count


def by_rule(env: Any, views: Any) -> Any:
    """What the world's own rule of thumb chooses."""
    action = np.zeros_like(env.action_space.sample()) + env.world.rest
    env.world.heuristic(env.world.observe(), action)
    return action


def trained(world: str, agents: int, seed: int, steps: int) -> tuple[Any, float]:
    """PPO's policy after so many transitions, and the part of them that was of vacant rows."""
    from stable_baselines3 import PPO

    env = teem.make_env(world, "sb3", agents=agents, seed=seed, steps=0)
    ppo = PPO("MlpPolicy", env, n_steps=64, batch_size=8 * env.num_envs, seed=seed, device="cpu")
    ppo.learn(steps)
    env.close()
    return ppo, env.get_attr("vacant", 0)[0] / ppo.num_timesteps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="farm")
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--played", type=int, default=300)
    asked = parser.parse_args()
    names = ("trained", "trained, greedy", "random", "resting", "rule of thumb")
    rows: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(1, asked.seeds + 1):
        begun = time.process_time()
        ppo, vacant = trained(asked.world, asked.agents, seed, asked.steps)
        print(f"seed {seed}: {time.process_time() - begun:.0f} s CPU, {vacant:.1%} of the rows vacant", flush=True)
        choices: dict[str, Choice] = {
            "trained": lambda env, views, ppo=ppo: ppo.predict(views)[0],
            "trained, greedy": lambda env, views, ppo=ppo: ppo.predict(views, deterministic=True)[0],
            "random": lambda env, views: env.action_space.sample(),
            "resting": lambda env, views: np.zeros_like(env.action_space.sample()) + env.world.rest,
            "rule of thumb": by_rule,
        }
        for name, choose in choices.items():
            rows[name].append(earned(asked.world, asked.agents, seed + UNSEEN, asked.played, choose))
    for name, figures in rows.items():
        error = np.std(figures, ddof=1) / np.sqrt(len(figures)) if len(figures) > 1 else float("nan")
        print(f"{name:16} {np.mean(figures):8.4f} ± {error:.4f}   {' '.join(f'{one:.4f}' for one in figures)}")


if __name__ == "__main__":
    main()
