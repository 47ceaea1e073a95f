"""What the cohorts have remembered of the last step, whatever each learns by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.learning.algorithms.dqn import DQN
from teem.learning.algorithms.ppo import PPO
from teem.learning.draw import GOES_ON
from teem.learning.policies import Policies
from teem.learning.replay import Replay, from_bfloat16
from teem.learning.rollout import Rollouts
from teem.worlds.base import Outcome

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of the rows' last decisions; the other arrays mean nothing where nothing was stored."""

    due: NDArray[np.bool_]  # [n] the decision had to be stored
    stored: NDArray[np.bool_]  # [n] it was
    end: NDArray[np.uint8]  # [n] as in draw.py, or rollout.VALUED; of a replay's truncated that of the entry after it
    seen: NDArray[np.float32]  # [m, D] what the watched, `rows[watched]`, are remembered to have seen


def decisions_held(policies: Policies, rows: Rows) -> NDArray[np.int64]:
    """How many decisions are held of each row, before or after one more is stored; -1 for none ever."""
    held = np.full(len(rows), -1, np.int64)
    for cohort, places in policies.parts(rows):
        if isinstance(cohort, DQN) and cohort.learns:
            held[places] = cohort.replay.added[rows[places]]
        elif isinstance(cohort, PPO) and cohort.learns:
            held[places] = cohort.rollouts.filled[rows[places]]
    return held


def remembered(
    policies: Policies, rows: Rows, before: NDArray[np.int64], watched: NDArray[np.int64], outcome: Outcome, width: int
) -> Remembered:
    """Read back the last decision of each row, of `width` numbers seen; `before` is what was held before it."""
    n = len(rows)
    seen = np.zeros((len(watched), width), np.float32)
    kept = Remembered(np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.full(n, GOES_ON, np.uint8), seen)
    for cohort, places in policies.parts(rows):
        mine = rows[places]
        read = None
        some = np.isin(watched, places)
        theirs = np.searchsorted(places, watched[some])  # those watched, as places among these rows
        if isinstance(cohort, DQN) and cohort.learns:
            read = _of_replay(cohort.replay, mine, before[places], theirs, outcome)
        elif isinstance(cohort, PPO) and cohort.learns:
            read = _of_rollouts(cohort.rollouts, mine, before[places], theirs)
        if read is not None:
            kept.due[places], kept.stored[places], kept.end[places] = read.due, read.stored, read.end
            kept.seen[some] = read.seen
    return kept


def _of_replay(
    replay: Replay, rows: Rows, before: NDArray[np.int64], watched: NDArray[np.int64], outcome: Outcome
) -> Remembered:
    after = replay.added[rows]
    # an episode that was cut off has one entry more, of the state it was cut off in
    more = outcome.truncated[rows] & ~outcome.terminated[rows] & (outcome.final is not None)
    newest = (after - 1) % replay.length
    decided = (after - 1 - more) % replay.length
    seen = from_bfloat16(replay.observation[rows[watched], decided[watched]])
    return Remembered(np.ones(len(rows), np.bool_), after == before + 1 + more, replay.end[rows, newest], seen)


def _of_rollouts(rollouts: Rollouts, rows: Rows, before: NDArray[np.int64], watched: NDArray[np.int64]) -> Remembered:
    stored = rollouts.filled[rows] == before + 1
    last = np.maximum(rollouts.filled - 1, 0)[rows]
    due = (before > 0) & (before < rollouts.horizon)  # else it begins another time, or waits to be learned from
    return Remembered(due, stored, rollouts.end[rows, last], rollouts.observation[rows[watched], last[watched]])
