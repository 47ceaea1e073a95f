"""Q-networks of any shape, acted and updated by torch, stacked on the agent axis; eager or compiled."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from teem.config.settings import LearningSettings
from teem.learning.algorithms.dqn import Transitions, td_loss
from teem.learning.branches import BranchTransitions, branching_td_loss
from teem.learning.replay import Batch, Replay
from teem.learning.schedule import pace_of
from teem.learning.sharing import Networks
from teem.learning.torch_network import Network
from teem.learning.torch_networks import TorchNetworks
from teem.learning.torch_stack import Extra, Parameters


class TorchQ:
    """Q-networks of any `torch.nn.Module`: the same two methods, and the same learning, as the kernels'.

    With one action `KernelQ`'s, with one a branch also `KernelAttention`'s. One of `groups` of agents decides at once.
    """

    def __init__(
        self,
        network: Network,
        networks: Networks,
        settings: LearningSettings,
        inputs: int,
        device: str = "cpu",
        *,
        compiled: bool = False,
        groups: int = 1,
    ) -> None:
        self._shape = network.shape  # (actions,), or (branches, actions)
        several = len(self._shape) > 1
        self._transitions: type[Transitions | BranchTransitions] = BranchTransitions if several else Transitions
        td: Callable[..., tuple[Tensor, Tensor]] = branching_td_loss if several else td_loss

        def loss(parameters: Parameters, target: Parameters, batch: Any) -> tuple[Tensor, Extra]:
            one, sizes = td(network.values, parameters, target, batch, settings.double)
            return one, (sizes,)

        self.networks = TorchNetworks(networks, network.values, loss, settings, device)
        self._settings = settings
        if compiled:
            at_once = ceil(networks.own.rows * min(1.0, float(pace_of(settings))) / groups)
            self.networks.compile([[self._example(inputs)] * settings.accumulate], at_once)

    def _example(self, inputs: int) -> Transitions | BranchTransitions:
        """A batch of nothing, of the right shapes."""
        taken, marks = self._shape[:-1], self._shape[:1]  # a mark an action, or a branch
        shapes = {"observation": (inputs,), "next_observation": (inputs,), "action": taken}
        shapes |= {"mask": marks, "next_mask": marks}
        kinds = {"action": torch.int64, "mask": torch.bool, "next_mask": torch.bool}
        parts = []
        for name in self._transitions._fields:
            shape, kind = (self._settings.batch, *shapes.get(name, ())), kinds.get(name, torch.float32)
            parts.append(torch.zeros(shape, dtype=kind, device=self.networks.device))
        return self._transitions(*parts)

    def values(self, observation: NDArray[np.float32], rows: NDArray[np.int32], out: NDArray[np.float32]) -> None:
        """Write each row's action values into `out[capacity, A]`.

        With several branches `out` is `[capacity, branches, A]`, and those of an absent branch mean nothing.
        """
        self.networks.run(observation, rows, (out.reshape(len(out), *self._shape),))

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
        kind, tensor = self._transitions, self.networks.tensor

        def batches_of(drawn: Batch, ids: NDArray[np.int64]) -> list[Any]:
            return [
                kind(*(tensor(getattr(drawn, name)[:, part]) for name in kind._fields))
                for part in batches_in(self._settings)
            ]

        learn_from(replay, rows, ids, self.networks, self._settings, batches_of, seed, step, loss, faults)


def batches_in(settings: LearningSettings) -> list[slice]:
    """Where the batches lie among the transitions of an update."""
    return [slice(start, start + settings.batch) for start in range(0, settings.transitions, settings.batch)]


def learn_from(
    replay: Replay,
    rows: NDArray[np.int32],
    ids: NDArray[np.int64],
    networks: TorchNetworks,
    settings: LearningSettings,
    batches_of: Callable[[Batch, NDArray[np.int64]], list[Any]],
    seed: int,
    step: int,
    loss: NDArray[np.float32],
    faults: NDArray[np.int64],
) -> None:
    """Improve the rows' networks by transitions of each; `batches_of(drawn, ids)` are what the loss takes.

    All of an update's transitions are one draw, in parts by priority and weighed together, however many batches
    their gradient is computed in.
    """
    for some, their, count in networks.blocks(rows, ids):
        drawn = replay.sample(some, their, step, seed, settings.transitions, settings.n_step, settings.gamma)
        held = networks.take(some)
        losses, (sizes,), every_sound = networks.improve(held, batches_of(drawn, their))
        part, all_right = some[:count], every_sound[:count]
        networks.give(part, held)
        faults[part[~all_right]] += 1
        sound = np.flatnonzero(all_right)
        loss[part[sound]] = losses[sound]
        replay.set_priority(part[sound], drawn.index[sound], sizes[sound])
