"""Laying out a world for a new episode: what each cell holds, and where its agents begin."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.rng import Stream, bits, to_unit
from teem.worlds.treasure.board import Board, Hunters, Terms
from teem.worlds.treasure.entities import GROUND

_LAYOUT, _FOUNDERS = int(Stream.LAYOUT), int(Stream.FOUNDERS)
_TRIES = 32  # cells drawn before one is looked for, one after the other
_HALF = np.float32(0.5)


@njit(nogil=True, cache=True)
def lay_out(w, step, hunters, board, chances, terms):  # type: ignore[no-untyped-def]
    """Lay out world w as it is before `step`; changes its cells, its people and where its agents are.

    A cell's draw is keyed by (step, w, cell), an agent's place by (step, id). An agent begins in a bare cell; where
    there is none, in any that is free, which becomes bare.
    """
    sight, words = terms.sight, bits(terms.seed, _LAYOUT, step, w, 0)
    for cell in range(terms.height * terms.width):
        if cell % 4 == 0:  # a block of bits is four words
            words = bits(terms.seed, _LAYOUT, step, w, cell // 4)
        row, column = sight + cell // terms.width, sight + cell % terms.width
        board.cells[w, row, column] = _drawn(to_unit(words[cell % 4]), chances)
        board.people[w, row, column] = 0
    for i in range(w * terms.agents, (w + 1) * terms.agents):
        cell = bare_cell(w, _FOUNDERS, step, i, board, terms)
        if cell < 0:
            cell = _free_cell(w, board, terms)
        row, column = cell // terms.width, cell % terms.width
        board.cells[w, sight + row, sight + column] = GROUND
        board.people[w, sight + row, sight + column] = 1
        hunters.x[i] = np.float32(column) + _HALF
        hunters.y[i] = np.float32(w * terms.height + row) + _HALF


@njit(nogil=True, cache=True, inline="always")
def _drawn(unit, chances):  # type: ignore[no-untyped-def]
    """The entity in whose part of [0, 1) a draw falls; ground beyond the last, which rounding may leave open."""
    for kind in range(chances.shape[0]):
        if unit < chances[kind]:
            return kind
    return GROUND


@njit(**INNER)
def bare_cell(w, stream, step, key, board, terms):  # type: ignore[no-untyped-def]
    """A cell of bare ground where nobody stands, each as likely as another; -1 where there is none."""
    count = terms.height * terms.width
    cell, words = np.int64(0), bits(terms.seed, stream, step, key, 0)
    for t in range(_TRIES):
        if t % 4 == 0:
            words = bits(terms.seed, stream, step, key, t // 4)
        cell = np.int64((np.uint64(words[t % 4]) * np.uint64(count)) >> np.uint64(32))
        if _is_bare(w, cell, board, terms):
            return cell
    for further in range(1, count + 1):
        if _is_bare(w, (cell + further) % count, board, terms):
            return (cell + further) % count
    return -1


@njit(nogil=True, cache=True, inline="always")
def _is_bare(w, cell, board, terms):  # type: ignore[no-untyped-def]
    row, column = terms.sight + cell // terms.width, terms.sight + cell % terms.width
    return board.cells[w, row, column] == GROUND and board.people[w, row, column] == 0


@njit(**INNER)
def _free_cell(w, board, terms):  # type: ignore[no-untyped-def]
    """The first cell where nobody stands; the settings see to it that there is one."""
    for cell in range(terms.height * terms.width):
        if board.people[w, terms.sight + cell // terms.width, terms.sight + cell % terms.width] == 0:
            return cell
    return 0


def lay_out_plain(
    w: int, step: int, hunters: Hunters, board: Board, chances: NDArray[np.float32], terms: Terms
) -> None:
    """The specification of `lay_out`, a cell and an agent at a time."""
    sight, width = terms.sight, terms.width
    cells, people = (each[w, sight:-sight, sight:-sight] for each in (board.cells, board.people))
    people[:] = 0
    for cell in range(cells.size):
        unit = to_unit(bits(terms.seed, _LAYOUT, step, w, cell // 4)[cell % 4])
        kinds = [kind for kind, part in enumerate(chances) if unit < part]
        cells[cell // width, cell % width] = kinds[0] if kinds else GROUND
    for i in range(w * terms.agents, (w + 1) * terms.agents):
        cell = bare_cell_plain(w, _FOUNDERS, step, i, board, terms)
        if cell < 0:
            cell = int(np.flatnonzero(people.ravel() == 0)[0])
        row, column = divmod(cell, width)
        cells[row, column], people[row, column] = GROUND, 1
        hunters.x[i], hunters.y[i] = column + 0.5, w * terms.height + row + 0.5


def bare_cell_plain(w: int, stream: int, step: int, key: int, board: Board, terms: Terms) -> int:
    """The specification of `bare_cell`: the first bare one of 32 drawn, else the next after the last drawn."""
    sight = terms.sight
    cells, people = (each[w, sight:-sight, sight:-sight].ravel() for each in (board.cells, board.people))
    bare = np.flatnonzero((cells == GROUND) & (people == 0))
    drawn = [int(bits(terms.seed, stream, step, key, t // 4)[t % 4]) * int(cells.size) >> 32 for t in range(_TRIES)]
    for cell in drawn:
        if cell in bare:
            return cell
    later = [*bare[bare > drawn[-1]], *bare]
    return int(later[0]) if later else -1
