"""Results in words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from teem.bench.counts import Counts
from teem.bench.regress import Verdict
from teem.bench.results import CaseResult, Fit, Results, ScenarioResult
from teem.bench.scenario import Suite
from teem.bench.statistics import Interval


def render(results: Results) -> RenderableType:
    """A table for each scenario, and what was missing."""
    parts: list[RenderableType] = [_where(results)]
    for name, one in results.scenarios.items():
        parts += [Text(f"\n{name}: {one.about}", style="bold"), *_scenario(one)]
    return Group(*parts)


def _where(results: Results) -> Text:
    machine, load = results.machine, results.load
    busy = "" if load is None else f"; load {load[0]:.1f} before, {load[1]:.1f} after"
    short = ", quick: hints, not figures" if results.quick else ""
    return Text(f"{machine.get('cpu') or 'unknown processor'}, {machine.get('cores')} cores{busy}{short}")


def _scenario(one: ScenarioResult) -> Iterable[RenderableType]:
    if one.cases:
        yield _table(one)
    for name, fit in one.fits.items():
        yield Text(f"  {name} grows as {one.swept} to the power of {_fit(fit)}")
    for case, why in one.missing.items():
        yield Text(f"  not measured: {case}: {why}", style="yellow")
    for case, why in one.failed.items():
        yield Text(f"  failed: {case}: {why}", style="bold red")


def _table(one: ScenarioResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in (f"µs CPU per {one.unit}", f"{one.unit}s/s", *_more(one)):
        table.add_column(name, justify="right")
    for name, case in one.cases.items():
        table.add_row(name, *_row(case, one))
    return table


def _more(one: ScenarioResult) -> list[str]:
    """Columns that not every scenario has."""
    cases = one.cases.values()
    return [
        *(["times as fast as the first"] if any(case.against_first for case in cases) else []),
        *(["MB"] if any(case.memory_mb is not None for case in cases) else []),
    ]


def _row(case: CaseResult, one: ScenarioResult) -> list[str]:
    cells = [_interval(case.cpu_us), "?" if case.rate is None else f"{case.rate.value:,.0f}"]
    columns = _more(one)
    if "times as fast as the first" in columns:
        cells.append(_interval(case.against_first) if case.against_first else "")
    if "MB" in columns:
        cells.append("?" if case.memory_mb is None else f"{case.memory_mb:,.1f}")
    return cells


def _interval(one: Interval | None) -> str:
    if one is None:
        return "?"
    if one.low is None or one.high is None:
        return f"{one.value:.3g}"
    return f"{one.value:.3g} ({one.low:.3g} to {one.high:.3g})"


def _fit(fit: Fit) -> str:
    one = fit.exponent
    bounds = "" if one.low is None or one.high is None else f" ({one.low:.2f} to {one.high:.2f})"
    return f"{one.value:.2f}{bounds}; between the two largest {fit.at_the_top:.2f}"


def render_verdicts(verdicts: Sequence[Verdict], confirmed: Sequence[Verdict]) -> RenderableType:
    """What has changed since the baseline; those confirmed by a second measurement stand out."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "times the baseline's cost", "budget", ""):
        table.add_column(name)
    sure = {(one.scenario, one.case) for one in confirmed}
    for one in verdicts:
        name = one.scenario if one.case == one.scenario else f"{one.scenario}: {one.case}"
        told, style = str(one.word), ""
        if one.word == "slower":
            told, style = ("slower", "bold red") if (one.scenario, one.case) in sure else ("not confirmed", "yellow")
        table.add_row(name, _interval(one.change), f"+{one.budget:.0%}", Text(told, style))
    return table


def render_beside(verdicts: Sequence[Verdict], before: Results, now: Results) -> RenderableType:
    """What other sources took and what these do, each case's medians and the ratio of the same rounds."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "unit", "µs CPU before", "now", "times as dear", ""):
        table.add_column(name)
    for one in verdicts:
        name = one.scenario if one.case == one.scenario else f"{one.scenario}: {one.case}"
        scenarios = before.scenarios[one.scenario], now.scenarios[one.scenario]
        costs = [_interval(each.cases[one.case].cpu_us) for each in scenarios]
        table.add_row(name, scenarios[1].unit, *costs, _interval(one.change), one.word)
    return table


def render_counts(counts: Counts, verdicts: Sequence[Verdict]) -> RenderableType:
    """Instructions a unit, and what has changed since the baseline."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "instructions a unit", "launches differ by", "times the baseline's", "budget", ""):
        table.add_column(name)
    judged = {(one.scenario, one.case): one for one in verdicts}
    for name, cases in counts.instructions.items():
        for case, values in cases.items():
            spread = f"{max(values) / min(values) - 1:.2%}" if len(values) > 1 else "?"
            one = judged.get((name, case))
            changed = (f"{one.change.value:.3f}", f"+{one.budget:.0%}", one.word) if one else ("", "", "not judged")
            shown = Text(changed[2], style="bold red" if changed[2] == "slower" else "")
            table.add_row(
                name if case == name else f"{name}: {case}", f"{median(values):,.0f}", spread, *changed[:2], shown
            )
    return table


def render_list(suites: dict[str, Suite]) -> RenderableType:
    """Every suite with its scenarios."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for key, suite in suites.items():
        table.add_row(Text(key, style="bold"), suite.about)
        for one in suite.scenario:
            table.add_row(f"  {one.name}", one.about)
    return table
