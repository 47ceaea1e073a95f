"""The ready-made networks as torch modules; the kernels run the same layout without torch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


class Dense(nn.Module):
    """x @ weight + bias, the weight laid out [in, out] so that a row of it is what one input feeds."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        return x @ self.weight + self.bias


class MLP(nn.Module):
    """Dense layers with ReLU, or another activation, between them."""

    def __init__(
        self, inputs: int, outputs: int, hidden: tuple[int, ...], bend: Callable[[Tensor], Tensor] = torch.relu
    ) -> None:
        super().__init__()
        self._bend = bend
        widths = (inputs, *hidden, outputs)
        self.layers = nn.ModuleList(Dense(a, b) for a, b in pairwise(widths))

    def _run(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self._bend(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


class DuelingMLP(MLP):
    """Dueling Q-network (Wang et al. 2016, https://arxiv.org/abs/1511.06581): q = v + a - mean(a)."""

    def __init__(self, inputs: int, actions: int, hidden: tuple[int, ...]) -> None:
        super().__init__(inputs, 1 + actions, hidden)

    def forward(self, observation: Tensor) -> Tensor:
        """Action values [..., actions]; column 0 of the last layer is v, the rest are the advantages."""
        out = self._run(observation)
        value, advantage = out[..., :1], out[..., 1:]
        return value + advantage - advantage.mean(-1, keepdim=True)


class BranchingMLP(MLP):
    """Dueling Q-network with an action a branch (Tavakoli 2018, https://arxiv.org/abs/1711.08946)."""

    def __init__(self, inputs: int, branches: int, actions: int, hidden: tuple[int, ...]) -> None:
        super().__init__(inputs, 1 + branches * actions, hidden)
        self.branches = branches

    def forward(self, observation: Tensor) -> Tensor:
        """Action values [..., branches, actions]; column 0 of the last layer is v, the rest are the advantages."""
        out = self._run(observation)
        advantage = out[..., 1:].reshape(*out.shape[:-1], self.branches, -1)
        return out[..., :1, None] + advantage - advantage.mean(-1, keepdim=True)


class ActorCriticMLP(MLP):
    """One trunk for policy and value."""

    def __init__(self, inputs: int, actions: int, hidden: tuple[int, ...]) -> None:
        super().__init__(inputs, 1 + actions, hidden)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [..., actions] and value [...]; column 0 of the last layer is the value."""
        out = self._run(observation)
        return out[..., 1:], out[..., 0]


class GaussianMLP(nn.Module):
    """A trunk for the value, and one for the means of continuous actions, which are learnt apart.

    Errors of the value are large beside the policy's gradient; in one trunk they would push the means about.
    """

    def __init__(self, inputs: int, branches: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.critic = MLP(inputs, 1, hidden, torch.tanh)
        self.actor = MLP(inputs, branches, hidden, torch.tanh)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Means [..., branches] and value [...]."""
        return self.actor._run(observation), self.critic._run(observation)[..., 0]
