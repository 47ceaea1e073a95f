"""Agents walk and collect as they should, episodes end as they should, and kernels do what their twins specify."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from treasures import (
    ALL,
    EXIT,
    GEM,
    GROUND,
    SAND,
    WALL,
    cells_of,
    copied,
    places_of,
    played,
    random_actions,
    treasure_of,
    worlds,
)

from teem.config.treasure import EntitySettings, TreasureRewardSettings
from teem.worlds.conformance import check_world, unvarying
from teem.worlds.treasure.board import Game, within
from teem.worlds.treasure.drawing import draw
from teem.worlds.treasure.entities import VALUE
from teem.worlds.treasure.layout import lay_out_plain
from teem.worlds.treasure.step import play_plain
from teem.worlds.treasure.treasure import Treasure

NORTH, SOUTH, WEST, EAST, REST = range(5)


def differing(one: Game, other: Game) -> list[str]:
    """The columns that differ in a bit."""
    pairs = [*zip(one.hunters._asdict().items(), other.hunters, strict=True)]
    pairs += zip(one.board._asdict().items(), other.board, strict=True)
    return [name for (name, ours), theirs in pairs if ours.tobytes() != theirs.tobytes()]


@settings(max_examples=40, deadline=None)
@given(worlds, st.integers(0, 2**32))
def test_a_step_is_what_the_plain_rules_say(given_: dict[str, Any], seed: int) -> None:
    world = treasure_of(**given_)
    plain = copied(world.game)
    for w in range(world.settings.worlds):
        lay_out_plain(w, 0, plain.hunters, plain.board, plain.chances, plain.terms)
    assert differing(world.game, plain) == []
    for step in range(12):
        action = random_actions(world, seed)
        world.step(action)
        for w in range(world.settings.worlds):
            play_plain(w, step, action, plain)
        assert differing(world.game, plain) == []


@settings(max_examples=30, deadline=None)
@given(worlds, st.integers(0, 2**32))
def test_nobody_is_in_a_wall_or_with_another_and_reward_is_what_was_collected(
    given_: dict[str, Any], seed: int
) -> None:
    world = treasure_of(**given_)
    terms, table = world.game.terms, world.game.table
    for _ in range(12):
        before, cells, feats = places_of(world), cells_of(world), world.feats.copy()
        outcome = world.step(random_actions(world, seed))
        after = places_of(world)
        assert len(set(after)) == len(after)
        assert all(world.settings.entities[cells_of(world)[place]].passable for place in after)
        people = within(world.game.board.people, terms.sight)
        assert {tuple(place) for place in np.argwhere(people).tolist()} == set(after)
        ended = outcome.terminated | outcome.truncated
        walked = np.float32(world.settings.reward.walk), np.float32(world.settings.reward.bump)
        for i, (was, is_) in enumerate(zip(before, after, strict=True)):
            if ended[i]:
                continue  # it has been put elsewhere since
            collected = table[cells[is_], VALUE] if was != is_ else np.float32(0)
            moved = outcome.action[i] != REST
            assert outcome.reward[i] == (walked[0] if was != is_ else walked[1] if moved else 0) + collected
            assert world.feats[i] == feats[i] + collected


@settings(max_examples=30, deadline=None)
@given(worlds, st.integers(0, 2**32))
def test_every_gem_is_accounted_for(given_: dict[str, Any], seed: int) -> None:
    """What respawns stays as many; what does not grow, lie in wait or come again gets fewer by those taken alone."""
    world = treasure_of(**given_ | {"episode": 99, "entities": ALL[:-1]})
    for _ in range(15):
        before, cells = places_of(world), cells_of(world)
        world.step(random_actions(world, seed))
        entered = [place for was, place in zip(before, places_of(world), strict=True) if was != place]
        taken = Counter(int(cells[place]) for place in entered)
        now = np.bincount(cells_of(world).ravel(), minlength=len(ALL))
        was = np.bincount(cells.ravel(), minlength=len(ALL))
        wall, sand, gem, ore, moss = range(1, 6)
        assert now[wall] == was[wall]
        assert now[gem] == was[gem] or not (cells == 0).any()
        assert now[ore] == was[ore] - taken[ore]
        assert now[sand] == was[sand] + taken[ore]
        assert now[moss] >= was[moss] - taken[moss]


def small(*rows: str, agents: dict[int, tuple[int, int]], **given_: Any) -> Treasure:
    """A world drawn by hand with agents where they are said to be; no sand, no growth."""
    entities = (GROUND, WALL, GEM, EXIT)
    size = {"worlds": 1, "height": len(rows), "width": len(rows[0]), "agents": len(agents)}
    world = treasure_of(**size, entities=entities, **given_)
    sight = world.game.terms.sight
    cells, people = within(world.game.board.cells, sight), within(world.game.board.people, sight)
    cells[0] = [[".#oX".index(glyph) for glyph in row] for row in rows]
    people[:] = 0
    for i, (row, column) in agents.items():
        world.population.y[i], world.population.x[i] = row + 0.5, column + 0.5
        people[0, row, column] = 1
    return world


def test_walls_edges_and_others_are_bumped_into() -> None:
    world = small("..#", "...", "...", agents={0: (0, 1), 1: (1, 1), 2: (2, 2)}, order="fixed")
    outcome = world.step(np.array([EAST, NORTH, SOUTH], np.int32))  # a wall, another, the edge
    assert outcome.reward[:3].tolist() == [-0.125] * 3
    assert places_of(world) == [(0, 0, 1), (0, 1, 1), (0, 2, 2)]
    assert draw(world).splitlines() == [".@#", ".@.", "..@"]


def test_who_goes_first_gets_there_and_who_follows_can_go_where_it_was() -> None:
    world = small("...", "...", agents={0: (0, 0), 1: (1, 0)}, order="fixed")
    world.step(np.array([EAST, NORTH], np.int32))
    assert places_of(world) == [(0, 0, 1), (0, 0, 0)]
    world.step(np.array([WEST, EAST], np.int32))  # 0 goes first, and 1 stands in its way
    assert places_of(world) == [(0, 0, 1), (0, 0, 0)]


def test_a_random_order_lets_each_go_first_as_often() -> None:
    world = small("...", agents={0: (0, 0), 1: (0, 2)}, order="random", episode=1000)
    first = []
    for _ in range(200):
        world.step(np.array([EAST, WEST], np.int32))  # both want the cell between them
        first.append(places_of(world)[0] == (0, 0, 1))
        people = world.game.board.people
        people[:] = 0
        world.population.x[:2] = 0.5, 2.5
        within(people, world.game.terms.sight)[0, 0, [0, 2]] = 1
    assert 70 < sum(first) < 130


def test_a_gem_is_taken_once_and_comes_again_elsewhere() -> None:
    world = small(".o..", "....", agents={0: (0, 0)}, episode=50)
    outcome = world.step(np.array([EAST], np.int32))
    assert outcome.reward[0] == np.float32(1 - 0.03125)
    assert world.feats[0] == 1.0
    cells = cells_of(world)[0]
    assert cells[0, 1] == 0
    assert (cells == 2).sum() == 1
    assert draw(world).count("o") == 1


def test_an_episode_is_truncated_by_time_and_its_world_laid_out_anew() -> None:
    world = treasure_of(entities=ALL[:-1], episode=5, worlds=2)
    for step in range(15):
        cells = cells_of(world)
        outcome = world.step(np.full(4, REST, np.int32))
        cut = step % 5 == 4
        assert outcome.truncated[:4].all() == cut
        assert outcome.truncated[:4].any() == cut
        assert not outcome.terminated[:4].any()
        assert ((cells_of(world) != cells).mean() > 0.1) == cut
        assert not len(outcome.deaths.id)


def test_an_exit_terminates_the_episode_of_its_world_alone() -> None:
    world = treasure_of(worlds=2, agents=1, entities=(GROUND, WALL, EXIT), episode=30)
    cells = within(world.game.board.cells, world.game.terms.sight)
    cells[:] = 0
    (_, row, column), _ = places_of(world)
    east = column + 1 < world.settings.width
    cells[0, row, column + 1 if east else column - 1] = 2
    action = np.array([EAST if east else WEST, REST], np.int32)
    outcome = world.step(action)
    assert outcome.terminated[:2].tolist() == [True, False]
    assert not outcome.truncated[:2].any()
    assert world.game.board.clock.tolist() == [0, 1]


def test_an_end_by_an_exit_in_the_last_step_is_no_cut() -> None:
    world = small("..", ".X", agents={0: (0, 1)}, episode=1)
    outcome = world.step(np.array([SOUTH], np.int32))
    assert outcome.terminated[0]
    assert not outcome.truncated[0]


@pytest.mark.parametrize("more", [{}, {"order": "fixed"}])
def test_a_world_is_the_same_whatever_others_there_are_and_however_many_threads(more: dict[str, Any]) -> None:
    """Actions are the same by id, and the same world has the same ids."""
    few, many = treasure_of(worlds=3, **more), treasure_of(worlds=200, threads=2, **more)
    rng = np.random.default_rng(0)
    for _ in range(40):
        action = rng.integers(0, 5, 400).astype(np.int32)
        one, other = few.step(action[:6]), many.step(action)
        assert one.reward[:6].tobytes() == other.reward[:6].tobytes()
        assert cells_of(few).tobytes() == cells_of(many)[:3].tobytes()
        assert few.observe().values[:6].tobytes() == many.observe().values[:6].tobytes()


def test_seeds_and_worlds_and_episodes_differ() -> None:
    world = treasure_of(height=9, width=9, episode=3)
    first = cells_of(world)
    played(world, 3)
    layouts = [*first, *cells_of(world), *cells_of(treasure_of(seed=8, height=9, width=9))]
    assert len({layout.tobytes() for layout in layouts}) == 9


def test_shares_are_the_parts_of_cells() -> None:
    world = treasure_of(worlds=200, agents=1)
    parts = np.bincount(cells_of(world).ravel(), minlength=7) / cells_of(world).size
    np.testing.assert_allclose(parts[[1, 2, 3, 4, 6]], [0.1, 0.1, 0.1, 0.1, 0.02], atol=0.01)
    assert parts[5] == 0.0


def test_things_grow_in_bare_cells_with_their_chance() -> None:
    moss = EntitySettings(name="moss", growth=0.25)
    world = treasure_of(worlds=100, agents=1, entities=(GROUND, WALL, moss), episode=50)
    bare = (cells_of(world) == 0).sum() - 100  # where nobody stands
    world.step(np.full(100, REST, np.int32))
    assert (cells_of(world) == 2).sum() / bare == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"frames": 3, "episode": 4},
        {"view": "rgb", "entities": ALL[:-1], "order": "fixed"},
        {"worlds": 1, "agents": 1, "episode": 1},
        {"worlds": 130, "threads": 2},
        {"height": 2, "width": 3, "agents": 6, "entities": (GROUND, WALL), "worlds": 2, "sight": 4, "episode": 3},
    ],
    ids=lambda given_: "-".join(given_) or "plain",
)
def test_the_treasure_world_keeps_the_contract(given_: dict[str, Any]) -> None:
    check_world(lambda: treasure_of(**given_), 15)


def test_all_but_the_middle_of_a_view_varies() -> None:
    def make() -> Treasure:
        return treasure_of(worlds=60, agents=6, entities=(GROUND, WALL, SAND, GEM))

    assert unvarying(make, 40) == ["wall[0,0]", "gem[0,0]", "agent[0,0]"]


class Leaking(Treasure):
    """Tells the first view of the next episode as the last one of this."""

    def step(self, action: Any) -> Any:
        outcome = super().step(action)
        outcome.final = self.observe().values.copy()
        return outcome


class Silent(Treasure):
    """Says nothing of the view that an episode was cut off in."""

    def step(self, action: Any) -> Any:
        outcome = super().step(action)
        outcome.final = None
        return outcome


class Sharing(Treasure):
    """Hands out the array of the next views as that of the last."""

    def observe(self) -> Any:
        observation = super().observe()
        self._shown_last[:] = 0.5 * observation.values
        return observation


class Doubting(Treasure):
    """Says of the same end that it is one and that it is none."""

    def step(self, action: Any) -> Any:
        outcome = super().step(action)
        outcome.terminated = outcome.truncated.copy()
        return outcome


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (Leaking, "final: always the first view of the next episode"),
        (Silent, "final: not given"),
        (Sharing, "final: changed when the next episode was looked at"),
        (Doubting, "truncated: terminated already"),
    ],
)
def test_a_planted_fault_is_named(fault: type[Treasure], named: str) -> None:
    world = treasure_of(episode=3)

    def make() -> Treasure:
        from treasures import config_of

        from teem.measure.spans import Spans
        from teem.threads import Threads

        return fault(config_of(episode=3), Threads(1), Spans())

    assert world.episodes
    with pytest.raises(AssertionError, match=named):
        check_world(make, 12)


def test_rewards_of_walking_are_the_settings() -> None:
    world = small("...", agents={0: (0, 0)}, reward=TreasureRewardSettings(walk=0.5, bump=2.0))
    rewards = [deepcopy(world.step(np.array([way], np.int32)).reward[0]) for way in (EAST, NORTH, REST, 9)]
    assert rewards == [0.5, 2.0, 0.0, 0.0]


def test_the_heuristic_walks_around_walls_to_what_is_worth_most_a_step() -> None:
    world = small(".#o", ".#.", "...", agents={0: (0, 0)}, episode=99)
    action = np.full(1, -1, np.int32)
    for _ in range(6):
        world.heuristic(world.observe(), action)
        world.step(action)
    assert world.feats[0] == 1.0


def test_the_heuristic_beats_random_walking() -> None:
    hunting, strolling = (treasure_of(worlds=20, entities=(GROUND, WALL, GEM), episode=40) for _ in range(2))
    action = np.zeros(40, np.int32)
    for _ in range(80):
        hunting.heuristic(hunting.observe(), action)
        hunting.step(action)
        strolling.step(random_actions(strolling, 1))
    assert hunting.feats.mean() > 2 * strolling.feats.mean()
