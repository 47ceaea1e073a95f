"""Several actions at once, one a branch: how each is chosen, and how all are learned from one reward.

A branch is a part of the body that acts, a joint; its action is one of a few bins. Action branching: Tavakoli et al.
2018, https://arxiv.org/abs/1711.08946.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.rng import Stream, bits, to_unit

if TYPE_CHECKING:
    from torch import Tensor

_EXPLORE = int(Stream.EXPLORE)


class BranchTransitions(NamedTuple):
    """What one agent learns from at once: a batch of n-step transitions of all its branches."""

    observation: Tensor  # [batch, D]
    action: Tensor  # [batch, branches] int64
    mask: Tensor  # [batch, branches] which are there
    reward: Tensor  # [batch] discounted sum of the n steps
    next_observation: Tensor  # [batch, D] n steps later
    next_mask: Tensor  # [batch, branches] which are there then
    discount: Tensor  # [batch] gamma**n; 0: it was the end
    weight: Tensor  # [batch] importance of the draw


def branching_td_loss(
    network: Callable[[dict[str, Tensor], Tensor], Tensor],
    parameters: dict[str, Tensor],
    target: dict[str, Tensor],
    batch: BranchTransitions,
    double: bool,
) -> tuple[Tensor, Tensor]:
    """The mean Huber loss of one agent's temporal differences, and their sizes [batch]; both are means over branches.

    All branches learn towards one goal, r + discount x the mean of the branches' next values: equations 3 to 6, with
    n-step returns, and with the mean loss over the branches there are, so that bodies of all sizes learn at one pace.
    `network` gives `[batch, branches, bins]`.
    """
    value = network(parameters, batch.observation).gather(-1, batch.action[..., None])[..., 0]
    fixed = {name: each.detach() for name, each in parameters.items()}
    next_target = network(target, batch.next_observation)
    judge = network(fixed, batch.next_observation) if double else next_target
    expected = _mean(next_target.gather(-1, judge.argmax(-1, keepdim=True))[..., 0], batch.next_mask)
    goal = (batch.reward + batch.discount * expected).detach()
    size = (value - goal[:, None]).abs()
    near = size.clamp(max=1.0)
    loss = _mean(near * (size - 0.5 * near), batch.mask)
    return (batch.weight * loss).mean(), _mean(size, batch.mask).detach()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the branches that are there, 0 if none is."""
    return values.masked_fill(~mask, 0.0).sum(-1) / mask.sum(-1).clamp(min=1)


@njit(nogil=True, cache=True)
def choose_branches(start, stop, values, mask, epsilon, ids, rows, step, seed, rest, action):  # type: ignore[no-untyped-def]
    """For each branch the bin of the highest value, or, with probability `epsilon[row]`, any.

    values f32 [capacity, branches, bins], mask bool [capacity, branches] which are there, epsilon f32 [capacity],
    ids int64 [n] beside rows int32 [n], action int32 [capacity, branches]. Draws are keyed by the agent's id and by
    the branch. Of equal values the lowest bin is taken; a value that is not a number never is. An absent branch
    gets `rest`.
    """
    bins = values.shape[2]
    for i in range(start, stop):
        row = rows[i]
        for branch in range(values.shape[1]):
            if not mask[row, branch]:
                action[row, branch] = rest
                continue
            best, most = 0, np.float32(-np.inf)
            for b in range(bins):
                if values[row, branch, b] > most:
                    best, most = b, values[row, branch, b]
            if epsilon[row] > np.float32(0):
                word = bits(seed, _EXPLORE, step, ids[i], branch)
                if to_unit(word[0]) < epsilon[row]:
                    best = min(int(to_unit(word[1]) * np.float32(bins)), bins - 1)
            action[row, branch] = best


def choose_branches_plain(
    values: NDArray[np.float32],
    mask: NDArray[np.bool_],
    epsilon: NDArray[np.float32],
    draws: NDArray[np.float32],
    rest: int,
) -> NDArray[np.int32]:
    """What `choose_branches` does, for values [n, branches, bins] and two draws [n, branches, 2]: the specification."""
    bins = values.shape[2]
    best = np.where(np.isnan(values), -np.inf, values).argmax(-1)
    picked = np.minimum((draws[..., 1] * np.float32(bins)).astype(np.int64), bins - 1)
    chosen = np.where(draws[..., 0] < epsilon[:, None], picked, best)
    return np.where(mask, chosen, rest).astype(np.int32)
