"""What crawlers with attention networks look at: trains a few, then prints each joint's shares.

python examples/read_attention.py [--agents 16] [--steps 6000] [--seed 7]
"""

from __future__ import annotations

import argparse

import numpy as np

import teem
from teem.learning.build import build_policies
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.catalogue import make_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    size = {"population.founders": given.agents, "seed": given.seed}
    config = teem.load_config("crawlers", {"learning.network": "attention", **size})
    threads = Threads(1)
    world = make_world(config, threads, Spans())
    policies = build_policies(config, world, threads)
    for _ in range(given.steps):
        observation = world.observe()
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
        policies.inherit(outcome.births)
        policies.learn()

    observation = world.observe()  # of those who decide now
    network = policies.cohorts[0].backend
    shares = network.attention(observation.values, observation.living).mean(
        axis=1
    )  # [n, queries, tokens], of all heads
    kinds = [kind.name for kind in world.tokens.kinds for _ in range(kind.count)]
    names = ("itself", *world.branches)
    print(f"{'':>10}" + "".join(f"{kind:>8}" for kind in dict.fromkeys(kinds)))
    for query, name in enumerate(names):
        there = shares[:, query].sum(axis=1) > 0.5  # a joint that a creature has not got looks at nothing
        if there.any():
            mean = shares[there, query].mean(axis=0)
            parts = [mean[np.array(kinds) == kind].sum() for kind in dict.fromkeys(kinds)]
            print(f"{name:>10}" + "".join(f"{part:8.0%}" for part in parts))


if __name__ == "__main__":
    main()
