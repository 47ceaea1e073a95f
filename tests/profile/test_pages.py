"""What a profile is read from: samples, statements, tables, parts on their own, processes from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from teem.config.load import load_config
from teem.profile import line, sampler, system
from teem.profile.components import bench, decisions, observation, record, resources, space, timing
from teem.profile.report import Cost, Report, Table


@pytest.fixture
def small(tmp_path: Path) -> bench.Bench:
    return bench.Bench(load_config("farm", {"population.founders": 30}), tmp_path)


def test_own_samples_are_of_the_innermost_line_and_by_thread() -> None:
    told = {
        "shared": {
            "frames": [{"name": "f", "file": "/a/f.py", "line": 1}, {"name": "g", "file": "/a/g.py", "line": 2}]
        },
        "profiles": [
            {"name": "main", "samples": [[0], [0, 1], [0, 1], []]},
            {"name": "pool", "samples": [[1]]},
        ],
    }
    threads, own = sampler.own_samples(told)
    assert threads == {"main": 3, "pool": 1}
    assert dict(own) == {"g (/a/g.py:2)": 3, "f (/a/f.py:1)": 1}


def test_a_statement_of_several_lines_calls_what_any_of_them_does(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(
        "def f(a):\n    x = sum(\n        g(one)\n        for one in a.h()\n    )\n    if k(x):\n        y = 1\n"
    )
    calls = line.calls(str(file))
    assert calls[2] == calls[4] == {"sum", "g", "h"}
    assert calls[6] == {"k"}
    assert 7 not in calls


def test_a_page_and_its_json_say_the_same(tmp_path: Path) -> None:
    report = Report("macro", "Macro", {"ms": 1.5, "unknown": float("nan")})
    report.costs = [Cost(f"cost {n}", 0.5 / n, "a step", f"{n} ms") for n in (1, 2, 3, 4)]
    report.tables = [Table("A table", ("what", "ms"), [("a|b", "1")], "A note."), Table("Empty", ("what",), [])]
    report.missing = ["yappi is not installed"]
    page = report.write(tmp_path, "about it").read_text("utf-8")
    assert "1. cost 1: 50% of a step (1 ms)" in page
    assert "cost 4" not in page
    assert "| a\\|b | 1 |" in page
    assert "> yappi is not installed" in page
    told = json.loads((tmp_path / "macro.json").read_text("utf-8"))
    assert told["figures"] == {"ms": 1.5, "unknown": None}
    assert told["costs"][0]["what"] == "cost 1"


def test_a_process_is_seen_at_work_from_outside() -> None:
    psutil = pytest.importorskip("psutil", reason="one of the extra `profile`")
    told: dict[str, Any] = {}
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            with system._watching(other.pid, told):
                while sum(psutil.Process(other.pid).cpu_times()[:2]) < 0.5:
                    time.sleep(0.05)
        finally:
            other.kill()
    seen = [look["processes"][str(other.pid)] for look in told["looks"]]
    assert seen[-1]["cpu_s"] - seen[0]["cpu_s"] > 0.15
    assert seen[-1]["rss_mb"] > 1
    assert max(ran for ran, _, _ in told["scheduled"].values()) > 0.25


def test_what_a_piece_of_work_takes_and_leaves_is_told_apart() -> None:
    kept: list[bytes] = []
    peak, left = timing.allocated(lambda: bytes(300_000) and None)
    assert peak >= 300_000
    assert left < 10_000
    _, left = timing.allocated(lambda: kept.append(bytes(300_000)))
    assert left >= 300_000


@pytest.mark.slow  # kernels of every index
def test_every_index_answers_on_its_own(small: bench.Bench) -> None:
    part = space.measure_space(small)
    for kind in space.KINDS:
        figures = part.figures[kind]
        assert figures["bytes_per_1000"] > 8 * 1000  # two coordinates of float32
        for question in ("within", "in_range", "nearest"):
            single = figures[question]["single_ms"]
            assert 0 < single["p50"] <= single["p95"] <= single["p99"]
    assert "no dirty regions" in part.absent[0]


def test_every_channel_and_way_of_looking_is_told(small: bench.Bench) -> None:
    part = observation.measure_observation(small)
    assert all(one["p50"] > 0 for key in ("without", "with", "ways") for one in part.figures[key].values())
    named = set(part.figures["without"]) | set(part.figures["with"])
    assert {"resources", "visibility", "known_empty", "as the settings say"} <= named
    assert {"deposit bilinear", "storage mapped", "view full"} <= set(part.figures["ways"])


def test_rows_are_written_with_every_profile(small: bench.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ROWS", 5000)
    part = record.measure_record(small)
    rates = {name: one["rows_per_s"] for name, one in part.figures.items() if "rows_per_s" in one}
    assert len(rates) == len(record.BUFFERS) + len(record.PROFILES)
    assert min(rates.values()) > 0
    assert list(small.scratch.iterdir()) == []


def test_regrowth_and_decisions_are_measured(small: bench.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = resources.measure_resources(small)
    assert {"rows in turn, map in memory", "tiles, map in a file"} <= set(grown.figures)
    monkeypatch.setattr(decisions, "ALGORITHMS", ())
    part = decisions.measure_decisions(small)
    assert part.figures["dqn"]["agent_steps"] > 0
    assert 0 < part.figures["dqn"]["training"] < 1
    assert "replay" in part.figures["dqn"]


def test_a_large_map_is_cut_and_said_to_be(tmp_path: Path) -> None:
    whole = load_config("farm", {"world.size": 5000, "population.founders": 30})
    cut, note = bench.within_bounds(whole)
    assert cut.farm.size == bench.LARGEST
    assert "not of 5000" in note
    assert bench.within_bounds(load_config("farm")) == (load_config("farm"), "")
