"""Evidence of a run's cohorts: each that learns is put to the test by itself, then they stand beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from teem.config.cohorts import those_who_learn
from teem.errors import UsageError
from teem.evaluate import show
from teem.evaluate.compare import Comparison, compare
from teem.evaluate.keep import keep
from teem.evaluate.proof import Evidence, Progress, prove
from teem.evaluate.saved import of_cohort, open_saved, settings_of
from teem.evaluate.statistics import replicates


@dataclass(frozen=True, slots=True)
class CohortsEvidence:
    """What came of each cohort that learns."""

    each: dict[str, Evidence]  # by cohort
    beside: dict[str, Comparison]  # by kind of world: the first cohort against each other, in the same worlds
    extinct: tuple[str, ...]  # cohorts that learn, of whom nobody was left in one of the runs
    kept: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether each cohort that learns is left, and proven to have learnt."""
        return not self.extinct and all(evidence.proven for evidence in self.each.values())

    @property
    def exit_code(self) -> int:
        """0 when that is proven of all, 1 otherwise."""
        return 0 if self.proven else 1

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return {
            "proven": self.proven,
            "cohorts": {name: evidence.as_dict() for name, evidence in self.each.items()},
            "beside": {kind: comparison.as_dict() for kind, comparison in self.beside.items()},
            "extinct": list(self.extinct),
            "kept": list(self.kept),
        }


def learning_cohorts(runs: Sequence[Path]) -> tuple[str, ...]:
    """The cohorts of these runs that learn; none where a run has no cohorts, or can't be read."""
    try:
        every = [settings_of(run).learning for run in runs]
    except UsageError:
        return ()  # whoever evaluates the runs says what is wrong with them
    if not every or not any(learning.cohorts for learning in every):
        return ()
    names = [those_who_learn(each) for each in every]
    for run, each in zip(runs, names, strict=True):
        if each != names[0]:
            told = " and ".join(
                f"{one} has {', '.join(its) or 'none'}" for one, its in ((runs[0], names[0]), (run, each))
            )
            raise UsageError(f"the runs have other cohorts that learn, {told}: evaluate them apart")
    if not names[0]:
        raise UsageError(f"{runs[0]}: none of its cohorts learns: give a run where one does")
    return names[0]


def evaluate_cohorts(
    runs: Sequence[Path],
    *,
    seeds: int = 5,
    steps: int | None = None,
    agents: int | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> CohortsEvidence:
    """Put each cohort that learns to the test, as `evaluate` does a run, all in the same worlds.

    The evidence goes into each run's folder. Raises UsageError naming what is wrong.
    """
    names = learning_cohorts(runs)
    extinct = tuple(name for name in names if any(_is_extinct(run, name) for run in runs))
    left = [name for name in names if name not in extinct]
    if not left:
        raise UsageError(f"nobody of {', '.join(names)} was alive when the runs were saved: give other runs")
    each = {
        name: prove(runs, cohort=name, seeds=seeds, steps=steps, agents=agents, threads=threads, progress=progress)
        for name in left
    }
    found = CohortsEvidence(each, beside_each_other(each), extinct)
    text = found.as_dict()
    return replace(found, kept=tuple(keep(run, text) for run in runs))


def _is_extinct(run: Path, cohort: str) -> bool:
    return not len(of_cohort(open_saved(run), cohort).members)


def beside_each_other(each: dict[str, Evidence]) -> dict[str, Comparison]:
    """The first cohort's trained against each other's, in the kinds of worlds where each is alone."""
    if len(each) < 2:
        return {}
    kinds = [
        kind.name
        for kind in next(iter(each.values())).contest.kinds
        if not kind.together and all(kind.name in evidence.values for evidence in each.values())
    ]
    return {
        kind: compare(replicates(np.stack([one.values[kind][:, :, 0] for one in each.values()], axis=2)), list(each))
        for kind in kinds
    }


def render(found: CohortsEvidence) -> RenderableType:
    """Each cohort's evidence under its name, then all beside each other."""
    parts: list[RenderableType] = []
    for name, evidence in found.each.items():
        parts += [Text(f"Cohort {name}", style="bold underline"), show.render(evidence), ""]
    first = next(iter(found.each))
    contest = found.each[first].contest
    for kind, comparison in found.beside.items():
        parts.append(show.table(f"Cohorts beside each other, {kind} worlds", comparison, contest, first))
    parts += [Text(f"Not proven of {name}: nobody of it was alive when the runs were saved.") for name in found.extinct]
    return Group(*parts, *(Text(line) for line in found.kept))
