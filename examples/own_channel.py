"""A channel of one's own: agents perceive how crowded each cell is.

python examples/own_channel.py [--steps 50]
"""

from __future__ import annotations

import argparse

from numba import njit

import teem
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.catalogue import make_world


@njit
def crowd(plane, scale, living, bodies, step):
    """Count everyone's place; without @njit it does the same, more slowly."""
    for i in living:
        plane[int(bodies.y[i]), int(bodies.x[i])] += 1.0 / scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50)
    given = parser.parse_args()
    teem.register_channel("crowd", crowd, "decaying", decay=0.8)  # before the settings are read
    settings = {"world.channels": "resources,allies,enemies,crowd", "learning.algorithm": "heuristic"}
    world = make_world(teem.load_config("farm", settings), Threads(1), Spans())
    for _ in range(given.steps):
        observation = world.observe()
        world.step(observation.mask.argmax(axis=1).astype("int32"))  # everyone's first legal action
    here = world.observation_names.index("crowd.here")
    print(f"mean crowd where agents stand: {world.observe().values[world.population.living, here].mean():.2f}")


if __name__ == "__main__":
    main()
