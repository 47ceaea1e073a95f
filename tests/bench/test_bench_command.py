"""`teem bench` from its command line: what is chosen, kept, compared and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_bench_regress import measured

import teem
from teem.bench import command, results
from teem.bench.measure import Effort
from teem.bench.results import Results
from teem.bench.scenario import Suite, choose, read_suite, ready_suites, tasks
from teem.bench.works import WORKS, load
from teem.cli import main
from teem.errors import UsageError
from teem.measure.machine import machine

TINY = """
about = "tiny"
together = true

[[scenario]]
name = "tiny-build"
about = "an index of a hundred points"
work = "index"
unit = "point"
settings = { question = "build", agents = 100 }
"""


def here(seed: int, **changes: Any) -> Results:
    """Made-up results of this machine."""
    return measured(seed, cpu=machine()["cpu"], **changes)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[Results]:
    """What is measured, one after the other, instead of anything real."""
    queue: list[Results] = []

    def measure(suites: dict[str, Suite], effort: Effort) -> Results:
        return queue.pop(0)

    monkeypatch.setattr(command, "measure", measure)
    return queue


def test_a_suite_is_measured_kept_and_compared_with_itself(tmp_path: Path, capsys: Any) -> None:
    suite, kept = tmp_path / "tiny.toml", tmp_path / "baseline.json"
    suite.write_text(TINY)
    assert main(["bench", str(suite), "--repeats", "3", "--save-baseline", str(kept)]) == 0
    assert "µs CPU per point" in capsys.readouterr().out
    assert main(["bench", "--results", str(kept), "--baseline", str(kept), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    [verdict] = told["verdicts"]
    assert (verdict["scenario"], verdict["change"]["value"], verdict["word"]) == ("tiny-build", 1.0, "as before")
    [launch] = told["results"]["scenarios"]["tiny-build"]["cases"]["tiny-build"]["launches"]
    assert len(launch) == 3


def test_what_is_slower_fails_only_if_a_second_measurement_says_so(
    tmp_path: Path, made_up: list[Results], capsys: Any
) -> None:
    suite, baseline = tmp_path / "one.toml", tmp_path / "baseline.json"
    suite.write_text(TINY.replace("tiny-build", "one"))
    results.write(baseline, here(1, launches=5))
    asked = ["bench", str(suite), "--baseline", str(baseline)]
    made_up += [here(2)]
    assert main(asked) == 0
    made_up += [here(3, cost=1.3), here(4)]
    assert main(asked) == 0
    assert "not confirmed" in capsys.readouterr().out
    made_up += [here(5, cost=1.3), here(6, cost=1.3)]
    assert main(asked) == 1
    assert "slower: one: case: 1." in capsys.readouterr().out
    assert made_up == []


def test_a_case_that_fails_is_told_and_counted_beside_the_others_results(tmp_path: Path, capsys: Any) -> None:
    suite = tmp_path / "tiny.toml"
    odd = TINY.partition("[[scenario]]")[2].replace("tiny-build", "odd").replace('"build"', '"why"')
    suite.write_text(f"{TINY}\n[[scenario]]{odd}")
    assert main(["bench", str(suite), "--repeats", "3", "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["failed"] == ["odd: odd"] and err.endswith("failed: odd: odd\n")
    assert "why is no question of the work index" in told["results"]["scenarios"]["odd"]["failed"]["odd"]
    assert list(told["results"]["scenarios"]["tiny-build"]["cases"]) == ["tiny-build"]


@pytest.mark.slow  # other sources compile kernels of their own
def test_other_sources_are_measured_beside_these(tmp_path: Path, capsys: Any) -> None:
    """A copy whose index counts twice as many points done for the same work is half as dear."""
    suite, other = tmp_path / "tiny.toml", tmp_path / "other"
    suite.write_text(TINY)
    shutil.copytree(Path(teem.__file__).parent, other / "src" / "teem", ignore=shutil.ignore_patterns("__pycache__"))
    work = other / "src" / "teem" / "bench" / "works" / "space.py"
    work.write_text(work.read_text().replace("return agents\n", "return agents * 2.0\n"))
    asked = ["bench", str(suite), "--before", str(other), "--repeats", "3", "--launches", "1"]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    units = [
        {row[2] for row in told[which]["scenarios"]["tiny-build"]["cases"]["tiny-build"]["launches"][0]}
        for which in ("before", "results")
    ]
    cases = [told[which]["scenarios"]["tiny-build"]["cases"]["tiny-build"] for which in ("before", "results")]
    assert [unit.pop() / case["calls"] for unit, case in zip(units, cases, strict=True)] == [200, 100]
    assert told["verdicts"][0]["change"]["value"] > 1


def test_another_processor_is_told_and_not_judged(tmp_path: Path, made_up: list[Results], capsys: Any) -> None:
    baseline = tmp_path / "baseline.json"
    results.write(baseline, measured(1, cpu="another"))
    made_up += [here(2, cost=9.0)]
    assert main(["bench", "index", "--baseline", str(baseline)]) == 0
    assert "not judged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["componets"], "componets is no suite or scenario: did you mean components?"),
        (["none.toml"], "none.toml: No such file or directory: give a TOML file of scenarios"),
        (["--repeats", "0"], "--repeats is 0: give 1 or more"),
        (["--baseline", "no.json"], "--baseline no.json is no file"),
        (["index", "--out", "."], "--out . can't be written: give a file in a folder that can"),
        (["index", "--results", "no.json"], "--results no.json is no file"),
        (["index", "--before", "."], "--before . holds no teem with a bench: give a checkout"),
        (["index", "--counts", "--quick"], "--quick with --counts: leave out what is about time"),
        (["--quik"], "--quik is no option: did you mean --quick?"),
    ],
)
def test_wrong_names_and_files_are_told_with_a_remedy(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"teem: {told}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('unit = "point"', 'unti = "point"'), "unknown field `unti`"),
        (('work = "index"\n', ""), "the scenario tiny-build has no work"),
        (('unit = "point"', 'unit = "point"\nkinds = ["magic"]'), "Invalid enum value 'magic'"),
        (("[[scenario]]", "[[scenario]"), "odd.toml: "),
    ],
)
def test_a_suite_that_is_wrong_is_refused_by_name(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(TINY.replace(*change))
    with pytest.raises(UsageError) as refused:
        read_suite(path)
    assert told in str(refused.value)
    assert str(path) in str(refused.value)


def test_the_ready_suites_name_known_works_and_each_name_once(capsys: Any) -> None:
    suites = ready_suites()
    names = [*suites, *(one.name for suite in suites.values() for one in suite.scenario)]
    assert len(names) == len(set(names))
    for suite in suites.values():
        for scenario in suite.scenario:
            for quick in (True, False):
                assert {task.work for task in tasks(scenario, quick=quick).values()} <= set(WORKS)
    assert {"scalability", "components", "configurations", "worlds", "peers"} <= set(suites)
    assert main(["bench", "--list"]) == 0
    assert all(name in capsys.readouterr().out for name in names[:1])


@pytest.mark.parametrize("work", WORKS)
def test_every_work_can_be_loaded(work: str) -> None:
    assert load(work).__doc__


def test_scenarios_are_chosen_by_suite_by_name_and_by_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TINY)
    chosen = choose(["index-build", "dqn-learn", "worlds", str(tmp_path / "own.toml"), "index-build"], ready_suites())
    assert [one.name for one in chosen["components"].scenario] == ["index-build", "dqn-learn"]
    assert list(chosen) == ["components", "worlds", "own"]
    assert msgspec.structs.asdict(chosen["own"])["together"]
