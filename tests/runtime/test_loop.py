"""The loop: the same seed gives the same bits, whatever the threads, and however often the run was interrupted."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import numpy as np
import pytest

from teem.config.dump import dump_config
from teem.config.settings import (
    CheckpointSettings,
    Config,
    EpsilonSettings,
    LearningSettings,
    PopulationSettings,
    RecordSettings,
    ReplaySettings,
    RuntimeSettings,
)
from teem.record.folder import RunFolder
from teem.runtime.loop import Run, summary

STEPS = 60


def config(**changes: object) -> Config:
    small = Config(
        steps=STEPS,
        population=PopulationSettings(founders=24, capacity=30),
        learning=LearningSettings(
            hidden=(16, 8),
            interval=2,
            replay=ReplaySettings(length=32, warmup=8),
            epsilon=EpsilonSettings(decay=20),
        ),
        record=RecordSettings(every=3, resources_every=20, learning_every=7),
        checkpoint=CheckpointSettings(every=20, at_end=False),
        runtime=RuntimeSettings(threads=1),
    )
    fields = {**msgspec.structs.asdict(small), **changes}
    eager_breeders = msgspec.structs.replace(
        small.world, maturity=5, breed_energy=9.0, birth_energy=4.0, energy=10.0, age_max=50
    )
    return msgspec.structs.replace(Config(**fields), world=eager_breeders)


def play(settings: Config, out: Path, until: int = STEPS) -> Run:
    folder = RunFolder.create(out, "farm")
    folder.write_config(dump_config(settings))
    run = Run.create(settings, folder)
    while run.step < until:
        run.advance()
    return run


def resume(settings: Config, out: Path, until: int = STEPS) -> Run:
    run = Run.resume(settings, RunFolder.open(out))
    while run.step < until:
        run.advance()
    return run


def end(run: Run) -> None:
    run.finish("steps")
    run.folder.close()


def content(out: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in an order that doesn't depend on when it was written."""
    with sqlite3.connect(out / "run.db") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in sorted(tables)
        }


def weights(run: Run) -> np.ndarray:
    living = run.world.population.living
    return np.stack([run.policies.cohorts[0].weights_of(int(slot)) for slot in living])


def test_the_same_seed_gives_the_same_record_and_weights_with_one_thread_or_two(tmp_path: Path) -> None:
    one = play(config(), tmp_path / "one")
    two = play(config(runtime=RuntimeSettings(threads=2)), tmp_path / "two")
    assert summary(one)["learning"]["updates"] > 0
    assert one.totals.born > 0
    assert np.array_equal(weights(one), weights(two))
    end(one)
    end(two)
    first, second = content(tmp_path / "one"), content(tmp_path / "two")
    assert first == second
    assert len(first["agent_steps"]) > 0


def test_another_seed_gives_another_record(tmp_path: Path) -> None:
    for seed in (1, 2):
        end(play(config(seed=seed), tmp_path / str(seed)))
    assert content(tmp_path / "1")["agent_steps"] != content(tmp_path / "2")["agent_steps"]


@pytest.mark.parametrize("algorithm", ["dqn", "iqn", "qrdqn", "ppo"])
def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path, algorithm: str) -> None:
    settings = config()
    settings = msgspec.structs.replace(
        settings,
        learning=msgspec.structs.replace(
            settings.learning,
            algorithm=algorithm,
            ppo=msgspec.structs.replace(settings.learning.ppo, horizon=8, minibatches=2),
        ),
    )
    whole = play(settings, tmp_path / "whole")
    end(play(settings, tmp_path / "parts", until=47))  # 7 steps past its last checkpoint
    parts = resume(settings, tmp_path / "parts")
    assert parts.totals.agent_steps == whole.totals.agent_steps
    assert np.array_equal(weights(whole), weights(parts))
    end(whole)
    end(parts)
    assert content(tmp_path / "whole") == content(tmp_path / "parts")


def test_a_killed_run_resumes_bit_for_bit(tmp_path: Path) -> None:
    whole = play(config(), tmp_path / "whole")
    script = f"""
    import os, signal, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    from pathlib import Path
    from test_loop import config, play
    run = play(config(), Path({str(tmp_path / "killed")!r}), until=45)
    run.checkpointer.close()
    os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env={**os.environ}, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    resumed = resume(config(), tmp_path / "killed")
    assert np.array_equal(weights(whole), weights(resumed))
    end(whole)
    end(resumed)
    assert content(tmp_path / "whole") == content(tmp_path / "killed")


def test_a_run_stops_when_asked_and_when_nobody_is_left(tmp_path: Path) -> None:
    run = Run.create(config(), RunFolder.create(tmp_path / "asked", "farm"))
    assert run.play(lambda run, _: None, lambda: run.step >= 5) == "interrupted"
    assert run.step == 5
    end(run)
    settings = config(steps=0, population=PopulationSettings(founders=6, extinction="stop"))
    settings = msgspec.structs.replace(settings, world=msgspec.structs.replace(settings.world, energy=1.0, upkeep=0.5))
    run = Run.create(settings, RunFolder.create(tmp_path / "extinct", "farm"))
    assert run.play(lambda run, _: None, lambda: run.step > 500) == "extinct"
    assert summary(run)["agents"]["alive"] == 0
    assert summary(run)["learning"]["least_trained_updates"] is None
    end(run)


def test_a_step_is_timed_part_by_part(tmp_path: Path) -> None:
    run = play(config(), tmp_path / "run", until=10)
    assert {"observe", "act", "world", "world.move", "remember", "inherit", "learn", "record", "step"} <= set(
        run.spans.names
    )
    parts = sum(run.spans.total_s(name) for name in run.spans.names if "." not in name and name != "step")
    assert 0 < parts <= run.spans.total_s("step") * 1.05
    end(run)
