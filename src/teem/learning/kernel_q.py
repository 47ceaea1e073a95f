"""Dueling Q-networks on fused kernels: the default backend, without torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.kernels.dueling import Shape, act_agents, update_agents
from teem.learning.kernels.update import Networks, Rule
from teem.learning.replay import MOST_ACTIONS, Replay
from teem.learning.stack import Layout, Stack
from teem.threads import Threads

Rows = NDArray[np.int32] | NDArray[np.int64]


class KernelQ:
    """Dueling Q-networks of one shape, of one action or of one a branch, acted and updated by fused kernels.

    A row's network is the stack's row of the same number; a stack of one row is shared by all, and then
    updated by one agent after the other.
    """

    def __init__(
        self,
        stack: Stack,
        inputs: int,
        hidden: tuple[int, ...],
        actions: int,
        settings: LearningSettings,
        threads: Threads,
        branches: int = 1,
    ) -> None:
        outputs = 1 + branches * actions
        if stack.layout != Layout.mlp(inputs, hidden, outputs):
            several = f"{branches} branches of " if branches > 1 else ""
            raise ValueError(
                f"the stack is not laid out for {inputs} inputs, hidden {hidden}, {several}{actions} actions"
            )
        if max(actions, branches) > MOST_ACTIONS:
            raise ValueError(f"{actions} actions, {branches} branches: the kernels take at most {MOST_ACTIONS} of each")
        self.stack = stack
        self.settings = settings
        self.threads = threads
        self._shape = _shape(stack.layout, (inputs, *hidden, outputs), branches)

    def values(self, observation: NDArray[np.float32], rows: Rows, out: NDArray[np.float32]) -> None:
        """Write the values of each row's `observation[capacity, size]` into `out[capacity, actions]`.

        With several branches `out` is `[capacity, branches, actions]`, and those of an absent branch mean nothing.
        """
        self.threads.share(
            act_agents,
            len(rows),
            rows.astype(np.int64, copy=False),
            self._shape,
            self.stack.padded[0],
            observation.reshape(len(observation), -1),
            out.reshape(len(out), -1),
        )

    def update(
        self,
        rows: Rows,
        ids: NDArray[np.int64],
        replay: Replay,
        seed: int,
        step: int,
        loss: NDArray[np.float32],
        faults: NDArray[np.int64],
    ) -> None:
        """Update each row's network once from its own replay: draw, value, compare, differentiate, step.

        `loss[capacity]` takes the weighted Huber loss. A row whose loss, gradient or weights aren't finite
        keeps its weights, and `faults[capacity]` counts it. Raises ValueError when a row has nothing to draw.
        """
        given = (rows, ids, (self._shape,), self.stack, replay, self.settings, seed, step, loss, faults)
        share_updates(update_agents, *given, self.threads)


def share_updates(
    kernel: Callable[..., Any],
    rows: Rows,
    ids: NDArray[np.int64],
    shape: tuple[Any, ...],
    stack: Stack,
    replay: Replay,
    settings: LearningSettings,
    seed: int,
    step: int,
    loss: NDArray[np.float32],
    faults: NDArray[np.int64],
    threads: Threads,
    at_least: int = 2,
) -> None:
    """Have `kernel` update each row's network from its own replay; `shape` is what it knows of the network.

    A thread is handed `at_least` so many. Rows of one network are updated one after the other. Raises ValueError
    when a row has nothing to draw.
    """
    _expect_drawable(replay, rows, settings.n_step)
    threads.share(
        kernel,
        len(rows),
        rows.astype(np.int64, copy=False),
        ids,
        *shape,
        Networks(*stack.padded, stack.updates),
        replay.ring(),
        _rule_of(settings, replay),
        seed,
        step,
        loss,
        faults,
        at_least=max(1, len(rows)) if stack.rows == 1 else at_least,  # an update is long beside a hand-over
    )


def _expect_drawable(replay: Replay, rows: Rows, n_step: int) -> None:
    """Raise ValueError when a row has nothing to draw."""
    empty = np.flatnonzero(~replay.drawable(rows, n_step))
    if len(empty):
        raise ValueError(f"replay row {int(rows[empty[0]])} has no transition to draw: check drawable() first")


def _rule_of(settings: LearningSettings, replay: Replay) -> Rule:
    """What an update is, for the kernels."""
    return Rule(
        batch=settings.transitions,  # all at once: the gradient of their mean, as averaged over batches
        n_step=settings.n_step,
        gamma=float(settings.gamma),
        double=settings.double,
        lr=float(settings.lr),
        tau=float(settings.tau),
        grad_clip=float(settings.grad_clip),
        alpha=float(replay.alpha),
        beta=float(replay.beta),
    )


def _shape(layout: Layout, widths: tuple[int, ...], branches: int) -> Shape:
    layers = [
        (widths[k], widths[k + 1], layout.offsets[2 * k], layout.offsets[2 * k + 1]) for k in range(len(widths) - 1)
    ]
    return Shape(np.array(layers, np.int64), np.cumsum([0, *widths], dtype=np.int64), branches)
