"""Attention Q-networks with a branch a joint, on fused kernels: without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.attention_layout import Widths, attention_layout
from teem.learning.kernel_q import share_updates
from teem.learning.kernels.attention import act_agents, update_agents
from teem.learning.kernels.attention_backward import room_to_turn
from teem.learning.kernels.attention_places import Shape, places_of
from teem.learning.replay import Replay
from teem.learning.stack import Stack
from teem.threads import Threads
from teem.worlds.tokens import Tokens

Rows = NDArray[np.int32] | NDArray[np.int64]
Floats = NDArray[np.float32]

SHARED_BLOCK = 32  # agents with one network act so many at once


class KernelAttention:
    """Attention Q-networks of one shape, acted and updated by fused kernels; the module is attention.AttentionQ.

    A row's network is the stack's row of the same number; a stack of one row is shared by all.
    """

    def __init__(
        self, stack: Stack, tokens: Tokens, bins: int, widths: Widths, settings: LearningSettings, threads: Threads
    ) -> None:
        if stack.layout != attention_layout(tokens, widths, bins):
            raise ValueError(f"the stack is not laid out for {tokens}, {bins} bins, {widths}")
        self.stack = stack
        self.tokens = tokens
        self.settings = settings
        self.threads = threads
        self._shape = attention_shape(tokens, widths, bins)
        self._block = 1 if stack.rows > 1 else SHARED_BLOCK
        self._acting = places_of(self._shape, self._block)
        self._learning = places_of(self._shape, settings.transitions)

    def values(self, observation: Floats, rows: Rows, out: Floats) -> None:
        """Write each row's values into `out[capacity, branches, bins]`, 0 for branches it hasn't got."""
        self._act(observation, rows, out, np.empty((0, 0, 0, 0), np.float32))

    def attention(self, observation: Floats, rows: Rows) -> Floats:
        """How much each asking token of the rows looks at each token: `[n, heads, queries, count]`.

        The asking tokens are the agent's own and its branches'. Each row of a present one sums to 1; what is
        absent has 0.
        """
        shares = np.zeros((len(rows), self._shape.heads, self.tokens.queries, self.tokens.count), np.float32)
        out = np.empty((len(observation), self.tokens.branches, self._shape.bins), np.float32)
        self._act(observation, rows, out, shares)
        return shares

    def _act(self, observation: Floats, rows: Rows, out: Floats, shares: Floats) -> None:
        self.threads.share(
            act_agents,
            len(rows),
            rows.astype(np.int64, copy=False),
            self._shape,
            self._acting,
            self._block,
            self.stack.padded[0],
            observation.reshape(len(observation), -1),
            out,
            shares,
        )

    def update(
        self,
        rows: Rows,
        ids: NDArray[np.int64],
        replay: Replay,
        seed: int,
        step: int,
        loss: Floats,
        faults: NDArray[np.int64],
    ) -> None:
        """Update each row's network once from its own replay, as KernelQ.update does."""
        shape = (self._shape, self._learning, room_to_turn(self._learning))
        given = (rows, ids, shape, self.stack, replay, self.settings, seed, step, loss, faults)
        share_updates(update_agents, *given, self.threads)


def attention_shape(tokens: Tokens, widths: Widths, bins: int) -> Shape:
    """The network as the kernels see it."""
    layout = attention_layout(tokens, widths, bins)
    place = dict(zip(layout.names, layout.offsets, strict=True))
    shapes = dict(zip(layout.names, layout.shapes, strict=True))
    first = np.cumsum([0, *(kind.count for kind in tokens.kinds)])
    kinds = [
        (kind.count, kind.features, int(kind.optional), begin, first[k], place[f"embed.{k}.weight"])
        for k, (kind, begin) in enumerate(zip(tokens.kinds, tokens.begins, strict=True))
    ]

    def layers(name: str, count: int) -> NDArray[np.int64]:
        names = [f"{name}.{layer}.weight" for layer in range(count)]
        return np.array([(*shapes[each], place[each]) for each in names], np.int64)

    return Shape(
        kinds=np.array(kinds, np.int64),
        size=tokens.size,
        width=widths.token,
        heads=widths.heads,
        head=widths.head,
        bins=bins,
        query=place["query.weight"],
        key_value=place["key_value.weight"],
        gather=place["gather.weight"],
        context=layers("context", len(widths.context)),
        trunk=layers("trunk", len(widths.trunk)),
        advantage=place["advantage.weight"],
        value=place["value.weight"],
    )
