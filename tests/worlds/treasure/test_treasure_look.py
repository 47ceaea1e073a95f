"""What agents see is what is there, no cell out of sight is touched, and frames are stacked as they say."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from treasures import ALL, places_of, played, random_actions, treasure_of, worlds

from teem.worlds.treasure.board import game_of
from teem.worlds.treasure.look import see
from teem.worlds.treasure.treasure import Treasure

REST = 4


@settings(max_examples=40, deadline=None)
@given(worlds, st.integers(0, 2**32))
def test_views_are_what_the_plain_twin_says(given_: dict[str, Any], seed: int) -> None:
    world = treasure_of(**given_)
    for _ in range(6):
        values = world.observe().values
        for slot in world.population.living.tolist():
            assert values[slot, -1].tobytes() == world.see_plain(slot).tobytes()
        world.step(random_actions(world, seed))


def view_of(world: Treasure, slot: int) -> np.ndarray:
    """One view, looked at anew."""
    game = world.game
    wide = 2 * game.terms.sight + 1
    out = np.zeros((wide * wide, game.palette.shape[1]), np.float32)
    w, row, column = places_of(world)[slot]
    cells, people = game.board.cells[w], game.board.people[w]
    see(cells, people, row, column, game.terms.sight, game.terms.onehot, game.palette, out)
    return out


@settings(max_examples=25, deadline=None)
@given(worlds, st.data())
def test_no_cell_out_of_sight_is_touched(given_: dict[str, Any], data: st.DataObject) -> None:
    """Every cell out of sight, of all worlds and of the edge, is poisoned, and not a bit of the view changes."""
    world = treasure_of(**given_)
    board, sight = world.game.board, world.game.terms.sight
    slot = data.draw(st.integers(0, len(world.population.living) - 1))
    w, row, column = places_of(world)[slot]
    before = view_of(world, slot)
    poisoned = np.ones(board.cells.shape, np.bool_)
    poisoned[w, row : row + 2 * sight + 1, column : column + 2 * sight + 1] = False
    board.cells[poisoned] = 255  # an entity that there is not
    board.people[poisoned] = 1
    assert view_of(world, slot).tobytes() == before.tobytes()
    inside = np.argwhere(~poisoned)
    at = tuple(inside[data.draw(st.integers(0, len(inside) - 1))])
    if at != (w, row + sight, column + sight):  # and the same poison in sight is seen
        board.cells[at], board.people[at] = 0 if board.cells[at] else 1, 0
        assert view_of(world, slot).tobytes() != before.tobytes() or before.shape[1] == 3


def test_beyond_the_edge_is_the_entity_of_the_edge() -> None:
    world = treasure_of(height=2, width=2, sight=3, agents=1, worlds=1, entities=ALL[:2])
    values = world.observe().values[0, 0]
    wall = values[..., 1]
    assert wall[0].all()
    assert wall[:, 0].all()
    assert wall.sum() >= 49 - 4


def test_a_one_hot_view_has_one_of_each_cell_and_an_rgb_view_the_colours() -> None:
    values = treasure_of(agents=5).observe().values[:15]
    assert (values.sum(axis=-1) == 1).all()
    world = treasure_of(view="rgb", agents=5)
    colours = {tuple(row) for row in world.observe().values[:15].reshape(-1, 3).tolist()}
    assert colours <= {tuple(row) for row in world.game.palette.tolist()}
    np.testing.assert_allclose(world.game.palette[-1] * 255, [0x58, 0xA6, 0xFF], rtol=1e-6)


def test_frames_are_the_last_views_the_newest_last_and_never_of_another_episode() -> None:
    world = treasure_of(frames=3, episode=5, entities=ALL[:-1])
    seen: list[np.ndarray] = []
    for step in range(13):
        values = deepcopy(world.observe().values[0])
        seen.append(values[-1])
        age = step % 5
        for back in range(3):
            assert values[2 - back].tobytes() == seen[step - min(back, age)].tobytes()
        world.step(random_actions(world, 5))


def test_the_last_view_of_an_episode_is_of_its_own_world_and_stacked_on_its_own() -> None:
    cut, whole = (treasure_of(frames=2, episode=episode, entities=ALL[:-1]) for episode in (6, 60))
    for step in range(6):
        action = random_actions(cut, 9)
        outcome = cut.step(action)
        whole.step(action)
        if step == 5:
            assert outcome.truncated[:6].all()
            assert outcome.final is not None
            assert outcome.final[:6].tobytes() == whole.observe().values[:6].tobytes()
            assert outcome.final[:6].tobytes() != cut.observe().values[:6].tobytes()


@pytest.mark.parametrize("frames", [1, 3])
def test_what_was_seen_before_a_step_stays_as_it_was_until_the_next_look(frames: int) -> None:
    world = treasure_of(frames=frames)
    observation = world.observe()
    kept = observation.values.copy()
    world.step(random_actions(world, 1))
    assert observation.values.tobytes() == kept.tobytes()
    assert world.observe().values.tobytes() != kept.tobytes()


def test_names_stand_for_their_values() -> None:
    world = treasure_of(frames=2)
    played(world, 2)
    values, names = world.observe().values[0].ravel(), world.observation_names
    assert len(set(names)) == len(names) == len(values)
    by_name = dict(zip(names, values, strict=True))
    for number, entity in enumerate(world.settings.entities):
        assert by_name[f"{entity.name}[-1,2,0]"] == world.see_plain(0)[1, 4, number]
    assert game_of.py_func(world._parts).terms == world.game.terms
