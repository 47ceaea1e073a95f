"""Gaits: every joint swings as a sinusoid. The best of many random ones is what a body does without a brain."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.rng import Stream, uniforms
from teem.threads import Threads
from teem.worlds.base import Progress, silent
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import CHASSIS, JOINTS, Plan
from teem.worlds.crawlers.settle import put
from teem.worlds.crawlers.terrain import Terrain

TRIES = 150  # gaits of a creature
SLOWEST, FASTEST = 0.5, 2.5  # Hz
_TOGETHER = 2400  # bodies that move at once: their state stays in the caches
_TOP = 50.0  # m/s, the fastest that physics lets a part be
_DRAW = 64  # of Stream.EVALUATION's steps; a try each from here on
_TURN = 2.0 * np.pi

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Gaits:
    """One a row: the command of a joint is amplitude * sin(2 pi frequency t + phase)."""

    frequency: Floats  # [n] Hz
    amplitude: Floats  # [n, JOINTS] of the motor's top speed, 0 to 1
    phase: Floats  # [n, JOINTS] radians

    def rows(self, rows: NDArray[np.int64]) -> Gaits:
        """Some of them."""
        return Gaits(*(getattr(self, one.name)[rows] for one in fields(self)))

    @staticmethod
    def joined(parts: list[Gaits]) -> Gaits:
        """One after the other."""
        return Gaits(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Gaits)))


def draw_gaits(ids: NDArray[np.int64], tries: int, seed: int) -> Gaits:
    """`tries` random gaits for each of the creatures, keyed by its id and the try, `[creatures x tries]`."""
    each = [uniforms(seed, Stream.EVALUATION, _DRAW + number, ids, 1 + 2 * JOINTS) for number in range(tries)]
    draws = np.stack(each, axis=1).reshape(len(ids) * tries, 1 + 2 * JOINTS)
    frequency = np.float32(SLOWEST) + np.float32(FASTEST - SLOWEST) * draws[:, 0]
    return Gaits(frequency, draws[:, 1 : 1 + JOINTS].copy(), np.float32(_TURN) * draws[:, 1 + JOINTS :])


def best_gaits(
    plan: Plan,
    x: NDArray[np.float64],
    ids: NDArray[np.int64],
    terrain: Terrain,
    settings: CrawlersSettings,
    seed: int,
    threads: Threads,
    *,
    tries: int = TRIES,
    steps: int = 1800,
    progress: Progress = silent,
) -> tuple[NDArray[np.float64], Gaits]:
    """How far each body's best gait of `tries` takes it from x in so many steps, `[n]` metres, and these gaits.

    `progress(done, of)` counts creatures. Terrain is drawn as far as anybody could get: it must keep its tiles.
    """
    some = max(1, _TOGETHER // tries)
    metres, gaits = [], []
    for begin in range(0, len(ids), some):
        who = np.arange(begin, min(begin + some, len(ids)))
        tried = draw_gaits(ids[who], tries, seed)
        copies = np.repeat(who, tries)
        made = swing(tried, plan.rows(copies), x[copies], terrain, settings, threads, steps)
        best = made.reshape(len(who), tries).argmax(axis=1) + np.arange(len(who)) * tries
        metres.append(made[best])
        gaits.append(tried.rows(best))
        progress(int(who[-1]) + 1, len(ids))
    return np.concatenate(metres), Gaits.joined(gaits)


def swing(
    gaits: Gaits,
    plan: Plan,
    x: NDArray[np.float64],
    terrain: Terrain,
    settings: CrawlersSettings,
    threads: Threads,
    steps: int,
) -> NDArray[np.float64]:
    """How far each body of the plan gets from x by its gait in so many steps, `[n]` metres; each is alone."""
    terrain.extend_to(int((x.max() + _TOP * settings.dt * steps) // TILE) + 1)
    physics = Physics(len(x), threads, settings.substeps, settings.dt)
    put(np.arange(len(x), dtype=np.int32), x, plan, terrain, physics)
    begin = _places(physics)
    sine, cosine = gaits.amplitude * np.cos(gaits.phase), gaits.amplitude * np.sin(gaits.phase)
    for step in range(steps):
        _command(step * settings.dt, gaits.frequency, sine, cosine, physics.command)
        physics.step(1, terrain.ground)
    physics.read()
    return _places(physics) - begin


def _places(physics: Physics) -> NDArray[np.float64]:
    reading = physics.reading
    return np.asarray(reading.tile * TILE + reading.pose[:, CHASSIS, 0].astype(np.float64), np.float64)


@njit(nogil=True, cache=True)
def _command(time, frequency, sine, cosine, command):  # type: ignore[no-untyped-def]
    """amplitude * sin(2 pi f t + phase) by the sine and the cosine of 2 pi f t, which all joints share."""
    for i in range(frequency.shape[0]):
        turn = _TURN * np.float64(frequency[i]) * time
        s, c = np.float32(np.sin(turn)), np.float32(np.cos(turn))
        for joint in range(command.shape[1]):
            command[i, joint] = sine[i, joint] * s + cosine[i, joint] * c
