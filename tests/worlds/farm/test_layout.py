"""Where things lie when a farm begins."""

from __future__ import annotations

import numpy as np
import pytest
from farms import farm_of
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.rng import Stream, uniforms
from teem.worlds.farm.fields import RESOURCES, ROCK, TERRAIN
from teem.worlds.farm.layout import _centres, _warmth, hills

LAYOUTS = ("random", "grid", "clustered", "gradient")


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=10, deadline=None)
@given(density=st.floats(0.02, 1.0), seed=st.integers(0, 1000))
def test_every_layout_has_the_density_asked_for(layout: str, density: float, seed: int) -> None:
    fertile = farm_of(seed=seed, layout=layout, density=density, size=128, obstacles=0.0).fields.capacity > 0
    if layout == "gradient" and density > 0.5:
        assert fertile.mean() >= 0.5 - 0.02  # the dense end is full
    else:
        assert fertile.mean() == pytest.approx(density, abs=0.02 + 0.1 * density)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_map_follows_from_its_seed_alone(layout: str) -> None:
    maps = [farm_of(seed=seed, layout=layout, founders=n).fields.planes for seed, n in ((3, 5), (3, 9), (4, 5))]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_grows_on_rock_and_cells_hold_no_more_than_they_can(layout: str) -> None:
    fields = farm_of(
        layout=layout, obstacles=0.3, cell_capacity=2.0, landmarks=0.1, size=64, channels=("landmarks",)
    ).fields
    rock = fields.planes[:, :, ROCK] > 0
    assert rock.mean() == pytest.approx(0.3, abs=0.04)
    assert not fields.capacity[rock].any()
    assert not fields.values("landmarks")[rock].any()
    assert fields.values("landmarks").mean() == pytest.approx(0.07, abs=0.02)
    resources, full = fields.planes[:, :, RESOURCES], fields.capacity
    assert set(np.unique(full)) == {0.0, 2.0}
    assert ((resources >= 0.5 * full) & (resources <= full)).all()


def test_clusters_cluster_and_a_gradient_rises_to_the_east() -> None:
    def alike_neighbours(layout: str) -> float:
        fertile = farm_of(layout=layout, density=0.25, size=96, obstacles=0.0).fields.capacity > 0
        return float((fertile == np.roll(fertile, 1, axis=1)).mean())

    assert alike_neighbours("clustered") > 0.85 > alike_neighbours("random")
    slope = (farm_of(layout="gradient", density=0.25, size=96, obstacles=0.0).fields.capacity > 0).mean(axis=0)
    assert np.corrcoef(slope, np.arange(96))[0, 1] > 0.8


def test_a_grid_lies_at_even_distances() -> None:
    fertile = farm_of(layout="grid", density=0.25, size=24, obstacles=0.0).fields.capacity > 0
    rows, columns = fertile.any(axis=1), fertile.any(axis=0)
    np.testing.assert_array_equal(fertile, rows[:, None] & columns[None, :])
    assert set(np.diff(np.flatnonzero(rows))) == {2}


@settings(max_examples=20, deadline=None)
@given(side=st.integers(5, 100), seed=st.integers(0, 1000))
def test_hills_are_smooth_and_wrap_around(side: int, seed: int) -> None:
    heights = hills(side, seed)(np.arange(side))
    assert heights.shape == (side, side)
    assert ((heights >= 0) & (heights <= 1)).all()
    for axis in (0, 1):
        steepest = 1.5 * max(2, side // 12) / side  # of the cubic between two points of the noise
        assert abs(heights - np.roll(heights, 1, axis)).max() <= steepest + 1e-3
    assert heights.std() > 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_map_drawn_in_bands_is_the_map_drawn_at_once(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"layout": layout, "size": 61, "channels": ("landmarks",), "landmarks": 0.1}
    at_once = farm_of(**settings).fields
    monkeypatch.setattr("teem.worlds.farm.fields._AT_ONCE", 7 * 61)
    in_bands = farm_of(**settings).fields
    np.testing.assert_array_equal(at_once.planes, in_bands.planes)
    np.testing.assert_array_equal(at_once.capacity, in_bands.capacity)
    np.testing.assert_array_equal(at_once.planes[:, :, TERRAIN], hills(61, 7)(np.arange(61)))


@pytest.mark.parametrize(("side", "count"), [(7, 1), (20, 9), (64, 30), (90, 300)])
def test_warmth_is_the_sum_of_a_bump_around_each_centre(side: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teem.worlds.farm.layout._CENTRES", 7)
    places = (uniforms(5, Stream.LAYOUT, 2, np.arange(count), 2) * side).astype(int)
    reach = min(15, (side - 1) // 2)
    cells = np.arange(side)
    warmth = np.zeros((side, side))
    for place in places:
        away = [(cells - at + side // 2) % side - side // 2 for at in place]
        bumps = [np.exp(-(gap**2) / 50.0) * (abs(gap) <= reach) for gap in away]
        warmth += np.outer(*bumps)
    np.testing.assert_allclose(_warmth(cells, _centres(count, side, 5), side), warmth, rtol=1e-4, atol=1e-6)
    some = np.array([side - 1, 0, 3])
    np.testing.assert_allclose(_warmth(some, _centres(count, side, 5), side), warmth[some], rtol=1e-4, atol=1e-6)
