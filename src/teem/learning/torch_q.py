"""Q-networks of any shape, acted and updated by torch, stacked on the agent axis; eager or compiled."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from teem.config.settings import LearningSettings
from teem.learning.algorithms.dqn import Transitions, td_loss
from teem.learning.replay import Replay
from teem.learning.sharing import Networks
from teem.learning.torch_network import Network
from teem.learning.torch_networks import TorchNetworks
from teem.learning.torch_stack import Extra, Parameters


class TorchQ:
    """Q-networks of any `torch.nn.Module`: the same two methods, and the same learning, as `KernelQ`."""

    def __init__(
        self,
        network: Network,
        networks: Networks,
        settings: LearningSettings,
        inputs: int,
        actions: int,
        device: str = "cpu",
        *,
        compiled: bool = False,
    ) -> None:
        def loss(parameters: Parameters, target: Parameters, batch: Transitions) -> tuple[Tensor, Extra]:
            one, sizes = td_loss(network.values, parameters, target, batch, settings.double)
            return one, (sizes,)

        self.networks = TorchNetworks(networks, network.values, loss, settings, device)
        self._settings = settings
        if compiled:
            self.networks.compile([self._example(inputs, actions)])

    def _example(self, inputs: int, actions: int) -> Transitions:
        """A batch of nothing, of the right shapes."""
        zeros = partial(torch.zeros, device=self.networks.device)
        batch = self._settings.batch
        return Transitions(
            zeros(batch, inputs),
            zeros(batch, dtype=torch.int64),
            zeros(batch),
            zeros(batch, inputs),
            zeros(batch, actions, dtype=torch.bool),
            zeros(batch),
            zeros(batch),
        )

    def values(self, observation: NDArray[np.float32], rows: NDArray[np.int32], out: NDArray[np.float32]) -> None:
        """Write each row's action values into `out[capacity, A]`."""
        self.networks.run(observation, rows, (out,))

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
        settings, networks = self._settings, self.networks
        for some, their, count in networks.blocks(rows, ids):
            drawn = replay.sample(some, their, step, seed, settings.batch, settings.n_step, settings.gamma)
            batch = Transitions(*(networks.tensor(getattr(drawn, name)) for name in Transitions._fields))
            held = networks.take(some)
            losses, (sizes,), every_sound = networks.improve(held, batch)
            part, all_right = some[:count], every_sound[:count]
            networks.give(part, held)
            faults[part[~all_right]] += 1
            sound = np.flatnonzero(all_right)
            loss[part[sound]] = losses[sound]
            replay.set_priority(part[sound], drawn.index[sound], sizes[sound])
