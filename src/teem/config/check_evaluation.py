"""Settings that contradict evaluations made while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator

from teem.config.cohorts import COHORTS, NETWORKS
from teem.config.fault import Fault
from teem.config.settings import Config


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
    if runtime.mode != "lockstep":
        yield Fault(
            f"{told} runtime.mode is {runtime.mode}, whose checkpoints come from several processes: give "
            "evaluation.every 0 and use teem evaluate, or runtime.mode lockstep",
            "evaluation.every",
            ("runtime.mode",),
        )
    if learning.cohorts:
        yield Fault(
            f"{told} there are {COHORTS}, which have a result each: give evaluation.every 0 and use teem evaluate",
            "evaluation.every",
            (COHORTS,),
        )
    elif learning.algorithm not in NETWORKS or not learning.enabled:
        name, value = ("enabled", "false") if learning.algorithm in NETWORKS else ("algorithm", learning.algorithm)
        yield Fault(
            f"{told} learning.{name} is {value}, so nothing is learnt: give evaluation.every 0",
            "evaluation.every",
            (f"learning.{name}",),
        )
