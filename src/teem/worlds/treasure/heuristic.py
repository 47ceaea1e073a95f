"""A scripted hunter, for comparison: walk to what has the most value for its distance in sight."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.treasure.board import DOWN, REST, RIGHT, game_of
from teem.worlds.treasure.entities import PASSABLE, TAKEN, VALUE

_STRAIGHT = 8  # steps on in one direction where there is nothing to go to


@njit(nogil=True, cache=True)
def hunt(living, ids, step, action, *parts):  # type: ignore[no-untyped-def]
    """Write each agent's choice into `action`; it knows no more than what it sees, and goes around obstacles.

    What can be taken counts by its value a step on the shortest way through the window. Where nothing is worth going
    to, it goes straight on for a while, in a direction by its id.
    """
    hunters, board, terms, table, _, _ = game_of(parts)
    wide = 2 * terms.sight + 1
    way, far, queue = np.empty(wide * wide, np.int8), np.empty(wide * wide, np.int32), np.empty(wide * wide, np.int32)
    for n in range(living.shape[0]):
        i = living[n]
        w = i // terms.agents
        top, left = np.int64(hunters.y[i]) - w * terms.height, np.int64(hunters.x[i])
        window = slice(top, top + wide), slice(left, left + wide)
        cells, people = board.cells[w][window], board.people[w][window]
        action[i] = _best_way(cells, people, table, way, far, queue)
        if action[i] == REST:
            action[i] = _straight_on(ids[n], step, cells, people, table)


@njit(**INNER)
def _best_way(cells, people, table, way, far, queue):  # type: ignore[no-untyped-def]
    """The first step to the cell of the most value a step, breadth first through the window; REST if there is none."""
    wide = cells.shape[0]
    middle = (wide // 2) * wide + wide // 2
    far[:] = -1
    far[middle], way[middle], queue[0] = 0, REST, middle
    best, chosen, head, tail = 0.0, REST, 0, 1
    while head < tail:
        here = queue[head]
        head += 1
        for direction in range(REST):
            row, column = here // wide + DOWN[direction], here % wide + RIGHT[direction]
            if row < 0 or column < 0 or row >= wide or column >= wide:
                continue
            there, kind = row * wide + column, cells[row, column]
            if far[there] >= 0 or people[row, column] != 0 or table[kind, PASSABLE] == 0:
                continue
            far[there] = far[here] + 1
            way[there] = direction if here == middle else way[here]
            queue[tail] = there
            tail += 1
            worth = np.float64(table[kind, VALUE]) / far[there] if table[kind, TAKEN] != 0 else 0.0
            if worth > best:
                best, chosen = worth, way[there]
    return chosen


@njit(**INNER)
def _straight_on(agent, step, cells, people, table):  # type: ignore[no-untyped-def]
    """A direction that is kept for a while, or the next one that is free; REST where none is."""
    middle = cells.shape[0] // 2
    first = (agent + (step // _STRAIGHT) * 3) % REST
    for turn in range(REST):
        direction = (first + turn) % REST
        row, column = middle + DOWN[direction], middle + RIGHT[direction]
        if people[row, column] == 0 and table[cells[row, column], PASSABLE] != 0:
            return direction
    return REST
