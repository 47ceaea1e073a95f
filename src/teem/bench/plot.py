"""A sweep as a picture: what grows against the setting that was swept, on logarithmic axes, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path

from teem.bench.results import Fit, ScenarioResult
from teem.bench.statistics import median

WIDTH, HEIGHT = 380, 280  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 44


def write_plots(folder: Path, scenarios: dict[str, ScenarioResult]) -> list[Path]:
    """A picture for each scenario that was swept and measured; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, one in scenarios.items():
        if one.swept and one.cases:
            path = folder / f"{name}.svg"
            path.write_text(draw(name, one), encoding="utf-8")
            written.append(path)
    return written


def draw(name: str, one: ScenarioResult) -> str:
    """The picture of a scenario: a panel for the time of a call and one for memory, where it is known."""
    sizes = [float(case.settings[one.swept]) for case in one.cases.values()]
    seconds = [median([sample.cpu_s / case.calls for sample in case.samples]).value for case in one.cases.values()]
    panels = [("ms of CPU a call", "time", [1e3 * value for value in seconds])]
    if "memory" in one.fits:
        panels.append(("MB held", "memory", [case.memory_mb or 0.0 for case in one.cases.values()]))
    body = "".join(
        f'<g transform="translate({WIDTH * place},0)">{"".join(_panel(title, one, fit, sizes, values))}</g>'
        for place, (title, fit, values) in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><title>{escape(name)}</title>'
        f'<rect width="100%" height="100%" fill="white"/>{body}</svg>\n'
    )


def _panel(title: str, one: ScenarioResult, fit: str, sizes: Sequence[float], values: Sequence[float]) -> Iterator[str]:
    """Title, axes with a line a decade, and the points."""
    x, y = _Axis(sizes, LEFT, WIDTH - RIGHT), _Axis(values, HEIGHT - BOTTOM, TOP)
    yield f'<text x="{LEFT}" y="18" font-weight="bold">{title}</text>'
    yield f'<text x="{LEFT}" y="32">{_exponent(one.fits.get(fit))}</text>'
    for tick in x.decades():
        at = x.place(tick)
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{tick:g}</text>'
    for tick in y.decades():
        at = y.place(tick)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(one.swept)}</text>'
    points = [(x.place(a), y.place(b)) for a, b in zip(sizes, values, strict=True)]
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    yield f'<polyline points="{line}" fill="none" stroke="#1f6feb" stroke-width="1.5"/>'
    yield from (f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="#1f6feb"/>' for a, b in points)


def _exponent(fit: Fit | None) -> str:
    if fit is None:
        return ""
    low, high = fit.exponent.low, fit.exponent.high
    bounds = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return f"exponent {fit.exponent.value:.2f}{bounds}"


class _Axis:
    """A logarithmic axis over whole decades, from one end in the picture to the other."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._low = floor(log10(min(values)) + 1e-9)
        self._high = max(ceil(log10(max(values)) - 1e-9), self._low + 1)
        self._begin, self._end = begin, end

    def decades(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]

    def place(self, value: float) -> float:
        part = (log10(value) - self._low) / (self._high - self._low)
        return self._begin + part * (self._end - self._begin)
