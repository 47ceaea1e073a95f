"""The crawlers' rules but for physics: eating, what living takes, what a decision was worth, stranding and dying."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.population.slots import Population
from teem.worlds.crawlers.creatures import Creatures
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.reading import Reading

Slots = NDArray[np.int32]
CAUSES = ("starvation", "age", "wall")
STARVATION, AGE, WALLED = range(len(CAUSES))


def note_places(living: Slots, reading: Reading, population: Population, creatures: Creatures) -> NDArray[np.float64]:
    """Take over where everyone has got to; returns the metres each has made since, `[living]`.

    Changes x and y of the population, and x and feats of the creatures.
    """
    x = reading.tile[living] * TILE + reading.pose[living, 0, 0].astype(np.float64)
    made: NDArray[np.float64] = x - creatures.x[living]
    creatures.x[living] = x
    creatures.feats[living] = x - creatures.birthplace[living]
    population.x[living] = x
    population.y[living] = reading.pose[living, 0, 1]
    return made


def metabolise(living: Slots, work: NDArray[np.float32], population: Population, settings: CrawlersSettings) -> float:
    """Take what living and the motors' `work` [living] cost; changes energy and health. Returns the joules taken.

    Without energy, health falls; with it, health comes back at the same rate.
    """
    energy, health = population.energy[living], population.health[living]
    cost = np.minimum(energy, np.float32(settings.upkeep) + np.float32(settings.motor_cost) * work)
    left = energy - cost
    change = np.where(left > 0, np.float32(settings.starvation), np.float32(-settings.starvation))
    population.energy[living] = left
    population.health[living] = np.clip(health + change, 0.0, 1.0)
    return float(cost.sum(dtype=np.float64))


def judge(
    living: Slots,
    made: NDArray[np.float64],
    work: NDArray[np.float32],
    level: NDArray[np.float32],
    creatures: Creatures,
    settings: CrawlersSettings,
) -> None:
    """Reward metres made to the right, motors' work and a level chassis, `[living]` each; changes reward alone."""
    worth = settings.reward
    creatures.reward[living] += (
        np.float32(worth.progress) * made.astype(np.float32)
        + np.float32(worth.work) * work
        + np.float32(worth.posture / settings.decision) * level
    )


def stranded(living: Slots, step: int, creatures: Creatures, settings: CrawlersSettings) -> Slots:
    """Those of the living who have not made a new metre for too long; changes farthest and advanced."""
    ahead = creatures.x[living] >= creatures.farthest[living] + 1.0
    onward = living[ahead]
    creatures.farthest[onward] = creatures.x[onward]
    creatures.advanced[onward] = step
    if not settings.stranded:
        return living[:0]
    stuck: Slots = living[step - creatures.advanced[living] >= settings.stranded]
    creatures.advanced[stuck] = step
    creatures.farthest[stuck] = creatures.x[stuck]
    return stuck


def doomed(
    living: Slots, step: int, wall: float, population: Population, creatures: Creatures, settings: CrawlersSettings
) -> tuple[Slots, NDArray[np.int32]]:
    """Those of the living who die in this step, and of what; the wall, at `wall` metres, buries who stays behind."""
    starved = population.health[living] <= 0
    old = step - population.born[living] >= settings.age_max
    behind = creatures.x[living] < wall
    cause = np.where(behind, WALLED, np.where(starved, STARVATION, AGE)).astype(np.int32)
    ends = starved | old | behind
    return living[ends], cause[ends]
