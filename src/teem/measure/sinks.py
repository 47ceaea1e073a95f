"""Where samples go besides: TensorBoard and MLflow, each an extra, each on a thread that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from teem.errors import UsageError
from teem.measure.channel import Channel

Numbers = tuple[int, Mapping[str, float]]  # the step, and every number by its name

CLOSE_S = 10.0  # how long what was sent may take to be written at the end


class Sink(Protocol):
    """Takes numbers, as slowly as it likes."""

    def take(self, batch: Sequence[Numbers]) -> None:
        """Write some samples."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class TensorBoard:
    """Scalars, a series a number, into a folder for `tensorboard --logdir`."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def take(self, batch: Sequence[Numbers]) -> None:
        """Write some samples."""
        for step, numbers in batch:
            for name, number in numbers.items():
                self._writer.add_scalar(name.replace(".", "/", 1), number, step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class MLflow:
    """Metrics of a run of MLflow, where its own settings (MLFLOW_TRACKING_URI) say, else in the folder."""

    def __init__(self, folder: Path) -> None:
        import os

        from mlflow.tracking import MlflowClient

        where = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow.db').absolute()}"
        self._client = MlflowClient(where)
        self._run = self._client.create_run("0", run_name=folder.name).info.run_id

    def take(self, batch: Sequence[Numbers]) -> None:
        """Write some samples."""
        import time

        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [
            Metric(name.replace(".", "/", 1), number, now, step)
            for step, all_ in batch
            for name, number in all_.items()
        ]
        for start in range(0, len(metrics), 1000):  # the most that a request may bring
            self._client.log_batch(self._run, metrics[start : start + 1000])

    def close(self) -> None:
        """The run has ended."""
        self._client.set_terminated(self._run)


SINKS: dict[str, tuple[Callable[[Path], Sink], str]] = {
    "tensorboard": (TensorBoard, "tensorboard"),
    "mlflow": (MLflow, "mlflow"),
}
"""What makes each sink, and the package that it needs."""


def expect_sinks(names: Sequence[str]) -> None:
    """UsageError with every sink whose package isn't there."""
    from importlib.util import find_spec

    missing = [name for name in names if find_spec(SINKS[name][1]) is None]
    if missing:
        raise UsageError(
            [f"metrics.sinks has {name}, which isn't installed: pip install 'teem[{name}]'" for name in missing]
        )


class Outlet:
    """The way to one sink; the sink is opened by its own thread, with the first sample."""

    def __init__(self, name: str, folder: Path, make: Callable[[Path], Sink] | None = None) -> None:
        self.name = name
        self.channel: Channel[Numbers] = Channel(f"sink {name}", self._take)
        self._make, self._folder = make or SINKS[name][0], folder
        self._sink: Sink | None = None

    def close(self) -> None:
        """Write what was sent, for so long."""
        if self.channel.close(CLOSE_S) and self._sink is not None:
            try:
                self._sink.close()
            except Exception as error:
                self.channel.failed += 1
                self.channel.fault = f"{type(error).__name__}: {error}"

    def _take(self, batch: Sequence[Numbers]) -> None:
        if self._sink is None:
            self._sink = self._make(self._folder)
        self._sink.take(batch)


def numbers_of(told: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a snapshot under one name, as sinks take them."""
    from teem.measure.metrics import flat

    numbers = dict(flat(told["values"]))
    numbers |= {f"rate.{name}": rate for name, rate in told["rates"].items()}
    for name, figures in told["spans"].items():
        numbers |= {f"span.{name}.{key}": value for key, value in figures.items() if value == value}
    return numbers
