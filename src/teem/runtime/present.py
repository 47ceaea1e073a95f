"""How a run is shown while it goes on: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.live import Live

from teem.measure.governor import Controls
from teem.runtime import words
from teem.runtime.panel import Panel
from teem.runtime.report import step_ms, turned
from teem.runtime.vitals import Vitals
from teem.worlds.base import Outcome

if TYPE_CHECKING:
    from teem.runtime.loop import Run

LINE_EVERY_S = 5.0
PATIENCE_S = 1.0  # how long a world may take to be made before anything is said
SMALLEST = (40, 12)  # columns and lines a panel needs
_MOST_SHARE = 0.04  # of the time, that drawing may take


class View(Protocol):
    """Something that is told of every step."""

    def on_step(self, run: Run, outcome: Outcome) -> None:
        """Take in a step, and show something now and then."""
        ...

    def close(self) -> None:
        """Show how it stands at the end."""
        ...


class Lines:
    """A progress line every few seconds, on standard error."""

    def __init__(self, run: Run, every_s: float = LINE_EVERY_S) -> None:
        self._run = run
        self._vitals = Vitals(run)
        self._every_s = every_s
        self._next = perf_counter() + every_s

    def on_step(self, run: Run, outcome: Outcome) -> None:
        """Write a line if it is time."""
        now = perf_counter()
        if now >= self._next:
            self._next = now + self._every_s
            self._write()

    def close(self) -> None:
        """Write the last line."""
        self._write()

    def _write(self) -> None:
        self._vitals.sample()
        print(progress(self._run, self._vitals), file=sys.stderr, flush=True)
        for warning in (*self._run.watch.warnings(), *self._run.watchdog.warnings()):
            print(f"alarm: {warning}", file=sys.stderr, flush=True)


class LivePanel:
    """The panel on a terminal, drawn between steps and never for more than a small part of the time."""

    def __init__(self, run: Run, console: Console) -> None:
        self._vitals = Vitals(run)
        self._pause = 1.0 / run.config.runtime.panel_fps
        self._next = 0.0
        panel = Panel(run, self._vitals)
        self._live = Live(panel, console=console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def on_step(self, run: Run, outcome: Outcome) -> None:
        """Draw if it is time."""
        self._vitals.count(outcome)
        begun = perf_counter()
        if begun >= self._next:
            self._draw()
            drawn = perf_counter()
            self._next = max(begun + self._pause, drawn + (drawn - begun) / _MOST_SHARE)

    def close(self) -> None:
        """Draw a last time and leave it standing."""
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        self._vitals.sample()
        self._live.refresh()


class Compiling:
    """Says on standard error how far the kernels are compiled; call it before each part."""

    def __init__(self) -> None:
        self._begun = perf_counter()
        self._rewrites = sys.stderr.isatty()

    def __call__(self, what: str, done: int, of: int) -> None:
        """Show that `done` parts of `of` are compiled, and that `what` is next."""
        since = words.duration(perf_counter() - self._begun)
        line = f"compiling kernels (first run only): {done} of {of}, {what}, {since}"
        last = done == of
        if self._rewrites:
            print(f"\r{line}\x1b[K", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


class LayingOut:
    """Says on standard error how far a large world is made; call it as often as you like."""

    def __init__(self) -> None:
        self._begun = perf_counter()
        self._next = self._begun + PATIENCE_S
        self._rewrites = sys.stderr.isatty()
        self._spoken = False

    def __call__(self, done: int, of: int) -> None:
        """Show how much is done and what is left, if it is time."""
        now = perf_counter()
        last = done == of
        if now < self._next and not (last and self._spoken):
            return
        self._spoken = True
        self._next = now + (PATIENCE_S if self._rewrites else LINE_EVERY_S)
        spent = now - self._begun
        line = f"laying out the map: {words.percent(done / of)}, {words.duration(spent)}"
        if not last:
            line += f", {words.duration(spent / done * (of - done))} left"
        if self._rewrites:
            print(f"\r{line}\x1b[K", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def choose_view(run: Run, *, headless: bool) -> View:
    """A panel where there is a terminal that can show one; plain lines otherwise."""
    console = Console(stderr=True)
    fits = console.size.width >= SMALLEST[0] and console.size.height >= SMALLEST[1]
    able = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
    return LivePanel(run, console) if able and fits and not headless else Lines(run)


def progress(run: Run, vitals: Vitals) -> str:
    """One line on how a run stands."""
    steps, step = run.config.steps, step_ms(run.spans)
    of = f"/{steps} ({words.percent(run.step / steps)})" if steps else ""
    left = f", {words.duration(vitals.left_s())} left" if steps else ""
    controls = run.governing.controls
    shed = f"; {turned(controls._asdict())}" if controls != Controls() else ""
    return (
        f"step {run.step}{of}{left}; {words.count(len(run.world.population.living))} alive; "
        f"{words.number(vitals.per_s('agent_steps'))} agent-steps/s, "
        f"{words.number(vitals.per_s('updates'))} updates/s; step {words.number(step['p50'])} ms p50, "
        f"{words.number(step['p95'])} ms p95{shed}"
    )
