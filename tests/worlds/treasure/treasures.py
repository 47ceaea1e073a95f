"""Small treasure worlds for tests, with every setting that a test depends on said by the test."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from teem.config.settings import Config, PopulationSettings
from teem.config.treasure import EntitySettings, TreasureRewardSettings, TreasureSettings
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.base import Outcome
from teem.worlds.treasure.board import Game, within
from teem.worlds.treasure.treasure import Treasure

GROUND = EntitySettings(name="ground", glyph=".")
WALL = EntitySettings(name="wall", glyph="#", share=0.1, passable=False, colour="#6e7681")
SAND = EntitySettings(name="sand", glyph="~", share=0.1, value=-0.25, colour="#c2a26b")
GEM = EntitySettings(name="gem", glyph="o", share=0.1, value=1.0, taken=True, respawns=True, colour="#2ecc71")
ORE = EntitySettings(name="ore", glyph="%", share=0.1, value=0.5, taken=True, leaves="sand")
MOSS = EntitySettings(name="moss", glyph=",", value=0.125, taken=True, growth=0.02)
EXIT = EntitySettings(name="exit", glyph="X", share=0.02, ends=True)
ALL = (GROUND, WALL, SAND, GEM, ORE, MOSS, EXIT)
SMALL: dict[str, Any] = {
    "worlds": 3, "height": 7, "width": 9, "episode": 12, "sight": 2, "entities": ALL,
    "reward": TreasureRewardSettings(walk=-0.03125, bump=-0.125),
}  # fmt: skip


def config_of(*, seed: int = 7, agents: int = 2, **world: Any) -> Config:
    """A small world of everything, `agents` in each, with other settings where they are given."""
    settings = TreasureSettings(**{**SMALL, **world})
    return Config(seed=seed, world=settings, population=PopulationSettings(founders=agents * settings.worlds), steps=10)


def treasure_of(*, threads: int = 1, **settings: Any) -> Treasure:
    """A world of `config_of(...)`."""
    return Treasure(config_of(**settings), Threads(threads), Spans())


worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**63 - 1),
        "agents": st.integers(1, 5),
        "worlds": st.integers(1, 3),
        "height": st.integers(2, 8),
        "width": st.integers(3, 8),
        "episode": st.integers(1, 9),
        "sight": st.integers(1, 4),
        "frames": st.integers(1, 3),
        "order": st.sampled_from(["random", "fixed"]),
        "view": st.sampled_from(["onehot", "rgb"]),
        "entities": st.sampled_from([ALL, (GROUND, WALL, GEM), (GROUND, WALL, SAND, MOSS), ALL[:-1]]),
    }
)
"""Settings of random small worlds, for `treasure_of`."""


def random_actions(world: Treasure, seed: int) -> NDArray[np.int32]:
    """An action for each slot, some of them none at all."""
    rng = np.random.default_rng((seed % 2**32, world.step_count))
    return rng.integers(-1, 7, world.population.capacity).astype(np.int32)


def played(world: Treasure, steps: int, seed: int = 3) -> list[Outcome]:
    """The outcomes of some random steps, copied."""
    return [deepcopy(world.step(random_actions(world, seed))) for _ in range(steps)]


def copied(game: Game) -> Game:
    """The same game with columns of its own."""
    return deepcopy(game)


def cells_of(world: Treasure) -> NDArray[np.uint8]:
    """What each cell holds, a copy `[worlds, height, width]`."""
    return within(world.game.board.cells, world.game.terms.sight).copy()


def places_of(world: Treasure) -> list[tuple[int, int, int]]:
    """The world, row and column of each agent."""
    terms, people = world.game.terms, world.population
    rows = people.y[people.living].astype(int)
    columns = people.x[people.living].astype(int)
    return [(int(y) // terms.height, int(y) % terms.height, int(x)) for y, x in zip(rows, columns, strict=True)]
