"""Cohorts that contradict each other, the run they are in, or themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from teem.config.cohorts import BASE, COHORTS, ROUNDING, alone, cohorts_of
from teem.config.fault import Fault
from teem.config.settings import CohortSettings, Config


def cohort_faults(config: Config) -> Iterator[Fault]:
    """Names and shares."""
    cohorts = config.learning.cohorts
    if not cohorts:
        return
    yield from _names([cohort.name for cohort in cohorts])
    yield from _shares(cohorts, config.population.founders)


def _names(names: list[str]) -> Iterator[Fault]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(f'{COHORTS} has {names.count(name)} cohorts named "{name}": give each its own name', COHORTS)
    if BASE in names:
        index = names.index(BASE)
        yield Fault(
            f'{COHORTS}[{index}].name is "{BASE}", which is the cohort of those who are as [learning] says: '
            "give another name",
            f"{COHORTS}[{index}].name",
        )


def _shares(cohorts: tuple[CohortSettings, ...], founders: int) -> Iterator[Fault]:
    total = sum(cohort.share for cohort in cohorts)
    if total > 1.0 + ROUNDING:
        told = " + ".join(f"{cohort.share:g}" for cohort in cohorts)
        yield Fault(
            f"{COHORTS} has shares of {told} = {total:g} of the founders, more than all: lower them to 1 in all",
            COHORTS,
        )
        return
    for index, cohort in enumerate(cohorts):
        if cohort.share * founders < 1.0 - ROUNDING:
            yield Fault(
                f"{COHORTS}[{index}].share is {cohort.share} but population.founders is {founders}: that is not one "
                f"founder, so raise share to at least {1 / founders:.3g}, or raise founders",
                f"{COHORTS}[{index}].share",
                ("population.founders",),
            )


def faults_of_each(config: Config, check: Callable[[Config], Iterator[Fault]]) -> Iterator[Fault]:
    """What `check` finds wrong with each cohort's settings, were it alone; what is `[learning]`'s is told once."""
    cohorts = cohorts_of(config.learning)
    told: set[str] = set()
    for index, cohort in enumerate(cohorts, start=len(config.learning.cohorts) - len(cohorts)):
        for fault in check(alone(config, cohort)):
            if index < 0:  # the base
                told.add(fault.text)
                yield fault
            elif fault.text not in told:
                yield _within(fault, f"{COHORTS}[{index}]", cohort.name)


def _within(fault: Fault, path: str, name: str) -> Fault:
    """The fault as one of a cohort: what it takes from `[learning]` is involved as well."""
    own = tuple(each.replace("learning", path, 1) for each in fault.paths if each.startswith("learning."))
    return replace(fault, text=f'{path} ("{name}"): {fault.text}', others=(*fault.others, *own))
