"""When training is enough: conditions that look at the evaluations, the steps and the time, and say why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Protocol

import numpy as np

from teem.errors import UsageError
from teem.training.evaluation import Evaluation

REMEMBERED = 256  # evaluations, at most, that conditions can look back on


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training has come."""

    step: int
    seconds: float
    results: Sequence[Evaluation]  # those that were done, by rising step; the last 256


class Condition(Protocol):
    """Asked about twenty times a second, and so soon after an evaluation has come in; `MostSteps` at its step, too."""

    def __call__(self, progress: Progress) -> str | None:
        """Why training is to stop; None while it isn't."""
        ...


class RewardThreshold:
    """The mean reward was at least `reward` in each of the last `evaluations`."""

    def __init__(self, reward: float, evaluations: int = 1) -> None:
        faults = [] if isfinite(reward) else [f"RewardThreshold(reward={reward}): give a number to come to"]
        if faults := faults + _count("RewardThreshold", evaluations=evaluations):
            raise UsageError(faults)
        self._reward, self._evaluations = reward, evaluations

    def __call__(self, progress: Progress) -> str | None:
        """Why, or None."""
        last = progress.results[-self._evaluations :]
        if len(last) < self._evaluations or any(each.mean < self._reward for each in last):
            return None
        return f"the reward was {self._reward:g} or more in {_so_many(self._evaluations)}, {last[-1].mean:g} at last"


class NoImprovement:
    """No evaluation has been better than the best by more than `least` for `patience` evaluations."""

    def __init__(self, patience: int, least: float = 0.0) -> None:
        faults = [] if least >= 0 else [f"NoImprovement(least={least}): give by how much it must be better, 0 or more"]
        if faults := faults + _count("NoImprovement", patience=patience):
            raise UsageError(faults)
        self._patience, self._least = patience, least
        self._best, self._since, self._seen = -float("inf"), 0, -1

    def __call__(self, progress: Progress) -> str | None:
        """Why, or None."""
        for each in progress.results:
            if each.version <= self._seen:
                continue
            self._seen = each.version
            self._since += 1
            if each.mean > self._best + (self._least if isfinite(self._best) else 0.0):
                self._best, self._since = each.mean, 0
        return f"no better than {self._best:g} in {_so_many(self._since)}" if self._since >= self._patience else None


class Plateau:
    """The reward no longer rises: a trend test over the last `evaluations` finds none, nor room for one.

    The slope is Theil and Sen's (Sen 1968) with its 95% interval. It is a plateau when the interval holds 0 and even
    its upper end is a rise of less than `least` of the mean's size over all of these evaluations.
    """

    def __init__(self, evaluations: int = 20, least: float = 0.1) -> None:
        faults = [] if least > 0 else [f"Plateau(least={least}): give the share that counts as a rise, more than 0"]
        if evaluations < 5 or evaluations > REMEMBERED:
            faults.append(f"Plateau(evaluations={evaluations}): a trend needs 5 to {REMEMBERED} of them")
        if faults:
            raise UsageError(faults)
        self._evaluations, self._least = evaluations, least

    def __call__(self, progress: Progress) -> str | None:
        """Why, or None."""
        from scipy import stats

        last = progress.results[-self._evaluations :]
        if len(last) < self._evaluations:
            return None
        steps, means = np.array([each.step for each in last], float), np.array([each.mean for each in last])
        _, _, low, high = stats.theilslopes(means, steps, 0.95)
        risen = high * (steps[-1] - steps[0])
        if low > 0 or high < 0 or risen >= self._least * abs(means.mean()):
            return None
        return f"the reward stays at {means.mean():g} in {_so_many(len(last))}: it rises by {risen:g} at most"


class MostSteps:
    """So many steps were made."""

    def __init__(self, steps: int) -> None:
        if faults := _count("MostSteps", steps=steps):
            raise UsageError(faults)
        self.steps = steps

    def __call__(self, progress: Progress) -> str | None:
        """Why, or None."""
        return f"{self.steps} steps were made" if progress.step >= self.steps else None


class MostMinutes:
    """Training has taken so many minutes."""

    def __init__(self, minutes: float) -> None:
        if not minutes > 0:
            raise UsageError(f"MostMinutes({minutes}): give the minutes that training may take, more than 0")
        self._minutes = minutes

    def __call__(self, progress: Progress) -> str | None:
        """Why, or None."""
        return f"{self._minutes:g} minutes have gone" if progress.seconds >= 60 * self._minutes else None


class Budget:
    """What training has cost, by a price an hour and one a million steps, has come to `most`."""

    def __init__(self, most: float, an_hour: float = 0.0, a_million_steps: float = 0.0) -> None:
        faults = [] if most > 0 else [f"Budget(most={most}): give what training may cost, more than 0"]
        if an_hour < 0 or a_million_steps < 0 or an_hour + a_million_steps <= 0:
            faults.append(f"Budget(an_hour={an_hour}, a_million_steps={a_million_steps}): give a price, 0 or more each")
        if faults:
            raise UsageError(faults)
        self._most, self._an_hour, self._a_million = most, an_hour, a_million_steps

    def __call__(self, progress: Progress) -> str | None:
        """Why, or None."""
        cost = self._an_hour * progress.seconds / 3600 + self._a_million * progress.step / 1e6
        return f"it has cost {cost:g} of {self._most:g}" if cost >= self._most else None


class Stopping:
    """The first of several conditions that holds; a user's own is any function of `Progress` that says why, or None."""

    def __init__(self, *conditions: Condition | Callable[[Progress], str | None]) -> None:
        faults = [f"{each!r} is no condition: give an instance, or a function" for each in conditions if not _is(each)]
        if faults:
            raise UsageError(faults)
        self.reason: str | None = None
        self.most_steps = min((each.steps for each in conditions if isinstance(each, MostSteps)), default=inf)
        self._conditions = conditions

    def __bool__(self) -> bool:
        return bool(self._conditions)

    def look(self, progress: Progress) -> str | None:
        """Why training is to stop, which stays as it was said first; None while it isn't."""
        for condition in self._conditions:
            if self.reason is None and (said := condition(progress)):
                self.reason = str(said)
        return self.reason


def _is(condition: object) -> bool:
    return callable(condition) and not isinstance(condition, type)


def _count(name: str, **given: int) -> list[str]:
    return [
        f"{name}({what}={count}): give a whole number, 1 or more"
        for what, count in given.items()
        if isinstance(count, bool) or not isinstance(count, int) or count < 1
    ]


def _so_many(count: int) -> str:
    return "1 evaluation" if count == 1 else f"{count} evaluations"
