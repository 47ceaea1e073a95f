"""Growing: bare cells where nobody stands may come to hold something."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.rng import Stream, bits, to_unit
from teem.worlds.treasure.board import Board, Terms
from teem.worlds.treasure.entities import GROUND, Table
from teem.worlds.treasure.entities import GROWTH as CHANCE

_GROWTH = int(Stream.GROWTH)


@njit(nogil=True, cache=True, inline="always")
def grow(w, step, board, table, terms):  # type: ignore[no-untyped-def]
    """Let each entity that grows do so, each in every bare cell with its chance; changes cells alone.

    Draws are keyed by (step, w, entity, cell).
    """
    cells, people, sight, count = board.cells, board.people, terms.sight, terms.height * terms.width
    for kind in range(table.shape[0]):
        if table[kind, CHANCE] == 0:
            continue
        first = kind * (count // 4 + 1)
        words = bits(terms.seed, _GROWTH, step, w, first)
        for cell in range(count):
            if cell % 4 == 0:
                words = bits(terms.seed, _GROWTH, step, w, first + cell // 4)
            row, column = sight + cell // terms.width, sight + cell % terms.width
            bare = cells[w, row, column] == GROUND and people[w, row, column] == 0
            if bare and to_unit(words[cell % 4]) < table[kind, CHANCE]:
                cells[w, row, column] = np.uint8(kind)


def grow_plain(w: int, step: int, board: Board, table: Table, terms: Terms) -> None:
    """The specification of `grow`."""
    sight, count = terms.sight, terms.height * terms.width
    cells, people = (each[w, sight:-sight, sight:-sight] for each in (board.cells, board.people))
    for kind, of in enumerate(table):
        for cell in range(count if of[CHANCE] else 0):
            here = divmod(cell, terms.width)
            word = bits(terms.seed, _GROWTH, step, w, kind * (count // 4 + 1) + cell // 4)[cell % 4]
            if cells[here] == GROUND and not people[here] and to_unit(word) < of[CHANCE]:
                cells[here] = kind
