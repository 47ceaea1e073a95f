"""Each of the crawlers' rules does what is specified, on random creatures."""

from __future__ import annotations

import numpy as np
from crawling import (
    find_doomed_plain,
    find_stranded_plain,
    judge_plain,
    metabolise_plain,
    note_places_plain,
    tire_plain,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.crawlers import CrawlerRewardSettings, CrawlersSettings
from teem.worlds.crawlers import rules

seeds = st.integers(0, 10**6)


class Scene:
    """Random columns of sixteen slots, some of them alive."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.living = np.sort(draw.choice(16, draw.integers(1, 17), replace=False)).astype(np.int32)
        self.tile = draw.integers(0, 900, 16).astype(np.int32)
        self.pose = draw.uniform(-1, 100, (16, 29, 7)).astype(np.float32)
        self.x = draw.uniform(0, 200, 16)
        self.birthplace, self.farthest = draw.uniform(0, 200, 16), draw.uniform(0, 200, 16)
        self.advanced, self.ends = draw.integers(0, 100, 16), draw.integers(80, 200, 16)
        self.energy = np.where(draw.random(16) < 0.4, 0.1, draw.uniform(0, 9, 16)).astype(np.float32)
        self.health, self.work, self.reward = (draw.random(16).astype(np.float32) for _ in range(3))
        self.health[draw.random(16) < 0.3] = 0.0
        self.place_x, self.place_y, self.feats = (np.zeros(16, np.float32) for _ in range(3))
        self.immobile = draw.random(16) < 0.4
        self.made = draw.normal(size=16)
        self.terms = rules.terms_of(
            CrawlersSettings(
                upkeep=0.2, motor_cost=0.3, starvation=0.1, stranded=int(draw.integers(0, 80)),
                immobile=float(draw.choice([0.0, 0.15, 0.5])), energy_max=9.0,
                reward=CrawlerRewardSettings(posture=0.5, work=-0.2),
            )
        )  # fmt: skip

    def columns(self) -> dict[str, np.ndarray]:
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}


def both(seed: int) -> tuple[Scene, Scene]:
    return Scene(seed), Scene(seed)


def assert_alike(one: Scene, other: Scene) -> None:
    for name, column in one.columns().items():
        np.testing.assert_allclose(column, other.columns()[name], rtol=1e-6, atol=1e-6, err_msg=name)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_places_are_noted_as_specified(seed: int) -> None:
    one, other = both(seed)
    for scene, rule in ((one, rules.note_places), (other, note_places_plain)):
        s = scene
        rule(s.living, s.tile, s.pose, s.place_x, s.place_y, s.x, s.birthplace, s.feats, s.made)
    assert_alike(one, other)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_living_takes_what_is_specified(seed: int) -> None:
    one, other = both(seed)
    taken = [
        rule(scene.living, scene.work, scene.energy, scene.health, scene.terms)
        for scene, rule in ((one, rules.metabolise), (other, metabolise_plain))
    ]
    assert_alike(one, other)
    assert abs(taken[0] - taken[1]) < 1e-5
    assert (one.energy >= 0).all()


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_the_weary_and_the_recovered_are_those_specified(seed: int) -> None:
    one, other = both(seed)
    out = np.empty(16, np.int32)
    count = rules.tire(one.living, one.energy, one.immobile, one.terms, out)
    assert out[:count].tolist() == tire_plain(other.living, other.energy, other.immobile, other.terms)
    assert_alike(one, other)
    assert (one.immobile[one.living] == (one.energy[one.living] < one.terms.weary)).all()


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_decisions_are_judged_as_specified(seed: int) -> None:
    one, other = both(seed)
    for s, rule in ((one, rules.judge), (other, judge_plain)):
        rule(s.living, s.made, s.work, s.pose, s.reward, s.terms)
    np.testing.assert_allclose(one.reward, other.reward, rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, step=st.integers(100, 150))
def test_the_stranded_and_the_doomed_are_those_specified(seed: int, step: int) -> None:
    one, other = both(seed)
    out, cause = np.empty(16, np.int32), np.empty(16, np.int32)
    count = rules.find_stranded(one.living, step, one.x, one.farthest, one.advanced, one.terms, out)
    expected = find_stranded_plain(other.living, step, other.x, other.farthest, other.advanced, other.terms)
    assert out[:count].tolist() == expected
    assert_alike(one, other)
    count = rules.find_doomed(one.living, step, 20.0, one.x, one.ends, one.health, one.terms, out, cause)
    doomed = find_doomed_plain(one.living, step, 20.0, one.x, one.ends, one.health, one.terms)
    assert list(zip(out[:count].tolist(), cause[:count].tolist(), strict=True)) == doomed
