"""A trend is what rises all along; jumps, outliers and what levels off are none."""

from __future__ import annotations

import numpy as np
import pytest

from teem.measure.trends import LEAST, trend_of

POINTS = 100


def noise(seed: int, deviation: float = 1.0) -> np.ndarray:
    return deviation * np.random.default_rng(seed).standard_normal(POINTS)


CLOCK = np.arange(POINTS, dtype=float)


@pytest.mark.parametrize("seed", range(5))
def test_a_line_is_found_within_its_interval_whatever_a_few_outliers_say(seed: int) -> None:
    slope = 0.1 * (1 + seed)
    values = 50 + slope * CLOCK + noise(seed)
    values[np.random.default_rng(seed).integers(0, POINTS, 6)] += 300
    trend = trend_of(CLOCK, values)
    assert trend is not None
    assert trend.rises
    assert trend.low <= slope <= trend.high
    assert trend.until(100 + slope * (POINTS - 1))[0] == pytest.approx(50 / slope, rel=0.2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", ["flat", "jump", "levels off", "falls", "wanders"])
def test_what_is_no_trend_is_none(shape: str, seed: int) -> None:
    curve = {
        "flat": 0 * CLOCK,
        "jump": 40.0 * (CLOCK > 45),
        "levels off": 40 * (1 - np.exp(-CLOCK / 12)),
        "falls": -0.3 * CLOCK,
        "wanders": 10 * np.sin(CLOCK / 9),
    }[shape]
    trend = trend_of(CLOCK, 100 + curve + noise(seed))
    assert trend is None or not trend.rises or trend.share < 0.05


def test_a_trend_that_begins_late_is_seen_from_there() -> None:
    values = 100 + 2.0 * np.maximum(0, CLOCK - 60) + noise(1)
    trend = trend_of(CLOCK, values)
    assert trend is not None
    assert 50 <= trend.begin <= 70
    assert trend.slope == pytest.approx(2.0, rel=0.1)


def test_few_points_tell_nothing() -> None:
    assert trend_of(CLOCK[: LEAST - 1], CLOCK[: LEAST - 1]) is None


@pytest.mark.parametrize("late", [10, 14, 18])
@pytest.mark.parametrize("jump", [-40.0, 40.0])
def test_a_jump_that_was_just_now_is_taken_out_of_what_goes_on_rising(jump: float, late: int) -> None:
    values = 100 + 0.5 * CLOCK + jump * (POINTS - late <= CLOCK) + noise(late)
    trend = trend_of(CLOCK, values)
    assert trend is not None
    assert trend.rises
    assert trend.slope == pytest.approx(0.5, rel=0.15)
    assert trend.level == pytest.approx(100 + 0.5 * (POINTS - 1) + jump, abs=3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("then", [0.0, -0.5])
def test_what_rose_until_just_now_is_no_trend(then: float, seed: int) -> None:
    ended = POINTS - 18
    values = 100 + 0.5 * np.minimum(CLOCK, ended) + then * np.maximum(0, CLOCK - ended) - 20 * (ended <= CLOCK)
    trend = trend_of(CLOCK, values + noise(seed, 0.3))
    assert trend is None or not trend.rises
