"""Cohorts in the settings: what each takes from `[learning]`, and the settings of a run where it lives alone."""

from __future__ import annotations

from typing import Any, TypeGuard

import msgspec

from teem.config.settings import CohortSettings, Config, LearningSettings, PolicySettings

COHORTS = "learning.cohorts"
BASE = "base"  # the cohort whose settings are those of [learning] itself
ROUNDING = 1e-6  # of the sum of shares
VALUED = ("dqn", "iqn", "qrdqn")  # the algorithms that learn what actions are worth, and remember to do so
NETWORKS = (*VALUED, "ppo")  # those that have a network


def learns(settings: PolicySettings) -> bool:
    """Whether networks are updated."""
    return settings.enabled and settings.algorithm in NETWORKS


def shares_one(learning: LearningSettings) -> bool:
    """Whether there is a network that all of a cohort share, and learn."""
    return any(cohort.sharing == "shared" and learns(cohort) for cohort in cohorts_of(learning))


def cohorts_of(learning: LearningSettings) -> tuple[CohortSettings, ...]:
    """Every cohort of a run by its number: first `base`, as `[learning]` says, unless the others share all."""
    rest = 1.0 - sum(cohort.share for cohort in learning.cohorts)
    if rest <= ROUNDING:
        return learning.cohorts
    return (cohort_of(learning, BASE, rest), *learning.cohorts)


def those_who_learn(learning: LearningSettings) -> tuple[str, ...]:
    """The names of the cohorts that learn."""
    return tuple(cohort.name for cohort in cohorts_of(learning) if learns(cohort))


def cohort_of(learning: PolicySettings, name: str, share: float, **changes: Any) -> CohortSettings:
    """A cohort that is as `[learning]` says but for the changes."""
    return CohortSettings(name=name, share=share, **_policy(learning) | changes)


def alone(config: Config, cohort: CohortSettings) -> Config:
    """The settings of a run where everybody is of this cohort."""
    return msgspec.structs.replace(config, learning=LearningSettings(**_policy(cohort)))


def completed(cohort: CohortSettings, said: object, learning: LearningSettings) -> CohortSettings:
    """The cohort with all that its table in a file does not say taken from `[learning]`."""
    return msgspec.structs.replace(cohort, **_completed(learning, cohort, said, PolicySettings.__struct_fields__))


def _completed(base: msgspec.Struct, own: msgspec.Struct, said: object, names: tuple[str, ...]) -> dict[str, Any]:
    values = {}
    for name in names:
        value = getattr(base, name)
        if _is_table(said) and name in said:
            mine = getattr(own, name)
            inner = isinstance(value, msgspec.Struct)
            value = type(mine)(**_completed(value, mine, said[name], mine.__struct_fields__)) if inner else mine
        values[name] = value
    return values


def _is_table(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _policy(settings: PolicySettings) -> dict[str, Any]:
    """What every policy has set, by name."""
    return {name: getattr(settings, name) for name in PolicySettings.__struct_fields__}
