"""The attention network's shape: how wide it is where, and how its weights lie in a flat row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from teem.config.settings import AttentionSettings
from teem.learning.stack import Layout
from teem.worlds.tokens import Tokens

_GIVEN = AttentionSettings()  # where the defaults stand


@dataclass(frozen=True, slots=True)
class Widths:
    """How wide the network is.

    Whatever is applied to every token is narrow, whatever is applied once an agent may be wide: an update's cost
    is parameters x the tokens they are applied to.
    """

    token: int = _GIVEN.token
    heads: int = _GIVEN.heads
    head: int = _GIVEN.head  # of a query, a key and a value
    context: tuple[int, ...] = _GIVEN.context  # layers over the agent's own token: once an agent
    trunk: tuple[int, ...] = _GIVEN.trunk  # layers over a branch's token and the context: once a branch

    def __post_init__(self) -> None:
        widths = (self.token, self.heads, self.head, *self.context, *self.trunk)
        if not (self.context and self.trunk) or min(widths) < 1:
            raise ValueError(f"{self}: all at least 1, and at least one layer of context and of trunk")


def attention_layout(tokens: Tokens, widths: Widths, bins: int) -> Layout:
    """Where each tensor lies; a weight is [in, out], and its bias follows it as one more row."""
    asked = widths.heads * widths.head
    named: list[tuple[str, tuple[int, ...], int]] = []

    def dense(name: str, inputs: int, outputs: int, *, bias: bool = True) -> None:
        named.append((f"{name}.weight", (inputs, outputs), inputs))
        if bias:
            named.append((f"{name}.bias", (outputs,), inputs))

    for k, kind in enumerate(tokens.kinds):
        dense(f"embed.{k}", kind.features, widths.token)
    dense("query", widths.token, asked)
    dense("key_value", widths.token, 2 * asked, bias=False)
    dense("gather", asked, widths.token, bias=False)
    for layer, (inputs, outputs) in enumerate(pairwise((widths.token, *widths.context))):
        dense(f"context.{layer}", inputs, outputs)
    for layer, (inputs, outputs) in enumerate(pairwise((widths.token + widths.context[-1], *widths.trunk))):
        dense(f"trunk.{layer}", inputs, outputs)
    dense("advantage", widths.trunk[-1], bins)
    dense("value", widths.context[-1], 1)
    return Layout.inputs_first(named)
