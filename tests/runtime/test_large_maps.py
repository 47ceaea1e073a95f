"""A run whose map lies in a file, is larger than rows can take turns on, and is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import numpy as np
import pytest

from teem.config.settings import CheckpointSettings, Config, LearningSettings, PopulationSettings, RecordSettings
from teem.population.slots import Population
from teem.record.folder import RunFolder
from teem.runtime import present
from teem.runtime.loop import Run
from teem.runtime.picture import paint

STEPS = 30


def config() -> Config:
    small = Config(
        steps=STEPS,
        population=PopulationSettings(founders=30, capacity=40),
        learning=LearningSettings(algorithm="heuristic"),
        record=RecordSettings(enabled=False),
        checkpoint=CheckpointSettings(every=10, at_end=False),
    )
    world = msgspec.structs.replace(small.world, storage="mapped", size=600, regrow_every=1, energy=4.0, maturity=5)
    return msgspec.structs.replace(small, world=world)


def play(run: Run, until: int) -> Run:
    while run.step < until:
        run.advance()
    return run


def start(out: Path, until: int) -> Run:
    return play(Run.create(config(), RunFolder.create(out, "farm")), until)


def test_a_killed_run_on_a_mapped_map_resumes_bit_for_bit(tmp_path: Path) -> None:
    whole = start(tmp_path / "whole", STEPS)
    script = f"""
    import os, signal, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    from pathlib import Path
    from test_large_maps import start
    run = start(Path({str(tmp_path / "killed")!r}), 25)
    run.checkpointer.close()
    os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env={**os.environ}, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    left = sorted(entry.name for entry in (tmp_path / "killed").iterdir())
    assert left == [".lock", "checkpoints", "config.toml", "log.jsonl"], "the map's file is gone with the process"
    resumed = Run.resume(config(), RunFolder.open(tmp_path / "killed"))
    assert resumed.step == 20
    play(resumed, STEPS)
    one, other = whole.world.state(), resumed.world.state()
    assert isinstance(one["fields"]["planes"], np.memmap)
    assert one["fields"].keys() == other["fields"].keys() >= {"planes", "capacity", "grown", "traced"}
    for group in ("fields", "population", "bodies"):
        for name, array in one[group].items():
            assert np.asarray(array).tobytes() == np.asarray(other[group][name]).tobytes(), name
    for run in (whole, resumed):
        run.finish("steps")
        run.folder.close()


def test_laying_out_is_said_only_when_it_lasts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(present, "perf_counter", lambda: now[0])
    quick = present.LayingOut()
    quick(1, 2)
    quick(2, 2)
    assert capsys.readouterr().err == ""
    say = present.LayingOut()
    for done, seconds in ((1, 0.5), (2, 1.0), (3, 1.5), (4, 10.0), (10, 24.0)):
        now[0] = 100.0 + seconds
        say(done, 10)
    assert capsys.readouterr().err == (
        "laying out the map: 20%, 1 s, 4 s left\nlaying out the map: 40%, 10 s, 15 s left\n"
        "laying out the map: 100%, 24 s\n"
    )


def test_a_picture_of_a_very_large_map_looks_at_a_part_of_it() -> None:
    looked: list[tuple[int, ...]] = []

    class Watched(np.ndarray):  # type: ignore[type-arg]
        def max(self, *given: object, **named: object) -> object:
            looked.append(self.shape)
            return np.asarray(self).max()

    maps = {name: np.ones((2048, 2048), np.float32).view(Watched) for name in ("resources", "capacity")}
    paint(maps, Population(1, 1), 40)
    assert looked
    assert all(shape == (512, 512) for shape in looked)
