"""Proximal policy optimisation (Schulman 2017, https://arxiv.org/abs/1707.06347), a policy an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.acting import Acting
from teem.learning.cohort import load_rows
from teem.learning.distribution import distribution_of
from teem.learning.group import part_of
from teem.learning.learner import Learner
from teem.learning.rollout import Rollouts
from teem.learning.schedule import least_trained_of, part_of_due, within_budget
from teem.learning.sharing import Networks
from teem.rng import Stream, uniforms
from teem.state import Array, State
from teem.threads import Threads
from teem.worlds.base import Action, Observation, Outcome
from teem.worlds.turns import Turns

if TYPE_CHECKING:
    from torch import Tensor

    from teem.learning.torch_networks import TorchNetworks

Judge = Callable[["Tensor", "Tensor", "Tensor"], "tuple[Tensor, Tensor]"]
"""(head, mask, action) -> (log probability, entropy), as `Distribution.judge`."""


class Minibatch(NamedTuple):
    """What one agent learns from at once: some decisions of its rollout."""

    observation: Tensor  # [m, D]
    mask: Tensor  # [m, A] or, with branches, [m, branches]
    action: Tensor  # [m], or as they were drawn [m, branches]
    log_probability: Tensor  # [m] when it was done
    advantage: Tensor  # [m] normalised
    returns: Tensor  # [m] advantage + value
    weight: Tensor  # [m] 1; 0: nothing was decided here


def ppo_loss(
    network: Callable[[dict[str, Tensor], Tensor], tuple[Tensor, Tensor]],
    parameters: dict[str, Tensor],
    judge: Judge,
    batch: Minibatch,
    clip: float,
    entropy: float,
    value: float,
) -> Tensor:
    """The clipped surrogate, the squared error of the value and the entropy bonus of one agent, meaned."""
    head, new_value = network(parameters, batch.observation)
    log_probability, spread = judge(head, batch.mask, batch.action)
    ratio = (log_probability - batch.log_probability).exp()
    surrogate = (ratio * batch.advantage).minimum(ratio.clamp(1 - clip, 1 + clip) * batch.advantage)
    error = 0.5 * (new_value - batch.returns) ** 2
    return (batch.weight * (value * error - surrogate - entropy * spread)).mean()


def _alone(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    return sums


def normalise(
    advantage: NDArray[np.float32],
    weight: NDArray[np.float32],
    axis: int | None,
    add_up: Callable[[NDArray[np.float32]], NDArray[np.float32]] = _alone,
) -> NDArray[np.float32]:
    """Advantages of mean 0 and deviation 1 where `weight` is 1, along the axis; None: over all agents.

    Where other processes have some of these agents, `add_up` gives the sums over all of them.
    """
    count = add_up(weight.sum(axis=axis, keepdims=True))
    mean = add_up((advantage * weight).sum(axis=axis, keepdims=True)) / np.maximum(count, 1)
    squares = add_up((weight * (advantage - mean) ** 2).sum(axis=axis, keepdims=True))
    deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.asarray((advantage - mean) * weight / (deviation + np.float32(1e-8)), np.float32)


class PPO(Learner):
    """Policies with their rollouts: each agent learns when its own is full, on its own."""

    name = "ppo"

    def __init__(
        self,
        capacity: int,
        inputs: int,
        acting: Acting,
        settings: LearningSettings,
        seed: int,
        threads: Threads,
        networks: Networks,
        backend: TorchNetworks,
    ) -> None:
        super().__init__(capacity, settings, networks)
        self.backend = backend
        self.rollouts = Rollouts(capacity, settings.ppo.horizon, inputs, acting)
        self._acting = acting
        self._distribution = distribution_of(acting, capacity)
        self._seed = seed
        self._threads = threads
        self._head = np.zeros((capacity, self._distribution.width), np.float32)  # of the decision in progress
        self._value = np.zeros(capacity, np.float32)
        self._drawn = acting.nothing(capacity)
        self._given = np.zeros_like(self._head), np.zeros_like(self._value)  # what the networks gave last
        self._log_probability = np.zeros(capacity, np.float32)
        self._dead: tuple[NDArray[np.int32], NDArray[np.int64]] = np.empty(0, np.int32), np.empty(0, np.int64)

    def act(
        self,
        observation: Observation,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        step: int,
        action: Action,
        *,
        greedy: bool = False,
    ) -> None:
        """An action drawn by the policy's probabilities, or the likeliest."""
        flat = observation.values.reshape(len(observation.values), -1)
        self.backend.run(flat, rows, self._given)  # it may run others too, whose decisions are in progress
        self._head[rows], self._value[rows] = (each[rows] for each in self._given)
        given = (self._head, observation.mask, ids, rows, step, self._seed, self._drawn)
        self._distribution.draw(*given, self._threads, greedy=greedy)
        action[rows] = self._distribution.possible(self._drawn[rows])

    def remember(
        self, observation: Observation, outcome: Outcome, rows: NDArray[np.int32], ids: NDArray[np.int64]
    ) -> None:
        """Add the decision to each row's rollout."""
        self.gauges.decisions[rows] += 1
        if not self.learns:
            return
        drawn, done = self._drawn[rows], outcome.action[rows]
        self._drawn[rows] = np.where(self._distribution.possible(drawn) == done, drawn, done)
        likely = self._log_probability
        self._distribution.log_probability(self._head, observation.mask, self._drawn, rows, likely)
        beyond = self._value_beyond(rows, outcome)
        self.rollouts.add(rows, ids, observation, outcome, self._drawn, likely, self._value, beyond)
        died = np.isin(rows, outcome.deaths.slot) & self.rollouts.ready[rows]
        self._dead = rows[died], ids[died]

    def _value_beyond(self, rows: NDArray[np.int32], outcome: Outcome) -> NDArray[np.float32] | None:
        """What the states that truncated rows were cut off in are worth, discounted by a decision, by slot."""
        cut = rows[outcome.truncated[rows]]
        if outcome.final is None or not len(cut):
            return None
        self.backend.run(outcome.final.reshape(len(outcome.final), -1), cut, self._given)
        return np.float32(self.settings.gamma) * self._given[1]

    def begin(self, rows: NDArray[np.int32], *, fresh: bool) -> None:
        """Empty rollouts."""
        self.gauges.reset(rows)
        self.rollouts.forget(rows)

    def learn(self, rows: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> int:
        """Update those whose rollout is ready; where weights are shared, those of the dead count too."""
        if not self.learns:
            return 0
        settings, gauges = self.settings, self.gauges
        ready = np.flatnonzero(self.rollouts.ready[rows])
        group = self.networks.group
        budget = settings.budget and max(1, part_of(settings.budget, group))
        due = within_budget(ready, rows, ids, gauges.updates, budget)
        if self.share < 1:  # of those whose rollouts would be ready in this step if none had to wait
            share = self.share / (settings.ppo.horizon + 1)
            most = part_of_due(len(rows), share, step, Fraction(self._acting.turns.every))
            due = least_trained_of(due, rows, ids, gauges.updates, most)
        rows, ids = rows[due], ids[due]
        if settings.sharing != "own":
            rows, ids = np.concatenate([rows, self._dead[0]]), np.concatenate([ids, self._dead[1]])
            self._dead = rows[:0], ids[:0]
        if not group.totals([len(rows)])[0]:
            return 0
        for some, their, count in self.backend.blocks(rows, ids):
            self._update(some, their, count, step)
        gauges.updates[rows] += 1
        self.batches += len(rows)
        self.rollouts.forget(rows)
        return int(group.rank == 0) if settings.sharing == "shared" else len(rows)

    def retime(self, turns: Turns) -> None:
        """From the decisions on that end next, agents decide in these turns."""
        self._acting = self.rollouts.acting = self._acting._replace(turns=turns)

    def _update(self, rows: NDArray[np.int32], ids: NDArray[np.int64], count: int, step: int) -> None:
        """Several passes over the rows' rollouts, by minibatches; the first `count` rows are improved."""
        held = self.backend.take(rows)
        part = rows[:count]
        total, taken = np.zeros(count, np.float32), np.zeros(count, np.int64)
        for batches in self._updates(rows, ids, step):
            loss, _, every_sound = self.backend.improve(held, batches)
            sound = every_sound[:count]
            total += np.where(sound, loss[:count], 0.0)
            taken += sound
            self.gauges.faults[part[~sound]] += 1
        self.backend.give(part, held)
        self.gauges.loss[part] = np.where(taken > 0, total / np.maximum(taken, 1), np.nan)

    def _updates(self, rows: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> Iterator[list[Minibatch]]:
        """The minibatches of each step of Adam; each pass in its own random order, every agent in its own."""
        settings, rollouts, tensor = self.settings.ppo, self.rollouts, self.backend.tensor
        advantage, weight = rollouts.advantage(rows, self.settings.gamma, settings.gae_lambda)
        returns = advantage + rollouts.value[rows]
        axis = None if self.backend.all_share else 1
        for order in orders(self._seed, step, ids, settings.epochs, settings.horizon):
            for parts in minibatches(order, self.settings):
                at, here = rows[:, None], np.arange(len(rows))[:, None]
                whole = np.concatenate(parts, axis=1)  # advantages are normalised over all that a step is by
                normal = normalise(advantage[here, whole], weight[here, whole], axis, self._add_up)
                shares = np.array_split(normal, len(parts), axis=1)
                yield [
                    Minibatch(
                        tensor(rollouts.observation[at, part]),
                        tensor(rollouts.mask[at, part]),
                        tensor(rollouts.action[at, part]),
                        tensor(rollouts.log_probability[at, part]),
                        tensor(share),
                        tensor(returns[here, part]),
                        tensor(weight[here, part]),
                    )
                    for part, share in zip(parts, shares, strict=True)
                ]

    def _add_up(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sums over all who learn this network together."""
        if self.networks.group.size == 1:
            return sums
        joint = self.backend.tensor(sums).clone()
        self.networks.group.add_up(joint)
        return np.asarray(joint.cpu().numpy())

    def state(self, rows: NDArray[np.int32]) -> State:
        """Gauges, networks and rollouts of the rows."""
        return {
            "gauges": self.gauges.state(rows),
            "networks": self.networks.state(rows),
            "rollouts": self.rollouts.state(rows),
            "decisions": {name: column[rows] for name, column in self.decisions().items()},
        }

    def load_state(self, state: State, rows: NDArray[np.int32]) -> None:
        """Continue from a saved state, bit for bit."""
        self.gauges.load_state(state["gauges"], rows)
        self.networks.load_state(state["networks"], rows)
        self.rollouts.load_state(state["rollouts"], rows)
        load_rows("decisions", self.decisions(), state["decisions"], rows)

    def decisions(self) -> dict[str, Array]:
        """What is known of the decisions in progress, which are remembered when they end."""
        return {"head": self._head, "value": self._value, "drawn": self._drawn}


def minibatches(order: NDArray[np.int64], settings: LearningSettings) -> Iterator[list[NDArray[np.int64]]]:
    """Cut a rollout in its order `[..., horizon]` into minibatches: for each step of Adam, those it is by."""
    steps = settings.ppo.minibatches // settings.accumulate
    for step in np.array_split(order, steps, axis=-1):
        yield np.array_split(step, settings.accumulate, axis=-1)


def orders(seed: int, step: int, ids: NDArray[np.int64], epochs: int, horizon: int) -> Iterator[NDArray[np.int64]]:
    """For each epoch a permutation of `range(horizon)` for each agent, `[n, horizon]`, keyed by id."""
    draws = uniforms(seed, Stream.POLICY, step, ids, epochs * horizon)
    for epoch in range(epochs):
        part = draws[:, epoch * horizon : (epoch + 1) * horizon]
        yield np.argsort(part, axis=1, kind="stable")
