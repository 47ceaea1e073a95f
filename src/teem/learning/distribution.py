"""What a policy draws actions from: the network gives a `head` of numbers, and these say how likely each action is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from teem.learning.acting import Acting
from teem.learning.gaussian import draw_normally, gaussian, log_density
from teem.learning.selector import choose, log_probability, sample
from teem.threads import Threads
from teem.worlds.base import Action

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int32]

_NEVER = -1e8  # the logit of an illegal action: its probability is exactly 0


class Distribution(Protocol):
    """Of one decision. Arrays are by slot, `[capacity, ...]`: what was drawn is shaped as everyone's actions."""

    width: int  # numbers of a head

    def draw(
        self,
        head: Floats,
        mask: Flags,
        ids: NDArray[np.int64],
        rows: Rows,
        step: int,
        seed: int,
        drawn: Action,
        threads: Threads,
        *,
        greedy: bool,
    ) -> None:
        """Write a draw for each row into `drawn`, or what is likeliest."""
        ...

    def possible(self, drawn: Action) -> Action:
        """The actions that such draws lead to."""
        ...

    def log_probability(self, head: Floats, mask: Flags, drawn: Action, rows: Rows, out: Floats) -> None:
        """Write the logarithm of how likely each row's draw was to `out[row]`."""
        ...

    def judge(self, head: Tensor, mask: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """For one agent's decisions, the logarithm of how likely each was, and the entropy: both [m]."""
        ...


def distribution_of(acting: Acting, capacity: int) -> Distribution:
    """What suits the actions of a world."""
    return Gaussian(acting.branches) if acting.continuous else Categorical(acting.actions, capacity)


class Categorical:
    """One of several actions; the head holds their logits."""

    def __init__(self, actions: int, capacity: int) -> None:
        self.width = actions
        self._never = np.zeros(capacity, np.float32)

    def draw(
        self,
        head: Floats,
        mask: Flags,
        ids: NDArray[np.int64],
        rows: Rows,
        step: int,
        seed: int,
        drawn: Action,
        threads: Threads,
        *,
        greedy: bool,
    ) -> None:
        """An action by the softmax of the legal ones' logits, or the one of the highest."""
        key = (ids, rows, step, seed, drawn)
        if greedy:
            threads.share(choose, len(rows), head, mask, self._never, *key)
        else:
            threads.share(sample, len(rows), head, mask, *key)

    def possible(self, drawn: Action) -> Action:
        """The actions themselves."""
        return drawn

    def log_probability(self, head: Floats, mask: Flags, drawn: Action, rows: Rows, out: Floats) -> None:
        """Of the softmax; the action drawn counts as legal."""
        log_probability(0, len(rows), head, mask, drawn, rows, out)

    def judge(self, head: Tensor, mask: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Of the softmax of the legal actions' logits."""
        log_all = head.masked_fill(~mask, _NEVER).log_softmax(-1)
        return log_all.gather(-1, drawn.long()[:, None])[:, 0], -(log_all.exp() * log_all).sum(-1)


class Gaussian:
    """A number a branch, drawn from a normal distribution each; the head holds means, then log standard deviations.

    A draw beyond -1 or 1 leads to that action and is learnt from as it was drawn.
    """

    def __init__(self, branches: int) -> None:
        self.width = 2 * branches

    def draw(
        self,
        head: Floats,
        mask: Flags,
        ids: NDArray[np.int64],
        rows: Rows,
        step: int,
        seed: int,
        drawn: Action,
        threads: Threads,
        *,
        greedy: bool,
    ) -> None:
        """A normal draw, or the mean."""
        spread = np.float32(not greedy)
        threads.share(draw_normally, len(rows), head, mask, ids, rows, step, seed, spread, drawn)

    def possible(self, drawn: Action) -> Action:
        """The draws between -1 and 1, the others cut off there."""
        return np.clip(drawn, np.float32(-1), np.float32(1))

    def log_probability(self, head: Floats, mask: Flags, drawn: Action, rows: Rows, out: Floats) -> None:
        """The log density, summed over the branches there are."""
        log_density(0, len(rows), head, mask, drawn, rows, out)

    def judge(self, head: Tensor, mask: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """The log density and the entropy, summed over the branches there are."""
        return gaussian(head, mask, drawn)
