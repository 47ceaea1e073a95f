"""Walking: who goes first, and who gets where."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.rng import Stream, bits
from teem.worlds.treasure.board import DOWN, REST, RIGHT, Board, Hunters, Terms
from teem.worlds.treasure.entities import PASSABLE, Table

_ORDER = int(Stream.ORDER)


@njit(nogil=True, cache=True, inline="always")
def take_turns(w, step, terms, order):  # type: ignore[no-untyped-def]
    """Write into `order[agents]` the slots of world w in the order of this step: by id, or drawn, keyed by (step, w).

    A drawn order is a shuffle (Fisher and Yates 1938): each as likely as another.
    """
    for j in range(terms.agents):
        order[j] = w * terms.agents + j
    if not terms.random_order:
        return
    for j in range(terms.agents - 1, 0, -1):
        word = bits(terms.seed, _ORDER, step, w, j)[0]
        other = np.int64((np.uint64(word) * np.uint64(j + 1)) >> np.uint64(32))
        order[j], order[other] = order[other], order[j]


@njit(nogil=True, cache=True, inline="always")
def walk(w, order, hunters, board, table, terms):  # type: ignore[no-untyped-def]
    """Let each go on by a cell, unless it can't be entered or somebody stands there, which is a bump.

    Changes places, people, `entered` and `reward`.
    """
    cells, people, sight, top = board.cells, board.people, terms.sight, w * terms.height
    for i in order:
        action = hunters.action[i]
        hunters.entered[i] = False
        if action == REST:
            continue
        row, column = sight + np.int64(hunters.y[i]) - top, sight + np.int64(hunters.x[i])
        to_row, to_column = row + DOWN[action], column + RIGHT[action]
        if people[w, to_row, to_column] != 0 or table[cells[w, to_row, to_column], PASSABLE] == 0:
            hunters.reward[i] += np.float32(terms.bump)
            continue
        people[w, row, column] = 0
        people[w, to_row, to_column] = 1
        hunters.x[i] += np.float32(RIGHT[action])
        hunters.y[i] += np.float32(DOWN[action])
        hunters.entered[i] = True
        hunters.reward[i] += np.float32(terms.walk)


def take_turns_plain(w: int, step: int, terms: Terms) -> list[int]:
    """The specification of `take_turns`: the slots in their order."""
    order = list(range(w * terms.agents, (w + 1) * terms.agents))
    if terms.random_order:
        for j in reversed(range(1, terms.agents)):
            other = int(bits(terms.seed, _ORDER, step, w, j)[0]) * (j + 1) >> 32
            order[j], order[other] = order[other], order[j]
    return order


def walk_plain(w: int, order: list[int], hunters: Hunters, board: Board, table: Table, terms: Terms) -> None:
    """The specification of `walk`: who stands where is looked up among the agents themselves."""
    mine = range(w * terms.agents, (w + 1) * terms.agents)
    grid = board.cells[w, terms.sight : -terms.sight, terms.sight : -terms.sight]
    taken = {i: (int(hunters.y[i]) - w * terms.height, int(hunters.x[i])) for i in mine}
    for i in order:
        action = int(hunters.action[i])
        row, column = taken[i]
        there = row + DOWN[action], column + RIGHT[action]
        inside = 0 <= there[0] < terms.height and 0 <= there[1] < terms.width
        free = inside and there not in taken.values() and table[grid[there], PASSABLE] != 0
        hunters.entered[i] = action != REST and free
        if hunters.entered[i]:
            taken[i] = there
        if action != REST:
            hunters.reward[i] += np.float32(terms.walk if free else terms.bump)
    people = board.people[w, terms.sight : -terms.sight, terms.sight : -terms.sight]
    people[:] = 0
    for i, (row, column) in taken.items():
        hunters.x[i], hunters.y[i] = column + 0.5, w * terms.height + row + 0.5
        people[row, column] = 1
