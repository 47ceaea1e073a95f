"""Cohorts in a file: what they leave out is as `[learning]`, they are written down and read back, faults are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teem.config.cohorts import cohorts_of
from teem.config.dump import dump_config
from teem.config.load import load_config
from teem.errors import UsageError
from teem.options import build_parser

FILE = """
[world]
name = "farm"

[learning]
lr = 0.01

[learning.replay]
length = 256

[[learning.cohorts]]
name = "wide"
share = 0.5
algorithm = "iqn"
hidden = [250]

[learning.cohorts.replay]
warmup = 64

[[learning.cohorts]]
name = "idle"
share = 0.25
algorithm = "resting"
"""


def faults_of(cohorts: list[dict[str, Any]], **overrides: Any) -> list[str]:
    with pytest.raises(UsageError) as refused:
        load_config(
            "farm", {"learning.cohorts": cohorts, **{path.replace("__", "."): x for path, x in overrides.items()}}
        )
    return refused.value.faults


def test_what_a_cohort_leaves_out_is_as_learning_says(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text(FILE)
    config = load_config(path, {"learning.gamma": "0.5"})
    wide, idle = config.learning.cohorts
    assert (wide.algorithm, wide.hidden, wide.lr, wide.gamma) == ("iqn", (250,), 0.01, 0.5)
    assert (wide.replay.length, wide.replay.warmup) == (256, 64)
    assert (idle.algorithm, idle.hidden, idle.replay.warmup) == ("resting", (64, 32), 32)
    assert [(one.name, one.share) for one in cohorts_of(config.learning)] == [
        ("base", 0.25),
        ("wide", 0.5),
        ("idle", 0.25),
    ]
    again = tmp_path / "config.toml"
    again.write_text(dump_config(config))
    assert load_config(again) == config
    assert "[learning.cohorts.replay]\nwarmup = 64" in again.read_text()  # and nothing that it has not otherwise
    assert again.read_text().count("gamma = ") == 1


def test_everything_wrong_with_cohorts_is_told_at_once() -> None:
    told = faults_of(
        [
            {"name": "a", "share": 0.5, "batch": 64},
            {"name": "a", "share": 0.5, "algorithm": "ppo", "ppo": {"horizon": 4, "minibatches": 8}},
            {"name": "base", "share": 0.1, "lrr": 0.1},
            {"name": "tiny", "share": 0.25, "network": "attention", "lr": 0},
            {"share": 2, "cohorts": []},
        ],
        runtime__mode="async",
    )
    expected = [
        "learning.cohorts[2].lrr is unknown: did you mean learning.cohorts[2].lr?",
        "learning.cohorts[3].lr is 0: give a number above 0, up to 1",
        "learning.cohorts[4].share is 2: give a number above 0, up to 1",
        "learning.cohorts[4].cohorts is unknown",
        "learning.cohorts[4].name is missing: give a text",
        'learning.cohorts[0] ("a"): learning.batch is 64 but learning.replay.warmup is 32',
        'learning.cohorts[1] ("a"): learning.ppo.minibatches is 8 but learning.ppo.horizon is 4',
        'learning.cohorts[3] ("tiny"): learning.network is attention but world.name is farm',
    ]
    assert [text for text in expected if not any(fault.startswith(text) for fault in told)] == []


@pytest.mark.parametrize(
    ("cohorts", "overrides", "text"),
    [
        ([{"name": "a", "share": 0.7}, {"name": "b", "share": 0.6}], {}, "has shares of 0.7 + 0.6 = 1.3 of the"),
        ([{"name": "a", "share": 0.1}, {"name": "a", "share": 0.1}], {}, 'learning.cohorts has 2 cohorts named "a"'),
        ([{"name": "base", "share": 0.1}], {}, 'learning.cohorts[0].name is "base", which is the cohort of those'),
        ([{"name": "a", "share": 0.01}], {"population__founders": 20}, "learning.cohorts[0].share is 0.01 but"),
        (
            [{"name": "a", "share": 0.5, "algorithm": "random"}],
            {"runtime__mode": "async", "learning__enabled": False},
            "runtime.mode is async but none of learning.cohorts learns, so there is nothing to learn",
        ),
        (
            [{"name": "a", "share": 0.5, "sharing": "encoder"}],
            {"runtime__mode": "async"},
            'learning.cohorts[0] ("a"): runtime.mode is async but learning.sharing is encoder, whose parts',
        ),
        (
            [{"name": "a", "share": 0.5, "sharing": "shared"}],
            {"runtime__mode": "async", "runtime__actors": 2, "runtime__learners": 2},
            'learning.cohorts[0] ("a"): runtime.learners is 2 but learning.sharing is shared and runtime.actors is 2',
        ),
        (
            [{"name": "a", "share": 0.5, "sharing": "shared"}],
            {"runtime__mode": "ray", "ray__role": "actors", "runtime__learners": 2},
            'learning.cohorts[0] ("a"): runtime.learners is 2 but learning.sharing is shared, and learners of one',
        ),
        ([{"name": "a"}], {}, "learning.cohorts[0].share is missing: give a number above 0, up to 1"),
        (3, {}, "learning.cohorts is 3: give a list of tables, 0 to 16 of them"),
        ([3], {}, "learning.cohorts[0] is 3: give a table"),
        ("a=1", {}, "learning.cohorts can't be given as an option: write [[learning.cohorts]] tables in a file"),
    ],
)  # fmt: skip
def test_a_cohort_that_cannot_be_is_refused(cohorts: Any, overrides: dict[str, Any], text: str) -> None:
    told = faults_of(cohorts, **overrides)
    assert len(told) == 1
    assert text in told[0]


@pytest.mark.parametrize("mode", [{"runtime__mode": "async"}, {"runtime__mode": "ray", "ray__role": "actors"}])
def test_cohorts_may_learn_in_processes_of_their_own_if_one_of_them_learns(mode: dict[str, str]) -> None:
    cohorts = [{"name": "a", "share": 0.5, "algorithm": "random"}, {"name": "b", "share": 0.5, "sharing": "shared"}]
    load_config("farm", {"learning.cohorts": cohorts, **{path.replace("__", "."): x for path, x in mode.items()}})


def test_what_is_wrong_with_learning_is_told_once_and_only_if_somebody_is_so() -> None:
    cohort = {"name": "a", "share": 0.5, "lr": 0.1}
    assert len(faults_of([cohort], learning__batch=64)) == 1
    mended = {"name": "a", "share": 1.0, "replay": {"warmup": 64}}
    assert load_config("farm", {"learning.cohorts": [mended], "learning.batch": 64}).learning.cohorts[0].batch == 64


def test_where_nobody_is_as_learning_says_it_need_not_suit_the_world() -> None:
    torque = {"world.control": "torque", "learning.cohorts": [{"name": "a", "share": 1.0, "algorithm": "ppo"}]}
    assert load_config("crawlers", torque).learning.algorithm == "dqn"
    torque["learning.cohorts"] = [{"name": "a", "share": 0.5, "algorithm": "ppo"}]
    with pytest.raises(UsageError, match=r"^world\.control is torque but learning\.algorithm is dqn"):
        load_config("crawlers", torque)


def test_an_algorithm_that_the_world_cannot_take_is_refused_for_each_cohort() -> None:
    cohorts = [{"name": "a", "share": 0.5, "algorithm": "ppo"}]
    with pytest.raises(
        UsageError, match=r'learning\.cohorts\[0\] \("a"\): learning\.algorithm is ppo but world\.control'
    ):
        load_config("crawlers", {"learning.cohorts": cohorts})


def test_the_help_says_that_cohorts_stand_in_a_file() -> None:
    assert "[[learning.cohorts]] tables in a file" in build_parser("farm")[1]["run"].format_help()
