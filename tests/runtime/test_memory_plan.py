"""What a run takes is what its slots need, as planned; counted in pages, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from teem.config.load import load_config
from teem.errors import UsageError
from teem.measure.arrays import _madvise
from teem.measure.machine import rss_mb
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.memory import PARTS, REST

FOUNDERS, LEAST, MOST = 64, 256, 4096
SETTINGS = {
    "population.founders": FOUNDERS,
    "population.capacity": MOST,
    "learning.hidden": [32, 16],
    "learning.replay.length": 64,
    "runtime.threads": 1,
    "record.enabled": False,
    "checkpoint.at_end": False,
    "steps": 0,
}

TAKEN = """
import json, sys
from pathlib import Path
from teem.config.load import load_config
from teem.measure.machine import rss_mb
from teem.record.folder import RunFolder
from teem.runtime.loop import Run

settings, sizes, out = json.loads(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
run = Run.create(load_config("farm", settings), RunFolder.create(out, "run"))
run.advance()
population, told = run.world.population, []
for size in sizes:
    population._offer(size)  # as a birth does
    run.memory.on_step()
    ahead = run.memory._ahead
    with ahead._news:
        assert ahead._news.wait_for(lambda: not ahead._items and not ahead._busy, 60.0)
    told.append({"size": population.size, "rss": rss_mb(), **run.memory.lent()})
print(json.dumps({"plan": run.memory.plan.as_dict(), "told": told}))
run.finish("steps")
"""


def taken(out: Path, sizes: list[int], **settings: object) -> dict[str, object]:
    """Megabytes that a run takes once so many slots are offered."""
    given = json.dumps({**SETTINGS, **{f"population.{name}": value for name, value in settings.items()}})
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TAKEN), given, json.dumps(sizes), str(out)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    told: dict[str, object] = json.loads(process.stdout.splitlines()[-1])
    return told


@pytest.mark.skipif(_madvise is None, reason="memory is lent ahead on Linux alone")
def test_memory_follows_the_slots_and_the_plan_says_how_much(tmp_path: Path) -> None:
    told = taken(tmp_path / "growing", [0, MOST], capacity_min=LEAST)
    plan, (least, most) = told["plan"], told["told"]  # type: ignore[misc]
    arrays = {name: sum(one[part] for part in PARTS) for name, one in (("least", least), ("most", most))}
    planned = {name: sum(plan[f"{name}_mb"][part] for part in PARTS) for name in ("start", "most")}
    assert (least["size"], most["size"]) == (LEAST, MOST)
    assert arrays["least"] < planned["most"] * LEAST / MOST + 2.1 * 15, "a large page more each, and the map"
    assert planned["most"] > 200
    assert 0.9 * planned["most"] < arrays["most"] <= planned["most"] * 1.001
    assert abs(arrays["least"] - planned["start"]) < 8, "the first step"
    assert abs((most["rss"] - least["rss"]) - (arrays["most"] - arrays["least"])) < 0.05 * planned["most"]
    assert sum(plan["start_mb"].values()) < 1.05 * least["rss"], "the first step may import and compile what it needs"
    assert plan["start_mb"][REST] > 20


def run_of(tmp_path: Path, **settings: object) -> Run:
    given = {**SETTINGS, **{name.replace("__", "."): value for name, value in settings.items()}}
    return Run.create(load_config("farm", given), RunFolder.create(tmp_path / "run", "run"))


def test_a_run_that_starts_with_more_than_there_is_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_now = rss_mb()
    assert taken_now is not None
    monkeypatch.setattr("teem.runtime.memory.memory_most_mb", lambda: taken_now + 100)
    with pytest.raises(UsageError) as refused:
        run_of(tmp_path, population__capacity_min=4000)
    (fault,) = refused.value.faults
    assert fault.startswith("population.capacity_min is 4000, with which the run starts with ")
    assert fault.endswith("MB: lower population.capacity_min or the widths of learning.hidden")
    run = run_of(tmp_path / "less", population__capacity_min=70)
    run.finish("steps")
    run.folder.close()


def test_a_plan_that_is_more_than_the_machine_has_says_what_to_lower(tmp_path: Path) -> None:
    run = run_of(tmp_path, forecast__memory_limit=300.0, learning__replay__length=1024)
    assert run.memory.plan is not None
    lines = run.memory.plan.in_words()
    assert [line.split()[0] for line in lines[1:6]] == list(PARTS)
    assert "most are replays, so lower learning.replay.length" in lines[-1]
    assert run.memory.plan.start["replays"] < 0.1 * run.memory.plan.most["replays"], "nothing is remembered yet"
    run.finish("steps")
    run.folder.close()
