"""Networks of quantiles on fused kernels: without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.algorithms.quantiles import Draw
from teem.learning.kernel_q import share_updates
from teem.learning.kernels import quantile_act, quantile_update
from teem.learning.kernels.quantile_update import Asked
from teem.learning.kernels.quantiles import Shape
from teem.learning.quantile_layout import Widths, quantile_layout
from teem.learning.replay import MOST_ACTIONS, Replay
from teem.learning.spare import Spare
from teem.learning.stack import Layout, Stack
from teem.threads import Threads

Floats = NDArray[np.float32]

NOBODY = np.empty(0, np.int64)


class KernelQuantiles:
    """Networks of quantiles of one shape, a row of the stack an agent; the module is quantile_networks.Quantiles."""

    def __init__(self, stack: Stack, widths: Widths, settings: LearningSettings, threads: Threads) -> None:
        if stack.layout != quantile_layout(widths):
            raise ValueError(f"the stack is not laid out for {widths}")
        if max(widths.actions, widths.branches) > MOST_ACTIONS:
            raise ValueError(f"{widths}: the kernels take at most {MOST_ACTIONS} actions and branches")
        self.stack = stack
        self.settings = settings
        self.threads = threads
        self._widths = widths
        self._shape = quantile_shape(widths)
        quantiles = settings.quantiles
        implicit = (quantiles.online, quantiles.target, quantiles.acting) if widths.cosines else (1, 1, 1)
        self._asked = Asked(*implicit, quantiles.kappa)
        length = settings.replay.length if settings.replay.prioritised else 0
        size = self.stack.padded[0].shape[1]
        updating = (self._shape, self._asked, size, settings.transitions, length)
        self._update = Spare(lambda: quantile_update.make_scratch(*updating)).lend(quantile_update.update_agents)
        acting = (self._shape, self._asked.judging)
        self._act = Spare(lambda: quantile_act.make_scratch(*acting)).lend(quantile_act.act_agents)

    def values(self, observation: Floats, rows: NDArray[np.int32], out: Floats, draw: Draw | None = None) -> None:
        """Write each action's mean over its quantiles into `out[capacity, ...]`; with noise if there is a draw."""
        noisy = draw is not None and self._widths.noisy
        ids, seed, step = draw or Draw(NOBODY, 0, 0)
        self.threads.share(
            self._act,
            len(rows),
            rows.astype(np.int64, copy=False),
            ids,
            self._shape,
            self._asked.judging,
            self.stack.padded[0],
            noisy,
            observation.reshape(len(observation), -1),
            seed,
            step,
            out.reshape(len(out), -1),
        )

    def update(
        self,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        replay: Replay,
        seed: int,
        step: int,
        loss: Floats,
        faults: NDArray[np.int64],
    ) -> None:
        """Update each row's network once from its own replay, as KernelQ.update does."""
        shape = (self._shape, self._asked)
        given = (rows, ids, shape, self.stack, replay, self.settings, seed, step, loss, faults)
        share_updates(self._update, *given, self.threads, at_least=1)


def quantile_shape(widths: Widths) -> Shape:
    """The network as the kernels see it."""
    layout = quantile_layout(widths)
    psi = [f"psi.layers.{k}" for k in range(len(widths.psi))]
    f = [*(f"f.{k}" for k in range(len(widths.f))), "head"]
    layers = _layers(layout, f)
    sizes = [(inputs + 1) * outputs for inputs, outputs, _, _ in layers] if widths.noisy else []
    begins = np.cumsum([0, *sizes])
    place = dict(zip(layout.names, layout.offsets, strict=True))
    sigma = [(place[f"{name}.weight_sigma"], place[f"{name}.bias_sigma"]) for name in f] if widths.noisy else []
    mixed = [(a, b, begins[k], begins[k] + a * b) for k, (a, b, _, _) in enumerate(layers)] if widths.noisy else []
    return Shape(
        psi=_layers(layout, psi),
        psi_places=np.cumsum([0, widths.inputs, *widths.psi], dtype=np.int64),
        embed=_layers(layout, ["embed"])[0] if widths.cosines else np.zeros(4, np.int64),
        f=layers,
        f_places=np.cumsum([0, widths.psi[-1], *widths.f, widths.quantiles * widths.outputs], dtype=np.int64),
        sigma=np.array(sigma, np.int64).reshape(-1, 2),
        mixed=np.array(mixed, np.int64).reshape(-1, 4),
        quantiles=widths.quantiles,
        branches=widths.branches,
        actions=widths.actions,
    )


def _layers(layout: Layout, names: list[str]) -> NDArray[np.int64]:
    """[layers, 4] inputs, outputs, place of the weight, place of the bias."""
    place = dict(zip(layout.names, layout.offsets, strict=True))
    shape = dict(zip(layout.names, layout.shapes, strict=True))
    return np.array([(*shape[f"{n}.weight"], place[f"{n}.weight"], place[f"{n}.bias"]) for n in names], np.int64)
