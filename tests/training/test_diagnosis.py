"""What grows in a training is found, and what doesn't is not."""

from __future__ import annotations

import numpy as np
import pytest

from teem.measure.history import History
from teem.training.diagnosis import Diagnosis
from teem.training.looker import forecaster_of
from teem.training.pace import Rate

PARTS = ("environment", "inference", "learning", "callback", "other")


def history_of(points: int, callback_ms, threads=lambda point: 3.0) -> tuple[History, list[str]]:
    """A training sampled so often, looked at as it goes; the alarms."""
    random, history, forecaster, alarms = np.random.default_rng(4), History(), forecaster_of(20_000.0, 1024), []
    for point in range(points):
        noise = 1 + 0.1 * random.normal(size=len(PARTS))
        ms = dict(zip(PARTS, np.array([0.1, 0.2, 0.2, callback_ms(point), 0.05]) * noise, strict=True))
        curves = {f"span.{name}": each for name, each in ms.items()}
        curves |= {"frame": sum(ms.values()), "core_wait": 0.0, "python_blocks": 5e5, "memory": 400.0}
        history.add(1000.0 * point, curves | {"allocated": 100.0, "threads": threads(point), "open_files": 9.0})
        if point % 8 == 7:
            alarms += [f"{one.name}: {one.cause}" for one in forecaster.look(history)]
    return history, alarms


def test_a_training_that_stays_as_it_is_raises_no_alarm():
    assert history_of(100, lambda point: 0.01)[1] == []


def test_a_callback_that_takes_longer_and_longer_is_named():
    alarms = history_of(100, lambda point: 0.01 + 0.004 * point)[1]
    assert len(alarms) == 1 and alarms[0].startswith("frame: span callback takes")


def test_threads_that_stay_are_named():
    alarms = history_of(100, lambda point: 0.01, lambda point: 3.0 + 2 * point)[1]
    assert any(alarm.startswith("threads: threads became more") for alarm in alarms)


def test_samples_are_taken_here_and_looked_at_elsewhere():
    diagnosis = Diagnosis()
    rate = Rate(1000.0, {}, dict.fromkeys(PARTS, 0.2))
    for point in range(25):
        diagnosis.sample(1000 * point, rate, 1000)
    assert diagnosis.look() == []
    process = diagnosis.process
    assert process is not None and not process.over
    assert {"memory", "threads", "open_files", "frame"} <= set(diagnosis.history.names)
    assert diagnosis.history.curve("memory")[1].min() > 10.0
    diagnosis.close()
    assert process.over


def test_a_look_that_never_ends_is_ended(monkeypatch):
    class Silent:
        """Takes what it is sent, and never answers."""

        def __init__(self, *arguments: object) -> None:
            self.pipe = self

        def send(self, history: History) -> None: ...

        def answers(self, within_s: float) -> bool:
            return False

        def kill(self) -> None: ...

    monkeypatch.setattr("teem.training.diagnosis.LOOK_S", 0.01)
    monkeypatch.setattr("teem.training.diagnosis.Process", Silent)
    diagnosis = Diagnosis()
    for point in range(25):
        diagnosis.sample(1000 * point, Rate(1000.0, {}, dict.fromkeys(PARTS, 0.2)), 1000)
    with pytest.raises(TimeoutError):
        diagnosis.look()
    assert diagnosis.process is None
