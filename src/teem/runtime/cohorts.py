"""How the cohorts of a run stand beside each other: who is in them, what they have achieved, and learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import cohorts_of, learns
from teem.config.settings import CohortSettings, PolicySettings
from teem.learning.cohort import Gauges
from teem.learning.schedule import decisions_to_be_trained

if TYPE_CHECKING:
    from teem.config.settings import Config
    from teem.learning.policies import Policies
    from teem.runtime.loop import Run
    from teem.worlds.base import World

Rows = NDArray[np.int32]


class Peopled(Protocol):
    """What has agents with policies: a run, or what a learner knows of one."""

    config: Config
    policies: Policies

    @property
    def world(self) -> World:
        """Where they live."""
        ...


def members(run: Peopled) -> Iterator[tuple[int, CohortSettings, Rows]]:
    """Each cohort by its number, with its settings and the slots of its living."""
    living, cohorts = run.world.population.living, cohorts_of(run.config.learning)
    for index, settings in enumerate(cohorts):
        yield index, settings, living if len(cohorts) == 1 else living[run.policies.cohort_of[living] == index]


def least_trained(run: Run) -> int | None:
    """The fewest updates among the living who are old enough to have had one; None when nobody is.

    Cohorts that never learn don't count beside others.
    """
    gauges, learners = run.policies.gauges, run.config.runtime.learners
    alone = len(cohorts_of(run.config.learning)) == 1
    each = (_least(rows, settings, gauges, learners) for _, settings, rows in members(run) if alone or learns(settings))
    return min((least for least in each if least is not None), default=None)


def _least(rows: Rows, settings: PolicySettings, gauges: Gauges, learners: int) -> int | None:
    needed = decisions_to_be_trained(settings, len(rows), learners)
    old = rows[gauges.decisions[rows] >= needed]
    return int(np.min(gauges.updates[old])) if len(old) else None


def standings(run: Run) -> dict[str, dict[str, Any]]:
    """What is to be said of each cohort by its name; nothing where the settings have none."""
    if not run.config.learning.cohorts:
        return {}
    gauges, feats = run.policies.gauges, run.world.feats
    told = {}
    for _, settings, rows in members(run):
        learnt = learns(settings)
        told[settings.name] = {
            "algorithm": settings.algorithm,
            "share": settings.share,
            "alive": len(rows),
            "updates_median": float(np.median(gauges.updates[rows])) if learnt and len(rows) else None,
            "least_trained_updates": _least(rows, settings, gauges, run.config.runtime.learners) if learnt else None,
            "feats_mean": float(feats[rows].mean()) if len(rows) else None,
            "feats_most": float(feats[rows].max()) if len(rows) else None,
        }
    return told
