"""A step of some worlds, as the list of its rules in their order.

A world is gone through by one thread, from its first rule to its last, while its cells are near. Rules of one's own
see all worlds at once: where there are any, they come between `before` and `after`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.worlds.treasure.board import REST, Game, game_of
from teem.worlds.treasure.layout import lay_out
from teem.worlds.treasure.look import look
from teem.worlds.treasure.rules.collect import collect, collect_plain
from teem.worlds.treasure.rules.end import end, end_plain
from teem.worlds.treasure.rules.grow import grow, grow_plain
from teem.worlds.treasure.rules.walk import take_turns, take_turns_plain, walk, walk_plain


@njit(nogil=True, cache=True)
def play(start, stop, step, wanted, seen, values, final, *parts):  # type: ignore[no-untyped-def]
    """Every rule of worlds `start` to `stop`, and what is seen then: `values`, where there was `seen` before."""
    game = game_of(parts)
    order = np.empty(game.terms.agents, np.int64)
    for w in range(start, stop):
        _go(w, step, wanted, order, game)
        _stop(w, step, seen, values, final, game)


@njit(nogil=True, cache=True)
def before(start, stop, step, wanted, *parts):  # type: ignore[no-untyped-def]
    """The rules before those of one's own."""
    game = game_of(parts)
    order = np.empty(game.terms.agents, np.int64)
    for w in range(start, stop):
        _go(w, step, wanted, order, game)


@njit(nogil=True, cache=True)
def after(start, stop, step, seen, values, final, *parts):  # type: ignore[no-untyped-def]
    """The rules after those of one's own."""
    game = game_of(parts)
    for w in range(start, stop):
        _stop(w, step, seen, values, final, game)


@njit(nogil=True, cache=True)
def begin(start, stop, values, *parts):  # type: ignore[no-untyped-def]
    """Lay out worlds for their first episode, and look."""
    hunters, board, terms, _, chances, palette = game_of(parts)
    for w in range(start, stop):
        lay_out(w, 0, hunters, board, chances, terms)
        look(w, values, hunters, board, palette, terms, values)


@njit(nogil=True, cache=True, inline="always")
def _go(w, step, wanted, order, game):  # type: ignore[no-untyped-def]
    hunters, board, terms, table, _, _ = game
    comply(w, wanted, hunters, terms)
    take_turns(w, step, terms, order)
    walk(w, order, hunters, board, table, terms)
    collect(w, step, order, hunters, board, table, terms)
    grow(w, step, board, table, terms)


@njit(nogil=True, cache=True, inline="always")
def _stop(w, step, seen, values, final, game):  # type: ignore[no-untyped-def]
    hunters, board, terms, _, chances, palette = game
    end(w, step, hunters, board, palette, chances, terms, seen, final)
    look(w, seen, hunters, board, palette, terms, values)


@njit(nogil=True, cache=True, inline="always")
def comply(w, wanted, hunters, terms):  # type: ignore[no-untyped-def]
    """Take over actions, what is none as rest, and clear the rewards."""
    for i in range(w * terms.agents, (w + 1) * terms.agents):
        hunters.action[i] = wanted[i] if 0 <= wanted[i] < REST else REST
        hunters.reward[i] = np.float32(0)


def play_plain(w: int, step: int, wanted: NDArray[np.int32], game: Game) -> None:
    """The specification of a step of world w, but for what is seen."""
    hunters, board, terms, table, chances, _ = game
    for i in range(w * terms.agents, (w + 1) * terms.agents):
        hunters.action[i], hunters.reward[i] = wanted[i] if wanted[i] in range(REST) else REST, 0
    order = take_turns_plain(w, step, terms)
    walk_plain(w, order, hunters, board, table, terms)
    collect_plain(w, step, order, hunters, board, table, terms)
    grow_plain(w, step, board, table, terms)
    end_plain(w, step, hunters, board, chances, terms)
