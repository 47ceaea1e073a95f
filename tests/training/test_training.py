"""A training with all its tools: who goes along with it rests and goes on together."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from players import Scripted

from teem.training.pace import Rate
from teem.training.pictures import Pictures
from teem.training.schedules import Every
from teem.training.stopping import Stopping
from teem.training.training import Training


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    """One that evaluates, draws and is looked at, all at once."""
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'teem[plots]'")
    made = Training(Every(10), Stopping(), tmp_path, Pictures(1, 0))
    made.begin(0, Scripted(), lambda path: path.write_text("reward 1"))
    for step in range(30):
        made._diagnosis.sample(step, Rate(1.0, {}, {"evaluation": 1.0}), 1)
    made._diagnosis.look()
    assert made._pictures is not None
    made._pictures.evaluated(tmp_path)
    yield made
    made.close()


def all_are(training: Training, still: bool) -> bool:
    """Whether all of them stand still, or none does, within a while: a signal takes its time."""
    assert training.evaluations is not None and training._pictures is not None
    holders = (training.evaluations.evaluator, training._pictures, training._diagnosis)
    pids = [holder.process.pid for holder in holders if holder is not None and holder.process is not None]
    assert len(pids) == 3
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if [psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in pids] == 3 * [still]:
            return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="states are told otherwise elsewhere")
def test_all_processes_beside_rest_and_go_on(training: Training) -> None:
    training.rest()
    assert all_are(training, still=True)
    training.rest()
    training.go_on()
    assert all_are(training, still=False)


def test_a_training_that_ends_while_they_rest_ends_as_ever(training: Training) -> None:
    training.on_step(10)
    training.rest()
    summary = training.end(10, True, lambda path: path.write_text("last"))
    assert summary["evaluations"]["done"] == 1
    assert (training.folder / "curves.png").exists()
