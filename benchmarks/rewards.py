"""What each term of the crawlers' reward is for: training without it, and what then comes out, in new worlds.

    python benchmarks/rewards.py [--steps 60000] [--seeds 3] [--creatures 64]

Each row is a reward; figures are means over seeds of means over creatures, with their standard error: metres in 30 s,
joules of the motors' work a second, the part of the time the chassis is within 60 degrees of level, and the part of
creatures that made less than half a metre in the last ten seconds. Nobody learns or is set down in the new worlds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _measuring import QUIET, make_run, warmed
from numpy.typing import NDArray

SECOND = 60
PLAYED = 30 * SECOND
MEASURES = ("metres", "joules a second", "level", "stuck")
REWARDS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no work": {"world__reward__work": 0.0},
    "no posture": {"world__reward__posture": 0.0},
    "progress alone": {"world__reward__work": 0.0, "world__reward__posture": 0.0},
    "work ten times as dear": {"world__reward__work": -0.005},
    "posture ten times as much": {"world__reward__posture": 0.2},
    "no progress": {"world__reward__progress": 0.0},
}


def trained(creatures: int, steps: int, seed: int, overrides: dict[str, Any]) -> Any:
    """A run at its end."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"seed": seed, "population__founders": creatures, **overrides, **QUIET}
        return warmed(make_run("crawlers", Path(folder) / "run", **given), steps)


def played(run: Any) -> NDArray[np.float64]:
    """The MEASURES of the trained, in a world they have not seen."""
    from teem.evaluate.episodes import evaluation_config, world_seed
    from teem.learning.build import build_policies
    from teem.measure.spans import Spans
    from teem.worlds.crawlers.crawlers import Crawlers

    living = run.world.population.living
    config = evaluation_config(run.config, world_seed(run.config.seed, 0), len(living))
    config = msgspec.structs.replace(
        config, population=msgspec.structs.replace(config.population, capacity=len(living))
    )
    world = Crawlers(config, run.pools.physics, Spans(1), run.world.population.genome[living])
    policies, here = build_policies(config, world, run.pools.ai), world.population.living
    policies.cohorts[0].networks.load_state(run.policies.cohorts[0].networks.state(living), here)
    work, level, late = 0.0, 0.0, None
    for step in range(PLAYED):
        world.step(policies.act(world.observe(), greedy=True))
        work += world.physics.reading.energy[here].mean()
        level += np.mean(world.physics.reading.pose[here, 0, 2] > 0.5)
        if step == PLAYED - 10 * SECOND:
            late = world.feats[here].copy()
    metres = world.feats[here]
    stuck = np.mean(np.abs(metres - late) < 0.5)
    return np.array([metres.mean(), work / PLAYED * SECOND, level / PLAYED, stuck], np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--creatures", type=int, default=64)
    asked = parser.parse_args()
    print(f"{'reward':28}" + "".join(f"{name:>20}" for name in MEASURES))
    for name, overrides in REWARDS.items():
        each = [played(trained(asked.creatures, asked.steps, seed, overrides)) for seed in range(1, asked.seeds + 1)]
        mean, error = np.mean(each, axis=0), np.std(each, axis=0, ddof=1) / np.sqrt(asked.seeds)
        print(f"{name:28}" + "".join(f"{m:12.2f} ± {e:5.2f}" for m, e in zip(mean, error, strict=True)), flush=True)


if __name__ == "__main__":
    main()
