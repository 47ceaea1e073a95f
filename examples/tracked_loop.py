"""A loop of one's own, tracked: the cross-entropy method learns to balance a pole, and ends when it can.

    python examples/tracked_loop.py [--steps 20000] [--out tracked]

The policy is a straight line in what is observed; of ten drawn around the mean, the best three make the next mean
(Rubinstein 1999). It is evaluated by a process beside, and training ends once three evaluations were good enough.
"""

from __future__ import annotations

import argparse

import gymnasium
import numpy as np

from teem import track
from teem.training.stopping import MostSteps, RewardThreshold


def make_env() -> gymnasium.Env:
    return gymnasium.make("CartPole-v1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--out", default="tracked")
    given = parser.parse_args()
    random, mean, spread = np.random.default_rng(0), np.zeros(4), np.ones(4)

    def act(observation: np.ndarray) -> int:
        """The policy that is evaluated: the mean as it is then."""
        return int(mean @ observation > 0)

    enough = [RewardThreshold(475, evaluations=3), MostSteps(given.steps)]
    with track(make_env, act, eval_every=1000, log_dir=given.out, stop=enough, verbose=1) as training:
        env = make_env()
        while not training.stopped:
            tried = random.normal(mean, spread, (10, 4))
            gained = [episode(env, weights, training) for weights in tried]
            best = tried[np.argsort(gained)[-3:]]
            mean, spread = best.mean(axis=0), best.std(axis=0) + 0.05
            training.tracker.update(training.steps, spread=float(spread.mean()))
    print(f"stopped: {training.stopped}; best {training.summary['best']}")
    print(f"kept in {given.out}; curves: teem plot {given.out}")


def episode(env: gymnasium.Env, weights: np.ndarray, training: track) -> float:
    observation, _ = env.reset()
    gained, over = 0.0, False
    while not over and not training.stopped:
        observation, reward, terminated, truncated, _ = env.step(int(weights @ observation > 0))
        over = terminated or truncated
        gained += float(reward)
        training.step(reward, over)
    return gained


if __name__ == "__main__":
    main()
