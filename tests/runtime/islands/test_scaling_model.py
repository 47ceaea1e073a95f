"""The simulation of the head against what can be told without one."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "scaling_model.py"


@pytest.fixture(scope="module")
def model() -> Any:
    spec = importlib.util.spec_from_file_location("scaling_model", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = loaded = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def given(model: Any) -> Any:
    return model.Inputs(
        head_us=4000.0, slice_s=1.0, spread=0.3, every=5, migrants=4, migrant_bytes=30_000.0, standing_bytes=2000.0,
        islands=2, gbit=10.0,
    )  # fmt: skip


def test_an_idle_head_is_busy_for_each_slice_it_hears_of(model: Any, given: Any) -> None:
    made = model.simulate(20, given)
    assert made.head == pytest.approx(40 * 0.004, rel=0.05)
    assert made.megabytes == pytest.approx(40 * (2000 + 4 * 30_000 / 5) / 1e6, rel=0.1)
    assert made.idle < 0.02


def test_a_saturated_head_serves_one_slice_after_the_other(model: Any, given: Any) -> None:
    made = model.simulate(500, given)
    assert made.head == pytest.approx(1.0, abs=0.01)
    assert made.idle == pytest.approx(1 - 1.0 / (1000 * 0.004), abs=0.02)


def test_a_narrow_link_saturates_first(model: Any, given: Any) -> None:
    made = model.simulate(50, replace(given, gbit=0.01))
    assert made.link == pytest.approx(1.0, abs=0.05)
    assert made.head < 0.5
    assert model.least_nodes(replace(given, gbit=0.01))["link"] < 50
