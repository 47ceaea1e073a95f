"""Comparing policies: what each achieved, and how surely the trained one differs from each other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.evaluate.episodes import MEASURES
from teem.evaluate.statistics import Estimate, as_plain, estimate, told_apart

NOT_TOLD_APART = "not told apart"
WORDS = {
    "feats": ("less", "more"),
    "lifetime": ("shorter", "longer"),
    "children": ("fewer", "more"),
    "survivors": ("fewer", "more"),
}


@dataclass(frozen=True, slots=True)
class Contrast:
    """The first policy minus another one, replicate by replicate."""

    difference: Estimate
    sign: int  # 1: surely greater, -1: surely smaller, 0: not told apart
    verdict: str  # the same in a word


@dataclass(frozen=True, slots=True)
class Comparison:
    """All policies in one kind of world."""

    means: dict[str, dict[str, Estimate]]  # policy, measure
    against: dict[str, dict[str, Contrast]]  # every policy but the first, measure

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return {
            "policies": {
                name: {measure: as_plain(one) for measure, one in measures.items()}
                for name, measures in self.means.items()
            },
            "against": {
                name: {
                    measure: {"difference": as_plain(one.difference), "verdict": one.verdict}
                    for measure, one in measures.items()
                }
                for name, measures in self.against.items()
            },
        }


def compare(values: NDArray[np.float64], names: Sequence[str]) -> Comparison:
    """Compare the first policy with each other, by replicate; `values[replicates, policies, measures]`."""
    means = {
        name: {measure: estimate(values[:, p, m]) for m, measure in enumerate(MEASURES)} for p, name in enumerate(names)
    }
    against = {}
    for p, name in enumerate(names[1:], 1):
        against[name] = {
            measure: contrast(measure, values[:, 0, m], values[:, p, m]) for m, measure in enumerate(MEASURES)
        }
    return Comparison(means, against)


def contrast(measure: str, one: NDArray[np.float64], other: NDArray[np.float64]) -> Contrast:
    """How one policy's replicates of a measure differ from another's."""
    difference = estimate(one - other)
    sign = told_apart(estimate(one), estimate(other), difference)
    smaller, greater = WORDS[measure]
    return Contrast(difference, sign, {1: greater, -1: smaller, 0: NOT_TOLD_APART}[sign])
