"""The mail between islands: who gets a letter, and what is kept until it can't be lost any more.

A letter that was handed over is kept until a checkpoint of its receiver holds it: an island that goes back to its
checkpoint gets it again. What an island sends again when it repeats a stretch is refused by its receiver, by number.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np

from teem.rng import Stream, uniforms
from teem.runtime.islands.migrants import Migrants

MOST = 256  # letters on the way to an island, and letters kept for it; the oldest give way


class Mail:
    """Letters by receiver."""

    def __init__(self, islands: int, topology: Literal["ring", "random"], seed: int) -> None:
        self.sent = 0  # migrants that were sent, repeated ones included
        self.bytes = 0
        self.given_up = 0  # letters that gave way to newer ones
        self._islands, self._topology, self._seed = islands, topology, seed
        self._waiting: list[deque[Migrants]] = [deque() for _ in range(islands)]
        self._given: list[deque[tuple[int, Migrants]]] = [deque() for _ in range(islands)]  # at which step of theirs

    def receiver(self, island: int, step: int) -> int:
        """To which island the migrants of that step go; to none but itself where it is alone."""
        if self._islands == 1:
            return island
        if self._topology == "ring":
            return (island + 1) % self._islands
        draw = uniforms(self._seed, Stream.MIGRATION, step, np.array([island], np.int64), 1)[0, 0]
        other = min(int(draw * (self._islands - 1)), self._islands - 2)
        return other + (other >= island)

    def post(self, migrants: Migrants) -> None:
        """Send a letter on its way."""
        to = self.receiver(migrants.island, migrants.step)
        if to == migrants.island:
            return
        self.sent += len(migrants.id)
        self.bytes += migrants.nbytes
        self._waiting[to].append(migrants)
        self._cut(self._waiting[to])

    @property
    def waiting(self) -> int:
        """Migrants that have not been handed over."""
        return sum(len(letter.id) for letters in self._waiting for letter in letters)

    @property
    def kept(self) -> tuple[int, int]:
        """Letters on the way and kept, and how many there is room for."""
        return sum(map(len, self._waiting)) + sum(map(len, self._given)), 2 * MOST * self._islands

    def hand_over(self, island: int, step: int) -> list[Migrants]:
        """What has arrived for an island that is at that step, in the order it came."""
        letters = list(self._waiting[island])
        self._waiting[island].clear()
        self._given[island].extend((step, letter) for letter in letters)
        self._cut(self._given[island])
        return letters

    def saved(self, island: int, step: int) -> None:
        """A checkpoint of an island holds what it was given before that step."""
        given = self._given[island]
        while given and given[0][0] < step:
            given.popleft()

    def went_back(self, island: int, step: int) -> None:
        """An island goes on from that step once more: it shall be given again what it was given since."""
        again = [letter for at, letter in self._given[island] if at >= step]
        self._given[island].clear()
        self._waiting[island].extendleft(reversed(again))

    def _cut(self, letters: deque[Migrants] | deque[tuple[int, Migrants]]) -> None:
        while len(letters) > MOST:
            letters.popleft()
            self.given_up += 1
