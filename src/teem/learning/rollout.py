"""What agents collect before they learn on-policy: the last `horizon` decisions of each, by slot."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.learning.acting import Acting
from teem.learning.cohort import load_rows
from teem.learning.draw import CUT, GOES_ON, TERMINATED
from teem.state import State
from teem.worlds.base import Action, Observation, Outcome

VALUED = np.uint8(3)
"""An end beside those of draw.py: cut off, and what the state it led to is worth is part of the reward."""

_COLUMNS = (
    "observation", "mask", "action", "log_probability", "value", "reward", "end",
    "filled", "bootstrap", "ready",
)  # fmt: skip


class Rollouts:
    """A rollout a row; it is ready when its last value is known, and then waits until it was learned from.

    A rollout begins when `(group + decision) % (horizon + 1)` is 0, so that not all are ready at once; where all decide
    in every step a group is a single id. The decision after the last gives the value to bootstrap from and is not
    learned from itself.
    """

    observation: NDArray[np.float32]  # [capacity, horizon, D]
    mask: NDArray[np.bool_]  # [capacity, horizon, A] what was legal, as the action done; with branches which there are
    action: Action  # [capacity, horizon], or [capacity, horizon, branches] as they were drawn
    log_probability: NDArray[np.float32]  # [capacity, horizon] of the action, when it was done
    value: NDArray[np.float32]  # [capacity, horizon] of the observation, when it was seen
    reward: NDArray[np.float32]  # [capacity, horizon]
    end: NDArray[np.uint8]  # [capacity, horizon] as in draw.py, or VALUED
    filled: NDArray[np.int64]  # [capacity] decisions collected
    bootstrap: NDArray[np.float32]  # [capacity] value of the observation after the last
    ready: NDArray[np.bool_]  # [capacity]

    def __init__(self, capacity: int, horizon: int, inputs: int, acting: Acting) -> None:
        self.horizon = horizon
        self.acting = acting
        self.observation = np.zeros((capacity, horizon, inputs), np.float32)
        self.mask = np.zeros((capacity, horizon, acting.marks), np.bool_)
        self.action = acting.nothing(capacity, horizon)
        self.log_probability = np.zeros((capacity, horizon), np.float32)
        self.value = np.zeros((capacity, horizon), np.float32)
        self.reward = np.zeros((capacity, horizon), np.float32)
        self.end = np.zeros((capacity, horizon), np.uint8)
        self.filled = np.zeros(capacity, np.int64)
        self.bootstrap = np.zeros(capacity, np.float32)
        self.ready = np.zeros(capacity, np.bool_)

    @property
    def row_bytes(self) -> int:
        """Bytes of one agent's."""
        return sum(int(getattr(self, name)[:1].nbytes) for name in _COLUMNS)

    def add(
        self,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        observation: Observation,
        outcome: Outcome,
        action: Action,
        log_probability: NDArray[np.float32],
        value: NDArray[np.float32],
        beyond: NDArray[np.float32] | None = None,
    ) -> None:
        """Collect one decision a row; all but rows and ids is by slot, actions as they were drawn.

        `beyond` is what the states that the truncated were cut off in are worth, discounted; None: not known.
        """
        every, groups = self.acting.turns
        # of those with one turn only one of the `groups` decides in this step: as many are learned from together as
        # a decision takes steps, since a call of torch costs more than an agent more in it
        group, decision = ids // (groups * every), outcome.step // every
        waiting = rows[(self.filled[rows] == self.horizon) & ~self.ready[rows]]
        self.bootstrap[waiting] = value[waiting]
        self.ready[waiting] = True
        turn = (self.filled[rows] > 0) | ((group + decision) % (self.horizon + 1) == 0)
        into = rows[turn & ~self.ready[rows]]
        at = self.filled[into]
        self.observation[into, at] = observation.values.reshape(len(observation.values), -1)[into]
        self.mask[into, at] = observation.mask[into]
        if not self.acting.branches:
            self.mask[into, at, action[into]] = True
        self.action[into, at] = action[into]
        self.log_probability[into, at] = log_probability[into]
        self.value[into, at] = value[into]
        self.reward[into, at] = outcome.reward[into]
        cut = outcome.truncated[into]
        if beyond is not None:
            self.reward[into[cut], at[cut]] += beyond[into[cut]]
        ends = np.where(cut, CUT if beyond is None else VALUED, GOES_ON)
        self.end[into, at] = np.where(outcome.terminated[into], TERMINATED, ends)
        self.filled[into] += 1
        died = into[np.isin(into, outcome.deaths.slot)]
        self.bootstrap[died] = 0.0
        self.ready[died] = True

    def forget(self, rows: NDArray[np.int32]) -> None:
        """Begin anew: after a birth, or when the rollout was learned from."""
        self.filled[rows] = 0
        self.ready[rows] = False

    def advantage(
        self, rows: NDArray[np.int32], gamma: float, gae_lambda: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Each decision's advantage, and 1 where there is one to learn from, else 0: both [n, horizon]."""
        out = np.zeros((len(rows), self.horizon), np.float32)
        weight = np.zeros((len(rows), self.horizon), np.float32)
        estimate_advantage(
            self.reward[rows], self.value[rows], self.end[rows], self.filled[rows], self.bootstrap[rows],
            np.float32(gamma), np.float32(gae_lambda), out, weight,
        )  # fmt: skip
        return out, weight

    def state(self, rows: NDArray[np.int32]) -> State:
        """The rollouts of the rows given."""
        return {name: getattr(self, name)[rows] for name in _COLUMNS}

    def load_state(self, state: State, rows: NDArray[np.int32]) -> None:
        """Take over the saved rollouts of the rows given."""
        load_rows("rollouts", {name: getattr(self, name) for name in _COLUMNS}, state, rows)


@njit(nogil=True, cache=True)
def estimate_advantage(reward, value, end, filled, bootstrap, gamma, gae_lambda, out, weight):  # type: ignore[no-untyped-def]
    """Generalised advantages (Schulman 2016, https://arxiv.org/abs/1506.02438), arrays [n, horizon].

    A terminated decision has no future, and that of a VALUED one is in its reward. What a truncated one led to is
    unknown, so it isn't learned from, and the decision before it bootstraps from the value of the state it was made in.
    """
    for i in range(reward.shape[0]):
        carry = np.float32(0.0)
        next_value = bootstrap[i]
        for t in range(filled[i] - 1, -1, -1):
            if end[i, t] == CUT:
                carry = np.float32(0.0)
            else:
                goes_on = np.float32(end[i, t] == GOES_ON)
                delta = reward[i, t] + gamma * next_value * goes_on - value[i, t]
                carry = delta + gamma * gae_lambda * goes_on * carry
                out[i, t] = carry
                weight[i, t] = np.float32(1.0)
            next_value = value[i, t]
