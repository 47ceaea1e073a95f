"""After warming up nothing is compiled any more, whatever world it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from teem.config.load import load_config
from teem.runtime.warmup import is_warm, warm

PLAY = """
import sys
from types import SimpleNamespace
from teem.config.load import load_config
from teem.learning.build import build_policies
from teem.measure.spans import Spans
from teem.record.collect import Collector
from teem.runtime.warmup import warm
from teem.threads import Threads
from teem.worlds.catalogue import make_world

def compiled():
    return {
        module + "." + name: len(value.signatures)
        for module, inside in list(sys.modules.items()) if module.startswith("teem.")
        for name, value in vars(inside).items() if hasattr(value, "nopython_signatures") and value.__module__ == module
    }

short = {"world.age_max": "40", "world.maturity": "5", "learning.interval": "1", "population.capacity": "40"}
short |= {"learning.replay.warmup": "8", "learning.batch": "8"}
if sys.argv[1] == "crawlers":
    short |= {"world.decision": "2", "world.energy": "9500", "world.breed_energy": "9000", "world.stranded": "20"}
if sys.argv[1] == "treasure":
    short = {"learning.sharing": "own", "learning.replay.warmup": "8", "learning.batch": "8"}
else:
    short |= {"population.founders": "20"}
config = load_config(sys.argv[1], short)
warm(config, lambda what, done, of: None)
before, born, died, updates = compiled(), 0, 0, 0
threads = Threads(2)
recorder = SimpleNamespace(
    write=lambda statement, **columns: None, write_names=lambda **lists: None, expect_alive=lambda: None
)
world = make_world(config, threads, Spans())
policies = build_policies(config, world, threads)
collector = Collector(world, config, recorder, policies.cohort_of)
collector.start()
for _ in range(100):
    observation = world.observe()
    outcome = world.step(policies.act(observation))
    policies.remember(observation, outcome)
    for entry, slot in outcome.honours:
        policies.honour(int(entry), int(slot))
    policies.inherit(outcome.births)
    updates += policies.learn()
    collector.step(outcome)
    born, died = born + len(outcome.births.slot), died + len(outcome.deaths.slot)
assert (born and died or sys.argv[1] == "treasure") and updates and len(before) > 100
print(sorted(name for name, count in compiled().items() if count != before.get(name, 0)))
"""


@pytest.mark.parametrize("world", ["farm", "farm-cohorts", "crawlers", "treasure"])
def test_a_run_that_was_warmed_up_compiles_nothing_more(world: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLAY, world], cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_being_warm_is_known_of_each_world_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    farm, crawlers = (load_config(name, {"learning.algorithm": "random"}) for name in ("farm", "crawlers"))
    assert not is_warm(farm)
    told: list[tuple[int, int]] = []
    warm(farm, lambda what, done, of: told.append((done, of)))
    assert told == [(part, 4) for part in range(5)]
    assert is_warm(farm)
    assert not is_warm(crawlers)
    assert not is_warm(load_config("farm", {"learning.algorithm": "random", "world.view": "full"}))
    warm(crawlers, lambda what, done, of: None)
    assert is_warm(crawlers)
    assert is_warm(load_config("crawlers", {"learning.algorithm": "random", "world.terrain.style": "hills"}))


def test_a_run_of_cohorts_is_warm_when_each_of_them_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cohorts = [{"name": "idle", "share": 0.5, "algorithm": "resting"}]
    mixed = load_config("farm", {"learning.algorithm": "random", "learning.cohorts": cohorts})
    warm(load_config("farm", {"learning.algorithm": "random"}), lambda what, done, of: None)
    assert not is_warm(mixed)
    warm(mixed, lambda what, done, of: None)
    assert is_warm(mixed)
    assert is_warm(load_config("farm", {"learning.algorithm": "resting"}))
