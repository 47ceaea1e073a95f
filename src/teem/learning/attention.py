"""The attention network as a torch module: the specification that the kernels compute.

An agent perceives tokens (see tokens.py). Each is embedded by its kind; the agent's own token and its branches'
then look at all that are present (Vaswani 2017, https://arxiv.org/abs/1706.03762), and each branch gets the values of
its own bins (action branching: Tavakoli 2018, https://arxiv.org/abs/1711.08946). All branches share one set of
weights, so any body fits.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from teem.learning.attention_layout import Widths
from teem.learning.networks import Dense
from teem.worlds.tokens import Tokens

ABSENT = -1e30  # added to an absent token's score: its share becomes exactly 0


class _Weight(nn.Module):
    """x @ weight, laid out [in, out]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        return x @ self.weight


class AttentionQ(nn.Module):
    """Action values of each branch: `[..., size]` to `[..., branches, bins]`; an absent branch's mean nothing."""

    def __init__(self, tokens: Tokens, bins: int, widths: Widths) -> None:
        super().__init__()
        self.tokens, self.widths = tokens, widths
        asked = widths.heads * widths.head
        self.embed = nn.ModuleList(Dense(kind.features, widths.token) for kind in tokens.kinds)
        self.query = Dense(widths.token, asked)
        self.key_value = _Weight(widths.token, 2 * asked)
        self.gather = _Weight(asked, widths.token)
        self.context = nn.ModuleList(Dense(a, b) for a, b in pairwise((widths.token, *widths.context)))
        above = (widths.token + widths.context[-1], *widths.trunk)
        self.trunk = nn.ModuleList(Dense(a, b) for a, b in pairwise(above))
        self.advantage = Dense(widths.trunk[-1], bins)
        self.value = Dense(widths.context[-1], 1)

    def forward(self, observation: Tensor) -> Tensor:
        """q = v + a - mean(a) for each branch (dueling: Wang 2016, https://arxiv.org/abs/1511.06581)."""
        x = self._embedded(observation)
        shares, values = self._shares(observation, x)
        seen = (shares @ values).transpose(-2, -3).flatten(-2)  # [..., queries, heads * head]
        asking = x[..., : self.tokens.queries, :] + self.gather(seen)
        context, branch = asking[..., 0, :], asking[..., 1:, :]
        for layer in self.context:
            context = torch.relu(layer(context))
        branch = torch.cat([branch, context[..., None, :].expand(*branch.shape[:-1], -1)], -1)
        for layer in self.trunk:
            branch = torch.relu(layer(branch))
        advantage = self.advantage(branch)
        out: Tensor = self.value(context)[..., None] + advantage - advantage.mean(-1, keepdim=True)
        return out

    def attention(self, observation: Tensor) -> Tensor:
        """How much each asking token looks at each token: `[..., heads, queries, count]`, every row sums to 1."""
        shares, _ = self._shares(observation, self._embedded(observation))
        return shares

    def present(self, observation: Tensor) -> Tensor:
        """Which tokens are there, `[..., count]` bool."""
        parts = []
        for kind, features in zip(self.tokens.kinds, self._features(observation), strict=True):
            parts.append(
                features[..., 0] != 0 if kind.optional else torch.ones_like(features[..., 0], dtype=torch.bool)
            )
        return torch.cat(parts, -1)

    def _features(self, observation: Tensor) -> list[Tensor]:
        """Each kind's `[..., count, features]`."""
        sizes = [kind.count * kind.features for kind in self.tokens.kinds]
        parts = torch.split(observation, sizes, -1)
        pairs = zip(parts, self.tokens.kinds, strict=True)
        return [part.reshape(*part.shape[:-1], kind.count, -1) for part, kind in pairs]

    def _embedded(self, observation: Tensor) -> Tensor:
        """`[..., count, width]`."""
        parts = zip(self.embed, self._features(observation), strict=True)
        return torch.relu(torch.cat([embed(features) for embed, features in parts], -2))

    def _shares(self, observation: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The softmax of scores `[..., heads, queries, count]`, and the values `[..., heads, count, head]`."""
        heads, head = self.widths.heads, self.widths.head
        query = self.query(x[..., : self.tokens.queries, :]).unflatten(-1, (heads, head)).transpose(-2, -3)
        key, value = self.key_value(x).unflatten(-1, (2, heads, head)).unbind(-3)
        score = query @ key.transpose(-2, -3).transpose(-1, -2)
        score = score + torch.where(self.present(observation), 0.0, ABSENT)[..., None, None, :]
        return (score * head**-0.5).softmax(-1), value.transpose(-2, -3)
