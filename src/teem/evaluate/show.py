"""Evidence as a person reads it: two tables, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from teem.evaluate.compare import Comparison, Contrast
from teem.evaluate.contest import Contest
from teem.evaluate.proof import Evidence, Taught
from teem.evaluate.statistics import Estimate
from teem.runtime.words import count, number, percent

Show = Callable[[float | None], str]


def render(evidence: Evidence) -> RenderableType:
    """What was put to the test, a table for each kind of world, and the conclusion."""
    contest = evidence.contest
    tables = [table(kind.title, evidence.comparisons[kind.name], contest, "trained") for kind in contest.kinds]
    return Group(*_how(evidence), "", *tables, *_conclusion(evidence))


def _columns(contest: Contest) -> dict[str, tuple[str, Show]]:
    """The measures that tell something: their headings, and how their numbers are shown."""
    every: dict[str, tuple[str, Show]] = {
        "feats": (contest.unit, lambda value: number(None if value is None else value * contest.scale)),
        "lifetime": ("steps lived", number),
        "children": ("children", number),
        "survivors": ("alive at the end", percent),
    }
    return {name: every[name] for name in contest.shown}


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
    whose = f", {one.cohort}" if one.cohort else ""
    return (
        f"{one.run}{whose}: {one.algorithm}, seed {one.seed}, trained for {count(one.step)} steps "
        f"({count(one.agent_steps)} agent-steps, {count(one.updates)} updates); {count(one.networks)} "
        f"networks of the living, updated {number(one.updates_median)} times in their owners' lives (median; least "
        f"{count(one.updates_least)}), played greedily and learning nothing{notes}"
    )


def table(title: str, comparison: Comparison, contest: Contest, first: str) -> Table:
    """The means of all, and how the first differs from each other one."""
    columns = _columns(contest)
    shown = Table(title=title, title_justify="left", title_style="bold")
    shown.add_column("policy")
    for heading, _ in columns.values():
        shown.add_column(heading)
    for name, measures in comparison.means.items():
        cells = [_estimate(measures[measure], show) for measure, (_, show) in columns.items()]
        shown.add_row(name, *cells)
    shown.add_section()
    for name, contrasts in comparison.against.items():
        cells = [_contrast(contrasts[measure], show) for measure, (_, show) in columns.items()]
        shown.add_row(f"{first} - {name}", *cells)
    return shown


def _estimate(one: Estimate, show: Show) -> str:
    return f"{show(one.mean)} ± {show(one.high - one.mean)}"


def _contrast(one: Contrast, show: Show) -> str:
    return f"{_estimate(one.difference, show)}\n{one.verdict}"


def _conclusion(evidence: Evidence) -> list[RenderableType]:
    contest = evidence.contest
    if evidence.proven:
        kinds = " and ".join(kind.name for kind in contest.kinds)
        said = f"Proven: the trained {contest.claim} than random and resting agents, in {kinds} worlds."
    else:
        missing = [
            f"{measure} against {baseline} in {kind} worlds is {verdict}"
            for measure, baseline, kind, verdict in evidence.missing()
        ]
        said = f"Not proven: {'; '.join(missing)}."
    scripted = [f"{measure} {', '.join(_in_each(evidence, measure))}" for measure in contest.by]
    beside = f"Beside the {contest.beside}: {'; '.join(scripted)}."
    return [Text(line) for line in (said, beside, *evidence.kept)]


def _in_each(evidence: Evidence, measure: str) -> Iterator[str]:
    """The verdict beside the scripted policy in each kind of world that has it, and how many times as much it is."""
    beside = evidence.contest.beside
    for kind, comparison in evidence.comparisons.items():
        if beside in comparison.means:
            one, other = (comparison.means[name][measure].mean for name in ("trained", beside))
            times = f" ({number(one / other)} times)" if other > 0 else ""
            yield f"{comparison.against[beside][measure].verdict} in {kind} worlds{times}"
