"""How often what was decided was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import VALUED
from teem.config.settings import CohortSettings
from teem.runtime.processes.control import Control, batches_of


def replay_ratios(
    control: Control, actor: int, cohorts: Sequence[CohortSettings], decisions: NDArray[np.int64]
) -> dict[str, Any]:
    """Transitions that an actor's agents trained on for each decision: of all who replay, and of each cohort.

    `decisions` are those of each cohort `[cohorts]`; a ratio is None where nothing is replayed or was decided.
    """
    trained = {
        index: control.total(batches_of(index), actor) * one.transitions
        for index, one in enumerate(cohorts)
        if one.algorithm in VALUED
    }
    decided = sum(int(decisions[index]) for index in trained)
    told: dict[str, Any] = {"replay_ratio": sum(trained.values()) / decided if decided else None}
    if len(cohorts) > 1:
        told["replay_ratios"] = {
            one.name: trained[index] / int(decisions[index]) if index in trained and decisions[index] else None
            for index, one in enumerate(cohorts)
        }
    return told
