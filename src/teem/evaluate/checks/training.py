"""Whether everyone who is old enough has been trained, cohort by cohort."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import NETWORKS
from teem.config.settings import CohortSettings, PolicySettings
from teem.evaluate.finding import Verdict, bad, good, unknown
from teem.learning.schedule import decisions_to_be_trained


def everyone_trained(
    cohorts: Sequence[CohortSettings],
    number: NDArray[np.integer],
    ids: NDArray[np.int64],
    updates: NDArray[np.int64],
    decisions: NDArray[np.int64],
    learners: int = 1,
    late: int = 0,
    share: float = 1.0,
) -> Verdict:
    """In each cohort that learns, everyone with enough decisions has been updated; arrays by agent.

    Updates are told so many decisions `late` at most; `share` is the least part of them that was ever made.
    """
    verdicts = []
    for index, cohort in enumerate(cohorts):
        mine = number == index
        reason = why_nothing_is_learnt(cohort)
        of_mine = (ids[mine], updates[mine], decisions[mine])
        verdict = unknown(reason) if reason else old_enough_are_trained(*of_mine, cohort, learners, late, share)
        verdicts.append(verdict if len(cohorts) == 1 else verdict._replace(detail=f"{cohort.name}: {verdict.detail}"))
    wrong = [verdict for verdict in verdicts if verdict.ok is False]
    told = wrong or [verdict for verdict in verdicts if verdict.ok] or verdicts
    least = min((verdict.figure for verdict in told if verdict.figure is not None), default=None)
    return Verdict(told[0].ok, "; ".join(verdict.detail for verdict in told), least)


def why_nothing_is_learnt(settings: PolicySettings) -> str:
    """The setting that keeps agents from learning; '' if they learn."""
    if settings.algorithm not in NETWORKS:
        return f"nothing is learnt: learning.algorithm is {settings.algorithm}"
    return "" if settings.enabled else "nothing is learnt: learning.enabled is false"


def old_enough_are_trained(
    ids: NDArray[np.int64],
    updates: NDArray[np.int64],
    decisions: NDArray[np.int64],
    settings: PolicySettings,
    learners: int = 1,
    late: int = 0,
    share: float = 1.0,
) -> Verdict:
    """Everyone with enough decisions has been updated; arrays by agent."""
    needed = decisions_to_be_trained(settings, len(ids), learners, share) + late
    old = decisions >= needed
    if not old.any():
        return unknown(f"nobody has made the {needed} decisions yet after which an agent must have learnt")
    least = int(updates[old].min())
    if least == 0:
        never = ids[old & (updates == 0)]
        return bad(f"agent {never[0]} has never learnt after {needed} decisions or more; {len(never)} so", 0)
    return good(f"the least trained of {old.sum()} with {needed} decisions has {least} updates", least)
