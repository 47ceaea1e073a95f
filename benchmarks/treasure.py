"""The treasure world's figures, measured here and now: `make bench`, or `python benchmarks/treasure.py [NAME ...]`.

Agents act at random; every agent's view is made in every step. Rules and views alone are `world.observe` and
`world.step` with actions that were drawn before; a run is all that `teem run` does but for the record.
Nothing here fails; it prints.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import QUIET, Figures, Scenario, main, make_run, pieces, warmed

DRAWN = 1000  # steps whose actions are drawn beforehand


def world_of(worlds: int, **settings: Any) -> Any:
    """Worlds of 21 x 21 with two agents each, on one thread."""
    from teem.config.load import load_config
    from teem.measure.spans import Spans
    from teem.threads import Threads
    from teem.worlds.catalogue import make_world

    given = {"world.worlds": worlds, "population.founders": 2 * worlds, **settings}
    return make_world(load_config("treasure", given), Threads(1), Spans())


def rules_and_views(worlds: int, **settings: Any) -> Figures:
    """Medians over nine pieces of agent-steps a second, by the wall and by CPU time."""
    world, rates, costs = world_of(worlds, **settings), [], []
    agents = 2 * worlds
    actions = np.random.default_rng(7).integers(0, len(world.actions), (DRAWN, agents)).astype(np.int32)
    for piece in range(10):
        begun, cpu = time.perf_counter(), time.process_time()
        for action in actions:
            world.observe()
            world.step(action)
        if piece:  # the first compiles
            rates.append(DRAWN * agents / (time.perf_counter() - begun))
            costs.append((time.process_time() - cpu) / (DRAWN * agents) * 1e6)
    return {
        "agent_steps_per_s": float(np.median(rates)),
        "best": max(rates),
        "cpu_us_an_agent_step": float(np.median(costs)),
    }


def one(out: Path) -> Figures:
    """One world of two agents."""
    return rules_and_views(1)


def many(out: Path) -> Figures:
    """Thirty-two worlds of two agents."""
    return rules_and_views(32)


def stacked(out: Path) -> Figures:
    """The same with four frames of red, green and blue."""
    return rules_and_views(32, **{"world.view": "rgb", "world.frames": 4})


def a_run(out: Path) -> Figures:
    """All that a step of a run takes, one world and thirty-two."""
    figures = {}
    for worlds in (1, 32):
        given = {"world__worlds": worlds, "population__founders": 2 * worlds, "learning__algorithm": "random"}
        run = warmed(make_run("treasure", out / str(worlds), runtime__threads=1, **given, **QUIET), 200)
        figures |= {f"{worlds}_{key}": value for key, value in pieces(run, 500, 9).items()}
    return figures


SCENARIOS: dict[str, Scenario] = {
    "one": (one, "rules and views, 1 world x 2 agents", "40k agent-steps/s, 50 x Sorrel's", "160k, 200 x"),
    "many": (many, "rules and views, 32 worlds x 2 agents", "400k agent-steps/s, 500 x", "1.6M, 2000 x"),
    "stacked": (stacked, "the same, four frames of RGB", "-", "-"),
    "run": (a_run, "a run of random agents, unrecorded", "-", "-"),
}

if __name__ == "__main__":
    main(globals(), SCENARIOS)
