"""What has become slower is told, what hasn't is not, on whatever machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teem.bench import results as files
from teem.bench.regress import judge, keep, not_judged, of_machine, word
from teem.bench.results import CaseResult, Results, Sample, ScenarioResult
from teem.bench.statistics import Interval

LUCK = 0.02


def measured(
    seed: int, *, cost: float = 1.0, machine: float = 1.0, launches: int = 1, cpu: str = "a", **settings: Any
) -> Results:
    """A case as a machine would measure it that is `machine` times as slow, and by turns up to 1.7 times slower."""
    draws = np.random.default_rng(seed)
    rows = []
    for _ in range(launches):
        luck = draws.lognormal(0, LUCK)
        slow = machine * draws.uniform(1.0, 1.7, 25)
        costs = cost * luck * slow * draws.lognormal(0, 0.01, 25)
        pairs = ((float(c), float(s)) for c, s in zip(costs, slow, strict=True))
        rows.append(tuple(Sample(c, c, 1.0, (s, s, s)) for c, s in pairs))
    case = CaseResult(settings=settings, calls=1, launches=tuple(rows))
    one = ScenarioResult(about="-", unit="u", kinds=("memory",), budget=0.08, cases={"case": case})
    return Results(machine={"cpu": cpu}, scenarios={"one": one})


def word_of(before: Results, after: Results) -> str:
    [verdict] = judge(before, after)
    return verdict.word


def test_an_unchanged_case_is_as_before_however_slow_the_machine() -> None:
    baseline = measured(1, launches=5)
    words = [word_of(baseline, measured(seed, machine=3.0)) for seed in range(100, 200)]
    assert words.count("as before") >= 99


def test_a_fifth_slower_is_told_and_a_fifth_faster_too() -> None:
    baseline = measured(1, launches=5)
    assert [word_of(baseline, measured(seed, cost=1.2)) for seed in range(20)].count("slower") >= 19
    assert [word_of(baseline, measured(seed, cost=0.8)) for seed in range(20)].count("faster") >= 19


def test_what_is_uncertain_or_within_the_budget_is_as_before() -> None:
    assert word(Interval(1.5, 0.99, 2.0), 0.1) == "as before"
    assert word(Interval(1.09, 1.05, 1.12), 0.1) == "as before"
    assert word(Interval(1.11, 1.01, 1.3), 0.1) == "slower"
    assert word(Interval(0.5, 0.4, 1.01), 0.1) == "as before"
    assert word(Interval(0.9, 0.85, 0.99), 0.1) == "faster"


def test_cases_with_other_settings_are_not_judged_but_named() -> None:
    before, after = measured(1, agents=10), measured(2, agents=20)
    assert judge(before, after) == []
    assert not_judged(before, after) == ["one: case"]


def test_a_baseline_keeps_each_processor_apart(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    keep(path, measured(1, cpu="a"))
    keep(path, measured(2, cpu="b"))
    newest = measured(3, cpu="a")
    keep(path, newest)
    kept = files.read(path)
    assert [one.machine["cpu"] for one in kept] == ["b", "a"]
    assert of_machine(kept, "a") == newest
    assert of_machine(kept, "c") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "holds no results"),
        ('{"machine": {}}', "required field `scenarios`"),
        ('{"machine": {}, "scenarios": {}, "format": 0}', "is of another format than 1"),
    ],
)
def test_files_that_hold_no_results_are_refused_by_name(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(files.UsageError, match=told):
        files.read(path)
