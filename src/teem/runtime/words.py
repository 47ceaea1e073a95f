"""Numbers as a person reads them: three digits that count, a unit, and a dash for what is unknown."""

from __future__ import annotations

import math

UNKNOWN = "–"


def known(value: float | None) -> bool:
    """Whether there is a number to show."""
    return value is not None and math.isfinite(value)


def count(value: int | None) -> str:
    """A whole number with thin gaps between thousands: "12 408"."""
    return UNKNOWN if value is None else f"{value:,}".replace(",", " ")


def number(value: float | None) -> str:
    """Three digits that count: "0.0213", "4.61", "65.2k", "1.24M"."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for limit, divisor, suffix in ((1e3, 1.0, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M")):
        if abs(value) < limit * 0.9995:
            return _digits(value / divisor) + suffix
    return f"{value:.2e}"


def _digits(value: float) -> str:
    size = abs(value)
    if size >= 99.95 or value == 0:
        return f"{value:.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.9995 else f"{value:#.3g}"


def duration(seconds: float | None) -> str:
    """A time in at most two units: "48 s", "3 min 20 s", "2 h 5 min"."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def percent(share: float | None) -> str:
    """A share of one: "38%"."""
    return UNKNOWN if share is None or not math.isfinite(share) else f"{100 * share:.0f}%"
