"""Evidence as a person reads it: two tables, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from teem.evaluate.compare import Comparison, Contrast
from teem.evaluate.proof import BY, TO_BEAT, Evidence, Taught
from teem.evaluate.statistics import Estimate
from teem.runtime.words import count, number, percent

TITLES = {"fresh": "Fresh worlds, one policy in each", "mixed": "Mixed worlds, all policies in each"}
COLUMNS: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "gathering": ("J an agent-step", number),
    "lifetime": ("steps lived", number),
    "children": ("children", number),
    "survivors": ("alive at the end", percent),
}


def render(evidence: Evidence) -> RenderableType:
    """What was put to the test, a table for each kind of world, and the conclusion."""
    tables = [_table(TITLES[kind], one) for kind, one in evidence.comparisons.items()]
    return Group(*_how(evidence), "", *tables, *_conclusion(evidence))


def _how(evidence: Evidence) -> list[RenderableType]:
    worlds = evidence.seeds * len(evidence.taught)
    founders = sorted(set(evidence.founders))
    several = f"{count(founders[0])} to {count(founders[-1])}" if len(founders) > 1 else count(founders[0])
    lines = [_taught(one) for one in evidence.taught]
    lines.append(
        f"{worlds} worlds of each kind, {several} founders, {count(evidence.steps)} steps; founders only; "
        f"means with 95% intervals over {_replicates(evidence)}; {evidence.seconds:.0f} s"
    )
    return [Text(line) for line in lines]


def _replicates(evidence: Evidence) -> str:
    if evidence.replicate == "run":
        return f"{len(evidence.taught)} runs"
    these = "this run" if len(evidence.taught) == 1 else "these runs"
    return f"{evidence.seeds * len(evidence.taught)} worlds, which speak for {these} only"


def _taught(one: Taught) -> str:
    notes = "".join(f"; {note}" for note in one.notes)
    return (
        f"{one.run}: {one.algorithm}, seed {one.seed}, trained for {count(one.step)} steps "
        f"({count(one.agent_steps)} agent-steps, {count(one.updates)} updates); {count(one.networks)} "
        f"networks of the living, updated {number(one.updates_median)} times in their owners' lives (median; least "
        f"{count(one.updates_least)}), played greedily and learning nothing{notes}"
    )


def _table(title: str, comparison: Comparison) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("policy")
    for heading, _ in COLUMNS.values():
        table.add_column(heading)
    for name, measures in comparison.means.items():
        cells = [_estimate(measures[measure], show) for measure, (_, show) in COLUMNS.items()]
        table.add_row(name, *cells)
    table.add_section()
    for name, contrasts in comparison.against.items():
        cells = [_contrast(contrasts[measure], show) for measure, (_, show) in COLUMNS.items()]
        table.add_row(f"trained - {name}", *cells)
    return table


def _estimate(one: Estimate, show: Callable[[float | None], str]) -> str:
    return f"{show(one.mean)} ± {show(one.high - one.mean)}"


def _contrast(one: Contrast, show: Callable[[float | None], str]) -> str:
    return f"{_estimate(one.difference, show)}\n{one.verdict}"


def _conclusion(evidence: Evidence) -> list[RenderableType]:
    if evidence.proven:
        said = "Proven: the trained gather more and live longer than random and resting agents, in both."
    else:
        missing = [
            f"{measure} against {baseline} in {kind} worlds is {contrasts[measure].verdict}"
            for kind, comparison in evidence.comparisons.items()
            for baseline, contrasts in comparison.against.items()
            for measure in BY
            if baseline in TO_BEAT and contrasts[measure].sign <= 0
        ]
        said = f"Not proven: {'; '.join(missing)}."
    scripted = [
        f"{measure} {', '.join(_in_each(evidence, 'heuristic', measure))}" for measure in ("gathering", "lifetime")
    ]
    return [Text(line) for line in (said, f"Beside the heuristic: {'; '.join(scripted)}.", *evidence.kept)]


def _in_each(evidence: Evidence, baseline: str, measure: str) -> Iterator[str]:
    """The verdict in each kind of world."""
    for kind, comparison in evidence.comparisons.items():
        yield f"{comparison.against[baseline][measure].verdict} in {kind} worlds"
