"""One state of policies out of the parts that learners hold of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.state import State

ROWS = ("gauges", "own", "replay", "rollouts", "decisions")  # what has a row an agent


def merged(parts: list[State], living: NDArray[np.int32], keys: list[str]) -> State:
    """The first one's, with the rows of each agent from the learner whose slot it is in; `keys` are the cohorts'."""
    first, share = parts[0], living % len(parts)
    if len(parts) == 1:
        return first
    cohorts = {}
    for index, key in enumerate(keys):
        members = first["cohort_of"] == index  # all learners know who belongs to which
        cohorts[key] = _merge([part["cohorts"][key] for part in parts], share[members], by_row=False)
    return {**first, "cohorts": cohorts}


def _merge(values: list[Any], share: NDArray[np.int32], by_row: bool) -> Any:
    first = values[0]
    if isinstance(first, dict):
        return {name: _merge([value[name] for value in values], share, by_row=by_row or name in ROWS) for name in first}
    if not by_row:
        return first
    if not isinstance(first, np.ndarray):
        return max(values)  # how wide masks are: 0 where nothing has been remembered yet
    out = np.array(first)
    for part, value in enumerate(values):
        out[share == part] = value[share == part]
    return out
