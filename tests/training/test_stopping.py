"""When training is enough, and that it is not said too early."""

from __future__ import annotations

import numpy as np
import pytest

from teem.errors import UsageError
from teem.training.evaluation import Evaluation
from teem.training.stopping import (
    Budget,
    MostMinutes,
    MostSteps,
    NoImprovement,
    Plateau,
    Progress,
    RewardThreshold,
    Stopping,
)


def results(*means):
    return [Evaluation(number + 1, 100 * number, "done", (float(mean),), (1,)) for number, mean in enumerate(means)]


def after(condition, *means):
    """After how many evaluations it says so; None: never."""
    for count in range(1, len(means) + 1):
        if condition(Progress(100 * count, float(count), results(*means)[:count])):
            return count
    return None


def test_a_reward_must_be_held_over_as_many_evaluations():
    assert after(RewardThreshold(10), 9, 10) == 2
    assert after(RewardThreshold(10, 3), 10, 11, 9, 12, 10, 10) == 6
    assert after(RewardThreshold(10, 3), 10, 11, 9, 12, 10) is None


def test_no_improvement_waits_as_long_as_its_patience():
    assert after(NoImprovement(3), 1, 2, 2, 2, 2) == 5
    assert after(NoImprovement(3), 1, 2, 1, 1, 3, 1, 1, 1) == 8
    assert after(NoImprovement(2, least=1.0), 1, 1.5, 1.9) == 3
    assert after(NoImprovement(3), *range(50)) is None
    assert after(NoImprovement(2), -5, -4, -3, -4, -4) == 5  # below zero, too


def test_a_plateau_is_told_from_a_rise_and_from_noise_in_which_a_rise_may_hide():
    random = np.random.default_rng(3)
    flat = 100 + random.normal(0, 3, 60)
    assert after(Plateau(20, 0.1), *flat) is not None
    rising = np.linspace(10, 100, 60) + random.normal(0, 3, 60)
    assert after(Plateau(20, 0.1), *rising) is None
    assert after(Plateau(20, 0.1), *np.linspace(100, 10, 60)) is None  # it falls: that is no plateau
    noisy = 100 + random.normal(0, 100, 60)  # 0 is within the interval, and so is a rise of half
    assert after(Plateau(20, 0.1), *noisy) is None
    then_flat = [*np.linspace(10, 100, 30), *(100 + random.normal(0, 1, 40))]
    assert 40 < after(Plateau(20, 0.1), *then_flat) <= 60


def test_limits_of_steps_time_and_cost():
    assert MostSteps(100)(Progress(99, 0.0, [])) is None
    assert "100 steps" in MostSteps(100)(Progress(100, 0.0, []))
    assert MostMinutes(2)(Progress(1, 119.0, [])) is None
    assert "2 minutes" in MostMinutes(2)(Progress(1, 120.0, []))
    budget = Budget(10.0, an_hour=6.0, a_million_steps=2.0)
    assert budget(Progress(1_900_000, 3600.0, [])) is None
    assert "it has cost 10 of 10" in budget(Progress(2_000_000, 3600.0, []))


def test_the_first_reason_stays_and_ones_own_function_counts():
    stopping = Stopping(lambda progress: f"mine at {progress.step}" if progress.step > 5 else None, MostSteps(4))
    assert stopping.look(Progress(3, 0.0, [])) is None
    assert stopping.look(Progress(4, 0.0, [])) == "4 steps were made"
    assert stopping.look(Progress(6, 0.0, [])) == "4 steps were made"
    assert Stopping().look(Progress(10**9, 1e9, [])) is None


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: RewardThreshold(float("nan")), "reward=nan"),
        (lambda: RewardThreshold(1.0, 0), "evaluations=0"),
        (lambda: NoImprovement(0), "patience=0"),
        (lambda: NoImprovement(1, -1.0), "least=-1"),
        (lambda: NoImprovement(1, float("nan")), "least=nan"),
        (lambda: Plateau(3), "evaluations=3"),
        (lambda: Plateau(1000), "evaluations=1000"),
        (lambda: Plateau(20, 0.0), "least=0"),
        (lambda: MostSteps(1.5), "steps=1.5"),
        (lambda: MostMinutes(-1), "MostMinutes"),
        (lambda: Budget(0.0, 1.0), "most=0"),
        (lambda: Budget(1.0), "give a price"),
        (lambda: Stopping(3), "3 is no condition"),
        (lambda: Stopping(MostSteps), "is no condition"),
    ],
)
def test_bad_conditions_are_refused(make, fault):
    with pytest.raises(UsageError, match=fault):
        make()
