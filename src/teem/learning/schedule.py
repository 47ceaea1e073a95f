"""Whose turn it is to learn: staggered by id, capped by a budget, the least trained first."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.settings import PolicySettings

SHARED_MEMBERS = 8  # members whose transitions make one update of a network that all share


def updates_due(ids: NDArray[np.int64], step: int, pace: Fraction) -> NDArray[np.int64]:
    """How many updates are each one's in this step, at a pace of so many a decision.

    By the decision k there have been floor(k x pace), where k is counted from another one for each id, so that
    neighbours learn in turn.
    """
    out = np.empty(len(ids), np.int64)
    _fill_due(ids, step, *pace.as_integer_ratio(), out)
    return out


@njit(nogil=True, cache=True)
def _fill_due(ids, step, up, down, out):  # type: ignore[no-untyped-def]
    for i in range(ids.shape[0]):
        k = ids[i] + step
        out[i] = k * up // down - (k - 1) * up // down


def pace_of(settings: PolicySettings) -> Fraction:
    """Updates a decision, by `learning.replay_ratio`, or by the interval where it is 0.

    A ratio of r transitions a decision is r / (batch x accumulate) updates a decision.
    """
    if settings.replay_ratio > 0:
        return Fraction(settings.replay_ratio).limit_denominator(1000) / settings.transitions
    return Fraction(1, settings.interval)


def within_budget(
    due: NDArray[np.int64], rows: NDArray[np.int32], ids: NDArray[np.int64], updates: NDArray[np.int64], budget: int
) -> NDArray[np.int64]:
    """At most `budget` of the positions `due`, in their order: the least trained, then the lowest ids.

    `ids` stands beside `rows`, `updates` has a place a slot; a budget of 0 is no limit.
    """
    return due if budget == 0 else least_trained_of(due, rows, ids, updates, budget)


def least_trained_of(
    due: NDArray[np.int64], rows: NDArray[np.int32], ids: NDArray[np.int64], updates: NDArray[np.int64], most: int
) -> NDArray[np.int64]:
    """At most so many of the positions `due`, in their order: the least trained, then the lowest ids."""
    if len(due) <= most:
        return due
    first = np.lexsort((ids[due], updates[rows[due]]))[:most]
    return np.asarray(due[np.sort(first)])


def part_of_due(due: int, share: Fraction, step: int, period: Fraction) -> int:
    """How many of `due` updates are made in this step where only a share of them is.

    Those who are due now will be due again in `period` steps. Over as many periods as they like, they are made their
    share of the updates, to less than one; neighbours in time get theirs in different periods, so that steps are alike.
    """
    turn, phase = divmod(step / period, 1)
    each = share * due
    return int(each * (turn + 1) + phase) - int(each * turn + phase)


def decisions_to_be_trained(settings: PolicySettings, agents: int, learners: int = 1, share: float = 1.0) -> int:
    """After how many decisions an agent must have been updated, among so many others, split among the learners.

    A warm-up, the window of n steps and the wait for its turn; where a budget, sharing or a share of the updates lets
    only some learn at once, the least trained come first, so that nobody waits for longer than one round of all.
    """
    budget = settings.budget
    if settings.sharing == "shared" and settings.algorithm != "ppo":  # of each learner, the smallest part of an update
        budget, agents = SHARED_MEMBERS // learners, -(-agents // learners)
    rounds = 1 + (-(-agents // budget) if budget else 0)
    if share < 1:
        rounds = ceil((rounds + 1) / share)
    if settings.algorithm == "ppo":
        return (2 * settings.ppo.horizon + 2) * rounds
    return settings.replay.warmup + settings.n_step + ceil(1 / pace_of(settings)) * rounds
