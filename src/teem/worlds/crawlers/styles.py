"""Styles: the shape of the ground, as sums of smooth noise, and the obstacles on it.

Noise with knots `spacing` metres apart and of `amplitude` is never steeper than 3 x amplitude / spacing. At
roughness 1 the steepest slope between obstacles is 0.25 in the rolling style, 0.61 in the rough one and 0.44 among
hills, each in the roughest biome; in every biome it is less than the friction of a default body on the ground there,
so that a body lies still wherever it stops. Steps rise with a slope of 1 and the walls of canyons with up to 1.62:
those two styles, and the sides of obstacles, are to be climbed. Slopes grow with the roughness.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.rng import Stream, uniforms
from teem.worlds.crawlers.biomes import feature
from teem.worlds.crawlers.ground import SAMPLES, SPACING, TILE

Heights = NDArray[np.float32]  # [n, SAMPLES] of tiles, metres
Tiles = NDArray[np.int64]
Around = NDArray[np.int8]  # [3, n] biomes of the tiles to the left, of the tiles, of those to the right


class Octave(NamedTuple):
    """Noise of one size."""

    spacing: float  # metres between two knots; a tile is a whole number of them
    amplitude: float  # metres up or down


class Style(NamedTuple):
    """A shape of ground: relief is everywhere alike, texture as rough as the biome is."""

    relief: tuple[Octave, ...] = ()
    texture: tuple[Octave, ...] = ()
    rise: float = 0.0  # metres of a step, if the relief is cut into steps
    wall: float = 0.0  # times that the first octave is overdrawn, and cut off above and below


STYLES = {
    "flat": Style(),
    "rolling": Style(relief=(Octave(25.0, 1.0), Octave(10.0, 0.25)), texture=(Octave(2.0, 0.03),)),
    "rough": Style(
        relief=(Octave(25.0, 0.8), Octave(10.0, 0.25)), texture=(Octave(2.0, 0.12), Octave(1.0, 0.08))
    ),
    "steps": Style(relief=(Octave(25.0, 2.0), Octave(10.0, 0.3)), rise=0.25),
    "hills": Style(relief=(Octave(50.0, 4.0), Octave(20.0, 1.0)), texture=(Octave(2.0, 0.03),)),
    "canyon": Style(relief=(Octave(25.0, 2.5), Octave(10.0, 0.2)), texture=(Octave(2.0, 0.03),), wall=5.0),
}  # fmt: skip

_BLEND = 10.0  # metres along which roughness changes
_PLACES = 20  # of a tile where an obstacle may be: they never touch
_ROOM = SAMPLES // _PLACES  # samples of a place
_NARROWEST, _WIDEST = 4, 12  # samples of an obstacle
_LOWEST = 0.4  # of the tallest
_OBSTACLES, _RELIEF, _TEXTURE = 1, 2, 32  # of Stream.TERRAIN's steps; 0 is the biomes'


def shape(style: Style, tiles: Tiles, biomes: Around, seed: int) -> Heights:
    """Heights of the ground without obstacles at roughness 1."""
    height = np.zeros((len(tiles), SAMPLES), np.float32)
    for number, octave in enumerate(style.relief):
        layer = _noise(tiles, octave, _RELIEF + number, seed)
        if number == 0 and style.wall:
            layer = np.clip(layer * np.float32(style.wall), -octave.amplitude, octave.amplitude)
        height += layer
    if style.rise:
        height = np.round(height / np.float32(style.rise)) * np.float32(style.rise)
    for number, octave in enumerate(style.texture):
        height += _roughness(biomes) * _noise(tiles, octave, _TEXTURE + number, seed)
    return height


def _roughness(biomes: Around) -> Heights:
    """The biomes' roughness; near the edge to a smoother one it falls to that one's."""
    left, own, right = feature("roughness", biomes)[:, :, None]
    metres = (np.arange(SAMPLES) * SPACING).astype(np.float32)
    from_left, from_right = (np.minimum(way / np.float32(_BLEND), 1) for way in (metres, np.float32(TILE) - metres))
    return np.asarray(
        own - np.maximum(own - left, 0) * (1 - from_left) - np.maximum(own - right, 0) * (1 - from_right), np.float32
    )


def _noise(tiles: Tiles, octave: Octave, step: int, seed: int) -> Heights:
    """Value noise: heights drawn at knots, eased from one to the next."""
    knots = round(TILE / octave.spacing)
    own, after = (uniforms(seed, Stream.TERRAIN, step, one, count) for one, count in ((tiles, knots), (tiles + 1, 1)))
    drawn = (np.concatenate([own, after], axis=1) * 2 - 1) * np.float32(octave.amplitude)
    place = np.arange(SAMPLES) * (knots / SAMPLES)
    low = place.astype(np.int64)
    part = (place - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    return np.asarray(drawn[:, low] * (1 - part) + drawn[:, low + 1] * part, np.float32)


def obstacles(tiles: Tiles, biomes: NDArray[np.int8], density: float, seed: int) -> Heights:
    """How far obstacles stand out of the ground: triangles and steps, none across the edge of a tile."""
    draws = uniforms(seed, Stream.TERRAIN, _OBSTACLES, tiles, 5 * _PLACES).reshape(len(tiles), 5, _PLACES, 1)
    there, kind, tall, wide, at = (draws[:, number] for number in range(5))
    chance, triangles, tallest = (
        feature(name, biomes)[:, None, None] for name in ("obstacles", "triangles", "tallest")
    )
    width = _NARROWEST + np.floor(wide * (_WIDEST - _NARROWEST + 1))
    first = np.floor(at * (_ROOM - width))  # stands on the samples after this one
    along = np.arange(_ROOM, dtype=np.float32) - first
    height = tallest * (_LOWEST + (1 - _LOWEST) * tall) * (there < np.float32(density) * chance / _PLACES)
    triangle = np.maximum(1 - np.abs(2 * along / width - 1), 0)
    step = (along > 0) & (along < width)
    return np.asarray(height * np.where(kind < triangles, triangle, step), np.float32).reshape(len(tiles), SAMPLES)
