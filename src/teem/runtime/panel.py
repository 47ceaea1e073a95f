"""The live panel: the world's picture, its people, their learning, and where the time goes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from teem.config.cohorts import cohorts_of, learns
from teem.config.settings import WorldSettings
from teem.config.treasure import TreasureSettings
from teem.measure.machine import rss_mb
from teem.measure.spans import Spans
from teem.population.slots import Population
from teem.runtime import landscape, picture, words
from teem.runtime.board import Board
from teem.runtime.cohorts import least_trained, members
from teem.runtime.report import achieved, step_ms, turned
from teem.runtime.vitals import Trace, Vitals

if TYPE_CHECKING:
    from teem.runtime.loop import Run

LABEL = Style(dim=True)
PLAIN = Style()
BOLD = Style(bold=True)
ALARM = Style(bold=True, color=Color.from_rgb(255, 123, 84))
BARS = "▁▂▃▄▅▆▇█"
_STRIP: tuple[tuple[int, int, int], ...] = (
    (88, 166, 255), (120, 200, 120), (245, 180, 80), (214, 120, 255),
    (64, 200, 200), (255, 123, 84), (200, 200, 120), (170, 170, 180),
)  # fmt: skip
STRIP = [Style(color=Color.from_rgb(*rgb)) for rgb in _STRIP]

Line = list[Segment]


@dataclass(slots=True)
class Panel:
    """A run and its vitals, drawn anew each time a console asks; fits 80 x 24 and anything larger."""

    run: Run
    vitals: Vitals

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw at the console's size, one line less than its height so that nothing scrolls."""
        width = max(20, options.max_width)
        height = max(6, (options.height or console.size.height) - 1)
        foot = [*self._alarms(), *self._strip(width)]
        body = height - len(foot) - 1
        side = min(2 * body, width - 44)
        drawn = self._picture(side) if side >= 12 else []
        beside = [*self._people(), *self._curves(width - side - 2), *self._learning(), *self._machine()]
        rows = [self._head(), *beside_each_other(drawn, beside, side + 2 if drawn else 0, body), *foot]
        for row in rows[:height]:
            yield from Segment.adjust_line_length(row, width)
            yield Segment.line()

    def _head(self) -> Line:
        run, steps = self.run, self.run.config.steps
        done = f" of {words.count(steps)}, {words.percent(run.step / steps)}" if steps else ""
        left = f", {words.duration(self.vitals.left_s())} left" if steps else ", until Ctrl-C"
        return [
            Segment(f"{run.folder.path.name}", BOLD),
            Segment(f"  step {words.count(run.step)}{done}{left}"),
            Segment("   Ctrl-C saves and stops", LABEL),
        ]

    def _picture(self, side: int) -> list[Line]:
        maps = self.run.world.map()
        return picture.lines(painter(self.run.config.world, maps).paint(maps, self.run.world.population, side))

    def _legend(self) -> list[Line]:
        maps, people = self.run.world.map(), self.run.world.population
        return [swatch(colour, text) for colour, text in painter(self.run.config.world, maps).legend(maps, people)]

    def _people(self) -> list[Line]:
        world, totals = self.run.world, self.run.totals
        people = world.population
        living = people.living
        kinds = np.bincount(people.kind[living], minlength=len(world.kinds))
        energy = float(people.energy[living].mean()) if len(living) else None
        born, died = words.count(totals.born), words.count(totals.died)
        rows = [row("alive", f"{words.count(len(living))}   born {born}   died {died}")]
        for index, kind in enumerate(world.kinds[:6]):
            rows.append(swatch(picture.FIRST_KIND + index, f"{kind[:20]} {words.count(int(kinds[index]))}"))
        if self.run.config.learning.cohorts:
            parts = [f"{cohort.name[:12]} {words.count(len(rows))}" for _, cohort, rows in members(self.run)]
            rows.append(row("cohorts", "   ".join(parts)))
        feats = achieved(world)
        joules = [] if isinstance(self.run.config.world, TreasureSettings) else [f"{words.number(energy)} J an agent"]
        return [
            *rows,
            *self._legend(),
            *(row("energy", text) for text in joules),
            row(world.feat, f"{words.number(feats['mean'])} a life, {words.number(feats['most'])} at most"),
        ]

    def _curves(self, width: int) -> list[Line]:
        room = min(max(8, width - 28), 48)
        rows = [row("population", sparkline(self.vitals.population, room))]
        if self.vitals.gathered.points:
            last = f" {words.number(self.vitals.gathered.points[-1])} J a step"
            rows.append(row("gathered", sparkline(self.vitals.gathered, room) + last))
        if self.vitals.feats.points:
            last = f" {words.number(self.vitals.feats.points[-1])} a life"
            rows.append(row(self.run.world.feat, sparkline(self.vitals.feats, room) + last))
        return rows

    def _learning(self) -> list[Line]:
        run = self.run
        if not any(learns(cohort) for cohort in cohorts_of(run.config.learning)):
            return [row("learning", "off")]
        gauges, living = run.policies.gauges, run.world.population.living
        loss = gauges.loss[living]
        loss = loss[np.isfinite(loss)]
        epsilon = float(gauges.epsilon[living].mean()) if len(living) else None
        updates = words.number(self.vitals.per_s("updates"))
        return [
            row("updates", f"{updates}/s, least trained {words.count(least_trained(run))}"),
            row("loss", f"{words.number(float(np.median(loss)) if len(loss) else None)} median"),
            row("epsilon", f"{words.number(epsilon)} mean"),
            *self._evaluated(),
        ]

    def _evaluated(self) -> list[Line]:
        said = self.run.companion.said if self.run.companion else None
        return [row("evaluated", said)] if said else []

    def _machine(self) -> list[Line]:
        run, step = self.run, step_ms(self.run.spans)
        rows = [
            row("speed", f"{words.number(self.vitals.per_s('agent_steps'))} agent-steps/s"),
            row("step", f"{words.number(step['p50'])} ms p50, {words.number(step['p95'])} ms p95"),
        ]
        if gained := [
            f"{name} x{words.number(threads.speed_up)}"
            for name, threads in run.pools.shared.items()
            if threads.speed_up is not None
        ]:
            rows.append(row("threads", f"{run.pools.execution}: {', '.join(gained)}"))
        if run.recorder:
            dropped = f", {words.count(run.recorder.dropped)} dropped" if run.recorder.dropped else ""
            rows.append(row("record", f"{words.number(self.vitals.per_s('rows'))} rows/s{dropped}"))
        governing = run.governing
        if governing.target_ms is not None:
            text = f"{words.number(governing.p95_ms)} of {words.number(governing.target_ms)} ms"
            rows.append(row("governor", f"{text}, {turned(governing.controls._asdict())}"))
        return [*rows, row("memory", f"{words.number(rss_mb())} MB")]

    def _alarms(self) -> list[Line]:
        """What will run out, a line each, and steps that were too long."""
        warnings = (*self.run.watch.warnings()[:2], *self.run.watchdog.warnings())
        return [[Segment(warning, ALARM)] for warning in warnings]

    def _strip(self, width: int) -> list[Line]:
        """Where a step's time goes: a bar of shares, and their names below it."""
        shares = recent_shares(self.run.spans)
        if not shares:
            return [[Segment("a step's time goes to: unknown yet", LABEL)]]
        bar: Line = []
        legend: list[Line] = [[]]
        edge = 0.0
        for index, (name, share) in enumerate(shares):
            style = STRIP[index % len(STRIP)]
            cells = round((edge + share) * width) - round(edge * width)
            edge += share
            bar.append(Segment("█" * cells, style))
            text = f" {name} {words.percent(share)} "
            if sum(len(part.text) for part in legend[-1]) + len(text) + 1 > width:
                legend.append([])
            legend[-1] += [Segment("■", style), Segment(text)]
        return [bar, *legend[:2]]


def row(name: str, text: str) -> Line:
    """A named number."""
    return [Segment(f"{name:<11}", LABEL), Segment(text, PLAIN)]


class Painter(Protocol):
    """What draws a world: `picture` and `landscape`, or a `Board` with its entities' colours."""

    def paint(self, maps: Mapping[str, NDArray[np.float32]], population: Population, side: int) -> NDArray[np.int16]:
        """A square picture `[side, side]` of colour numbers."""
        ...

    def legend(self, maps: Mapping[str, NDArray[np.float32]], population: Population) -> list[tuple[int, str]]:
        """What colours beside those of the kinds are, as (number, text)."""
        ...


def painter(world: WorldSettings, maps: Mapping[str, NDArray[np.float32]]) -> Painter:
    """Who paints a world of these settings: from the side where there are heights along a line, else from above."""
    if isinstance(world, TreasureSettings):
        return Board(world)
    return landscape if "height" in maps else picture


def swatch(colour: int, text: str) -> Line:
    """What one of the picture's colours is."""
    return [Segment("  ■ ", Style(color=Color.from_rgb(*picture.colour(colour)))), Segment(text)]


def beside_each_other(left: list[Line], right: list[Line], at: int, height: int) -> list[Line]:
    """Lines side by side, the right ones starting in column `at`; exactly `height` of them."""
    rows = []
    for index in range(height):
        first = left[index] if index < len(left) else []
        second = right[index] if index < len(right) else []
        rows.append([*(Segment.adjust_line_length(first, at) if at else []), *second])
    return rows


def sparkline(trace: Trace, width: int) -> str:
    """A curve from its first to its last point, from 0 to its highest; what is below 0 lies at the bottom."""
    points = trace.points
    if not points:
        return words.UNKNOWN
    edges = np.linspace(0, len(points), min(width, len(points)) + 1).astype(int)
    means = [float(np.mean(points[start:stop])) for start, stop in pairwise(edges)]
    top = max(means)
    return "".join(BARS[round(max(0.0, mean) / top * (len(BARS) - 1))] if top > 0 else BARS[0] for mean in means)


def recent_shares(spans: Spans) -> list[tuple[str, float]]:
    """The outermost spans and their shares of each other's time over the window, in the order of a step."""
    means = {
        name: float(spans.recent_ms(name).mean())
        for name in spans.names
        if "." not in name and name != "step" and spans.steps
    }
    whole = sum(means.values())
    return [(name, mean / whole) for name, mean in means.items()] if whole > 0 else []


def snapshot(run: Run, vitals: Vitals, width: int = 100, height: int = 30) -> str:
    """The panel as SVG text, for a page."""
    console = Console(
        record=True,
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(Panel(run, vitals))
    return console.export_svg(title=f"teem run {run.folder.path.name}")
