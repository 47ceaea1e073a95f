"""The columns of all worlds: what each cell holds and who stands there, and what the rules write of each agent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.config.treasure import TreasureSettings
from teem.population.slots import Population
from teem.worlds.treasure.entities import Table, number_of

ACTIONS = ("north", "south", "west", "east", "rest")
REST = 4
DOWN = (-1, 1, 0, 0, 0)  # rows and
RIGHT = (0, 0, -1, 1, 0)  # columns that each action leads on
GOES_ON, TERMINATED = 0, 1  # what `Board.end` says of a world's episode


class Board(NamedTuple):
    """Every world's cells. Around each lie `sight` cells of the edge, so that every window is a plain slice."""

    cells: NDArray[np.uint8]  # [worlds, height + 2 sight, width + 2 sight] number of the entity
    people: NDArray[np.uint8]  # the same shape; 1: an agent stands here
    clock: NDArray[np.int32]  # [worlds] steps made in this episode
    end: NDArray[np.uint8]  # [worlds] TERMINATED: what happened in this step ends the episode


class Hunters(NamedTuple):
    """The agents' columns, by slot. Those of world w are `agents` slots from `w * agents` on, for ever.

    Worlds lie one below the other: in world w, y begins at `w * height`.
    """

    x: NDArray[np.float32]  # [capacity] column, and a half
    y: NDArray[np.float32]  # [capacity] row, and a half
    action: NDArray[np.int32]  # [capacity]
    entered: NDArray[np.bool_]  # [capacity] whether it came into another cell in this step
    reward: NDArray[np.float32]  # [capacity]
    feats: NDArray[np.float32]  # [capacity] value collected in its life
    terminated: NDArray[np.bool_]  # [capacity]
    truncated: NDArray[np.bool_]  # [capacity]


class Terms(NamedTuple):
    """The settings that rules read."""

    height: int
    width: int
    sight: int
    agents: int  # of a world
    episode: int
    random_order: bool
    onehot: bool
    walk: float
    bump: float
    seed: int


class Game(NamedTuple):
    """All that the rules of a step read and write."""

    hunters: Hunters
    board: Board
    terms: Terms
    table: Table
    chances: NDArray[np.float32]  # [entities], see `entities.chances_of`
    palette: NDArray[np.float32]  # [entities + 1, channels], see `entities.palette_of`


Parts = tuple[Any, ...]
"""A game with all its parts in one row: a kernel that is given them so is called in a third of the time."""


def parts_of(game: Game) -> Parts:
    """Every column and number of a game in one row."""
    return (*game.hunters, *game.board, *game.terms, *game[3:])


@njit(nogil=True, cache=True)
def game_of(parts):  # type: ignore[no-untyped-def]
    """The game of these parts, in a kernel."""
    return Game(Hunters(*parts[:8]), Board(*parts[8:12]), Terms(*parts[12:22]), parts[22], parts[23], parts[24])


def board_of(settings: TreasureSettings) -> Board:
    """Worlds of nothing but ground, within their edges."""
    sight = settings.sight
    shape = (settings.worlds, settings.height + 2 * sight, settings.width + 2 * sight)
    cells = np.full(shape, number_of(settings.edge, settings), np.uint8)
    within(cells, sight)[:] = 0
    return Board(cells, np.zeros(shape, np.uint8), np.zeros(shape[0], np.int32), np.zeros(shape[0], np.uint8))


def within(cells: NDArray[Any], sight: int) -> NDArray[Any]:
    """The worlds without their edges, `[worlds, height, width]`, a view."""
    return cells[:, sight:-sight, sight:-sight]


def hunters_of(population: Population) -> Hunters:
    """Columns beside those of the population, nothing done yet."""
    capacity = population.capacity
    reals, flags = (np.zeros((2, capacity), np.float32), np.zeros((3, capacity), np.bool_))
    action = np.full(capacity, REST, np.int32)
    return Hunters(population.x, population.y, action, flags[0], *reals, *flags[1:])


def terms_of(config: Config, settings: TreasureSettings) -> Terms:
    """What rules read of the settings."""
    return Terms(
        height=settings.height,
        width=settings.width,
        sight=settings.sight,
        agents=config.population.founders // settings.worlds,
        episode=settings.episode,
        random_order=settings.order == "random",
        onehot=settings.view == "onehot",
        walk=float(settings.reward.walk),
        bump=float(settings.reward.bump),
        seed=config.seed,
    )
