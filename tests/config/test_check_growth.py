"""Settings of a growing capacity that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest

from teem.config.load import load_config
from teem.errors import UsageError

BASE = {"population.founders": "100", "population.capacity": "1000"}


@pytest.mark.parametrize(
    ("world", "settings", "fault"),
    [
        ("farm", {"capacity_min": "2000"}, "capacity_min is 2000 but population.capacity is 1000: raise capacity, or"),
        ("farm", {"capacity_min": "50"}, "capacity_min is 50 but population.founders is 100: give at least as many"),
        (
            "farm",
            {"capacity_step": "8"},
            "capacity_step is 8 but population.capacity_min is 0, so nothing grows: give population.capacity_min at "
            "least 100, or capacity_step 0",
        ),
        (
            "treasure",
            {"capacity_min": "100"},
            "capacity_min is 100 but world.name is treasure, where nobody is born: give capacity_min 0",
        ),
    ],
)
def test_what_does_not_go_together_is_told_with_its_remedy(world: str, settings: dict[str, str], fault: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(world, settings)
    assert any(one.startswith(f"population.{fault}") for one in refused.value.faults), refused.value.faults


@pytest.mark.parametrize("role", ["async", "ray"])
def test_modes_that_take_all_memory_at_once_refuse_a_growing_capacity(role: str) -> None:
    mode = {"runtime.mode": role, "ray.role": "actors"}
    with pytest.raises(
        UsageError, match=f"capacity_min is 100 but runtime.mode is {role}, where .*: give capacity_min"
    ):
        load("farm", {"capacity_min": "100"}, **mode)
    islands = load("farm", {"capacity_min": "100"}, **{"runtime.mode": "ray", "ray.role": "islands"})
    assert islands.growth == (100, 0)


def load(world: str, settings: dict[str, str], **others: str) -> Any:
    given = {**BASE, **{f"population.{name}": value for name, value in settings.items()}, **others}
    return load_config(world, given)


def test_files_without_it_load_as_ever() -> None:
    config = load_config("farm")
    assert config.growth == (0, 0)
    assert load_config("farm", BASE).capacity == 1000
