"""What a cohort has remembered of the last step, whatever it learns by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.learning.algorithms.dqn import DQN
from teem.learning.algorithms.ppo import PPO
from teem.learning.cohort import Cohort
from teem.learning.draw import GOES_ON
from teem.learning.replay import from_bfloat16
from teem.worlds.base import Outcome

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of the rows' last decisions; the other arrays mean nothing where nothing was stored."""

    due: NDArray[np.bool_]  # [n] the decision had to be stored
    stored: NDArray[np.bool_]  # [n] it was
    end: NDArray[np.uint8]  # [n] as in draw.py, or rollout.VALUED; of a replay's truncated that of the entry after it
    seen: NDArray[np.float32]  # [m, D] what the watched, `rows[watched]`, are remembered to have seen


def decisions_held(cohort: Cohort, rows: Rows) -> NDArray[np.int64]:
    """How many decisions are held of each row, before or after one more is stored; -1 for none ever."""
    if isinstance(cohort, DQN) and cohort.learns:
        return cohort.replay.added[rows]
    if isinstance(cohort, PPO) and cohort.learns:
        return cohort.rollouts.filled[rows]
    return np.full(len(rows), -1, np.int64)


def remembered(
    cohort: Cohort, rows: Rows, before: NDArray[np.int64], watched: NDArray[np.int64], outcome: Outcome
) -> Remembered:
    """Read back the last decision of each row; `before` is what was held before it."""
    after = decisions_held(cohort, rows)
    some = rows[watched]
    if isinstance(cohort, DQN) and cohort.learns:
        replay = cohort.replay
        # an episode that was cut off has one entry more, of the state it was cut off in
        more = outcome.truncated[rows] & ~outcome.terminated[rows] & (outcome.final is not None)
        newest = (after - 1) % replay.length
        decided = (after - 1 - more) % replay.length
        seen = from_bfloat16(replay.observation[some, decided[watched]])
        return Remembered(np.ones(len(rows), np.bool_), after == before + 1 + more, replay.end[rows, newest], seen)
    stored = after == before + 1
    if isinstance(cohort, PPO) and cohort.learns:
        rollouts = cohort.rollouts
        last = np.maximum(rollouts.filled - 1, 0)
        due = (before > 0) & (before < rollouts.horizon)  # else it begins another time, or waits to be learned from
        return Remembered(due, stored, rollouts.end[rows, last[rows]], rollouts.observation[some, last[some]])
    nothing = np.zeros(len(rows), np.bool_)
    return Remembered(nothing, nothing, np.full(len(rows), GOES_ON), np.empty((len(some), 0), np.float32))
