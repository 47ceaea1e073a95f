"""A cohort's networks as tensors: run for all agents at once, some of them improved by a gradient step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from teem.config.settings import LearningSettings
from teem.learning.sharing import THE_ROW, Networks
from teem.learning.torch_group import digest_of
from teem.learning.torch_stack import Loss, Pace, Rows, TorchStack, adam, flat, keep, named, stacked_gradient

Call = Callable[..., Any]
"""(parameters, observation [1, D], what else stands beside it) -> results [1, ...], all of one agent."""

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])

_CPU_BLOCK = 128  # agents in one call: their weights and moments together stay near the caches
_CUDA_BLOCK = 1 << 20
_COMPILED_BLOCK = 64
_WORTH_SHARING = 100_000_000  # products of a pass through networks; with fewer, torch's threads only hold each other up
COMPARED_EVERY = 64  # updates of what a group holds after which its members compare their weights


@dataclass(slots=True)
class Held:
    """Some agents' networks, taken out of the stack to be improved."""

    own: Rows  # [n, size]
    common: Rows  # [1, size]
    own_updates: NDArray[np.int64]  # [n]
    common_updates: NDArray[np.int64]  # [1]


class Slope(NamedTuple):
    """Which way the losses of some agents rise."""

    own: Tensor  # [n, size] of each agent's loss
    common: Tensor  # [1, size] of the sum of their losses
    loss: Tensor  # [n]
    extra: tuple[Tensor, ...]  # each [n, transitions], handed back by the loss


class Improved(NamedTuple):
    """What a gradient step gave."""

    own: Rows
    common: Rows
    loss: Tensor  # [n]
    extra: tuple[Tensor, ...]  # each [n, transitions]
    sound: Tensor  # [n] bool: everything was finite, so the row was updated
    common_sound: Tensor  # [1]


class TorchNetworks:
    """The own and the common weights of a cohort on a device, with one agent's call and loss.

    Torch uses as many threads as it has when this is made, where networks and batches are large, else one.
    """

    def __init__(self, networks: Networks, call: Call, loss: Loss, settings: LearningSettings, device: str) -> None:
        self.device = torch.device(device)
        self._threads = torch.get_num_threads()
        self.own = TorchStack(networks.own, self.device)
        networks.own_copy, networks.common_copy = self.own, TorchStack(networks.common, self.device)
        self.block = _CPU_BLOCK if self.device.type == "cpu" else _CUDA_BLOCK
        self._pad = 0
        self.all_share = not networks.own.layout.size
        self._settings = settings
        self._networks = networks
        self._gradient = stacked_gradient(loss)
        self._step: Callable[..., Improved] = self._improve
        self._call = vmap(lambda own, common, given: call({**own, **common}, *given), in_dims=(0, None, 0))

    @property
    def common(self) -> TorchStack:
        """What all share: another's, where agents of several worlds do."""
        return cast("TorchStack", self._networks.common_copy)

    def compile(self, examples: Iterable[Sequence[Batch]], at_once: int = _COMPILED_BLOCK) -> None:
        """Let torch compile the gradient step now, for updates of batches shaped as one agent's `examples`.

        Its shapes are fixed, so every block of agents is filled up to the same size from here on: about as many as
        learn `at_once`, since what fills a block up costs as much as who learns.
        """
        self._pad = min(_COMPILED_BLOCK, self.own.stack.rows, 1 << max(0, at_once - 1).bit_length())
        self._step = torch.compile(self._improve, dynamic=False)
        nobody = np.zeros(self._pad, np.int32)
        for example in examples:
            batches = [of_agents(one, lambda each: each.expand(self._pad, *each.shape).contiguous()) for one in example]
            self.improve(self.take(nobody), batches)

    def blocks(
        self, rows: NDArray[np.int32], ids: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64], int]]:
        """Rows and ids cut into blocks to be improved together, and how many of a block count.

        What is beyond the count fills a compiled block up. Who shares weights is in one block, even if it is nobody.
        """
        if self.common.layout.size:
            yield rows, ids, len(rows)
            return
        block = self._pad or self.block
        for start in range(0, len(rows), block):
            some, their = rows[start : start + block], ids[start : start + block]
            missing = (0, max(0, self._pad - len(some)))
            yield np.pad(some, missing, "edge"), np.pad(their, missing, "edge"), len(some)

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """An array on the device."""
        here = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type != "cuda":
            return here.to(self.device)
        # nobody waits: torch records an event with the copy, and hands the pinned memory out again only after it
        return here.pin_memory().to(self.device, non_blocking=True)

    def run(
        self,
        observation: NDArray[np.float32],
        rows: NDArray[np.int32],
        outs: tuple[NDArray[np.float32], ...],
        beside: tuple[NDArray[np.float32], ...] = (),
    ) -> None:
        """Call each row's network on its observation of `[capacity, D]`; results go to the rows of `outs`.

        What stands `beside` the observation, by slot as well, is given to the call after it.

        Where most slots are in use all up to the last are run, because gathering weights costs more.
        """
        if not len(rows):
            return
        top = int(rows.max()) + 1
        self._share(len(rows))
        with torch.no_grad():
            if 2 * len(rows) >= top and not self.all_share:
                for start in range(0, top, self.block):
                    part = slice(start, min(start + self.block, top))
                    self._run(self.own.all.weights[part], observation, part, outs, beside)
                return
            for start in range(0, len(rows), self.block):
                some = rows[start : start + self.block]
                weights = self.own.all.weights.index_select(0, self.own.index(some))
                self._run(weights, observation, some, outs, beside)

    def _run(
        self,
        weights: Tensor,
        observation: NDArray[np.float32],
        rows: NDArray[np.int32] | slice,
        outs: tuple[NDArray[np.float32], ...],
        beside: tuple[NDArray[np.float32], ...],
    ) -> None:
        own = named(self.own.layout, weights)
        common = named(self.common.layout, self.common.all.weights[0])
        given = (self.tensor(observation[rows]).unsqueeze(1), *(self.tensor(each[rows]) for each in beside))
        results = self._call(own, common, given)
        for out, result in zip(outs, results if isinstance(results, tuple) else (results,), strict=True):
            out[rows] = result[:, 0].cpu().numpy()

    def _share(self, samples: int) -> None:
        """Choose how many threads pass so many samples through networks."""
        products = samples * (self.own.layout.size + self.common.layout.size)
        torch.set_num_threads(self._threads if products >= _WORTH_SHARING else 1)

    def take(self, rows: NDArray[np.int32]) -> Held:
        """The rows' networks, and what all share."""
        return Held(
            self.own.gather(self.own.index(rows)),
            self.common.gather(self.common.index(THE_ROW)),
            self.own.stack.updates[rows],
            self.common.stack.updates.copy(),
        )

    def give(self, rows: NDArray[np.int32], held: Held) -> None:
        """Put improved networks back; of those held beyond the rows nothing is kept."""
        count = len(rows)
        self.own.scatter(self.own.index(rows), Rows(*(each[:count] for each in held.own)))
        self.own.stack.updates[rows] = held.own_updates[:count]
        self.common.scatter(self.common.index(THE_ROW), held.common)
        self.common.stack.updates[:] = held.common_updates

    def improve(
        self, held: Held, batches: Sequence[Batch]
    ) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], ...], NDArray[np.bool_]]:
        """One gradient step of everything held; each agent's loss, what came along, and who was updated.

        The step is by the gradient of the mean over all transitions `[n, m, ...]` of the batches, which is computed
        a batch after the other, so that no more memory is taken than for the largest.

        What is not finite stays with its agent: its own weights are left alone, and where weights are shared
        the step is taken again without it.
        """
        self._share(sum(batch[0].shape[0] * batch[0].shape[1] for batch in batches))
        if self._networks.group.size > 1:
            return self._improve_together(held, batches)
        new = self._step(held.own, held.common, *self._paces(held), tuple(batches))
        sound = new.sound.cpu().numpy()
        loss, extra = new.loss.cpu().numpy(), tuple(each.cpu().numpy() for each in new.extra)
        if self.common.layout.size and not sound.all():
            self._improve_some(held, batches, np.flatnonzero(sound))
            return loss, extra, sound
        if self.common.layout.size and not bool(new.common_sound.all()):
            return loss, extra, np.zeros_like(sound)
        held.own = new.own if sound.all() else keep(new.sound, new.own, held.own)
        held.common = new.common
        held.own_updates = held.own_updates + sound
        held.common_updates = held.common_updates + 1
        return loss, extra, sound

    def _improve_together(
        self, held: Held, batches: Sequence[Batch]
    ) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], ...], NDArray[np.bool_]]:
        """The same step of what all share by the mean over the members of all the group, of whom these are some."""
        slope = self._slope_of(held.own, held.common, batches)
        sound = slope.loss.isfinite()
        loss, extra = slope.loss.cpu().numpy(), tuple(each.cpu().numpy() for each in slope.extra)
        part, at = held, sound.nonzero()[:, 0]
        if len(at) < len(loss):
            part = Held(Rows(*(each[at] for each in held.own)), held.common, held.own_updates, held.common_updates)
            slope = self._slope_of(part.own, part.common, [of_agents(one, lambda each: each[at]) for one in batches])
        joint = torch.cat([slope.common[0], slope.common.new_tensor([len(at)])])
        self._networks.group.add_up(joint)
        members, every_sound = int(joint[-1]), sound.cpu().numpy()
        if not members:
            return loss, extra, every_sound
        everyone = torch.ones(1, dtype=torch.bool, device=self.device)
        new, common_sound = adam(
            held.common, joint[None, :-1] / members, self._paces(held)[1], everyone, self._settings
        )
        if not bool(common_sound.all()):
            return loss, extra, np.zeros_like(every_sound)
        held.common, held.common_updates = new, held.common_updates + 1
        if held.common_updates[0] % COMPARED_EVERY == 0:
            self._networks.group.compare(digest_of(new, int(held.common_updates[0])))
        return loss, extra, every_sound

    def _improve_some(self, held: Held, batches: Sequence[Batch], some: NDArray[np.int64]) -> None:
        """Take the step with some of the agents held only; the others keep their weights."""
        if not len(some):
            return
        at = self.tensor(some)
        part = Held(Rows(*(each[at] for each in held.own)), held.common, held.own_updates[some], held.common_updates)
        self.improve(part, [of_agents(batch, lambda each: each[at]) for batch in batches])
        held.own = Rows(*(whole.index_copy(0, at, new) for whole, new in zip(held.own, part.own, strict=True)))
        held.own_updates[some] = part.own_updates
        held.common, held.common_updates = part.common, part.common_updates

    def _paces(self, held: Held) -> tuple[Pace, Pace]:
        lr = self._settings.lr
        return self.own.pace(held.own_updates, lr), self.common.pace(held.common_updates, lr)

    def _improve(
        self, own: Rows, common: Rows, own_pace: Pace, common_pace: Pace, batches: tuple[Batch, ...]
    ) -> Improved:
        """The gradient step as a pure function of tensors."""
        slope = self._slope_of(own, common, batches)
        count = len(slope.loss)
        sound = slope.loss.isfinite()
        new_own, sound = adam(own, slope.own, own_pace, sound, self._settings)
        everyone = torch.ones(1, dtype=torch.bool, device=sound.device)
        new_common, common_sound = adam(common, slope.common / count, common_pace, everyone, self._settings)
        return Improved(new_own, new_common, slope.loss, slope.extra, sound, common_sound)

    def _slope_of(self, own: Rows, common: Rows, batches: Sequence[Batch]) -> Slope:
        """The gradients of the mean over all of the batches' transitions."""
        return mean_slope([(batch[0].shape[1], partial(self._slope, own, common, batch)) for batch in batches])

    def _slope(self, own: Rows, common: Rows, batch: Batch) -> Slope:
        """The gradients of one batch, 0 where it is nobody's."""
        if not len(batch[0]):
            nobody = own.weights.new_zeros(0, batch[0].shape[1])
            return Slope(own.weights, torch.zeros_like(common.weights), nobody.sum(1), (nobody,))
        mine, ours = self.own.layout, self.common.layout
        (own_gradient, common_gradient), (loss, extra) = self._gradient(
            named(mine, own.weights),
            named(ours, common.weights[0]),
            named(mine, own.target),
            named(ours, common.target[0]),
            batch,
        )
        ours_flat = flat(ours, common_gradient, common.weights[0])[None]
        return Slope(flat(mine, own_gradient, own.weights), ours_flat, loss, extra)


def of_agents(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with each of its tensors `[n, ...]` changed."""
    return type(batch)(*map(change, batch))


def mean_slope(batches: Sequence[tuple[int, Callable[[], Slope]]]) -> Slope:
    """The slope of the mean over several batches, given how many transitions each has, computed one by one."""
    if len(batches) == 1:
        return batches[0][1]()
    transitions = sum(count for count, _ in batches)
    (first, slope), *others = batches
    total = slope()
    own, common, loss = (each * (first / transitions) for each in total[:3])
    extras = [total.extra]
    for count, slope in others:
        more, share = slope(), count / transitions
        own, common, loss = own + share * more.own, common + share * more.common, loss + share * more.loss
        extras.append(more.extra)
    return Slope(own, common, loss, tuple(torch.cat(parts, 1) for parts in zip(*extras, strict=True)))
