"""A search tries what Optuna says, averages seeds, goes on where it was, and never takes a failure for a result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from standing_in import metric_of, use

from teem.cli import main

optuna = pytest.importorskip("optuna")

SPACE = ["--range", "learning.lr=1e-6..1:log", "--range", "learning.batch=8..16", "--set", "learning.hidden=16;32,16"]


def search(out: Path, trials: int, *more: str, space: list[str] = SPACE, seeds: int = 2) -> list[str]:
    asked = ["sweep", "farm", "--steps", "5", "--seeds", str(seeds), "--workers", "2", "--out", str(out), "--headless"]
    return [*asked, "--search", str(trials), *space, *more]


def told(asked: list[str], capsys: Any, code: int = 0) -> dict[str, Any]:
    assert main([*asked, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use(monkeypatch, tmp_path / "broken")
    return tmp_path / "broken"


def test_a_search_looks_where_it_was_good(tmp_path: Path, broken: Path, capsys: Any) -> None:
    found = told(search(tmp_path / "one", 20, seeds=1), capsys)
    assert (found["runs"], found["done"], found["contrasts"]) == (20, 20, [])
    drawn = [dict(part.split(" = ") for part in one["name"].split(", ")) for one in found["settings"]]
    rates = [float(one["learning.lr"]) for one in drawn]
    assert all(1e-6 <= rate <= 1 for rate in rates)
    assert {one["learning.hidden"] for one in drawn} == {"16", "32,16"}
    assert {int(one["learning.batch"]) for one in drawn} <= set(range(8, 17))
    means = [one["mean"] for one in found["settings"]]
    assert means == pytest.approx([metric_of(rate, 7) for rate in rates], abs=1e-3)
    assert means[found["best"] - 1] == max(means)
    assert median(means[-8:]) > -0.25  # of settings at random half are below -2.25


def test_a_search_tries_the_same_each_time_keeps_that_when_it_goes_on_and_finds_a_least_too(
    tmp_path: Path, broken: Path, capsys: Any
) -> None:
    first = told(search(tmp_path / "one", 3, "--minimise"), capsys)
    for one in first["settings"]:
        assert one["mean"] == pytest.approx(sum(one["values"].values()) / 2)
    assert first["settings"][first["best"] - 1]["mean"] == min(one["mean"] for one in first["settings"])
    again = told(search(tmp_path / "two", 3, "--minimise"), capsys)
    assert again["settings"] == first["settings"]
    more = told(search(tmp_path / "one", 5, "--minimise"), capsys)
    assert more["settings"][:3] == first["settings"]
    assert len({one["name"] for one in more["settings"]}) == 5
    fewer = told(search(tmp_path / "one", 2, "--minimise"), capsys)
    assert fewer["settings"] == more["settings"]
    assert main(search(tmp_path / "one", 4)) == 2
    assert "it is a search for the least feats.per_step, this is a search for the most" in capsys.readouterr().err


def test_a_run_that_fails_leaves_its_setting_open_until_it_is_played_again(
    tmp_path: Path, broken: Path, capsys: Any
) -> None:
    broken.write_text("setting-02/seed-8")
    found = told(search(tmp_path / "one", 3), capsys, code=1)
    assert (found["runs"], found["done"]) == (6, 5)
    assert [(one["setting"], one["seed"], one["outcome"]) for one in found["missing"]] == [(2, 8, "failed")]
    assert "broken as planted" in found["missing"][0]["why"]
    assert found["best"] != 2
    broken.unlink()
    again = told(search(tmp_path / "one", 3), capsys)
    assert (again["runs"], again["done"], again["missing"]) == (6, 6, [])
    assert [one["name"] for one in again["settings"]] == [one["name"] for one in found["settings"]]


def test_settings_that_contradict_each_other_and_those_without_a_figure_are_never_the_best(
    tmp_path: Path, broken: Path, capsys: Any
) -> None:
    space = ["--set", "population.founders=10,60,70", "--set", "population.capacity=20,30,80",
             "--set", "learning.hidden=1;8"]  # fmt: skip
    found = told(search(tmp_path / "one", 8, space=space, seeds=2), capsys)
    named = [one["name"] for one in found["settings"]]
    contradicting = [name for name in named if "founders = 10" not in name and "capacity = 80" not in name]
    unknown = [name for name in named if "hidden = 1" in name and name not in contradicting]
    assert contradicting
    assert unknown
    assert len(found["refused"]) == len(contradicting)
    assert all("population.capacity is" in text for text in found["refused"])
    assert {found["settings"][one["setting"] - 1]["name"] for one in found["missing"]} == set(unknown)
    assert named[found["best"] - 1] not in (*contradicting, *unknown)
    storage = f"sqlite:///{tmp_path / 'one' / 'search.db'}"
    trials = optuna.load_study(study_name="teem", storage=storage).trials
    failed = [name for name, trial in zip(named, trials, strict=True) if trial.state == optuna.trial.TrialState.FAIL]
    assert sorted(failed) == sorted([*contradicting, *unknown])


def test_what_can_not_be_searched_is_told_at_once(tmp_path: Path, capsys: Any) -> None:
    space = ["--range", "learning.lr=1e-3..3", "--range", "learning.batch=9..8", "--range", "learning.algorithm=1..2",
             "--range", "seed=1..2", "--range", "learning.gamma=0..1:log", "--set", "learning.lr=0.1",
             "--range", "learning.hiden=1..2", "--range", "learning.tau=0.1"]  # fmt: skip
    assert main(search(tmp_path / "one", 0, space=space)) == 2
    lines = capsys.readouterr().err.splitlines()
    parts = [
        "learning.lr is 3.0: give a number above 0, up to 1",
        "learning.hiden is unknown: did you mean learning.hidden?",
        "--range learning.batch=9..8 is empty",
        "--range learning.algorithm=1..2 is no range of numbers",
        "--range seed can't be searched",
        "--range learning.gamma=0..1:log is logarithmic, but 0 has no logarithm",
        "--range learning.tau=0.1 is no range of numbers",
        "--set learning.lr and --range learning.lr are both given",
        "--search is 0: give at least 1",
    ]
    for part in parts:
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == len(parts)
    assert main(["sweep", "farm", "--range", "learning.lr=1e-3..1e-2", "--minimise"]) == 2
    assert "--range needs --search N" in capsys.readouterr().err
    assert main(["sweep", "farm", "--search", "3"]) == 2
    assert "there is nothing to search" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_optuna_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(search(tmp_path / "one", 3)) == 2
    assert "pip install 'teem[optuna]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
