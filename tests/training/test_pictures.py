"""Curves drawn beside a training: not too often, never twice at once, and none that takes forever."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from teem.errors import UsageError
from teem.training.pictures import FILE, Pictures
from teem.training.process import Program
from teem.training.tracker import PerformanceTracker

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'teem[plots]'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a history."""
    tracker = PerformanceTracker(tmp_path)
    for step in range(10):
        tracker.update(step, reward=float(step))
    tracker.close()
    return tmp_path


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> list[Program]:
    """Drawings that never end, as they begin."""
    begun: list[Program] = []

    class Hangs(Program):
        def __init__(self, module: str, *arguments: str, **given: Any) -> None:
            super().__init__("timeit", "-s", "import time", "time.sleep(600)", **given)
            begun.append(self)

    monkeypatch.setattr("teem.training.pictures.Program", Hangs)
    return begun


def test_the_last_picture_is_there_when_training_has_ended(folder: Path) -> None:
    pictures = Pictures()
    pictures.end(folder)
    assert (folder / FILE).read_bytes().startswith(b"\x89PNG")
    assert (pictures.drawn, pictures.failed, pictures.fault) == (1, 0, "")


def test_what_can_not_be_drawn_is_counted_and_told(tmp_path: Path) -> None:
    pictures = Pictures()
    with pytest.warns(UserWarning, match="could not be drawn"):
        pictures.end(tmp_path)
    assert (pictures.drawn, pictures.failed) == (0, 1)
    assert str(tmp_path) in pictures.fault


def test_one_is_drawn_in_so_many_evaluations_and_seconds_and_none_beside_another(
    folder: Path, hanging: list[Program]
) -> None:
    pictures = Pictures(evaluations=3, seconds=0)
    for _ in range(12):
        pictures.evaluated(folder)
    assert len(hanging) == 1  # it is being drawn
    hanging[0].kill()
    hanging[0].popen.wait()
    with pytest.warns(UserWarning, match="could not be drawn: it ended with -9"):
        for _ in range(3):
            pictures.evaluated(folder)
    assert len(hanging) == 2 and pictures.failed == 1
    pictures.close()
    assert hanging[1].over
    seldom = Pictures(evaluations=1, seconds=600)
    for _ in range(5):
        seldom.evaluated(folder)
    assert len(hanging) == 3
    seldom.close()


def test_one_that_takes_too_long_is_ended_also_at_the_end(
    folder: Path, hanging: list[Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teem.training.pictures.DRAWING_S", 0.3)
    pictures = Pictures(evaluations=1, seconds=0)
    pictures.evaluated(folder)
    with pytest.warns(UserWarning, match="it took more than 0.3 s"):
        while not pictures.settle():  # by its clock, which stands still where it has no core
            time.sleep(0.02)
        pictures.evaluated(folder)
        pictures.end(folder)
    assert [one.over for one in hanging] == [True, True, True]
    assert pictures.failed == 3 and "more than 0.3 s" in pictures.fault


def test_one_that_rests_is_none_that_takes_too_long(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = Pictures(evaluations=1, seconds=0)
    pictures.evaluated(folder)
    pictures.process.rest()
    monkeypatch.setattr("teem.training.pictures.DRAWING_S", 0.0)
    pictures._deadline = pictures.process.seconds + 0.2
    time.sleep(0.4)
    assert not pictures.settle() and pictures.failed == 0
    pictures._deadline += 60.0
    pictures.process.go_on()
    assert pictures.settle(60.0) and pictures.drawn == 1


def test_wrong_settings_are_told() -> None:
    with pytest.raises(UsageError, match="1 evaluation or more"):
        Pictures(evaluations=0)
    with pytest.raises(UsageError, match="0 s or more"):
        Pictures(seconds=float("nan"))
