"""Look: what each agent perceives, O(sight^2) an agent whatever the world's size.

A compact view without lines of sight is written zone by zone straight from the map. Any other view fills a window
of cells first, which is handed out whole, or drawn together into the same zones. Both ways put the same things in
the same places, so each is a check on the other.

Each phase is a loop over a block of agents: a call costs as much as many agents, since its arrays are counted.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.memory import remember_empty
from teem.worlds.farm.others import see_others, see_self
from teem.worlds.farm.senses import feel, find_legal
from teem.worlds.farm.terrain import see_cells
from teem.worlds.farm.view import ZONES
from teem.worlds.farm.window import draw_together, trace, veil
from teem.worlds.farm.zones import see_zones

_BLOCK = 64  # agents whose windows stay in the cache from phase to phase
_ZONES = len(ZONES)


@njit(nogil=True, cache=True)
def look(  # type: ignore[no-untyped-def]
    begin, end, living, step, room, bodies, ground, grid, view, charts, terms, kinds, memory, out, mask
):
    """Write the observation and the legal actions of living[begin:end]; changes ally, enemy and `memory` too.

    `ground` is (planes, scale, capacity), `grid` (plane, cells).
    """
    planes, scale, capacity = ground
    cells = charts.place.shape[0]
    windows = np.empty((_BLOCK, cells * view.channels if view.traces else 0), np.float32)
    visible = np.empty((_BLOCK, cells if view.traces else 0), np.bool_)
    for first in range(begin, end, _BLOCK):
        who = living[first : min(first + _BLOCK, end)]
        row = np.arange(who.shape[0]) if view.traces and not view.full else who.astype(np.int64)
        seen = windows if view.traces and not view.full else out
        if view.traces or view.full:
            see_cells(who, row, bodies, planes, scale, view, charts, terms, seen)
        else:
            see_zones(who, bodies, planes, scale, view, charts, terms, seen)
        see_others(who, row, bodies, grid, view, charts, terms, kinds, seen)
        see_self(who, row, bodies, view, charts, terms, seen)
        if view.traces:
            trace(who, bodies, planes, view, charts, terms, visible)
            veil(row, visible, view, seen)
            if view.known_empty >= 0:
                remember_empty(who, row, step, bodies, planes, visible, view, terms, memory, seen)
            if not view.full:
                draw_together(who, windows, view, charts, out)
        if not view.full:
            feel(who, step, bodies, terms, out, view.channels * _ZONES)
        find_legal(who, step, room, bodies, planes, capacity, terms, mask)
