"""A plan is every combination of what is given, is checked as a whole, and says how another one differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teem.cli import main
from teem.config.load import load_config
from teem.errors import UsageError
from teem.sweep.asked import Asked, make_plan
from teem.sweep.plan import PLAN, differences, expect_plan, named, plan_text, read_plan
from teem.sweep.workers import Places, share


def plan_of(*sets: str, seeds: int = 2, **fixed: str) -> Any:
    return make_plan(Asked("farm", {name.replace("_", "."): value for name, value in fixed.items()}, seeds, sets))


def test_every_combination_is_played_with_every_seed() -> None:
    plan, configs = plan_of(
        "learning.lr=1e-4,3e-4", "learning.hidden=64,32;16", "learning.batch=8", seeds=3, steps="40"
    )
    assert plan.seeds == [7, 8, 9]
    assert plan.varied == {"learning.lr": [1e-4, 3e-4], "learning.hidden": [[64, 32], [16]], "learning.batch": [8]}
    assert [(config.learning.lr, config.learning.hidden, config.learning.batch) for _, config in configs] == [
        (1e-4, (64, 32), 8), (1e-4, (16,), 8), (3e-4, (64, 32), 8), (3e-4, (16,), 8),
    ]  # fmt: skip
    assert [values for values, _ in configs] == plan.combinations
    assert {config.steps for _, config in configs} == {40}
    assert named(configs[0][0]) == "learning.lr = 0.0001, learning.hidden = 64,32, learning.batch = 8"


def test_without_anything_swept_there_is_one_setting() -> None:
    plan, configs = plan_of(seeds=1)
    assert (plan.combinations, len(configs)) == ([{}], 1)
    assert named({}) == "as given"


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("teem.sweep.command.cores", lambda: 2)
    (tmp_path / "file").touch()
    sets = ["learning.lr=0.1,2", "learning.lr=3", "learning.batch=", "world.sise=3", "nothing", "seed=1,2",
            "learning.gamma=0.5,0.50", "steps=10"]  # fmt: skip
    arguments = [argument for one in sets for argument in ("--set", one)]
    code = main(
        ["sweep", "farm", *arguments, "--seeds", "0", "--steps", "0", "--sede", "3", "--workers", "3",
         "--out", "file/in"]
    )  # fmt: skip
    assert code == 2
    told = capsys.readouterr().err.splitlines()
    parts = [
        "--sede is no option: did you mean --seed?",
        "world.sise is unknown: did you mean world.size?",
        "learning.lr is 2.0: give a number above 0, up to 1",
        "--set learning.lr is there twice",
        "--set learning.batch has no values",
        "--set nothing has no values",
        "--set seed can't be swept: --seeds says",
        "--set learning.gamma has 0.5 twice",
        "steps is swept, and --steps is given",
        "--seeds is 0: give at least 1",
        "3 x 1 threads (runs side by side, threads of each) are more than the 2 cores here: give --workers 2",
        "--out file/in:",
    ]
    for part in parts:
        assert sum(part in line for line in told) == 1, part
    assert len(told) == len(parts)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("source", "sets", "seeds", "fixed", "told"),
    [
        ("fram", [], 2, {}, '"fram" is an unknown world: did you mean farm?'),
        ("farm", [], 2, {"steps": "0"}, "steps is 0, a run without end: give --steps"),
        ("farm", ["steps=10,0"], 2, {}, "steps is 0, a run without end"),
        ("farm", [], 2, {"runtime.mode": "ray"}, 'runtime.mode is "ray": a sweep plays on this machine'),
        ("farm", [], 5000, {"seed": "1"}, None),
        ("farm", ["learning.lr=0.1,0.2,0.3"], 5000, {}, "these are 15000 runs: give fewer settings or seeds, 10000"),
        ("farm", ["population.capacity=10,200"], 2, {"population.founders": "50"}, "population.capacity is 10 but"),
        ("farm", [], 2, {"seed": str(2**63 - 1)}, "go beyond the last there is: lower it"),
    ],
)
def test_what_can_not_be_a_sweep_is_told(
    source: str, sets: list[str], seeds: int, fixed: dict[str, str], told: str | None
) -> None:
    if told is None:
        assert len(make_plan(Asked(source, fixed, seeds, sets))[0].seeds) == seeds
        return
    with pytest.raises(UsageError) as error:
        make_plan(Asked(source, fixed, seeds, sets))
    assert [told in fault for fault in error.value.faults].count(True) == 1


def test_a_plan_that_was_begun_is_known_again_and_another_one_is_refused(tmp_path: Path) -> None:
    plan, _ = plan_of("learning.lr=1e-4,3e-4", "learning.hidden=64;32")
    assert read_plan(tmp_path) is None
    (tmp_path / PLAN).write_text(plan_text(plan))
    assert read_plan(tmp_path) == plan
    expect_plan(tmp_path, plan_of("learning.lr=0.0001,0.0003", "learning.hidden=64;32")[0])
    expect_plan(tmp_path, plan_of("learning.lr=0.0001,0.0003", "learning.hidden=64;32", runtime_threads="2")[0])
    other, _ = make_plan(Asked("farm", {"world.size": "64"}, 3, ["learning.lr=1e-4,4e-4", "learning.batch=8,16"]))
    with pytest.raises(UsageError) as error:
        expect_plan(tmp_path, other)
    told = "\n".join(error.value.faults)
    for part in (
        "learning.lr takes 0.0001, 0.0003 there, 0.0001, 0.0004 here",
        "learning.hidden takes 64 or 32 there, 64,32 here",
        "learning.batch takes 32 there, 8, 16 here", "its seeds are 7 to 8, these 7 to 9", "world.size is 0 there, 64",
    ):  # fmt: skip
        assert part in told
    assert len(error.value.faults) == 5
    assert list(differences(plan, plan)) == []


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    plan, _ = plan_of()
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UsageError, match=r"is not empty \(it holds thesis.txt\)"):
        expect_plan(tmp_path, plan)
    (tmp_path / PLAN).write_text("{")
    with pytest.raises(UsageError, match="can't be read"):
        expect_plan(tmp_path, plan)


@pytest.mark.parametrize(
    ("settings", "workers", "cores", "places"),
    [
        ({}, None, 8, (8, 1)),
        ({}, 2, 8, (2, 4)),
        ({}, 3, 8, (3, 2)),
        ({"runtime.threads": 2}, None, 8, (4, 2)),
        ({"runtime.mode": "async", "runtime.learners": 2, "population.capacity": 500}, None, 8, (2, 1)),
        ({"runtime.mode": "async"}, None, 1, (1, 1)),
        ({}, 9, 8, "give --workers 8"),
        ({"runtime.threads": 2}, 5, 8, "give --workers 4"),
        ({"runtime.threads": 9}, 1, 8, "give --workers 1 and fewer runtime.threads"),
        ({}, 0, 8, "--workers is 0: give at least 1"),
    ],
)
def test_runs_side_by_side_have_no_more_threads_than_there_are_cores(
    settings: dict[str, Any], workers: int | None, cores: int, places: Any
) -> None:
    configs = [load_config("farm", settings)]
    if isinstance(places, str):
        with pytest.raises(UsageError, match=places):
            share(configs, workers, cores)
    else:
        assert share(configs, workers, cores) == Places(*places)
