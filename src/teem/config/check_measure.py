"""Settings that contradict what is measured of a run, and what is foretold from it."""

from __future__ import annotations

from collections.abc import Iterator

from teem.config.fault import Fault, name_faults
from teem.config.settings import Config

SINKS = ("tensorboard", "mlflow")


def measure_faults(config: Config) -> Iterator[Fault]:
    """What can't be shown, or foretold, because it isn't measured."""
    metrics, forecast = config.metrics, config.forecast
    yield from name_faults("metrics.sinks", metrics.sinks, SINKS, "sink")
    if not metrics.enabled:
        for path, wanted in (("metrics.port", metrics.port), ("metrics.sinks", metrics.sinks)):
            if wanted:
                told = ",".join(metrics.sinks) if path == "metrics.sinks" else metrics.port
                yield Fault(
                    f"{path} is {told} but metrics.enabled is false, so there is nothing to show: "
                    f"give metrics.enabled true, or no {path}",
                    path,
                    ("metrics.enabled",),
                )
        return
    if forecast.enabled and forecast.every < metrics.every:
        yield Fault(
            f"forecast.every is {forecast.every} but metrics.every is {metrics.every}: nothing is new between two "
            "samples, so raise forecast.every or lower metrics.every",
            "forecast.every",
            ("metrics.every",),
        )
