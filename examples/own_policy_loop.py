"""A world without teem's learning: observe, choose with NumPy, step.

python examples/own_policy_loop.py [--agents 200] [--steps 500]
"""

from __future__ import annotations

import argparse

import numpy as np

import teem
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.base import Observation
from teem.worlds.catalogue import make_world


def choose(observation: Observation, actions: tuple[str, ...], random: np.random.Generator) -> np.ndarray:
    """Breed if you may, else gather, else walk anywhere; for all agents at once."""
    score = random.random(observation.mask.shape)
    score[:, [actions.index("gather"), actions.index("reproduce")]] += [2, 3]
    score[:, : actions.index("gather")] += 1  # the eight ways to move come first
    return np.where(observation.mask, score, -1).argmax(axis=1).astype(np.int32)  # [capacity]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    world = make_world(teem.load_config("farm", {"population.founders": given.agents}), Threads(1), Spans())
    random = np.random.default_rng(0)
    for _ in range(given.steps):
        outcome = world.step(choose(world.observe(), world.actions, random))
    print(f"step {outcome.step}: {len(world.population.living)} alive, {world.population.next_id} lives in all")


if __name__ == "__main__":
    main()
