"""The networks of quantiles as torch modules; the kernels run the same layout without torch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from teem.learning.networks import MLP, Dense
from teem.learning.quantile_layout import Widths


class NoisyDense(Dense):
    """Dense, with factorised Gaussian noise on weight and bias (Fortunato 2018, https://arxiv.org/abs/1706.10295).

    The noise comes from outside, already bent by sgn(x) sqrt|x|: no draw happens here.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.weight_sigma = nn.Parameter(torch.full((inputs, outputs), 0.5 * inputs**-0.5))
        self.bias_sigma = nn.Parameter(torch.full((outputs,), 0.5 * inputs**-0.5))

    def disturbed(self, x: Tensor, of_inputs: Tensor, of_outputs: Tensor) -> Tensor:
        """[..., in] to [..., out], with noise [in] and [out]."""
        weight = self.weight + self.weight_sigma * (of_inputs[:, None] * of_outputs)
        return x @ weight + (self.bias + self.bias_sigma * of_outputs)


class Psi(MLP):
    """What is seen, as features: dense layers with ReLU after each."""

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__(inputs, widths[-1], widths[:-1])

    def forward(self, observation: Tensor) -> Tensor:
        """[..., inputs] to [..., widths[-1]]."""
        return self._run(observation).relu()


class Quantiles(nn.Module):
    """Quantiles of what each action returns, dueling (Wang 2016), of one branch or several.

    With cosines it is an implicit quantile network (Dabney 2018, https://arxiv.org/abs/1806.06923), which gives the
    quantile at any fraction tau; without, its quantiles are those at the middles of equal parts (Dabney 2017,
    https://arxiv.org/abs/1710.10044), whatever the fractions asked for.
    """

    def __init__(self, widths: Widths, psi: nn.Module | None = None) -> None:
        super().__init__()
        self.widths = widths
        kind = NoisyDense if widths.noisy else Dense
        self.psi = Psi(widths.inputs, widths.psi) if psi is None else psi
        if widths.cosines:
            self.embed = Dense(widths.cosines, widths.psi[-1])
        self.f = nn.ModuleList(kind(a, b) for a, b in pairwise((widths.psi[-1], *widths.f)))
        self.head = kind((*widths.psi, *widths.f)[-1], widths.quantiles * widths.outputs)

    def forward(self, observation: Tensor, tau: Tensor, noise: Tensor) -> Tensor:
        """[batch, D], fractions [batch, count] and noise [widths.noise] to [batch, count, branches, actions]."""
        features = self.psi(observation)
        if self.widths.cosines:
            features = features[:, None] * self._embedded(tau)
        at = 0
        for layer in (*self.f, self.head):
            inputs, outputs = layer.weight.shape
            if self.widths.noisy:
                middle, end = at + inputs, at + inputs + outputs
                features, at = layer.disturbed(features, noise[at:middle], noise[middle:end]), end
            else:
                features = layer(features)
            if layer is not self.head:
                features = features.relu()
        return self._duel(features.reshape(len(observation), -1, self.widths.outputs))

    def _embedded(self, tau: Tensor) -> Tensor:
        """phi(tau), equation 4: cosines of i pi tau, i from 0 on, through a layer and ReLU; [..., psi's width]."""
        numbers = torch.arange(self.widths.cosines, dtype=tau.dtype, device=tau.device)
        embedded: Tensor = self.embed(torch.cos(torch.pi * numbers * tau[..., None])).relu()
        return embedded

    def _duel(self, out: Tensor) -> Tensor:
        """Column 0 is the value, the rest are each branch's advantages."""
        advantage = out[..., 1:].reshape(*out.shape[:-1], self.widths.branches, self.widths.actions)
        return out[..., :1, None] + advantage - advantage.mean(-1, keepdim=True)


def midpoints(count: int) -> Tensor:
    """The middles of `count` equal parts of [0, 1]: equation 9 of Dabney 2017."""
    return (torch.arange(count, dtype=torch.float32) + 0.5) / count
