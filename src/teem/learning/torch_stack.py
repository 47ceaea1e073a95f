"""Stacked networks as tensors, on any device: parameters by name, gradients of many agents at once, Adam.

On the CPU the tensors are the stack's own memory. On another device they are copies: `push` brings over the
rows that a birth or a load wrote, `pull` brings back those that somebody wants to read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, vmap

from teem.config.settings import LearningSettings
from teem.learning.stack import Layout, Stack

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8

Parameters = dict[str, Tensor]


class Rows(NamedTuple):
    """Some networks of a stack, gathered: all [n, size]."""

    weights: Tensor
    target: Tensor
    moment1: Tensor
    moment2: Tensor


class Pace(NamedTuple):
    """Adam's bias corrections, which depend on how often an agent was updated: both [n, 1]."""

    step_size: Tensor
    root: Tensor


class TorchStack:
    """A stack's arrays as tensors on a device."""

    def __init__(self, stack: Stack, device: torch.device, *, copied: bool | None = None) -> None:
        self.stack = stack
        self.layout = stack.layout
        self.device = device
        arrays = (stack.weights, stack.target, stack.moment1, stack.moment2)
        self._copied = device.type != "cpu" if copied is None else copied
        self.all = Rows(*(torch.from_numpy(array).to(device, copy=self._copied) for array in arrays))

    def push(self, rows: NDArray[np.int32]) -> None:
        """The stack's rows were written: bring them to the device."""
        if self._copied:
            at = self.index(rows)
            for here, there in zip(self._arrays(), self.all, strict=True):
                there.index_copy_(0, at, torch.from_numpy(here[rows]).to(self.device))

    def pull(self, rows: NDArray[np.int32]) -> None:
        """The stack's rows will be read: bring them from the device."""
        if self._copied:
            at = self.index(rows)
            for here, there in zip(self._arrays(), self.all, strict=True):
                here[rows] = there.index_select(0, at).cpu().numpy()

    def _arrays(self) -> tuple[NDArray[np.float32], ...]:
        return self.stack.weights, self.stack.target, self.stack.moment1, self.stack.moment2

    def index(self, rows: NDArray[np.int32]) -> Tensor:
        """Row numbers as a tensor."""
        return torch.from_numpy(rows.astype(np.int64)).to(self.device)

    def gather(self, rows: Tensor) -> Rows:
        """The networks of some rows."""
        return Rows(*(each.index_select(0, rows) for each in self.all))

    def scatter(self, rows: Tensor, new: Rows) -> None:
        """Put networks back into their rows."""
        for each, values in zip(self.all, new, strict=True):
            each.index_copy_(0, rows, values)

    def pace(self, updates: NDArray[np.int64], lr: float) -> Pace:
        """What Adam's next step is scaled by, after so many updates [n]."""
        t = updates.astype(np.float64)[:, None] + 1.0
        step_size = (lr / (1.0 - BETA1**t)).astype(np.float32)
        root = np.sqrt(1.0 - BETA2**t).astype(np.float32)
        return Pace(torch.from_numpy(step_size).to(self.device), torch.from_numpy(root).to(self.device))


def named(layout: Layout, flat: Tensor) -> Parameters:
    """Parameters by name, `[..., *shape]`, as views of `[..., size]`."""
    lead = flat.shape[:-1]
    parts = zip(layout.names, layout.shapes, layout.offsets, strict=True)
    return {name: flat[..., offset : offset + int(np.prod(shape))].view(*lead, *shape) for name, shape, offset in parts}


def flat(layout: Layout, parameters: Parameters, like: Tensor) -> Tensor:
    """The inverse of `named`: parameters `[..., *shape]` in rows shaped as `like`."""
    if not layout.names:
        return torch.zeros_like(like)
    lead = like.shape[:-1]
    return torch.cat([parameters[name].reshape(*lead, -1) for name in layout.names], -1)


Extra = tuple[Tensor, ...]
Loss = Callable[[Parameters, Parameters, Any], tuple[Tensor, Extra]]
"""(parameters, target parameters, a batch) -> (loss, what else to hand back), all of one agent."""


def stacked_gradient(
    loss: Loss,
) -> Callable[..., tuple[tuple[Parameters, Parameters], tuple[Tensor, Extra]]]:
    """Make of one agent's loss the gradient of many: of the sum of their losses.

    Each agent's own parameters get the gradient of its own loss; parameters that all share get the sum.
    The function made takes (own, shared, own target, shared target, batch): own ones [n, *shape], shared ones
    [*shape], the batch's arrays [n, ...]; it returns both gradients, and the losses [n] with what came along.
    """

    def one(
        own: Parameters, common: Parameters, own_target: Parameters, common_target: Parameters, batch: Any
    ) -> tuple[Tensor, Extra]:
        return loss({**own, **common}, {**own_target, **common_target}, batch)

    each = vmap(one, in_dims=(0, None, 0, None, 0))

    def total(
        own: Parameters, common: Parameters, own_target: Parameters, common_target: Parameters, batch: Any
    ) -> tuple[Tensor, tuple[Tensor, Extra]]:
        losses, extra = each(own, common, own_target, common_target, batch)
        return losses.sum(), (losses, extra)

    traced = grad(total, argnums=(0, 1), has_aux=True)  # torch compiles this, but not what autograd does by itself

    def gradient(
        own: Parameters, common: Parameters, *given: Any
    ) -> tuple[tuple[Parameters, Parameters], tuple[Tensor, Extra]]:
        if torch.compiler.is_compiling():
            found: tuple[tuple[Parameters, Parameters], tuple[Tensor, Extra]] = traced(own, common, *given)
            return found
        own, common = ({name: one.detach().requires_grad_() for name, one in some.items()} for some in (own, common))
        with torch.enable_grad():
            loss, (losses, extra) = total(own, common, *given)
        slopes = torch.autograd.grad(loss, (*own.values(), *common.values()), materialize_grads=True)
        slopes_own, slopes_common = slopes[: len(own)], slopes[len(own) :]
        slope = dict(zip(own, slopes_own, strict=True)), dict(zip(common, slopes_common, strict=True))
        return slope, (losses.detach(), tuple(one.detach() for one in extra))

    return gradient


def adam(rows: Rows, gradient: Tensor, pace: Pace, sound: Tensor, settings: LearningSettings) -> tuple[Rows, Tensor]:
    """One step of Adam (Kingma 2015, https://arxiv.org/abs/1412.6980) for each row, then of its soft target.

    The gradient [n, size] is clipped by its global norm, agent by agent. Returns the rows, and which of those
    that were `sound` [n] still are, gradient and weights: the others must not be kept.
    """
    norm = gradient.norm(dim=1, keepdim=True)
    if settings.grad_clip > 0:
        gradient = gradient * (settings.grad_clip / (norm + 1e-6)).clamp(max=1.0)
    moment1 = rows.moment1.lerp(gradient, 1.0 - BETA1)
    moment2 = (rows.moment2 * BETA2).addcmul_(gradient, gradient, value=1.0 - BETA2)
    change = moment1 / moment2.sqrt().div_(pace.root).add_(EPS)
    weights = rows.weights - change.mul_(pace.step_size)
    target = rows.target.lerp(weights, settings.tau)
    # a sum is finite only if all of it is, and takes one pass instead of three
    sound = sound & norm[:, 0].isfinite() & weights.sum(1).isfinite()
    return Rows(weights, target, moment1, moment2), sound


def keep(sound: Tensor, new: Rows, old: Rows) -> Rows:
    """The new rows where they are sound [n], the old ones elsewhere."""
    return Rows(*(torch.where(sound[:, None], after, before) for after, before in zip(new, old, strict=True)))
