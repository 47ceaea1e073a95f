"""Policies of continuous actions on torch: a network for the means, and a standard deviation an action."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat
from torch.func import functional_call

from teem.config.settings import LearningSettings
from teem.learning.networks import GaussianMLP
from teem.learning.sharing import Initial
from teem.learning.stack import Layout
from teem.learning.torch_network import Network, policy_network

_STEADY = 1 << 40  # as many inputs give fresh weights of 0, but for a millionth


@dataclass(frozen=True, slots=True)
class GaussianNetwork(Network):
    """A network of means and value, beside whose last layer the deviations stand, the same in every state.

    That is how it is done in this field; means that depend on the state suffice, and a module of a user's own need
    not know of it. The parameter is the logarithm of the deviation against the first one, so that it begins at 0.
    Means are kept between -1 and 1 by tanh: beyond, all draws lead to one action, and nothing would bring them back.
    """

    deviations: str = ""  # the parameter's name
    first: float = 0.0  # logarithm of the deviation that a fresh network has

    def policy(self, parameters: dict[str, Tensor], observation: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log standard deviations `[..., 2 x branches]`, and the value `[...]`, of `[..., D]`."""
        weights = {name: each for name, each in parameters.items() if name != self.deviations}
        out = functional_call(self.module, weights, (observation,))
        mean, value = out if isinstance(out, tuple) else (out[..., 1:], out[..., 0])
        spread = (parameters[self.deviations] + self.first).expand_as(mean)
        return cat((mean.tanh(), spread), -1), value


def gaussian_network(inputs: int, branches: int, settings: LearningSettings) -> GaussianNetwork:
    """The network of a policy with a number a branch that `learning.network` names.

    A user's module maps `[n, inputs]` to `[n, 1 + branches]`: the value and then the means.
    """
    if settings.network == "mlp":
        module = GaussianMLP(inputs, branches, settings.hidden).eval()
        network = Network(module, _trunks(inputs, branches, settings.hidden), None, heads=2)
    else:
        network = policy_network(inputs, branches, settings)
    return _with_deviations(network, branches, settings.ppo.deviation)


def _trunks(inputs: int, branches: int, hidden: tuple[int, ...]) -> Layout:
    """How a `GaussianMLP` is laid out: what is alike in all agents if they share an encoder, then both heads."""
    body, heads = [], []
    for trunk, outputs in (("critic", 1), ("actor", branches)):
        layout = Layout.mlp(inputs, hidden, outputs)
        names = [f"{trunk}.{name}" for name in layout.names]
        tensors = list(zip(names, layout.shapes, layout.fans, strict=True))
        body += tensors[:-2]
        heads += tensors[-2:]
    return Layout.inputs_first([*body, *heads])


def _with_deviations(network: Network, branches: int, first: float) -> GaussianNetwork:
    """The same network, of means, with a standard deviation a branch that begins at `first`."""
    layout = network.layout
    name = f"{layout.names[-1].rpartition('.')[0]}.log_deviation".lstrip(".")
    tensors = [*zip(layout.names, layout.shapes, layout.fans, strict=True), (name, (branches,), _STEADY)]
    initial = network.initial and _beginning(network.initial, name, branches)
    return GaussianNetwork(
        network.module, Layout.inputs_first(tensors), initial, heads=network.heads, deviations=name, first=log(first)
    )


def _beginning(initial: Initial, name: str, branches: int) -> Initial:
    """What a module of a user's own begins with, and no deviation from the first deviation."""

    def tensors(seed: int, agent: int) -> dict[str, NDArray[np.float32]]:
        return {**initial(seed, agent), name: np.zeros(branches, np.float32)}

    return tensors
