"""Rays: what lies ahead of each creature, and how far, along lines that fan out from its chassis.

A ray marches from sample to sample of the ground, between which the ground is straight, so that where it hits is
exact. Food is looked up by its places, other creatures in an order by place, so a ray costs the same in any crowd.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.crawlers import RaySettings
from teem.inner import INNER
from teem.worlds.crawlers.food import PLACE, PLACES, Items
from teem.worlds.crawlers.ground import SAMPLES, SPACING, TILE, Ground

HITS: tuple[str, ...] = ("nothing", "terrain", "obstacle", "creature", "food")
NOTHING, TERRAIN, OBSTACLE, CREATURE, FOOD = range(len(HITS))
NEIGHBOURS = 16  # of a creature to each side that it can see: others stand behind them
FOOD_RADIUS = 0.2  # metres

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TILE = np.float32(TILE)
_SPACING = np.float32(SPACING)
_PLACE = np.float32(PLACE)
_FOOD_RADIUS = np.float32(FOOD_RADIUS)


class Poses(NamedTuple):
    """Where each chassis is, by slot; to others it is a circle."""

    tile: NDArray[np.int32]  # [capacity]
    x: NDArray[np.float32]  # [capacity] metres in its tile
    y: NDArray[np.float32]  # [capacity] metres
    cosine: NDArray[np.float32]  # [capacity] of its angle; 1: level and upright
    sine: NDArray[np.float32]  # [capacity]
    radius: NDArray[np.float32]  # [capacity] metres


class Fan(NamedTuple):
    """The rays of a chassis that stands level."""

    cosine: NDArray[np.float32]  # [rays]
    sine: NDArray[np.float32]  # [rays]
    reach: np.float32  # metres


def fan_of(settings: RaySettings) -> Fan:
    """Rays at even angles from the lowest to the highest; a single one is the lowest."""
    angles = np.radians(np.linspace(settings.lowest, settings.highest, settings.count))
    return Fan(np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32), np.float32(settings.reach))


@njit(nogil=True, cache=True)
def cast(start, stop, looking, order, poses, fan, ground, obstacle, items, distance, hit):  # type: ignore[no-untyped-def]
    """Cast the rays of those at the places looking[start:stop] in `order`, which goes from left to right.

    Writes `distance` and `hit`, `[capacity, rays]`.
    `distance` is the part of the ray that is free, 1 if it hits nothing; `hit` is a number of `HITS`, of two
    at the same distance the lower one.
    """
    xs, ys = poses.x, poses.y
    rays = fan.cosine.shape[0]
    ways = np.empty((rays, 2), np.float32)
    widest = _ZERO
    for i in order:
        widest = max(widest, poses.radius[i])
    for p in looking[start:stop]:
        i = order[p]
        cosine, sine = poses.cosine[i], poses.sine[i]
        back = forth = _ZERO  # how far to the left and right there is anything to see
        for ray in range(rays):
            wx = cosine * fan.cosine[ray] - sine * fan.sine[ray]
            wy = sine * fan.cosine[ray] + cosine * fan.sine[ray]
            ways[ray, 0], ways[ray, 1] = wx, wy
            far, what = _march(poses.tile[i], xs[i], ys[i], wx, wy, fan.reach, ground, obstacle)
            distance[i, ray], hit[i, ray] = far, what
            back, forth = min(back, far * wx), max(forth, far * wx)
        _see_others(p, order, poses, widest, back, forth, ways, distance, hit)
        _see_food(i, poses, back, forth, ways, items, distance, hit)
        for ray in range(rays):
            distance[i, ray] /= fan.reach


@njit(**INNER)
def _march(tile, x, y, wx, wy, reach, ground, obstacle):  # type: ignore[no-untyped-def]
    """How far a ray gets above the ground, and whether it hits terrain, an obstacle or nothing within `reach`."""
    height = ground.height
    last = height.shape[0] - 1
    place = x / _SPACING
    whole = np.floor(place)
    part = place - whole
    cell = (np.int64(tile) - ground.first) * SAMPLES + np.int64(whole)
    left = height[min(max(cell, 0), last)]
    above = y - (left + (height[min(max(cell + 1, 0), last)] - left) * part)
    if above <= _ZERO:
        return _ZERO, TERRAIN + obstacle[min(max(cell, 0), last)]
    way = 1 if wx >= _ZERO else -1
    ahead = 1 if wx >= _ZERO else 0  # from a stretch's own sample to the one that the ray leaves it by
    pace = max(abs(wx), np.float32(1e-6)) / _SPACING  # samples a metre
    entered = _ZERO
    left_at = ((_ONE - part) if wx >= _ZERO else part) / pace
    step = _ONE / pace
    for crossed in range(np.int64(reach * pace) + 2):
        leaves = left_at + np.float32(crossed) * step
        sample = min(max(cell + ahead, 0), last)
        then = y + wy * leaves - height[sample]
        if then <= _ZERO:
            far = entered + (leaves - entered) * (above / (above - then))
            if far >= reach:
                break
            return far, TERRAIN + obstacle[min(max(cell, 0), last)]
        if leaves >= reach:
            break
        entered, above = leaves, then
        cell += way
    return reach, NOTHING


@njit(nogil=True, cache=True, inline="always")
def _meet(x, y, radius, wx, wy, far):  # type: ignore[no-untyped-def]
    """How far a ray gets before it enters a circle whose middle is (x, y) away; `far` if it doesn't before that."""
    outside = x * x + y * y - radius * radius
    if outside <= _ZERO:
        return _ZERO
    along = x * wx + y * wy
    across2 = along * along - outside
    if along <= _ZERO or across2 < _ZERO:
        return far
    return min(far, along - np.sqrt(across2))


@njit(**INNER)
def _see_food(i, poses, back, forth, ways, items, distance, hit):  # type: ignore[no-untyped-def]
    first, xs, ys, _, amount, _ = items
    tile, x, y = poses.tile[i], poses.x[i], poses.y[i]
    offset = (np.int64(tile) - first) * PLACES
    low = max(offset + np.int64(np.floor((x + back - _FOOD_RADIUS) / _PLACE)), 0)
    high = min(offset + np.int64(np.floor((x + forth + _FOOD_RADIUS) / _PLACE)), xs.shape[0] - 1)
    for k in range(low, high + 1):
        if amount[k] > _ZERO:
            dx = np.float32(k // PLACES + first - tile) * _TILE + xs[k] - x
            for ray in range(ways.shape[0]):
                far = _meet(dx, ys[k] - y, _FOOD_RADIUS, ways[ray, 0], ways[ray, 1], distance[i, ray])
                if far < distance[i, ray]:
                    distance[i, ray], hit[i, ray] = far, FOOD


@njit(**INNER)
def _see_others(p, order, poses, widest, back, forth, ways, distance, hit):  # type: ignore[no-untyped-def]
    i = order[p]
    tile, x, y = poses.tile[i], poses.x[i], poses.y[i]
    for side in (-1, 1):
        for q in range(p + side, p + side * (NEIGHBOURS + 1), side):
            if q < 0 or q >= order.shape[0]:
                break
            j = order[q]
            dx = np.float32(poses.tile[j] - tile) * _TILE + poses.x[j] - x
            if dx + widest < back or dx - widest > forth:
                break
            for ray in range(ways.shape[0]):
                far = _meet(dx, poses.y[j] - y, poses.radius[j], ways[ray, 0], ways[ray, 1], distance[i, ray])
                if far < distance[i, ray]:
                    distance[i, ray], hit[i, ray] = far, CREATURE


def cast_plain(
    order: NDArray[np.int32],
    poses: Poses,
    fan: Fan,
    ground: Ground,
    obstacle: NDArray[np.int8],
    items: Items,
    food_radius: float = FOOD_RADIUS,
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """The specification of `cast`: each ray against everything; (free part, what it hits), `[len(order), rays]`."""
    free, what = np.ones((len(order), len(fan.cosine))), np.zeros((len(order), len(fan.cosine)), np.int8)
    plenty = np.flatnonzero(items.amount > 0)
    for p, i in enumerate(order):
        seen = [q for q in range(p - NEIGHBOURS, p + NEIGHBOURS + 1) if 0 <= q < len(order) and q != p]
        circles = [
            (FOOD, _circle(poses, i, items.first + int(k) // PLACES, items.x[k], items.y[k], food_radius))
            for k in plenty
        ] + [(CREATURE, _circle(poses, i, poses.tile[j], poses.x[j], poses.y[j], poses.radius[j])) for j in order[seen]]
        for ray in range(len(fan.cosine)):
            angle = np.arctan2(float(poses.sine[i]), float(poses.cosine[i]))
            angle += np.arctan2(float(fan.sine[ray]), float(fan.cosine[ray]))
            hits = _ground_hits(poses, i, np.cos(angle), np.sin(angle), ground, obstacle)
            hits += [(_meet_plain(circle, np.cos(angle), np.sin(angle)), kind) for kind, circle in circles]
            far, kind = min(hits, default=(np.inf, NOTHING))
            if far < fan.reach:
                free[p, ray], what[p, ray] = far / float(fan.reach), kind
    return free, what


Circle = tuple[float, float, float]  # the way to its middle, in metres, and its radius


def _circle(poses: Poses, i: int, tile: int, x: float, y: float, radius: float) -> Circle:
    """A circle as creature i has it before itself."""
    tiles = int(tile) - int(poses.tile[i])
    return tiles * TILE + float(x) - float(poses.x[i]), float(y) - float(poses.y[i]), float(radius)


def _meet_plain(circle: Circle, wx: float, wy: float) -> float:
    """The first distance along the ray, from 0 on, at which it is within the circle; infinite if it never is."""
    x, y, radius = circle
    if np.hypot(x, y) <= radius:
        return 0.0
    along, across = x * wx + y * wy, abs(x * wy - y * wx)
    return along - float(np.sqrt(radius**2 - across**2)) if along > 0 and across <= radius else np.inf


def _ground_hits(
    poses: Poses, i: int, wx: float, wy: float, ground: Ground, obstacle: NDArray[np.int8]
) -> list[tuple[float, int]]:
    """Where a ray crosses stretches of the ground, which goes on level beyond both ends; all of them, in any order."""
    origin = (int(poses.tile[i]) - ground.first) * TILE + float(poses.x[i])
    places = np.arange(len(ground.height)) * SPACING - origin
    places = np.concatenate([[places[0] - 1e3], places, [places[-1] + 1e3]])
    heights = np.concatenate([ground.height[:1], ground.height, ground.height[-1:]]) - np.float64(poses.y[i])
    kinds = np.concatenate([obstacle[:1], obstacle]) + TERRAIN  # of the stretches between two places
    if np.interp(0.0, places, heights) >= 0:
        return [(0.0, int(kinds[np.searchsorted(places, 0.0, side="right") - 1]))]
    run, rise = np.diff(places), np.diff(heights)
    with np.errstate(divide="ignore", invalid="ignore"):  # parallel ones never meet
        across = wx * rise - wy * run
        far = (places[:-1] * rise - heights[:-1] * run) / across
        along = (places[:-1] * wy - heights[:-1] * wx) / across
    return [(float(far[k]), int(kinds[k])) for k in np.flatnonzero((far > 0) & (along >= 0) & (along <= 1))]
