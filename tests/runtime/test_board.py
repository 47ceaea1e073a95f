"""Treasure worlds in the panel: each entity in its colour, agents where they are, several worlds side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from teem.config.load import load_config
from teem.measure.spans import Spans
from teem.runtime.board import Board
from teem.runtime.picture import FIRST_KIND, colour, shade
from teem.threads import Threads
from teem.worlds.catalogue import make_world


def board_and_world(**given: Any) -> tuple[Board, Any]:
    config = load_config("treasure", {path.replace("__", "."): value for path, value in given.items()})
    return Board(config.world), make_world(config, Threads(1), Spans())


@pytest.mark.parametrize("rgb", [(0, 0, 0), (255, 255, 255), (32, 38, 44), (46, 204, 113), (255, 84, 112)])
def test_a_shade_is_near_its_colour(rgb: tuple[int, int, int]) -> None:
    assert max(abs(one - other) for one, other in zip(colour(shade(rgb)), rgb, strict=True)) <= 26


def test_one_world_is_drawn_cell_by_cell_where_there_is_room() -> None:
    board, world = board_and_world(world__worlds=1, population__founders=2, world__height=10, world__width=10)
    picture = board.paint(world.map(), world.population, 20)
    cells = world.map()["entities"].astype(int)
    drawn = picture[::2, ::2]
    here = np.zeros((10, 10), bool)
    here[world.population.y[:2].astype(int), world.population.x[:2].astype(int)] = True
    assert (drawn[here] == FIRST_KIND).all()
    shades = np.array([number for number, _ in board.legend(world.map(), world.population)])
    assert (drawn[~here] == shades[cells[~here]]).all()
    assert [text for _, text in board.legend(world.map(), world.population)] == [
        "ground",
        "wall",
        "sand",
        "gem",
        "ruby",
    ]


@pytest.mark.parametrize("side", [6, 12, 23, 40, 61, 120])
@pytest.mark.parametrize(("worlds", "height", "width"), [(1, 3, 70), (4, 21, 21), (50, 5, 9), (2, 100, 3)])
def test_any_worlds_fit_any_picture(worlds: int, height: int, width: int, side: int) -> None:
    size = {"world__worlds": worlds, "world__height": height, "world__width": width}
    board, world = board_and_world(**size, population__founders=2 * worlds)
    picture = board.paint(world.map(), world.population, side)
    assert picture.shape == (side, side)
    assert all(len(colour(int(number))) == 3 for number in np.unique(picture))
    if worlds > 1:
        assert board.legend(world.map(), world.population)[-1][1] == f"{worlds} worlds"
