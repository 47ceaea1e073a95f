"""Numbers are written with the digits that count."""

from __future__ import annotations

import math

import pytest

from teem.runtime import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.0213, "0.0213"), (4.613, "4.61"), (46.13, "46.1"), (461.3, "461"), (999.7, "1.00k"),
        (65_234.0, "65.2k"), (1_240_000.0, "1.24M"), (-3.0, "-3.00"), (9.996, "10.0"), (99.97, "100"),
        (None, "–"), (math.nan, "–"), (math.inf, "–"),
    ],
)  # fmt: skip
def test_three_digits_count(value: float | None, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (180_000, "2 d 2 h"),
        (None, "–"),
    ],
)
def test_a_time_has_at_most_two_units(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_thousands_stand_apart() -> None:
    assert (words.count(1234567), words.count(None), words.percent(0.384)) == ("1 234 567", "–", "38%")
