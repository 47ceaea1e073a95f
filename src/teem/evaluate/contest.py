"""What is compared in which world: the kinds of worlds played, the policies in them, and what proves something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import msgspec

from teem.config.crawlers import CrawlersSettings
from teem.config.farm import FarmSettings
from teem.config.settings import Config
from teem.config.treasure import TreasureSettings

TO_BEAT = ("random", "resting")  # what no learning is needed for
GAITS = "gaits"  # the best of many random gaits of each body, which is no policy of a cohort
CRAWLED = 30.0  # seconds
_FOREVER = 10**12  # steps


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of worlds to compare in."""

    name: str
    title: str  # as shown
    baselines: tuple[str, ...]
    together: bool = False  # founders of all policies in one world, instead of each policy alone
    newborn: bool = False  # founders are as children of the trained would be

    @property
    def policies(self) -> tuple[str, ...]:
        """All that are compared, the trained first."""
        return ("trained", *self.baselines)

    @property
    def worlds(self) -> int:
        """How many are played for a seed."""
        return 1 if self.together else len(self.policies)


@dataclass(frozen=True, slots=True)
class Contest:
    """How policies are compared in one sort of world."""

    world: str
    kinds: tuple[Kind, ...]
    by: tuple[str, ...]  # measures in which the trained must be better, in every kind of world
    claim: str  # the same in words
    shown: tuple[str, ...]  # measures that tell something here
    unit: str  # of feats, as shown
    steps: int  # played, unless others are asked for
    beside: str  # the policy that the trained are reported beside, though they need not be better
    adapt: Callable[[Any, float], Any]  # the world's settings to compare under, with this part of the run's founders
    scale: float = 1.0  # what feats a step of life are multiplied with to be shown
    most: int | None = None  # founders, unless others are asked for
    embodied: bool = False  # a network belongs to its body: founders have the bodies of the trained


def contest_of(config: Config) -> Contest:
    """What is compared in the world of these settings."""
    if isinstance(config.world, CrawlersSettings):
        return _crawlers(config.world, inheriting=config.learning.newborn != "fresh")
    return TREASURE if isinstance(config.world, TreasureSettings) else FARM


def _resized(world: FarmSettings, part: float) -> FarmSettings:
    """As much room for each as in the run."""
    if not world.size or part == 1.0:
        return world
    return msgspec.structs.replace(world, size=max(2 * world.sight + 2, round(world.size * sqrt(part))))


FARM = Contest(
    world="farm",
    kinds=(
        Kind("fresh", "Fresh worlds, one policy in each", (*TO_BEAT, "heuristic")),
        Kind("mixed", "Mixed worlds, all policies in each", (*TO_BEAT, "heuristic"), together=True),
    ),
    by=("feats", "lifetime"),
    claim="gather more and live longer",
    shown=("feats", "lifetime", "children", "survivors"),
    unit="J an agent-step",
    steps=1000,
    beside="heuristic",
    adapt=_resized,
)


def _undisturbed(world: CrawlersSettings, part: float) -> CrawlersSettings:
    """Nobody dies, breeds, or is set down elsewhere: how far each gets by itself is what counts."""
    return msgspec.structs.replace(
        world,
        starvation=1e-30,  # too little to change a health
        age_max=_FOREVER,
        breed_energy=float("inf"),
        stranded=0,
        terrain=msgspec.structs.replace(world.terrain, tiles=10_000),  # no ground is walled off
    )


def _crawlers(world: CrawlersSettings, *, inheriting: bool) -> Contest:
    """Feats are metres, and `CRAWLED` seconds are played."""
    steps = round(CRAWLED / world.dt)
    kinds = (
        Kind("fresh", "Fresh worlds, bodies of the trained", (*TO_BEAT, GAITS)),
        Kind("newborn", "Newborn worlds, bodies of children", TO_BEAT, newborn=True),
    )
    return Contest(
        world="crawlers",
        kinds=kinds if inheriting else kinds[:1],
        by=("feats",),
        claim="get farther",
        shown=("feats",),
        unit=f"metres in {CRAWLED:g} s",
        steps=steps,
        beside=GAITS,
        scale=float(steps),
        most=64,
        embodied=True,
        adapt=_undisturbed,
    )


def _as_many(world: TreasureSettings, part: float) -> TreasureSettings:
    """As many agents in each world as in the run."""
    return msgspec.structs.replace(world, worlds=max(1, round(world.worlds * part)))


TREASURE = Contest(
    world="treasure",
    kinds=(
        Kind("fresh", "Fresh worlds, one policy in each", (*TO_BEAT, "heuristic")),
        Kind("mixed", "Mixed worlds, all policies in each", (*TO_BEAT, "heuristic"), together=True),
    ),
    by=("feats",),
    claim="collect more value",
    shown=("feats",),
    unit="value an agent-step",
    steps=1000,
    beside="heuristic",
    adapt=_as_many,
)
