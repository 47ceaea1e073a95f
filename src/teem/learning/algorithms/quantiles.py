"""Distributional Q-learning: not the mean return of an action is learnt, but its quantiles.

IQN: Dabney et al. 2018, https://arxiv.org/abs/1806.06923. QR-DQN: Dabney et al. 2017,
https://arxiv.org/abs/1710.10044.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.acting import Acting
from teem.learning.algorithms.dqn import DQN, Backend
from teem.learning.sharing import Networks
from teem.threads import Threads

if TYPE_CHECKING:
    from torch import Tensor


class QuantileTransitions(NamedTuple):
    """What one agent learns from at once: a batch of n-step transitions, with all that is drawn for it.

    An agent that takes one action has one branch.
    """

    observation: Tensor  # [batch, D]
    action: Tensor  # [batch, branches] int64
    there: Tensor  # [batch, branches] which branches there are
    reward: Tensor  # [batch] discounted sum of the n steps
    next_observation: Tensor  # [batch, D] n steps later
    next_legal: Tensor  # [batch, branches, A] what is legal there; nothing of an absent branch
    discount: Tensor  # [batch] gamma**n; 0: it was the end
    weight: Tensor  # [batch] importance of the draw
    tau: Tensor  # [batch, N] fractions of the quantiles compared
    next_tau: Tensor  # [batch, N'] and of the target's
    noise: Tensor  # [3, L] of the network, the target, and the network that judges


def quantile_loss(
    network: Callable[[dict[str, Tensor], Tensor, Tensor, Tensor], Tensor],
    parameters: dict[str, Tensor],
    target: dict[str, Tensor],
    batch: QuantileTransitions,
    judge_tau: Tensor,
    double: bool,
    kappa: float,
) -> tuple[Tensor, Tensor]:
    """The quantile regression loss of one agent, and the sizes [batch] of its expected temporal differences.

    Equation 3 of Dabney 2018: of each transition the sum over the N fractions tau_i, and the mean over the N' of the
    target, of rho(delta_ij) = |tau_i - 1{delta_ij < 0}| H(delta_ij) / kappa, H being Huber's loss with its bend at
    kappa. Nothing else is divided by; the weighted mean over the batch is taken. n-step returns, and double
    Q-learning: the network, or without `double` the target, chooses the next action by the mean of its quantiles at
    `judge_tau` [K], the target network gives that action's quantiles. Several branches learn towards one goal, the
    mean of their next quantiles fraction by fraction, and their loss is a mean over them (Tavakoli 2018).

    `network` gives `[batch, count, branches, A]` of (parameters, observation, tau [batch, count], noise [L]).
    """
    taken = batch.action[:, None, :, None]
    value = network(parameters, batch.observation, batch.tau, batch.noise[0])
    value = value.gather(-1, taken.expand(-1, value.shape[1], -1, -1))[..., 0]
    fixed = {name: each.detach() for name, each in parameters.items()}
    next_target = network(target, batch.next_observation, batch.next_tau, batch.noise[1])
    judging = (fixed, batch.noise[2]) if double else (target, batch.noise[1])
    every = judge_tau.expand(len(batch.reward), -1)
    judge = network(judging[0], batch.next_observation, every, judging[1]).mean(1)
    best = judge.masked_fill(~batch.next_legal, -float("inf")).argmax(-1)[:, None, :, None]
    next_value = next_target.gather(-1, best.expand(-1, next_target.shape[1], -1, -1))[..., 0]
    expected = _mean(next_value, batch.next_legal.any(-1)[:, None])
    goal = (batch.reward[:, None] + batch.discount[:, None] * expected).detach()
    delta = goal[:, None, :, None] - value[:, :, None]  # [batch, N, N', branches]
    near = delta.abs().clamp(max=kappa)
    huber = near * (delta.abs() - 0.5 * near)
    rho = (batch.tau[:, :, None, None] - (delta < 0).float()).abs() * huber / kappa
    loss = _mean(rho.mean(2).sum(1), batch.there)
    size = _mean(delta.mean((1, 2)).abs(), batch.there)
    return (batch.weight * loss).mean(), size.detach()


def _mean(values: Tensor, there: Tensor) -> Tensor:
    """The mean over the branches that are there, 0 if none is."""
    return values.masked_fill(~there, 0.0).sum(-1) / there.sum(-1).clamp(min=1)


class Draw(NamedTuple):
    """What the noise of a decision is keyed by."""

    ids: NDArray[np.int64]  # beside the rows
    seed: int
    step: int


class QuantileBackend(Backend, Protocol):
    """Where networks of quantiles are computed: `KernelQuantiles` or `TorchQuantiles`."""

    def values(
        self,
        observation: NDArray[np.float32],
        rows: NDArray[np.int32],
        out: NDArray[np.float32],
        draw: Draw | None = None,
    ) -> None:
        """Write each action's mean over its quantiles, as `Backend.values` does; with noise if there is a draw."""
        ...


class QuantileQ(DQN):
    """DQN whose networks have quantiles: with noisy layers these explore, and epsilon is 0, unless asked otherwise."""

    backend: QuantileBackend
    abreast = 2  # an update takes milliseconds: two threads share a step's, which is then no longer than one of them

    def __init__(
        self,
        name: Literal["iqn", "qrdqn"],
        capacity: int,
        inputs: int,
        acting: Acting,
        settings: LearningSettings,
        seed: int,
        threads: Threads,
        networks: Networks,
        backend: QuantileBackend,
    ) -> None:
        super().__init__(capacity, inputs, acting, settings, seed, threads, networks, backend)
        self.name = name
        self._noise_explores = settings.quantiles.noisy and settings.quantiles.explore == "noise"

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
        """Write the mean over the quantiles of each action."""
        draw = Draw(ids, self._seed, step) if self._noise_explores and not greedy else None
        self.backend.values(observation, rows, out, draw)

    def begin(self, rows: NDArray[np.int32], *, fresh: bool) -> None:
        """Empty replays; the first epsilon, or none where noise explores."""
        super().begin(rows, fresh=fresh)
        if self._noise_explores:
            self.gauges.epsilon[rows] = 0.0
