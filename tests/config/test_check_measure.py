"""Settings of what is measured and foretold that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest

from teem.config.load import load_config
from teem.errors import UsageError


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        (
            {"metrics.sinks": "tensorbord,mlflow,mlflow"},
            [
                'metrics.sinks[0] is "tensorbord", an unknown sink: did you mean tensorboard?',
                'metrics.sinks[2] is "mlflow", which is there already: give each sink once',
            ],
        ),
        (
            {"metrics.enabled": "false", "metrics.port": "9100", "metrics.sinks": "mlflow"},
            [
                "metrics.port is 9100 but metrics.enabled is false, so there is nothing to show: "
                "give metrics.enabled true, or no metrics.port",
                "metrics.sinks is mlflow but metrics.enabled is false, so there is nothing to show: "
                "give metrics.enabled true, or no metrics.sinks",
            ],
        ),
        (
            {"metrics.every": "5", "forecast.every": "2"},
            [
                "forecast.every is 2.0 but metrics.every is 5.0: nothing is new between two samples, "
                "so raise forecast.every or lower metrics.every"
            ],
        ),
        (
            {"metrics.port": "70000"},
            [
                "metrics.port is 70000: give a whole number from 0 to 65535 "
                "(of the page for Prometheus, http://127.0.0.1:PORT/metrics; 0: no such page)"
            ],
        ),
    ],
)
def test_what_contradicts_is_told_with_its_remedy(settings: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        load_config("farm", settings)
    assert error.value.faults == faults


def test_nothing_has_to_be_foretold_or_measured() -> None:
    assert not load_config("farm", {"metrics.enabled": "false", "forecast.every": "1"}).metrics.enabled
    assert load_config("farm", {"forecast.enabled": "false", "metrics.every": "60"}).metrics.port == 0
