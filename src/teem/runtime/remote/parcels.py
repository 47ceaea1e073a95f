"""What is sent between an actor and a learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.runtime.processes.links import Boxes
from teem.runtime.transport.mailbox import Letters

MOST_BYTES = 4 << 20  # of a message, unless a single frame or network takes more
LIFE = 1 << 40  # steps: a later life of an actor counts from where no earlier one has come


@dataclass(frozen=True, slots=True)
class Post:
    """What is new in a cohort's mailboxes."""

    cohort: int
    own: Letters
    common: Letters | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of it."""
        return self.own.nbytes + (self.common.nbytes if self.common else 0)

    def put(self, boxes: Sequence[Boxes | None]) -> None:
        """Publish it in the mailboxes of these cohorts."""
        into = boxes[self.cohort]
        if into is None:
            raise ValueError(f"weights came of cohort {self.cohort}, which has no networks here")
        if len(self.own.rows):
            into.own.post(self.own)
        if into.common and self.common and len(self.common.rows):
            into.common.post(self.common)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Steps, from an actor to a learner."""

    first: int  # number of its first frame, since the two were joined
    frames: NDArray[np.uint8]  # their contents, one after the other
    letters: tuple[Post, ...]  # weights of those among their parents and the famous whom another learner teaches

    @property
    def nbytes(self) -> int:
        """Bytes of it."""
        return self.frames.nbytes + sum(post.nbytes for post in self.letters)


@dataclass(frozen=True, slots=True)
class News:
    """What a learner has come to, to an actor: first the weights, then how far they have got."""

    number: int  # since the two were joined
    counts: dict[str, int]  # as in the control block
    whole: bool  # all weights that the counts speak of are told
    posts: tuple[Post, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of it."""
        return sum(post.nbytes for post in self.posts)


class LifeOverError(Exception):
    """Who sends was lost, and another has taken its place."""
