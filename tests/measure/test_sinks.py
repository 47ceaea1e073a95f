"""Sinks get every number; what they fail at, or are slow at, is counted and hurts nobody."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from teem.errors import UsageError
from teem.measure import sinks
from teem.measure.sinks import Numbers, Outlet, expect_sinks, numbers_of


class Kept:
    """Keeps what it gets, or fails, or is stuck."""

    def __init__(self, fails: bool = False, stuck: threading.Event | None = None) -> None:
        self.got: list[Numbers] = []
        self.closed = False
        self._fails, self._stuck = fails, stuck

    def take(self, batch: Sequence[Numbers]) -> None:
        if self._stuck:
            self._stuck.wait(20)
        if self._fails:
            raise OSError("no room")
        self.got.extend(batch)

    def close(self) -> None:
        self.closed = True


def test_a_sink_gets_what_was_sent(tmp_path: Path) -> None:
    sink = Kept()
    outlet = Outlet("kept", tmp_path, lambda folder: sink)
    for step in range(10):
        outlet.channel.put((step, {"alive": 3.0}))
    outlet.close()
    assert sink.got == [(step, {"alive": 3.0}) for step in range(10)]
    assert sink.closed


def test_one_that_can_not_be_opened_or_fails_is_counted(tmp_path: Path) -> None:
    def refuse(folder: Path) -> Kept:
        raise ConnectionError("nobody there")

    for make, fault in (
        (refuse, "ConnectionError: nobody there"),
        (lambda folder: Kept(fails=True), "OSError: no room"),
    ):
        outlet = Outlet("kept", tmp_path, make)
        outlet.channel.put((1, {"alive": 3.0}))
        outlet.close()
        assert (outlet.channel.failed, outlet.channel.fault) == (1, fault)


def test_one_that_is_stuck_drops_what_it_has_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "CLOSE_S", 0.01)
    go_on = threading.Event()
    outlet = Outlet("kept", tmp_path, lambda folder: Kept(stuck=go_on))
    sent = [outlet.channel.put((step, {})) for step in range(100)]
    assert not all(sent)
    outlet.close()
    assert outlet.channel.dropped >= 100 - 2 * outlet.channel.most
    go_on.set()


def test_every_number_of_a_snapshot_has_a_name() -> None:
    told = {
        "values": {"steps": 4, "alive": {"base": 3}, "loss": None},
        "rates": {"steps": 2.0},
        "spans": {"world.move": {"p50_ms": 1.0, "p95_ms": float("nan")}},
    }
    assert numbers_of(told) == {"steps": 4.0, "alive.base": 3.0, "rate.steps": 2.0, "span.world.move.p50_ms": 1.0}


def test_a_package_that_is_missing_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as error:
        expect_sinks(("tensorboard", "mlflow"))
    assert error.value.faults == [
        "metrics.sinks has tensorboard, which isn't installed: pip install 'teem[tensorboard]'",
        "metrics.sinks has mlflow, which isn't installed: pip install 'teem[mlflow]'",
    ]


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="the extra tensorboard is not installed")
def test_tensorboard_has_every_scalar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr(sinks, "CLOSE_S", 60.0)  # it is imported first
    outlet = Outlet("tensorboard", tmp_path)
    for step in range(3):
        outlet.channel.put((step, {"alive.base": 3.0 + step}))
    outlet.close()
    assert outlet.channel.fault is None
    read = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in read.Scalars("alive/base")] == [(0, 3.0), (1, 4.0), (2, 5.0)]


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="the extra mlflow is not installed")
def test_mlflow_has_every_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    where = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", where)
    monkeypatch.setattr(sinks, "CLOSE_S", 60.0)  # it makes its database first
    outlet = Outlet("mlflow", tmp_path)
    for step in range(3):
        outlet.channel.put((step, {"alive.base": 3.0 + step}))
    outlet.close()
    assert outlet.channel.fault is None
    client = MlflowClient(where)
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "alive/base")
    assert sorted((one.step, one.value) for one in history) == [(0, 3.0), (1, 4.0), (2, 5.0)]
