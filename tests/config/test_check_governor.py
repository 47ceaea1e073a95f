"""What a governor and a watchdog can't do is told before anything starts, with its remedy."""

from __future__ import annotations

from typing import Any

import pytest

from teem.config.load import load_config
from teem.errors import UsageError

FAULTS: list[tuple[str, dict[str, Any], str]] = [
    (
        "farm",
        {"governor.rate": 60, "governor.frame": 10},
        "governor.rate is 60.0 and governor.frame is 10.0: each says when to change what, so give one of them",
    ),
    ("farm", {"governor.rate": 60, "governor.replay": "runs/farm-7"}, "governor.rate is 60.0 and governor.replay is"),
    (
        "farm",
        {"governor.replay": "runs/farm-7", "runtime.mode": "async"},
        "governor.replay is runs/farm-7 but runtime.mode is async, where weights come when they come",
    ),
    (
        "farm",
        {"governor.replay": "runs/farm-7", "runtime.mode": "ray", "ray.role": "actors"},
        "governor.replay is runs/farm-7 but runtime.mode is ray, where weights come when they come",
    ),
    (
        "farm",
        {"governor.replay": "runs/farm-7", "runtime.mode": "ray"},
        "governor.replay is runs/farm-7 but runtime.mode is ray, where each island has changes of its own",
    ),
    ("farm", {"governor.rate": 60, "record.enabled": False}, "governor.rate is 60.0 but record.enabled is false"),
    (
        "crawlers",
        {"governor.rate": 60, "governor.decision": 10, "world.stranded": 60},
        "governor.decision is 10 but world.stranded is 60 and world.decision 6",
    ),
    ("farm", {"watchdog.stop": 1}, "watchdog.stop is 1.0 but watchdog.frame is 2.0: a run would be stopped before"),
    ("farm", {"governor.learning": 0}, "governor.learning is 0"),
]


@pytest.mark.parametrize(("world", "settings", "text"), FAULTS)
def test_what_can_not_be_is_told(world: str, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_config(world, settings)
    assert len(refused.value.faults) == 1
    assert refused.value.faults[0].startswith(text)


@pytest.mark.parametrize(
    ("world", "settings"),
    [
        ("farm", {"governor.rate": 60}),
        ("crawlers", {"governor.frame": 16.7, "governor.decision": 4}),
        ("crawlers", {"governor.rate": 60, "governor.decision": 10, "world.stranded": 0}),
        ("farm", {"governor.rate": 60, "runtime.mode": "ray"}),
        ("farm", {"governor.rate": 60, "runtime.mode": "async"}),
        ("farm", {"governor.frame": 5, "runtime.mode": "ray", "ray.role": "actors"}),
        ("farm", {"watchdog.frame": 0}),
        ("farm", {"watchdog.stop": 0}),
        ("farm", {"watchdog.frame": 0.5, "runtime.mode": "async"}),
    ],
)
def test_what_can_be_is_taken(world: str, settings: dict[str, Any]) -> None:
    load_config(world, settings)


def test_a_rate_is_so_many_milliseconds() -> None:
    assert load_config("farm", {"governor.rate": 60}).governor.target_ms == pytest.approx(1000 / 60)
    assert load_config("farm", {"governor.frame": 8}).governor.target_ms == 8
    assert load_config("farm").governor.target_ms == 0
