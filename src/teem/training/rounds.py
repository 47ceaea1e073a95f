"""Rounds of acting and learning, and whether who evaluates beside had better stand still while one learns."""

from __future__ import annotations

LEAST_S = 0.05  # of learning: to stand still for less isn't worth while
MOST = 4.0  # times as long as acting took: else who evaluates would get nowhere


class Rounds:
    """Learning by threads that fill the cores, as torch's do, waits for each of them: who takes a slice of one core
    holds up all. Acting leaves cores free, so there is time enough for evaluations where it is a good part of a round.
    """

    def __init__(self, threads: int, cores: int) -> None:
        """So many `threads` learn, on so many cores."""
        self._full = 1 < cores <= threads
        self._begun_ns = self._acted_ns = 0  # acting and learning; 0: no round has begun
        self._rest = False  # by the last round

    def acted(self, now_ns: int) -> bool:
        """Learning begins; whether others should rest until it ends."""
        self._acted_ns = now_ns
        return self._rest

    def learnt(self, now_ns: int) -> int:
        """The round ends, and another begins; for how many nanoseconds it learnt."""
        acting, learning = self._acted_ns - self._begun_ns, (now_ns - self._acted_ns if self._acted_ns else 0)
        known = self._begun_ns and self._acted_ns
        self._rest = bool(known and self._full and 1e9 * LEAST_S <= learning <= MOST * acting)
        self._begun_ns = now_ns
        return learning
