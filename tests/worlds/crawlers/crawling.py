"""Small crawlers' worlds, and the rules as they are specified."""

from typing import Any

import numpy as np

from teem.config.crawlers import BodySettings, CrawlersSettings
from teem.config.settings import Config, PopulationSettings
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.crawlers.crawlers import Crawlers
from teem.worlds.crawlers.ground import TILE


def crawlers_of(
    founders: int = 12, capacity: int = 16, threads: int = 1, seed: int = 7, extinction: Any = "reseed", **settings: Any
) -> Crawlers:
    """A world of few creatures."""
    config = Config(
        seed=seed,
        world=CrawlersSettings(**settings),
        population=PopulationSettings(founders=founders, capacity=capacity, extinction=extinction),
    )
    return Crawlers(config, Threads(threads), Spans())


SMALL = BodySettings(limbs=3, segments=2, wheels=1)


def note_places_plain(living, tile, pose, place_x, place_y, x, birthplace, feats, made):
    here = tile[living] * TILE + pose[living, 0, 0].astype(np.float64)
    made[living] = here - x[living]
    x[living] = here
    feats[living] = here - birthplace[living]
    place_x[living], place_y[living] = here, pose[living, 0, 1]


def metabolise_plain(living, work, energy, health, terms):
    cost = np.minimum(energy[living], terms.upkeep + terms.motor_cost * work[living])
    energy[living] -= cost
    change = np.where(energy[living] > 0, terms.starvation, -terms.starvation)
    health[living] = np.clip(health[living] + change, 0.0, 1.0)
    return float(cost.sum(dtype=np.float64))


def tire_plain(living, energy, immobile, terms):
    changed = [i for i in living.tolist() if (energy[i] < terms.weary) != immobile[i]]
    immobile[changed] = ~immobile[changed]
    return changed


def judge_plain(living, made, work, pose, reward, terms):
    worth = terms.progress * made[living].astype(np.float32) + terms.work * work[living]
    reward[living] += worth + terms.posture * pose[living, 0, 2]


def find_stranded_plain(living, step, x, farthest, advanced, terms):
    stranded = []
    for i in living.tolist():
        if x[i] >= farthest[i] + 1:
            farthest[i], advanced[i] = x[i], step
        if terms.stranded and step - advanced[i] >= terms.stranded:
            farthest[i], advanced[i] = x[i], step
            stranded.append(i)
    return stranded


def find_doomed_plain(living, step, wall, x, ends, health, terms):
    doomed = []
    for i in living.tolist():
        reasons = [x[i] < wall, health[i] <= 0, step >= ends[i]]
        if any(reasons):
            doomed.append((i, (2, 0, 1)[reasons.index(True)]))
    return doomed
