"""Crawlers that learn the torques of their joints by PPO, each with a network of its own.

python examples/crawlers_ppo.py [--agents 64] [--steps 60000] [--seed 7] [--out my-run], then teem evaluate my-run
"""

from __future__ import annotations

import argparse
from pathlib import Path

import teem
from teem.runtime.session import begin

SETTINGS = {
    "world.control": "torque",
    "learning.algorithm": "ppo",
    "learning.hidden": (64, 64),  # of the value's and of the means' trunk
    "learning.lr": 0.003,
    "learning.gamma": 0.95,  # a decision is a tenth of a second
    "learning.ppo.horizon": 64,  # decisions: six seconds
    "learning.ppo.epochs": 10,
    "learning.ppo.minibatches": 1,
    "learning.ppo.gae_lambda": 0.8,
    "learning.ppo.entropy": 0.003,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=64)
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/crawlers-ppo-7)")
    given = parser.parse_args()

    size = {"population.founders": given.agents, "steps": given.steps, "seed": given.seed}
    config = teem.load_config("crawlers", {**SETTINGS, **size})
    run = begin(config, "crawlers-ppo", given.out)
    before = 0.0
    while run.step < config.steps:
        outcome = run.advance()
        if (outcome.step + 1) % max(1, given.steps // 10) == 0:
            metres = float(run.world.feats[run.world.population.living].mean())
            print(f"step {run.step}: {run.totals.updates} updates, {metres - before:.2f} m on since the last line")
            before = metres
    run.finish("steps")
    run.folder.close()
    print(f"kept in {run.folder.path}")


if __name__ == "__main__":
    main()
