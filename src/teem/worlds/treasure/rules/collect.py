"""Collecting: what is in an entered cell gives its value, and may be taken, come again, or end the episode."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.rng import Stream
from teem.worlds.treasure.board import TERMINATED, Board, Hunters, Terms
from teem.worlds.treasure.entities import ENDS, LEAVES, RESPAWNS, TAKEN, VALUE, Table
from teem.worlds.treasure.layout import bare_cell, bare_cell_plain

_RESPAWN = int(Stream.RESPAWN)


@njit(nogil=True, cache=True, inline="always")
def collect(w, step, order, hunters, board, table, terms):  # type: ignore[no-untyped-def]
    """Give those who entered a cell the value of what it holds; changes `reward`, `feats`, cells and `end`.

    What is taken leaves its remains, and, if it respawns, comes again in a bare cell, keyed by (step, id); it is gone
    where no cell is bare.
    """
    sight = terms.sight
    for i in order:
        if not hunters.entered[i]:
            continue
        row, column = sight + np.int64(hunters.y[i]) - w * terms.height, sight + np.int64(hunters.x[i])
        kind = board.cells[w, row, column]
        hunters.reward[i] += table[kind, VALUE]
        hunters.feats[i] += table[kind, VALUE]
        if table[kind, ENDS] != 0:
            board.end[w] = TERMINATED
        if table[kind, TAKEN] == 0:
            continue
        board.cells[w, row, column] = np.uint8(table[kind, LEAVES])
        if table[kind, RESPAWNS] != 0:
            cell = bare_cell(w, _RESPAWN, step, i, board, terms)
            if cell >= 0:
                board.cells[w, sight + cell // terms.width, sight + cell % terms.width] = kind


def collect_plain(
    w: int, step: int, order: list[int], hunters: Hunters, board: Board, table: Table, terms: Terms
) -> None:
    """The specification of `collect`."""
    grid = board.cells[w, terms.sight : -terms.sight, terms.sight : -terms.sight]
    for i in order:
        if hunters.entered[i]:
            here = int(hunters.y[i]) - w * terms.height, int(hunters.x[i])
            kind = int(grid[here])
            of = table[kind]
            hunters.reward[i] += of[VALUE]
            hunters.feats[i] += of[VALUE]
            board.end[w] = TERMINATED if of[ENDS] else board.end[w]
            if of[TAKEN]:
                grid[here] = int(of[LEAVES])
            cell = bare_cell_plain(w, _RESPAWN, step, i, board, terms) if of[TAKEN] and of[RESPAWNS] else -1
            if cell >= 0:
                grid[divmod(cell, terms.width)] = kind
