"""Ending: an episode ends by time or by what was entered, and its world is laid out anew."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.worlds.treasure.board import GOES_ON, TERMINATED, Board, Hunters, Terms
from teem.worlds.treasure.layout import lay_out, lay_out_plain
from teem.worlds.treasure.look import look


@njit(nogil=True, cache=True, inline="always")
def end(w, step, hunters, board, palette, chances, terms, seen, final):  # type: ignore[no-untyped-def]
    """Move on the clock of world w; at its end note who is cut off, what they see last, and lay it out for step + 1.

    `seen` is what they saw when the step began. Changes `terminated`, `truncated`, `final`, the clock, `end` and, by
    laying out, cells, people and places.
    """
    first, last = w * terms.agents, (w + 1) * terms.agents
    board.clock[w] += 1
    terminated = board.end[w] == TERMINATED
    truncated = not terminated and board.clock[w] >= terms.episode
    hunters.terminated[first:last] = terminated
    hunters.truncated[first:last] = truncated
    if truncated:
        look(w, seen, hunters, board, palette, terms, final)
    if terminated or truncated:
        lay_out(w, step + 1, hunters, board, chances, terms)
        board.clock[w] = 0
        board.end[w] = GOES_ON


def end_plain(w: int, step: int, hunters: Hunters, board: Board, chances: NDArray[np.float32], terms: Terms) -> None:
    """The specification of `end`, but for what is seen last."""
    mine = slice(w * terms.agents, (w + 1) * terms.agents)
    board.clock[w] += 1
    hunters.terminated[mine] = board.end[w] == TERMINATED
    hunters.truncated[mine] = board.end[w] != TERMINATED and board.clock[w] >= terms.episode
    if (hunters.terminated | hunters.truncated)[mine].any():
        lay_out_plain(w, step + 1, hunters, board, chances, terms)
        board.clock[w], board.end[w] = 0, GOES_ON
