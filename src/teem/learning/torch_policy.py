"""Policies of any shape on torch, stacked on the agent axis; eager or compiled."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from teem.config.settings import LearningSettings
from teem.learning.algorithms.ppo import Minibatch, ppo_loss
from teem.learning.sharing import Networks
from teem.learning.torch_network import Network
from teem.learning.torch_networks import TorchNetworks
from teem.learning.torch_stack import Extra, Parameters


def torch_policy(
    network: Network,
    networks: Networks,
    settings: LearningSettings,
    inputs: int,
    actions: int,
    device: str = "cpu",
    *,
    compiled: bool = False,
) -> TorchNetworks:
    """A cohort's policies with their values, improved by `ppo_loss`."""
    ppo = settings.ppo

    def loss(parameters: Parameters, target: Parameters, batch: Minibatch) -> tuple[Tensor, Extra]:
        return ppo_loss(network.policy, parameters, batch, ppo.clip, ppo.entropy, ppo.value), ()

    backend = TorchNetworks(networks, network.policy, loss, settings, device)
    if compiled:
        sizes = {ppo.horizon // ppo.minibatches, -(-ppo.horizon // ppo.minibatches)}
        backend.compile(_example(size, inputs, actions, backend.device) for size in sorted(sizes))
    return backend


def _example(size: int, inputs: int, actions: int, device: torch.device) -> Minibatch:
    """A minibatch of nothing, of the right shapes."""
    zeros = partial(torch.zeros, device=device)
    return Minibatch(
        zeros(size, inputs),
        zeros(size, actions, dtype=torch.bool),
        zeros(size, dtype=torch.int64),
        zeros(size),
        zeros(size),
        zeros(size),
        zeros(size),
    )
