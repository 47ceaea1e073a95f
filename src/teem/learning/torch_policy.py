"""Policies of any shape on torch, stacked on the agent axis; eager or compiled."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from teem.config.settings import LearningSettings
from teem.learning.acting import Acting
from teem.learning.algorithms.ppo import Minibatch, minibatches, ppo_loss
from teem.learning.distribution import distribution_of
from teem.learning.sharing import Networks
from teem.learning.torch_network import Network
from teem.learning.torch_networks import TorchNetworks
from teem.learning.torch_stack import Extra, Parameters


def torch_policy(
    network: Network,
    networks: Networks,
    settings: LearningSettings,
    inputs: int,
    acting: Acting,
    device: str = "cpu",
    *,
    compiled: bool = False,
) -> TorchNetworks:
    """A cohort's policies with their values, improved by `ppo_loss`."""
    ppo, judge = settings.ppo, distribution_of(acting, 0).judge

    def loss(parameters: Parameters, target: Parameters, batch: Minibatch) -> tuple[Tensor, Extra]:
        return ppo_loss(network.policy, parameters, judge, batch, ppo.clip, ppo.entropy, ppo.value), ()

    backend = TorchNetworks(networks, network.policy, loss, settings, device)
    if compiled:
        sizes = {tuple(map(len, parts)) for parts in minibatches(np.arange(ppo.horizon), settings)}
        backend.compile([_example(m, inputs, acting, backend.device) for m in one] for one in sorted(sizes))
    return backend


def _example(size: int, inputs: int, acting: Acting, device: torch.device) -> Minibatch:
    """A minibatch of nothing, of the right shapes."""
    nothing = torch.from_numpy(acting.nothing(size)).to(device)
    zeros = partial(torch.zeros, device=device)
    return Minibatch(
        zeros(size, inputs),
        zeros(size, acting.marks, dtype=torch.bool),
        nothing,
        zeros(size),
        zeros(size),
        zeros(size),
        zeros(size),
    )
