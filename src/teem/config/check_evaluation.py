"""Settings that contradict evaluations made while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator

from teem.config.cohorts import COHORTS, NETWORKS, cohorts_of, learns, those_who_learn
from teem.config.fault import Fault
from teem.config.names import nearest
from teem.config.settings import Config, LearningSettings


def evaluation_faults(config: Config) -> Iterator[Fault]:
    """What can't be evaluated, and what would end a run without an evaluation."""
    evaluation, learning, runtime = config.evaluation, config.learning, config.runtime
    for name in ("enough", "patience"):
        if getattr(evaluation, name) and not evaluation.every:
            yield Fault(
                f"evaluation.{name} is {getattr(evaluation, name)} but evaluation.every is 0, so nothing is ever "
                f"evaluated: give evaluation.every steps, or evaluation.{name} 0",
                f"evaluation.{name}",
                ("evaluation.every",),
            )
    if not evaluation.every:
        return
    told = f"evaluation.every is {evaluation.every} but"
    if runtime.mode == "ray":
        yield Fault(
            f"{told} runtime.mode is ray, whose worlds lie on other machines: give evaluation.every 0 and use "
            "teem evaluate, or runtime.mode lockstep or async",
            "evaluation.every",
            ("runtime.mode",),
        )
    yield from _of_cohorts(config, told) if learning.cohorts else _of_all(learning, told)
    if evaluation.cohort and not learning.cohorts:
        yield Fault(
            f'evaluation.cohort is "{evaluation.cohort}" but there are no {COHORTS}: leave evaluation.cohort out',
            "evaluation.cohort",
            (COHORTS,),
        )


def _of_all(learning: LearningSettings, told: str) -> Iterator[Fault]:
    if not learns(learning):
        name, value = ("enabled", "false") if learning.algorithm in NETWORKS else ("algorithm", learning.algorithm)
        yield Fault(
            f"{told} learning.{name} is {value}, so nothing is learnt: give evaluation.every 0",
            "evaluation.every",
            (f"learning.{name}",),
        )


def _of_cohorts(config: Config, told: str) -> Iterator[Fault]:
    asked, cohorts = config.evaluation.cohort, cohorts_of(config.learning)
    learning = those_who_learn(config.learning)
    if not learning:
        yield Fault(f"{told} none of {COHORTS} learns: give evaluation.every 0", "evaluation.every", (COHORTS,))
    elif asked and asked not in [cohort.name for cohort in cohorts]:
        yield Fault(
            f'evaluation.cohort is "{asked}" but no cohort has that name: {nearest(asked, learning)}',
            "evaluation.cohort",
        )
    elif asked and asked not in learning:
        yield Fault(
            f'evaluation.cohort is "{asked}", which does not learn: give {" or ".join(learning)}', "evaluation.cohort"
        )
