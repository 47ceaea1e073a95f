"""The map as an agent sees it in a compact view: summed over the zones around it.

Rows of the map are added up first, whole vectors of cells at a time: those above the near field into one band,
the near field's three into a band each and together, those below into one more. The zones are then short sums.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.fetch import fetch
from teem.inner import INNER
from teem.worlds.farm.bodies import SIGHT
from teem.worlds.farm.fields import ROCK
from teem.worlds.farm.terrain import on_map, own_radius
from teem.worlds.farm.view import NEAR, ZONES

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_ZONES = len(ZONES)
_NEAR = len(NEAR)
_ABOVE, _NEAREST, _BELOW, _BESIDE, _BANDS = 0, 1, 4, 5, 6  # three bands from _NEAREST on
_VECTOR = 16  # floats that are added at once, and that a cache line holds
_AHEAD = 8  # agents whose rows are sent for
_SIDES = tuple(  # a band, and the zones west, amid and east of it; amid _BESIDE is the near field itself
    (band, *(ZONES.index(name) if name in ZONES else -1 for name in (f"far_{row}west", f"far_{row}", f"far_{row}east")))
    for band, row in ((_ABOVE, "north"), (_BESIDE, ""), (_BELOW, "south"))
)


@njit(**INNER)
def see_zones(who, bodies, planes, scale, view, charts, terms, out):  # type: ignore[no-untyped-def]
    """Sum the planes of the map over each zone's cells, as far as each sees, and weigh the sums."""
    xs, ys, genome = bodies.x, bodies.y, bodies.genome
    plane, weight, radius = charts.plane, charts.zone_weight, view.radius
    factor = scale[plane] / charts.unit
    side, kept = planes.shape[0], planes.shape[2]
    lines = planes.reshape(side, side * kept)
    bands = np.empty((_BANDS, -(-(2 * radius + 1) * kept // _VECTOR) * _VECTOR), np.float32)
    for n in range(who.shape[0]):
        i = who[n]
        if n + _AHEAD < who.shape[0]:
            _fetch_row(out, who[n + _AHEAD])
        own = own_radius(genome[i, SIGHT], radius)
        _sum_bands(lines, kept, np.int64(ys[i]), np.int64(xs[i]), own, radius, terms.torus, bands)
        for k in range(factor.shape[0]):
            _draw_zones(bands, own, radius * kept + plane[k], kept, factor[k], weight, k, out, i)
        for value in range(factor.shape[0] * _ZONES, view.channels * _ZONES):
            out[i, value] = _ZERO


@njit(nogil=True, cache=True, inline="always")
def _fetch_row(out, i):  # type: ignore[no-untyped-def]
    """Send for a row that is to be written: rows lie by slot, but agents are walked by place."""
    for value in range(0, out.shape[1], _VECTOR):
        fetch(out, i * out.shape[1] + value)


@njit(nogil=True, cache=True, inline="always")
def _sum_bands(lines, kept, y, x, own, radius, torus, bands):  # type: ignore[no-untyped-def]
    """Sum the window's rows of the map, `lines[side, side x kept]`, into the bands; beyond a wall there is rock.

    Away from the edge whole vectors are added, a little more than what is in sight, which nobody reads.
    """
    side, left = lines.shape[0], x - radius
    width, begin = np.uint64(bands.shape[1]), np.uint64(max(left, 0) * kept)
    whole = left >= 0 and left * kept + bands.shape[1] <= lines.shape[1]
    for d in range(-own, own + 1):
        band = min(max(d + 2, _ABOVE), _BELOW)
        if d == -own or -2 < d <= 2:  # the band's first row
            bands[band] = _ZERO
        row = on_map(y + d, side, torus)
        line = np.uint64(max(row, 0))
        if whole and row >= 0:
            for c in range(width):
                bands[band, c] += lines[line, begin + c]
            continue
        for c in range(2 * radius + 1):
            column = on_map(left + c, side, torus)
            if row < 0 or column < 0:
                bands[band, c * kept + ROCK] += _ONE
                continue
            for k in range(kept):
                bands[band, c * kept + k] += lines[line, column * kept + k]
    for c in range(width):
        bands[_BESIDE, c] = bands[_NEAREST, c] + bands[_NEAREST + 1, c] + bands[_NEAREST + 2, c]


@njit(nogil=True, cache=True, inline="always")
def _draw_zones(bands, own, middle, kept, factor, weight, k, out, i):  # type: ignore[no-untyped-def]
    """Write plane k's zones from the bands; its value of the cell in the middle stands at `middle`."""
    first = k * _ZONES
    for zone in range(_NEAR):
        here = bands[_NEAREST + zone // 3, middle + (zone % 3 - 1) * kept]
        out[i, first + zone] = here * factor * weight[k, zone]
    for band, west, amid, east in _SIDES:
        left = right = _ZERO
        for c in range(2 * kept, (own + 1) * kept, kept):
            left += bands[band, middle - c]
            right += bands[band, middle + c]
        out[i, first + west] = left * factor * weight[k, west]
        out[i, first + east] = right * factor * weight[k, east]
        if amid >= 0:
            here = bands[band, middle - kept] + bands[band, middle] + bands[band, middle + kept]
            out[i, first + amid] = here * factor * weight[k, amid]
