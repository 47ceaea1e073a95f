"""The doctor looks at every cohort, finds the faulty one, and evaluation puts each to the test by itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import TINY, TINY_CRAWLERS, TINY_TREASURE, changed, run_in

from teem.cli import main
from teem.config.cohorts import cohort_of, cohorts_of
from teem.config.settings import Config, LearningSettings, PpoSettings
from teem.errors import UsageError
from teem.evaluate.checks.training import everyone_trained
from teem.evaluate.cohorts import evaluate_cohorts
from teem.evaluate.doctor import examine
from teem.evaluate.proof import evaluate
from teem.evaluate.saved import Saved, of_cohort, open_saved
from teem.evaluate.trained import trained_of
from teem.learning.algorithms.ppo import PPO
from teem.learning.kernel_quantiles import KernelQuantiles
from teem.learning.schedule import decisions_to_be_trained

PARTS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("wide", 0.3, {"algorithm": "iqn", "hidden": (24,)}),
    ("ppo", 0.2, {"algorithm": "ppo", "ppo": PpoSettings(horizon=8), "hidden": (8,)}),
    ("idle", 0.2, {"algorithm": "random"}),
)


def mixed(config: Config, *parts: tuple[str, float, dict[str, Any]]) -> Config:
    cohorts = tuple(cohort_of(config.learning, name, share, **own) for name, share, own in parts)
    return changed(config, learning={"cohorts": cohorts})


@pytest.fixture(scope="module")
def mixed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody may change."""
    return run_in(tmp_path_factory.mktemp("runs") / "mixed", mixed(TINY, *PARTS))


@pytest.fixture
def copied(mixed_run: Path, tmp_path: Path) -> Path:
    """A run of one's own."""
    return Path(shutil.copytree(mixed_run, tmp_path / "copied"))


def told(run: Path, steps: int = 20) -> dict[str, tuple[bool | None, str]]:
    return {one.name: (one.ok, one.detail) for one in examine(run, steps=steps)}


def test_a_sound_run_of_cohorts_is_found_sound(mixed_run: Path) -> None:
    findings = told(mixed_run, steps=40)
    assert {name: detail for name, (ok, detail) in findings.items() if ok is False} == {}
    for name in (
        "decisions are remembered as seen", "terminals are stored", "networks change when they learn",
        "networks differ between agents", "weights are finite", "the same state gives the same bits",
        "children join their parents cohort", "everyone old enough is trained",
        "the record shows everyone old enough trained",
    ):  # fmt: skip
        assert findings[name][0], name
    assert "base: " in findings["everyone old enough is trained"][1]
    assert "wide: " in findings["the record shows everyone old enough trained"][1]


@pytest.mark.parametrize(
    ("config", "parts"),
    [pytest.param(TINY_CRAWLERS, (PARTS[0], PARTS[2]), marks=pytest.mark.slow), (TINY_TREASURE, PARTS)],
    ids=["crawlers", "treasure"],
)
def test_a_sound_run_of_cohorts_in_another_world_is_found_sound(config: Config, parts: Any, tmp_path: Path) -> None:
    findings = told(run_in(tmp_path / "run", mixed(config, *parts)))
    assert {name: detail for name, (ok, detail) in findings.items() if ok is False} == {}


def test_a_cohort_that_does_not_learn_is_found(copied: Path) -> None:
    with sqlite3.connect(copied / "run.db") as connection:
        connection.execute(
            "UPDATE learning SET updates = 0 WHERE agent_id IN (SELECT agent_id FROM agents WHERE cohort = 'wide')"
        )
    ok, detail = told(copied)["the record shows everyone old enough trained"]
    assert ok is False
    assert detail.startswith("wide: agent ")


@pytest.mark.parametrize(("cohort", "says"), [("wide", "in another cohort than their parent"), ("no", "in none of")])
def test_a_child_in_another_cohort_than_its_parent_is_found(copied: Path, cohort: str, says: str) -> None:
    with sqlite3.connect(copied / "run.db") as connection:
        connection.execute("UPDATE agents SET parent_id = 0 WHERE agent_id = 1")
        connection.execute("UPDATE agents SET cohort = 'base' WHERE agent_id = 0")
        connection.execute("UPDATE agents SET cohort = ? WHERE agent_id = 1", (cohort,))
    ok, detail = told(copied)["children join their parents cohort"]
    assert ok is False
    assert says in detail


def test_a_life_in_a_cohort_of_a_run_that_has_none_is_found(copied_run: Path) -> None:
    assert told(copied_run, 10)["children join their parents cohort"][0]
    with sqlite3.connect(copied_run / "run.db") as connection:
        connection.execute("UPDATE agents SET cohort = 'wide' WHERE agent_id = 1")
    assert told(copied_run, 10)["children join their parents cohort"] == (
        False, "1 lives are in cohorts, of which this run has none",
    )  # fmt: skip


def test_a_fault_in_one_cohort_alone_is_found(mixed_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KernelQuantiles, "update", lambda self, *given: None)
    findings = told(mixed_run)
    ok, detail = findings["networks change when they learn"]
    assert ok is False
    assert "was updated, but its network is the same" in detail


def test_a_memory_that_is_not_kept_is_found_in_one_cohort_alone(mixed_run: Path, monkeypatch: Any) -> None:
    remember, calls = PPO.remember, count()

    def forgetful(self: PPO, observation: Any, outcome: Any, rows: Any, ids: Any) -> None:
        left_out = int(next(calls) % 3 == 2)  # now and then: a rollout that never begins is not missed
        remember(self, observation, outcome, rows[left_out:], ids[left_out:])

    monkeypatch.setattr(PPO, "remember", forgetful)
    ok, detail = told(mixed_run)["decisions are remembered as seen"]
    assert ok is False
    assert "was not stored" in detail


def test_each_cohort_is_put_to_the_test_with_its_own_networks(mixed_run: Path) -> None:
    saved = open_saved(mixed_run)
    names = [one.name for one in cohorts_of(saved.config.learning)]
    assert names == ["base", "wide", "ppo", "idle"]
    numbers = saved.state["policies"]["cohort_of"]
    for number, name in enumerate(names[:3]):
        one = of_cohort(saved, name)
        trained = trained_of(one)
        assert len(trained.updates) == (numbers == number).sum() > 0
        assert one.config.learning.algorithm == ("dqn", "iqn", "ppo")[number]
        assert not one.config.learning.cohorts
    with pytest.raises(UsageError, match="algorithm is random, which never learns"):
        trained_of(of_cohort(saved, "idle"))


def test_cohorts_are_evaluated_one_by_one_and_beside_each_other(copied: Path, capsys: Any) -> None:
    code = main(["evaluate", str(copied), "--seeds", "2", "--steps", "6", "--agents", "12", "--json"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found["cohorts"]) == ["base", "wide", "ppo"]
    assert [one["trained"][0]["cohort"] for one in found["cohorts"].values()] == ["base", "wide", "ppo"]
    assert code == (0 if found["proven"] else 1)
    assert found["proven"] == all(one["proven"] for one in found["cohorts"].values())
    base = found["cohorts"]["base"]["values"]["fresh"]
    wide = found["cohorts"]["wide"]["values"]["fresh"]
    assert np.array(base)[:, :, 1:].tolist() == np.array(wide)[:, :, 1:].tolist()  # the same worlds, so the same others
    difference = found["beside"]["fresh"]["against"]["wide"]["feats"]["difference"]["mean"]
    assert difference == pytest.approx((np.array(base)[0, :, 0, 0] - np.array(wide)[0, :, 0, 0]).mean())
    assert json.loads((copied / "evaluation.json").read_text())["cohorts"].keys() == found["cohorts"].keys()
    assert main(["evaluate", str(copied), "--seeds", "2", "--steps", "4", "--agents", "12"]) == 1
    shown = capsys.readouterr().out
    assert "Cohort wide" in shown and "base - wide" in shown


def test_a_cohort_that_died_out_is_told_and_not_proven(copied: Path, monkeypatch: Any) -> None:
    def without_wide(path: Path) -> Saved:
        saved = open_saved(path)
        numbers = saved.state["policies"]["cohort_of"]
        saved.state["policies"]["cohort_of"] = np.where(numbers == 1, 3, numbers).astype(np.int8)
        return saved

    monkeypatch.setattr("teem.evaluate.cohorts.open_saved", without_wide)
    found = evaluate_cohorts([copied], seeds=2, steps=3, agents=12)
    assert found.extinct == ("wide",)
    assert list(found.each) == ["base", "ppo"]
    assert not found.proven


def test_cohorts_that_cannot_be_compared_are_refused(copied: Path, tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the runs have other cohorts that learn"):
        evaluate_cohorts([copied, tiny_run], seeds=2)
    with pytest.raises(UsageError, match="has cohorts: say which, base, wide, ppo, idle"):
        evaluate([copied], seeds=2)
    with pytest.raises(UsageError, match='has no cohort named "wid": did you mean wide'):
        of_cohort(open_saved(copied), "wid")
    with pytest.raises(UsageError, match="has no cohorts"):
        of_cohort(open_saved(tiny_run), "wide")


def test_updates_that_an_actor_hears_of_late_are_waited_for() -> None:
    cohorts = cohorts_of(LearningSettings())
    needed = decisions_to_be_trained(cohorts[0], 2)
    given = (cohorts, np.zeros(2, np.int64), np.arange(2), np.array([0, 3]), np.array([needed, needed + 20]))
    assert everyone_trained(*given).ok is False
    assert everyone_trained(*given, late=1).ok
