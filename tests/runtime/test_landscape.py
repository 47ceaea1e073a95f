"""A world on a line is shown from the side, and everything in it stands where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from teem.population.slots import Population
from teem.runtime import landscape
from teem.runtime.landscape import FOOD, GROUND, SKY
from teem.runtime.picture import FIRST_KIND

SPACING = 0.25


def land(height: np.ndarray, food: tuple[int, ...] = (), begin: float = -100.0) -> dict[str, np.ndarray]:
    metres = (begin + SPACING * np.arange(len(height))).astype(np.float32)
    amount = np.zeros(len(height), np.float32)
    amount[list(food)] = 5.0
    return {"height": height.astype(np.float32)[None], "metres": metres[None], "food": amount[None]}


def people(x: list[float], y: list[float]) -> Population:
    population = Population(max(1, len(x)), 1)
    slots = population.spawn(len(x))
    population.x[slots], population.y[slots] = x, y
    return population


def test_the_middle_of_the_living_is_in_the_middle_of_the_picture() -> None:
    population = people([40.0, 50.0, 60.0], [0.4] * 3)
    picture = landscape.paint(land(np.zeros(2000)), population, 40)
    assert picture.shape == (40, 40)
    row, column = np.nonzero(picture == FIRST_KIND)
    assert column.tolist() == [0, 20]  # 20 m across: the third is just outside
    assert len(set(row.tolist())) == 1
    ground = np.nonzero((picture == GROUND).all(axis=1))[0]
    assert ground[0] > row[0]
    assert (picture[: row[0]] == SKY).all()
    assert (picture[ground[0] :] == GROUND).all()


def test_the_ground_rises_where_it_does() -> None:
    height = np.linspace(0, 20, 2000)
    picture = landscape.paint(land(height), people([150.0], [0.0]), 30)
    top = (picture == GROUND).argmax(axis=0)
    assert (np.diff(top) <= 0).all()
    assert top[0] > top[-1]


def test_food_lies_on_the_ground_and_who_stands_there_is_before_it() -> None:
    maps = land(np.zeros(2000), food=(600, 620))  # at 50 m and 55 m
    picture = landscape.paint(maps, people([50.0], [0.0]), 40)
    assert (picture == FOOD).sum() == 1
    assert picture[:, 20].tolist().count(FIRST_KIND) == 1
    (row,), (column,) = np.nonzero(picture == FOOD)
    assert column == 30  # 20 m across: two columns a metre
    assert picture[row + 1, column] == GROUND


def test_nobody_alive_and_nothing_to_see_is_a_picture_too() -> None:
    maps = land(np.zeros(400))
    assert set(np.unique(landscape.paint(maps, people([], []), 24))) == {SKY, GROUND}
    far = landscape.paint(maps, people([5000.0], [0.0]), 24)  # beyond the ground: it goes on level
    assert (far == FIRST_KIND).sum() == 1


@given(
    side=st.integers(12, 80), alive=st.integers(1, 30), spread=st.floats(0, 2000), tall=st.floats(0, 30),
    seed=st.integers(0, 99),
)  # fmt: skip
@example(side=12, alive=2, spread=912.0, tall=0.0, seed=1)
@settings(max_examples=40, deadline=None)
def test_everybody_in_the_window_is_seen_above_the_ground(
    side: int, alive: int, spread: float, tall: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, spread, alive))
    maps = land(rng.uniform(0, tall, 2000))
    population = people(x.tolist(), rng.uniform(-5, 5 + tall, alive).tolist())
    picture = landscape.paint(maps, population, side)
    view = landscape.window(maps, population)
    at = np.float32(x)
    column = {int(np.floor((one - view.left) * (side / view.across))) for one in at}
    inside = {one for one in column if 0 <= one < side}
    assert set(np.nonzero((picture >= FIRST_KIND).any(axis=0))[0].tolist()) == inside
    assert inside
    assert (picture[-1] == GROUND).all()
    assert landscape.NARROWEST <= view.across <= landscape.WIDEST


def test_the_legend_tells_how_large_the_window_is() -> None:
    maps = land(np.zeros(2000))
    assert landscape.legend(maps, people([10.0], [0.0])) == [
        (FOOD, "food"),
        (GROUND, "ground: 20.0 m across, 2.50 m high"),
    ]
    (_, text) = landscape.legend(maps, people([0.0, 10.0, 200.0, 400.0], [0.0] * 4))[1]
    assert "m across" in text
    assert landscape.window(maps, people([0.0, 1e5], [0.0] * 2)).across == pytest.approx(landscape.WIDEST)
