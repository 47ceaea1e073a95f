"""A run that does nothing, with real columns and spans, for what only looks at runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from teem.config.load import load_config
from teem.learning.cohort import Gauges
from teem.measure.governor import Controls
from teem.measure.spans import Spans
from teem.population.slots import Population
from teem.runtime.loop import Totals
from teem.runtime.pools import Pools

SIDE = 60
KINDS = ("system", "independent", "control")


@pytest.fixture
def still_run(tmp_path: Path) -> Callable[..., Any]:
    """Make a run of `alive` agents after `steps` steps of 2 ms: `observe` took 1 of them, `act` 0.5."""

    def make(alive: int = 40, steps: int = 10, learns: bool = True, size: int = SIDE) -> Any:
        rng = np.random.default_rng(3)
        population = Population(64, 2)
        slots = population.spawn(alive)
        population.x[slots] = rng.uniform(0, size, alive)
        population.y[slots] = rng.uniform(0, size, alive)
        population.kind[slots] = np.arange(alive) % 3
        population.energy[slots] = 6.0
        capacity = rng.uniform(0, 2, (size, size)).astype(np.float32)
        obstacles = (rng.uniform(0, 1, (size, size)) < 0.05).astype(np.float32)
        maps = {"obstacles": obstacles, "resources": capacity / 2, "capacity": capacity}
        spans = Spans(window=64)
        for _ in range(steps):
            spans.add("observe", 1_000_000)
            spans.add("world.move", 300_000)
            spans.add("act", 500_000)
            spans.add("step", 2_000_000)
            spans.close_step()
        feats = np.full(64, np.nan, np.float32)
        feats[slots] = np.linspace(1, 4, alive)
        gauges = Gauges.of(64)
        gauges.updates[slots] = 5
        gauges.updates[slots[:1]] = 3
        gauges.decisions[slots] = 1000
        gauges.updates[slots[1:2]] = gauges.decisions[slots[1:2]] = 0  # a newborn is nobody's least trained
        gauges.loss[slots] = 0.25
        return SimpleNamespace(
            config=load_config("farm", {"steps": 100, "learning.enabled": learns}),
            folder=SimpleNamespace(path=tmp_path / "farm-7"),
            spans=spans,
            step=steps,
            totals=Totals(agent_steps=alive * steps, updates=20, born=4, died=1, seconds=0.002 * steps),
            world=SimpleNamespace(
                kinds=("system", "independent", "control"),
                population=population,
                map=lambda: maps,
                feat="joules",
                feats=feats,
                step_count=steps,
            ),
            policies=SimpleNamespace(gauges=gauges),
            recorder=SimpleNamespace(rows=100, dropped=0, waited_s=0.0),
            pools=Pools(1),
            watch=SimpleNamespace(all_alarms=list, warnings=list),
            governing=SimpleNamespace(target_ms=None, controls=Controls(), report=lambda: None),
            watchdog=SimpleNamespace(report=lambda: None, warnings=list),
            memory=SimpleNamespace(plan=None),
            garbage=SimpleNamespace(as_dict=lambda: None),
            companion=None,
        )

    return make
