"""Small islands that breed and die fast, and what is compared of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from teem.config.dump import dump_config
from teem.config.load import load_config
from teem.config.settings import Config
from teem.runtime.islands.island import Island, Standing
from teem.runtime.loop import Run

FARM = {
    "population.founders": 24, "population.capacity": 30, "learning.hidden": "16,8", "learning.interval": 2,
    "learning.replay.length": 32, "learning.replay.warmup": 8, "learning.batch": 8, "world.maturity": 5,
    "world.breed_energy": 9.0, "world.birth_energy": 4.0, "world.energy": 10.0, "world.age_max": 30,
    "runtime.threads": 1, "record.every": 3, "checkpoint.every": 20, "ray.slice": 10, "ray.migrate_every": 20,
}  # fmt: skip


def config_of(world: str = "farm", **changes: Any) -> Config:
    given = {**FARM} if world == "farm" else {name: value for name, value in FARM.items() if "world." not in name}
    given |= {name.replace("__", "."): value for name, value in changes.items()}
    return load_config(world, {name: str(value) for name, value in given.items()})


def island(path: Path, index: int = 0, config: Config | None = None) -> tuple[Island, Standing]:
    """An island that has begun, anew or where its folder's checkpoint left it."""
    path.mkdir(parents=True, exist_ok=True)
    config = config or config_of()
    own = msgspec.structs.replace(config, seed=config.seed + index)
    (path / "config.toml").write_text(dump_config(own))
    begun = Island(index, str(path))
    return begun, begun.begin()


def run_of(island: Island) -> Run:
    assert island._run is not None
    return island._run


def assert_same(here: Any, there: Any, path: str = "") -> None:
    """Two states, bit for bit; but for how long it took."""
    assert type(here) is type(there), path
    if isinstance(here, dict):
        assert here.keys() == there.keys(), path
        for name in here:
            if name != "seconds":
                assert_same(here[name], there[name], f"{path}.{name}")
    elif isinstance(here, np.ndarray):
        assert here.tobytes() == there.tobytes(), path
    else:
        assert here == there, path
