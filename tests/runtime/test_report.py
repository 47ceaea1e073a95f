"""A report says what a run did, and null where it can't know."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from typing import Any

import pytest

from teem.runtime.report import build_report, finite, in_words
from teem.version import __version__


def test_a_report_has_every_promised_field(still_run: Callable[..., Any]) -> None:
    report = build_report(still_run(), "steps", 0.03)
    assert report["world"] == "farm"
    assert (report["seed"], report["version"], report["reason"]) == (7, __version__, "steps")
    assert (report["steps"], report["agent_steps"]) == (10, 400)
    assert report["seconds"] == pytest.approx(0.02)
    assert report["wall_seconds"] == 0.03
    assert report["agent_steps_per_s"] == pytest.approx(20_000)
    assert report["step_ms"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0}
    assert report["spans"]["observe"] == {"share": 0.5, "p50_ms": 1.0, "p95_ms": 1.0, "p99_ms": 1.0}
    assert "step" not in report["spans"]
    assert report["agents"] == {"alive": 40, "born": 4, "died": 1}
    assert report["feats"] == {
        "unit": "joules", "mean": pytest.approx(2.5), "most": 4.0, "lived": 10.0, "per_step": pytest.approx(0.25),
    }  # fmt: skip
    assert report["learning"]["updates"] == 20
    assert report["learning"]["updates_per_s"] == pytest.approx(1000)
    assert report["learning"]["least_trained_updates"] == 3
    assert report["record"] == {"rows": 100, "dropped": 0, "waited_s": 0.0}
    assert report["rss_mb_peak"] > 10


def test_the_machine_is_told_without_its_name(still_run: Callable[..., Any]) -> None:
    machine = build_report(still_run(), "steps", 0.03)["machine"]
    assert set(machine) == {"cpu", "cores", "system", "python", "numpy", "numba", "torch"}
    assert machine["cores"] >= 1
    if platform.node():
        assert platform.node() not in json.dumps(machine).split('"')


def test_what_is_not_known_is_null_and_never_zero(still_run: Callable[..., Any]) -> None:
    run = still_run(alive=0, steps=0)
    run.recorder = None
    report = build_report(run, "extinct", 0.0)
    assert report["step_ms"] == {"p50": None, "p95": None, "p99": None}
    assert report["agent_steps_per_s"] is None
    assert report["feats"] == {"unit": "joules", "mean": None, "most": None, "lived": None, "per_step": None}
    assert report["learning"]["updates_per_s"] is None
    assert report["learning"]["least_trained_updates"] is None
    assert report["record"] is None
    json.dumps(report, allow_nan=False)


def test_numbers_that_are_not_finite_become_null() -> None:
    assert finite({"a": {"b": float("nan"), "c": float("inf"), "d": 1.5, "e": 0}}) == {
        "a": {"b": None, "c": None, "d": 1.5, "e": 0}
    }


@pytest.mark.parametrize(
    ("reason", "said"), [("steps", "done at step 10"), ("interrupted", "interrupted"), ("extinct", "nobody")]
)
def test_a_report_reads_as_words(still_run: Callable[..., Any], reason: str, said: str) -> None:
    text = in_words(build_report(still_run(), reason, 0.03), "runs/farm-7")
    assert said in text
    assert "20.0k agent-steps/s; step 2.00 ms p50, 2.00 ms p95" in text
    assert "40 alive, 4 born, 1 died" in text
    assert "joules    2.50 a life so far, 4.00 at most" in text
    assert text.endswith("runs/farm-7")
