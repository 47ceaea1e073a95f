"""A run whose capacity grows is the run that had it from the start, and goes on from what it saved bit for bit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import numpy as np
import pytest

from teem.config.crawlers import CrawlersSettings
from teem.config.farm import FarmSettings
from teem.config.population import PopulationSettings
from teem.config.settings import (
    CheckpointSettings,
    Config,
    LearningSettings,
    RecordSettings,
    ReplaySettings,
    RuntimeSettings,
)
from teem.record import archive, checkpoint
from teem.record.archive import digest
from teem.record.folder import RunFolder
from teem.runtime.loop import Run

FIXED = PopulationSettings(founders=20, capacity=160)
GROWING = msgspec.structs.replace(FIXED, capacity_min=20, capacity_step=12)
STEPS = 40


def config(population: PopulationSettings, threads: int = 1) -> Config:
    return Config(
        steps=STEPS,
        world=FarmSettings(
            size=40,
            maturity=2,
            breed_energy=5.0,
            birth_energy=2.0,
            energy=14.0,
            age_max=90,
            upkeep=0.02,
            cell_capacity=4.0,
            sight=3,
        ),
        population=population,
        learning=LearningSettings(hidden=(8, 8), interval=2, replay=ReplaySettings(length=16, warmup=4)),
        record=RecordSettings(every=3, resources_every=20, learning_every=7),
        checkpoint=CheckpointSettings(every=STEPS // 2, at_end=False),
        runtime=RuntimeSettings(threads=threads),
    )


def played(settings: Config, out: Path, until: int = STEPS) -> Run:
    run = Run.create(settings, RunFolder.create(out, "run"))
    while run.step < until:
        run.advance()
    return run


def ended(run: Run) -> Run:
    run.finish("steps")
    run.folder.close()
    return run


def rows(out: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the record, but for the setting itself."""
    with sqlite3.connect(out / "run.db") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        told = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}
    return told | {"config": [row for row in told["config"] if "capacity" not in str(row)]}


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ended(played(config(GROWING), tmp_path_factory.mktemp("growing") / "run"))


def test_it_lives_as_one_with_a_fixed_capacity(growing: Run, tmp_path: Path) -> None:
    fixed = ended(played(config(FIXED), tmp_path / "fixed"))
    size, living = growing.world.population.size, fixed.world.population.living
    assert 30 < size < 160, "it has grown, and not to the end"
    assert len(living) > 5
    assert growing.world.population.living.tolist() == living.tolist()
    one, other = growing._state(), fixed._state()
    for part in ("population", "bodies", "memory"):
        for name, column in one["world"][part].items():
            if name not in ("living", "free", "freed", "next_id"):
                assert len(column) == size
                np.testing.assert_array_equal(column[living], other["world"][part][name][living])
    del one["world"]["population"], one["world"]["bodies"], one["world"]["memory"], one["record"]
    for part in ("population", "bodies", "memory"):
        del other["world"][part]
    del other["record"], one["totals"], other["totals"]
    assert digest(one) == digest(other)
    assert rows(growing.folder.path) == rows(fixed.folder.path)


def test_it_goes_on_from_a_checkpoint_and_with_other_threads_bit_for_bit(growing: Run, tmp_path: Path) -> None:
    stopped = played(config(GROWING, threads=2), tmp_path / "run", STEPS // 2 + 3)
    saved_at = stopped.world.population.size
    ended(stopped)
    resumed = Run.resume(config(GROWING), RunFolder.open(tmp_path / "run"))
    assert 20 < resumed.world.population.size <= saved_at
    while resumed.step < STEPS:
        resumed.advance()
    ended(resumed)
    assert same(resumed, growing)
    assert rows(tmp_path / "run") == rows(growing.folder.path)


def test_it_is_branched_and_rewound_bit_for_bit(growing: Run, tmp_path: Path) -> None:
    middle = STEPS // 2
    saved = checkpoint.Checkpoint(
        middle, *archive.read(checkpoint.folder_of(growing.folder.checkpoints, middle), middle), ()
    )
    unrecorded = msgspec.structs.replace(config(GROWING), record=RecordSettings(enabled=False))
    branch = Run.branch(unrecorded, RunFolder.create(tmp_path / "branch", "run"), saved)
    for _ in range(2):
        while branch.step < STEPS:
            branch.advance()
        assert same(branch, growing)
        assert branch.world.population.size == growing.world.population.size
        branch._go_on_from(saved)  # from further on to before: what was offered since is offered no more
        assert branch.world.population.size < growing.world.population.size
    ended(branch)


def same(one: Run, other: Run) -> bool:
    states = [{**run._state(), "totals": {}, "record": {}} for run in (one, other)]
    first, second = (digest(state) for state in states)
    return [name for name in first | second if first.get(name) != second.get(name)] == []


def test_creatures_crawl_in_a_growing_capacity_as_in_a_fixed_one() -> None:
    from teem.measure.spans import Spans
    from teem.threads import Threads
    from teem.worlds.crawlers.crawlers import Crawlers

    worlds = []
    for population in (GROWING, FIXED):
        settings = CrawlersSettings(maturity=4, breed_energy=4.0, birth_energy=1.0, energy=9.0, age_max=40)
        world = Crawlers(Config(world=settings, population=population), Threads(1), Spans())
        for _ in range(6):
            observation = world.observe()
            action = np.zeros((160, len(world.branches)), world._action.dtype)
            world.heuristic(observation, action)
            world.step(action)
        worlds.append(world)
    growing, fixed = worlds
    assert 20 < growing.population.size < 160
    living = fixed.population.living
    assert growing.population.living.tolist() == living.tolist()
    state = growing.state()
    for part, columns in (("creatures", growing.creatures.columns()), ("plan", growing.plan.columns())):
        for name in columns:
            np.testing.assert_array_equal(state[part][name][living], getattr(getattr(fixed, part), name)[living])
    np.testing.assert_array_equal(growing.physics.reading.pose[living], fixed.physics.reading.pose[living])
    again = Crawlers(Config(world=growing._settings, population=GROWING), Threads(1), Spans())
    again.load_state(state)
    assert digest(again.state()) == digest(state)
    for world in (growing, again):
        world.observe()
        world.step(np.zeros((160, len(world.branches)), world._action.dtype))
    assert digest(again.state()) == digest(growing.state())
