"""The networks of quantiles: which layers they have, where these lie in a flat row, and how they begin.

`psi` reads the observation; `f`, the layers after it, ends in the quantiles. An implicit network (iqn) multiplies
`psi` by an embedding of the fraction tau before `f`, so that one row of outputs is one quantile; of qrdqn the output
has all its quantiles side by side. `hidden` is (..., psi's last, f's): its last width is f's if there are several.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.sharing import Initial
from teem.learning.stack import Layout, fresh_weights

Named = tuple[str, tuple[int, ...], int]  # a tensor's name, its shape, and how many inputs it is summed with


class Widths(NamedTuple):
    """How wide each layer is."""

    inputs: int
    psi: tuple[int, ...]  # at least one
    f: tuple[int, ...]  # hidden layers; may be none
    cosines: int  # 0: no fraction is embedded
    quantiles: int  # that the output has side by side
    branches: int  # at least 1
    actions: int  # of a branch
    noisy: bool

    @property
    def outputs(self) -> int:
        """Of one quantile: the value, then each branch's advantages."""
        return 1 + self.branches * self.actions

    @property
    def noisy_layers(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each layer that has noise, if any has: those of f."""
        return tuple(pairwise((self.psi[-1], *self.f, self.quantiles * self.outputs))) if self.noisy else ()

    @property
    def noise(self) -> int:
        """How many normal draws one noise of the network takes: factorised, one an input and one an output."""
        return sum(inputs + outputs for inputs, outputs in self.noisy_layers)


def widths_of(algorithm: str, inputs: int, branches: int, actions: int, settings: LearningSettings) -> Widths:
    """The widths that the settings ask for."""
    hidden, quantiles = settings.hidden, settings.quantiles
    several, implicit = len(hidden) > 1, algorithm == "iqn"
    return Widths(
        inputs=inputs,
        psi=hidden[:-1] if several else hidden,
        f=hidden[-1:] if several else (),
        cosines=quantiles.cosines if implicit else 0,
        quantiles=1 if implicit else quantiles.online,
        branches=branches,
        actions=actions,
        noisy=quantiles.noisy,
    )


def quantile_layout(widths: Widths, psi: Layout | None = None) -> Layout:
    """Where each tensor lies; `psi` where it isn't the dense one."""
    if psi is None:
        named = [
            part
            for k, (inputs, outputs) in enumerate(pairwise((widths.inputs, *widths.psi)))
            for part in _dense(f"psi.layers.{k}", inputs, outputs, noisy=False)
        ]
    else:
        named = [(f"psi.{name}", shape, fan) for name, shape, fan in zip(psi.names, psi.shapes, psi.fans, strict=True)]
    if widths.cosines:
        named += _dense("embed", widths.cosines, widths.psi[-1], noisy=False)
    layers = tuple(pairwise((widths.psi[-1], *widths.f, widths.quantiles * widths.outputs)))
    for k, (inputs, outputs) in enumerate(layers):
        name = f"f.{k}" if k < len(widths.f) else "head"
        named += _dense(name, inputs, outputs, noisy=widths.noisy)
    return Layout.inputs_first(named)


def _dense(name: str, inputs: int, outputs: int, *, noisy: bool) -> list[Named]:
    """A dense layer's tensors; noise has a standard deviation for each weight and bias."""
    plain: list[Named] = [(f"{name}.weight", (inputs, outputs), inputs), (f"{name}.bias", (outputs,), inputs)]
    if not noisy:
        return plain
    return [*plain, (f"{name}.weight_sigma", (inputs, outputs), inputs), (f"{name}.bias_sigma", (outputs,), inputs)]


def first_weights(layout: Layout, sigma: float, psi: Initial | None = None) -> Initial:
    """How a network begins: uniform within 1/sqrt(inputs), as `psi` does itself, and sigma/sqrt(inputs) of noise.

    Fortunato et al. 2018, https://arxiv.org/abs/1706.10295, section 3.2, for factorised noise.
    """

    def tensors(seed: int, agent: int) -> dict[str, NDArray[np.float32]]:
        weights = fresh_weights(layout, np.array([agent], np.int64), seed)
        made = {name: values[0] for name, values in layout.views(weights).items()}
        for name, fan in zip(layout.names, layout.fans, strict=True):
            if name.endswith("_sigma"):
                made[name][...] = sigma / np.sqrt(fan)
        if psi:
            made |= {f"psi.{name}": values for name, values in psi(seed, agent).items()}
        return made

    return tensors
