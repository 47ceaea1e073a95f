"""Networks of quantiles on torch, stacked on the agent axis; eager or compiled."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from teem.config.settings import LearningSettings
from teem.learning.algorithms.quantiles import Draw, QuantileTransitions, quantile_loss
from teem.learning.quantile_draws import fractions, noise
from teem.learning.quantile_layout import Widths, first_weights, quantile_layout
from teem.learning.quantile_networks import Quantiles, midpoints
from teem.learning.replay import Batch, Replay
from teem.learning.sharing import Networks
from teem.learning.torch_network import Network, users_network
from teem.learning.torch_networks import TorchNetworks
from teem.learning.torch_q import batches_in, learn_from
from teem.learning.torch_stack import Extra, Parameters
from teem.rng import Stream


@dataclass(frozen=True, slots=True)
class QuantileNetwork(Network):
    """A network of quantiles, and how wide it is."""

    widths: Widths | None = None

    def quantiles(self, parameters: Parameters, observation: Tensor, tau: Tensor, noise: Tensor) -> Tensor:
        """`[batch, count, branches, A]` of one agent's observations [batch, D], fractions [batch, count] and noise."""
        out: Tensor = functional_call(self.module, parameters, (observation, tau, noise))
        return out


def quantile_network(widths: Widths, settings: LearningSettings) -> QuantileNetwork:
    """The network that `learning.network` names; a user's module takes the place of `psi`.

    It is made with (inputs, features), maps `[n, inputs]` to `[n, features]`, and is followed by the layers of f.
    UsageError says what doesn't fit.
    """
    sigma, shape = settings.quantiles.sigma, (widths.branches, widths.actions)
    if settings.network == "mlp":
        layout = quantile_layout(widths)
        module, initial = Quantiles(widths).eval(), first_weights(layout, sigma)
    else:
        users = users_network(widths.inputs, widths.psi[-1], settings)
        layout = quantile_layout(widths, users.layout)
        module, initial = Quantiles(widths, users.module).eval(), first_weights(layout, sigma, users.initial)
    return QuantileNetwork(module, layout, initial, shape, widths=widths)


class TorchQuantiles:
    """Networks of quantiles, a row an agent: their mean values, and their updates by `quantile_loss`."""

    def __init__(
        self,
        network: QuantileNetwork,
        networks: Networks,
        settings: LearningSettings,
        device: str = "cpu",
        *,
        compiled: bool = False,
        groups: int = 1,
    ) -> None:
        assert network.widths is not None
        self._widths, self._settings = network.widths, settings
        judge = midpoints(settings.quantiles.acting).to(device)
        kappa, double = settings.quantiles.kappa, settings.double

        def loss(parameters: Parameters, target: Parameters, batch: QuantileTransitions) -> tuple[Tensor, Extra]:
            one, size = quantile_loss(network.quantiles, parameters, target, batch, judge, double, kappa)
            return one, (size,)

        def value(parameters: Parameters, observation: Tensor, disturbance: Tensor) -> Tensor:
            return network.quantiles(parameters, observation, judge[None], disturbance).mean(1)

        self.networks = TorchNetworks(networks, value, loss, settings, device)
        self._noise = np.zeros((networks.own.rows, self._widths.noise), np.float32)  # of the last decision, by slot
        if compiled:
            at_once = ceil(networks.own.rows / (settings.interval * groups))
            self.networks.compile([[self._example()] * settings.accumulate], at_once)

    def _example(self) -> QuantileTransitions:
        """A batch of nothing, of the right shapes."""
        widths, quantiles, device = self._widths, self._settings.quantiles, self.networks.device
        some, branches = self._settings.batch, (widths.branches,)

        def zeros(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(shape, dtype=kind, device=device)

        targets = quantiles.target if widths.cosines else widths.quantiles
        return QuantileTransitions(
            observation=zeros(some, widths.inputs),
            action=zeros(some, *branches, kind=torch.int64),
            there=zeros(some, *branches, kind=torch.bool),
            reward=zeros(some),
            next_observation=zeros(some, widths.inputs),
            next_legal=zeros(some, *branches, widths.actions, kind=torch.bool),
            discount=zeros(some),
            weight=zeros(some),
            tau=zeros(some, quantiles.online),
            next_tau=zeros(some, targets),
            noise=zeros(3, widths.noise),
        )

    def values(
        self,
        observation: NDArray[np.float32],
        rows: NDArray[np.int32],
        out: NDArray[np.float32],
        draw: Draw | None = None,
    ) -> None:
        """Write each action's mean over its quantiles; with noise if there is a draw."""
        if self._widths.noise:
            count = self._widths.noise
            self._noise[rows] = noise(draw.seed, Stream.NOISY_ACT, draw.step, draw.ids, count) if draw else 0.0
        shape = (len(out), self._widths.branches, self._widths.actions)
        self.networks.run(observation, rows, (out.reshape(shape),), (self._noise,))

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

        def batches_of(drawn: Batch, ids: NDArray[np.int64]) -> list[QuantileTransitions]:
            return self._batches(drawn, ids, seed, step)

        learn_from(replay, rows, ids, self.networks, self._settings, batches_of, seed, step, loss, faults)

    def _batches(self, drawn: Batch, ids: NDArray[np.int64], seed: int, step: int) -> list[QuantileTransitions]:
        """What was drawn, as tensors, [n, batch, ...] each, with fractions and noise."""
        widths, tensor = self._widths, self.networks.tensor
        shape = (*drawn.reward.shape, widths.branches)
        if widths.branches > 1:
            there, legal = drawn.mask, np.repeat(drawn.next_mask[..., None], widths.actions, -1)
        else:
            there, legal = np.ones(shape, np.bool_), drawn.next_mask[:, :, None]
        tau, next_tau = self._fractions(ids, seed, step)
        disturbance = noise(seed, Stream.NOISE, step, ids, 3 * widths.noise).reshape(len(ids), 3, widths.noise)
        action, noisy = drawn.action.reshape(shape), tensor(disturbance)
        return [
            QuantileTransitions(
                observation=tensor(drawn.observation[:, part]),
                action=tensor(action[:, part]),
                there=tensor(there[:, part]),
                reward=tensor(drawn.reward[:, part]),
                next_observation=tensor(drawn.next_observation[:, part]),
                next_legal=tensor(legal[:, part]),
                discount=tensor(drawn.discount[:, part]),
                weight=tensor(drawn.weight[:, part]),
                tau=tensor(tau[:, part]),
                next_tau=tensor(next_tau[:, part]),
                noise=noisy,
            )
            for part in batches_in(self._settings)
        ]

    def _fractions(self, ids: NDArray[np.int64], seed: int, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The fractions [n, m, N] and [n, m, N'] of an update: drawn, or where quantiles stand still theirs."""
        quantiles, some = self._settings.quantiles, self._settings.transitions
        if not self._widths.cosines:
            fixed = np.tile(midpoints(self._widths.quantiles).numpy(), (len(ids), some, 1))
            return fixed, fixed
        every = fractions(seed, step, ids, some * (quantiles.online + quantiles.target))
        here, there = np.split(every, [some * quantiles.online], axis=1)
        return here.reshape(len(ids), some, -1), there.reshape(len(ids), some, -1)
