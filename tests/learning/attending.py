"""Agents that attend, their memories filled, for the tests of the attention network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from teem.config.settings import LearningSettings
from teem.learning.attention import AttentionQ
from teem.learning.attention_layout import Widths, attention_layout
from teem.learning.kernel_attention import KernelAttention
from teem.learning.replay import Replay
from teem.learning.stack import Stack
from teem.threads import Threads
from teem.worlds.tokens import TokenKind, Tokens

ROWS = 5
SEED = 11
RULE = LearningSettings(batch=8, n_step=3, tau=0.1, lr=0.01)
WIDTHS = Widths(token=12, heads=2, head=3, context=(9, 10), trunk=(11, 5))
TOKENS = Tokens(
    (
        TokenKind("self", 1, 4),
        TokenKind("joint", 6, 3, optional=True),
        TokenKind("ray", 2, 5),
        TokenKind("food", 3, 2, optional=True),
    )
)
Bodies = NDArray[np.bool_]


class Plain(nn.Module):
    """A network of a user's: "attending:Plain"."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(inputs, 24), nn.Linear(24, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.first(x).relu())


class PerBranch(Plain):
    """What one might think is asked for: `[n, branches, bins]`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).unflatten(-1, (-1, 5))


def some_bodies(rows: int, tokens: Tokens = TOKENS) -> Bodies:
    """Which branches each agent has, at least one; an agent's depend on its number alone."""
    bodies = np.stack([np.random.default_rng(agent).random(tokens.branches) < 0.5 for agent in range(rows)])
    bodies[:, 1] = True
    return bodies


def some_observations(random: np.random.Generator, bodies: Bodies, tokens: Tokens = TOKENS) -> NDArray[np.float32]:
    """Features of the tokens each agent has: its own branches, and of other optional kinds some."""
    parts = []
    for k, kind in enumerate(tokens.kinds):
        features = random.standard_normal((len(bodies), kind.count, kind.features)).astype(np.float32)
        if kind.optional:
            there = bodies if k == 1 else random.random((len(bodies), kind.count)) < 0.4
            features[..., 0] = 1
            features[~there] = 0
        parts.append(features.reshape(len(bodies), -1))
    return np.concatenate(parts, 1)


class Crawlers:
    """A few agents with filled memories, and what learns from them."""

    def __init__(
        self,
        rule: LearningSettings = RULE,
        *,
        tokens: Tokens = TOKENS,
        widths: Widths = WIDTHS,
        bins: int = 3,
        rows: int = ROWS,
        threads: int = 1,
        order: NDArray[np.int64] | None = None,
        shared: bool = False,
        changing: bool = False,
        bodies: Bodies | None = None,
    ) -> None:
        self.rule, self.tokens, self.widths, self.bins = rule, tokens, widths, bins
        slots = np.arange(rows) if order is None else order
        self.rows, self.ids = slots.astype(np.int32), np.arange(rows) + 40
        self.stack = Stack(attention_layout(tokens, widths, bins), 1 if shared else rows)
        if shared:
            self.stack.fresh(np.zeros(1, np.int32), self.ids[:1], SEED)
        else:
            self.stack.fresh(self.rows, self.ids, SEED)
        self.bodies = some_bodies(rows, tokens) if bodies is None else bodies
        self.replay = Replay(rows, 32, tokens.size, prioritised=rule.replay.prioritised, branches=tokens.branches)
        random = [np.random.default_rng((3, agent)) for agent in range(rows)]
        for _ in range(40):
            self._live(random, changing=changing)
        self.threads = Threads(threads)
        self.learner = KernelAttention(self.stack, tokens, bins, widths, rule, self.threads)
        self.loss = np.zeros(rows, np.float32)
        self.faults = np.zeros(rows, np.int64)

    def _live(self, random: list[np.random.Generator], *, changing: bool) -> None:
        """A decision each; what an agent lives through depends on its own number alone."""
        lives = []
        for agent, dice in enumerate(random):
            body = self.bodies[agent : agent + 1]
            if changing:
                body = dice.random(body.shape) < 0.6
            seen = [some_observations(dice, body, self.tokens)[0] for _ in range(2)]
            lives.append(
                {
                    "observation": seen[0],
                    "mask": body[0],
                    "action": dice.integers(0, self.bins, self.tokens.branches).astype(np.int32),
                    "reward": np.float32(dice.standard_normal()),
                    "terminated": dice.random() < 0.1,
                    "truncated": dice.random() < 0.1,
                    "final": seen[1],
                }
            )
        columns = {name: np.stack([life[name] for life in lives]) for name in lives[0]}
        self.replay.add(self.rows, **{name: _placed(values, self.rows) for name, values in columns.items()})

    def update(self, step: int) -> None:
        self.learner.update(self.rows, self.ids, self.replay, SEED, step, self.loss, self.faults)

    def module(self, agent: int) -> AttentionQ:
        module = AttentionQ(self.tokens, self.bins, self.widths)
        views = self.stack.views(self.stack.weights)
        row = self.rows[agent] if self.stack.rows > 1 else 0
        module.load_state_dict({name: torch.from_numpy(view[row].copy()) for name, view in views.items()})
        return module


def _placed(values: NDArray[np.generic], rows: NDArray[np.int32]) -> NDArray[np.generic]:
    """The values by slot, given by agent."""
    out = np.zeros_like(values)
    out[rows] = values
    return out
