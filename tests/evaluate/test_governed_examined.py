"""The doctor examines governed runs, whose decisions and records were stretched, and finds them sound."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tiny_runs import TINY_CRAWLERS

from teem.config.dump import dump_config
from teem.config.governor import GovernorSettings
from teem.config.settings import Config
from teem.evaluate.doctor import examine
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.report import build_report

SLOW = range(30, 200)  # steps that take longer than the target, whatever is shed


def governed(out: Path, governor: GovernorSettings, until: int = 330) -> tuple[Path, np.ndarray]:
    """A run of crawlers that was governed by a made-up clock; its folder and its weights."""
    world = msgspec.structs.replace(
        TINY_CRAWLERS.world, age_max=120, maturity=5, breed_energy=9000.0, birth_energy=500.0, immobile=0.0
    )  # type: ignore[type-var]
    population = msgspec.structs.replace(TINY_CRAWLERS.population, founders=8, capacity=16)
    config: Config = msgspec.structs.replace(TINY_CRAWLERS, world=world, population=population, governor=governor)
    folder = RunFolder.create(out, "run")
    folder.write_config(dump_config(config))
    run = Run.create(config, folder)
    run.governing.measure = lambda: (30.0 if run.step in SLOW else 5.0, 0.1)  # type: ignore[method-assign]
    while run.step < until:
        run.advance()
    living = run.world.population.living
    weights = np.stack([run.policies.cohorts[0].weights_of(int(slot)) for slot in living])  # type: ignore[misc]
    run.finish("steps")
    folder.write_report(build_report(run, "steps", 1.0))
    folder.close()
    return out, weights


@pytest.fixture(scope="module")
def long_decisions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    bounds = GovernorSettings(frame=10.0, learning=0.3, decision=3, snapshots=2)
    return governed(tmp_path_factory.mktemp("governed") / "run", bounds)


def test_a_run_of_long_decisions_is_found_sound(long_decisions: tuple[Path, np.ndarray]) -> None:
    findings = {one.name: one for one in examine(long_decisions[0], steps=40)}
    assert {name: one.detail for name, one in findings.items() if one.ok is False} == {}
    assert findings["one row an action"].ok
    with sqlite3.connect(long_decisions[0] / "run.db") as connection:
        assert {row[0] for row in connection.execute("SELECT decision FROM governor")} == {1, 2, 3}


def test_a_decision_that_is_missing_is_still_missed(long_decisions: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    shutil.copytree(long_decisions[0], tmp_path / "run")
    with sqlite3.connect(tmp_path / "run" / "run.db") as connection:
        (step,) = connection.execute("SELECT max(step) FROM actions WHERE step BETWEEN 110 AND 200").fetchone()
        connection.execute(
            "UPDATE agent_steps SET action = NULL, reward = NULL WHERE step = ? AND agent_id = "
            "(SELECT min(agent_id) FROM actions WHERE step = ?)",
            (step, step),
        )
    findings = {one.name: one for one in examine(tmp_path / "run", steps=10)}
    assert findings["one row an action"].ok is False


def test_long_decisions_are_made_again_to_the_same_bits(
    long_decisions: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    out, weights = long_decisions
    _, again = governed(tmp_path / "again", GovernorSettings(replay=str(out)))
    assert np.array_equal(weights, again)
