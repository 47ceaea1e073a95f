"""Deep Q-learning (Mnih 2015, https://doi.org/10.1038/nature14236), a network an agent."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.acting import Acting
from teem.learning.group import part_of
from teem.learning.learner import Learner
from teem.learning.replay import Replay
from teem.learning.schedule import (
    SHARED_MEMBERS,
    least_trained_of,
    pace_of,
    part_of_due,
    updates_due,
    within_budget,
)
from teem.learning.selector import count_decisions
from teem.learning.sharing import Networks
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Observation, Outcome
from teem.worlds.turns import Turns

if TYPE_CHECKING:
    from torch import Tensor


_ROUND = 40  # bits of a draw's key that are the step; above them, which of the step's updates it is


class Transitions(NamedTuple):
    """What one agent learns from at once: a batch of n-step transitions."""

    observation: Tensor  # [batch, D]
    action: Tensor  # [batch] int64
    reward: Tensor  # [batch] discounted sum of the n steps
    next_observation: Tensor  # [batch, D] n steps later
    next_mask: Tensor  # [batch, A] what is legal there
    discount: Tensor  # [batch] gamma**n; 0: it was the end
    weight: Tensor  # [batch] importance of the draw


def td_loss(
    network: Callable[[dict[str, Tensor], Tensor], Tensor],
    parameters: dict[str, Tensor],
    target: dict[str, Tensor],
    batch: Transitions,
    double: bool,
) -> tuple[Tensor, Tensor]:
    """The mean Huber loss of one agent's temporal differences, and their sizes [batch].

    n-step returns (Sutton 1988) with double Q-learning (van Hasselt 2016, https://arxiv.org/abs/1509.06461):
    the online network chooses the next action among the legal ones, the target network values it. `weight` is
    prioritised replay's (Schaul 2016, https://arxiv.org/abs/1511.05952).
    """
    value = network(parameters, batch.observation).gather(-1, batch.action[:, None])[:, 0]
    fixed = {name: each.detach() for name, each in parameters.items()}
    next_target = network(target, batch.next_observation)
    judge = network(fixed, batch.next_observation) if double else next_target
    best = judge.masked_fill(~batch.next_mask, -float("inf")).argmax(-1, keepdim=True)
    goal = (batch.reward + batch.discount * next_target.gather(-1, best)[:, 0]).detach()
    size = (value - goal).abs()
    near = size.clamp(max=1.0)
    return (batch.weight * near * (size - 0.5 * near)).mean(), size.detach()


class Backend(Protocol):
    """Where Q-networks are computed: `KernelQ`, `KernelAttention` or `TorchQ`."""

    def values(self, observation: NDArray[np.float32], rows: NDArray[np.int32], out: NDArray[np.float32]) -> None:
        """Write each row's action values into `out[capacity, A]`, or `out[capacity, branches, A]`."""
        ...

    def update(
        self,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        replay: Replay,
        seed: int,
        step: int,
        loss: NDArray[np.float32],
        faults: NDArray[np.int64],
    ) -> None:
        """Learn from a batch of each row's; write `loss[row]`, count what was held back in `faults`."""
        ...


class DQN(Learner):
    """Q-networks with their replays: each agent acts by its own epsilon and learns in its turn."""

    name: str = "dqn"
    abreast = 1  # neighbours whose updates come due in the same decision

    def __init__(
        self,
        capacity: int,
        inputs: int,
        acting: Acting,
        settings: LearningSettings,
        seed: int,
        threads: Threads,
        networks: Networks,
        backend: Backend,
    ) -> None:
        super().__init__(capacity, settings, networks)
        replay = settings.replay
        self.replay = Replay(
            capacity, replay.length, inputs, prioritised=replay.prioritised, alpha=replay.alpha, beta=replay.beta,
            branches=acting.parts,
        )  # fmt: skip
        self._acting = acting
        self.backend = backend
        self._seed = seed
        self._threads = threads
        self._pace = pace_of(settings)
        self._values = np.zeros((*acting.shape(capacity), acting.actions), np.float32)
        self._never = np.zeros(capacity, np.float32)
        self._slope = np.float32((1.0 - settings.epsilon.end) / settings.epsilon.decay)

    def act(
        self,
        observation: Observation,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        step: int,
        action: NDArray[np.int32],
        *,
        greedy: bool = False,
    ) -> None:
        """The actions of the highest value, or with probability epsilon any legal ones."""
        flat = observation.values.reshape(len(observation.values), -1)
        epsilon = self._never if greedy else self.gauges.epsilon
        thinking = (rows, ids) if greedy else self._acting.thinking(epsilon, ids, rows, step, self._seed)
        if len(thinking[0]):
            self.value(flat, *thinking, step, self._values, greedy=greedy)
        given = (self._values, observation.mask, epsilon, ids, rows, step, self._seed)
        self._acting.choose(*given, action, self._threads)

    def value(
        self,
        observation: NDArray[np.float32],
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        step: int,
        out: NDArray[np.float32],
        *,
        greedy: bool,
    ) -> None:
        """Write what each action is worth into `out[capacity, ...]`."""
        self.backend.values(observation, rows, out)

    def remember(
        self, observation: Observation, outcome: Outcome, rows: NDArray[np.int32], ids: NDArray[np.int64]
    ) -> None:
        """Add the transition to each row's replay; epsilon falls by one decision."""
        gauges, end = self.gauges, np.float32(self.settings.epsilon.end)
        count_decisions(rows, gauges.decisions, gauges.epsilon, self._slope, end)
        if self.learns:
            flat = observation.values.reshape(len(observation.values), -1)
            self.replay.add(
                rows,
                flat,
                self._marks(observation.mask),
                outcome.action,
                outcome.reward,
                outcome.terminated,
                outcome.truncated,
                outcome.final,
            )

    def _marks(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The mask as it is remembered: which branches there are, or, where there is one, which actions are legal.

        A single branch is a single action, and every one of its bins is legal.
        """
        return mask.repeat(self._acting.actions, axis=1) if self._acting.branches == 1 else mask

    def begin(self, rows: NDArray[np.int32], *, fresh: bool) -> None:
        """Empty replays, the first epsilon."""
        epsilon = self.settings.epsilon
        self.gauges.reset(rows, epsilon.start if fresh else epsilon.newborn)
        self.replay.forget(rows)

    def learn(self, rows: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> int:
        """Update those whose turn it is; a network that all share is updated once, from some of them."""
        if not self.learns:
            return 0
        due = self._due(rows, ids, step) if len(rows) else []
        everywhere = self.networks.group.totals([len(one) for one in due])
        nobody = np.empty(0, np.int64)
        return sum(
            self._learn_once(rows, ids, due[again] if again < len(due) else nobody, step + (again << _ROUND))
            for again, members in enumerate(everywhere)
            if members
        )

    def retime(self, turns: Turns) -> None:
        """From the decisions on that end next, agents decide in these turns."""
        self._acting = self._acting._replace(turns=turns)

    def _due(self, rows: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> list[NDArray[np.int64]]:
        """Of which rows, as positions, each of this step's updates is."""
        every, groups = self._acting.turns  # ids one after the other decide in turn: each step's learners are as many
        times = updates_due(ids // (groups * self.abreast), step // every, self._pace)
        if not times.any():
            return []
        turns = [np.flatnonzero(times > again) for again in range(int(times.max()))]
        return [turn[self._ready(rows[turn])] for turn in turns]

    def _learn_once(self, rows: NDArray[np.int32], ids: NDArray[np.int64], due: NDArray[np.int64], key: int) -> int:
        """Update those of the rows whose turn it is, as the budget lets; what they learn from is drawn by the key."""
        settings, gauges, group = self.settings, self.gauges, self.networks.group
        budget = part_of(SHARED_MEMBERS, group) if settings.sharing == "shared" else settings.budget
        due = within_budget(due, rows, ids, gauges.updates, budget)
        if self.share < 1:
            due = self._part_of(due, rows, ids, key & (1 << _ROUND) - 1)
            if not len(due):
                return 0
        chosen = rows[due]
        self.backend.update(chosen, ids[due], self.replay, self._seed, key, gauges.loss, gauges.faults)
        gauges.updates[chosen] += 1
        self.batches += len(due)
        if settings.sharing == "shared":
            return int(group.rank == 0)  # of all together, told once
        return len(due)

    def _part_of(
        self, due: NDArray[np.int64], rows: NDArray[np.int32], ids: NDArray[np.int64], step: int
    ) -> NDArray[np.int64]:
        """Those of the due who are the share that is learnt from; of a network that all share it is all or none."""
        period = self._acting.turns.every * max(Fraction(1), 1 / self._pace)
        if self.settings.sharing == "shared":
            return due if part_of_due(1, self.share, step, period) else due[:0]
        most = part_of_due(len(due), self.share, step, period)
        return least_trained_of(due, rows, ids, self.gauges.updates, most)

    def _ready(self, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which rows remember enough to learn from."""
        enough = self.replay.added[rows] >= self.settings.replay.warmup
        return enough & self.replay.drawable(rows, self.settings.n_step)

    def state(self, rows: NDArray[np.int32]) -> State:
        """Gauges, networks and replays of the rows."""
        return {
            "gauges": self.gauges.state(rows),
            "networks": self.networks.state(rows),
            "replay": self.replay.state(rows),
        }

    def load_state(self, state: State, rows: NDArray[np.int32]) -> None:
        """Continue from a saved state, bit for bit."""
        self.gauges.load_state(state["gauges"], rows)
        self.networks.load_state(state["networks"], rows)
        self.replay.load_state(state["replay"], rows)
