"""Cohorts of a small run, and what is to be said of each."""

from __future__ import annotations

from typing import Any

PPO = {"name": "ppo", "algorithm": "ppo", "ppo": {"horizon": 8, "minibatches": 2}}
CHANCE = {"name": "chance", "algorithm": "random"}
WIDE = {"name": "wide", "hidden": [24, 12]}
QUANTILES = {"name": "quantiles", "algorithm": "iqn", "hidden": [24]}
ONE = {"name": "one", "sharing": "shared", "hidden": [12]}
FROZEN = {"name": "frozen", "enabled": False, "hidden": [20]}


def parts(*cohorts: dict[str, Any]) -> list[dict[str, Any]]:
    """Cohorts of the same share, as many more being as `[learning]` says."""
    return [{"share": 1 / (1 + len(cohorts)), **cohort} for cohort in cohorts]
