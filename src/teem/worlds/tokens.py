"""An observation as tokens: kinds of things an agent perceives, so many of each, all features in one flat row.

The first kind is the agent itself, one token. The second are its branches, the parts that each act: a joint, a
wing. These two ask; all others, a ray, an item of food, are only asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TokenKind:
    """Tokens with the same features. An `optional` one is present where its first feature isn't 0."""

    name: str
    count: int  # the most an agent can have
    features: int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """The layout of an observation: one kind after the other, a kind's tokens one after the other."""

    kinds: tuple[TokenKind, ...]

    def __post_init__(self) -> None:
        if len(self.kinds) < 2:
            raise ValueError(f"tokens have {len(self.kinds)} kinds: the first is the agent itself, then its branches")
        own = self.kinds[0]
        if own.count != 1 or own.optional:
            raise ValueError(f"tokens' first kind, {own.name}, is the agent itself: exactly one, never absent")
        for kind in self.kinds:
            if kind.count < 1 or kind.features < 1:
                raise ValueError(f"{kind.name} has {kind.count} tokens of {kind.features} features: at least 1 of each")
        names = [kind.name for kind in self.kinds]
        if len(set(names)) < len(names):
            raise ValueError(f"tokens' kinds are {', '.join(names)}: each name once")

    @property
    def size(self) -> int:
        """Numbers in an observation."""
        return sum(kind.count * kind.features for kind in self.kinds)

    @property
    def count(self) -> int:
        """Tokens in an observation, present or not."""
        return sum(kind.count for kind in self.kinds)

    @property
    def branches(self) -> int:
        """The most parts that act."""
        return self.kinds[1].count

    @property
    def queries(self) -> int:
        """Tokens that ask: the agent itself and its branches. They come first."""
        return 1 + self.branches

    @property
    def begins(self) -> tuple[int, ...]:
        """Where each kind's features begin in an observation."""
        return tuple(accumulate((kind.count * kind.features for kind in self.kinds[:-1]), initial=0))

    @property
    def names(self) -> tuple[str, ...]:
        """One name a number of an observation, "joint.3.1"; a token that is alone in its kind has no number."""
        out = []
        for kind in self.kinds:
            tokens = [kind.name] if kind.count == 1 else [f"{kind.name}.{token}" for token in range(kind.count)]
            out += [f"{token}.{feature}" for token in tokens for feature in range(kind.features)]
        return tuple(out)

    def present(self, observation: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which tokens are there, `[..., size]` to `[..., count]`."""
        parts = []
        for kind, begin in zip(self.kinds, self.begins, strict=True):
            first = observation[..., begin : begin + kind.count * kind.features : kind.features]
            parts.append(first != 0 if kind.optional else np.ones(first.shape, np.bool_))
        return np.concatenate(parts, axis=-1)

    def branches_present(self, observation: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which branches are there, `[..., size]` to `[..., branches]`."""
        return self.present(observation)[..., 1 : self.queries]
