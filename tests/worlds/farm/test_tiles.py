"""A large map is the same world as a small one, but no step pays for what nobody is near."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checks import make_accounted_steps
from farms import assert_same_state, by_chance, config_of, farm_of, run
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.errors import TeemError
from teem.measure.spans import Spans
from teem.record import archive, checkpoint
from teem.threads import Threads
from teem.worlds.farm import fields as fields_module
from teem.worlds.farm import mapfile
from teem.worlds.farm import tiles as tiles_module
from teem.worlds.farm.farm import Farm
from teem.worlds.farm.fields import RESOURCES, ROCK
from teem.worlds.farm.layout import lay_out, make_fields
from teem.worlds.farm.rules.regrow import lasting, regrow, regrow_tiles, regrow_tiles_plain
from teem.worlds.farm.settle import settle
from teem.worlds.farm.tiles import FULL, TALL, WIDE, Tiles, make_tiles

SIDE = 150  # cells: some tiles are cut by the edge
SPARSE: dict[str, Any] = {"size": SIDE, "founders": 8, "capacity": 12, "age_max": 40, "regrow_every": 4}


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Farm]:
    """A farm of any size whose map is kept by tiles, of which just one a step has its turn with nobody near."""
    monkeypatch.setattr("teem.worlds.farm.farm.AT_ONCE", 1)

    def make(**world: Any) -> Farm:
        with monkeypatch.context() as patch:
            patch.setattr(tiles_module, "_SMALL", 0)
            farm = farm_of(**world)
        assert farm.fields.tiles is not None
        return farm

    return make


def tiles_of(side: int) -> Tiles:
    shape = -(-side // TALL), -(-side // WIDE)
    return Tiles(np.zeros(shape, np.int64), np.zeros(shape, np.bool_))


def test_only_a_map_whose_rows_would_cost_more_has_tiles() -> None:
    assert make_tiles(2048, 16) is None
    assert make_tiles(512, 1) is None
    assert make_tiles(2049, 16) is not None
    tiles = make_tiles(65536, 16)
    assert tiles is not None
    assert tiles.grown.nbytes + tiles.traced.nbytes < 65536**2 / 100


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    torus=st.booleans(),
    every=st.sampled_from([1, 3, 16]),
    growth=st.sampled_from([0.0, 0.02, 1.0]),
    at_once=st.sampled_from([0, 1, 7, 100]),
    reach=st.sampled_from([2, 33]),
    side=st.sampled_from([9, 70]),
)
def test_regrow_tiles_is_as_specified(
    seed: int, torus: bool, every: int, growth: float, at_once: int, reach: int, side: int
) -> None:
    random = np.random.default_rng(seed)
    capacity = (random.random((side, side)) * (random.random((side, side)) < 0.5)).astype(np.float32)
    planes = np.repeat(capacity[:, :, None] * random.choice(np.float32([0, 0.3, 1]), (side, side, 1)), 2, axis=2)
    ours, theirs, our_tiles, their_tiles = planes.copy(), planes.copy(), tiles_of(side), tiles_of(side)
    for step in range(0, 40, random.integers(1, 9)):
        who = np.arange(random.integers(0, 3), dtype=np.int32)
        xs, ys = random.random((2, 3), np.float32) * np.float32(side)
        ours[np.int32(ys[who]), np.int32(xs[who]), RESOURCES] *= 0.5
        theirs[np.int32(ys[who]), np.int32(xs[who]), RESOURCES] *= 0.5
        given_to = (who, xs, ys, reach, torus, step, every, growth, at_once)
        grown = regrow_tiles(*given_to, ours, capacity, our_tiles)
        assert grown == pytest.approx(regrow_tiles_plain(*given_to, theirs, capacity, their_tiles), abs=1e-3)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        np.testing.assert_array_equal(our_tiles.grown, their_tiles.grown)
        np.testing.assert_array_equal(our_tiles.traced, their_tiles.traced)


@pytest.mark.parametrize("edge", ["torus", "bounded"])
@pytest.mark.parametrize("sight", [2, 6])
def test_nobody_can_tell_a_large_map_from_a_small_one(large: Callable[..., Farm], edge: str, sight: int) -> None:
    settings_ = {**SPARSE, "edge": edge, "sight": sight, "growth": 0.02}
    one, other = large(**settings_), farm_of(**settings_)
    stale = 0
    for _ in range(120):
        ours, theirs = one.observe(), other.observe()
        living = ours.living
        np.testing.assert_array_equal(living, theirs.living)
        np.testing.assert_allclose(ours.values[living], theirs.values[living], rtol=1e-4, atol=1e-5)
        action = by_chance(other, theirs)
        one.step(action)
        other.step(action)
        different = ~np.isclose(one.fields.values("resources"), other.fields.values("resources"), rtol=1e-4)
        stale = max(stale, int(different.sum()))
    assert stale > SIDE, "there was land that nobody had looked at, or this test shows nothing"


def test_land_that_nobody_is_near_grows_as_much_by_its_turn_as_by_many() -> None:
    side, every, growth = 64, 4, 0.01
    capacity = np.full((side, side), 2.0, np.float32)
    by_tiles, by_rows = (np.full((side, side, 1), 0.1, np.float32) for _ in range(2))
    tiles, nobody, nowhere = tiles_of(side), np.empty(0, np.int32), np.empty(0, np.float32)
    grown = rows_grown = 0.0
    for step in range(200):
        grown += regrow_tiles(nobody, nowhere, nowhere, 4, True, step, every, growth, 1, by_tiles, capacity, tiles)
        rows_grown += regrow(step, every, by_rows, capacity, lasting(growth, every))
    grown += regrow_tiles(nobody, nowhere, nowhere, 4, True, 199, every, growth, 99, by_tiles, capacity, tiles)
    np.testing.assert_allclose(by_tiles, by_rows, rtol=1e-4)
    assert grown == pytest.approx(rows_grown, rel=1e-4)


def test_a_full_tile_is_left_alone_until_somebody_stands_in_it() -> None:
    side, every = 64, 4
    capacity = np.full((side, side), 1.3, np.float32)
    planes = np.full((side, side, 1), 1.2, np.float32)
    tiles, x, y = tiles_of(side), np.float32([40.0]), np.float32([20.0])
    nobody, somebody = np.empty(0, np.int32), np.zeros(1, np.int32)

    def grow(who: Any, step: int) -> float:
        return float(regrow_tiles(who, x, y, 2, True, step, every, 0.1, 99, planes, capacity, tiles))

    for step in range(0, 1000, 50):
        grow(nobody, step)
    assert (tiles.grown == FULL).all()
    planes[20, 40, RESOURCES] = planes[0, 0, RESOURCES] = 0.5
    assert grow(nobody, 1000) == 0.0
    assert sum(grow(somebody, step) for step in range(1001, 1005)) > 0.05
    assert planes[20, 40, RESOURCES] > 0.5
    assert planes[0, 0, RESOURCES] == np.float32(0.5), "a neighbour in whose tile nobody stood"


def test_the_ledger_accounts_for_every_joule_of_a_large_map(large: Callable[..., Farm]) -> None:
    make_accounted_steps(large(**SPARSE), 60)


def test_traces_fade_on_a_large_map_and_what_has_gone_is_looked_at_no_more(large: Callable[..., Farm]) -> None:
    channels = ("resources", "trails", "damage_heat")
    settings_ = {**SPARSE, "channels": channels, "decay": 0.5, "growth": 0.0, "age_max": 400, "upkeep": 0.0}
    one, other = large(**settings_), farm_of(**settings_)
    for _ in range(130):  # the scale gets small after 40
        action = by_chance(other, other.observe())
        one.observe()
        one.step(action)
        other.step(action)
    for name in ("trails", "damage_heat"):
        np.testing.assert_allclose(one.fields.values(name), other.fields.values(name), rtol=1e-5, atol=1e-7)
    assert one.fields.values("trails").any()
    tiles = one.fields.tiles
    assert tiles is not None
    assert tiles.traced.any()
    for _ in range(400):
        one.fields.fade()
    assert not tiles.traced.any()
    assert not one.fields.planes[:, :, one.fields.index("trails")].any()


def test_a_restored_large_map_continues_bit_for_bit(large: Callable[..., Farm]) -> None:
    settings_ = {**SPARSE, "channels": ("resources", "trails")}
    farm = large(**settings_)
    run(farm, 30)
    state = farm.state()
    assert {"grown", "traced"} <= state["fields"].keys()
    run(farm, 30)
    second = large(**settings_)
    run(second, 5)
    second.load_state(state)
    run(second, 30)
    assert_same_state(farm.state(), second.state())


# ---- larger than memory


def mapped_farm(folder: Path, **world: Any) -> Farm:
    return Farm(config_of(storage="mapped", **world), Threads(1), Spans(), folder)


def peak_of(work: Callable[[], Any]) -> int:
    """The most bytes that Python and NumPy held at once for some work; what lies in a mapped file is not among it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("layout", ["random", "grid", "clustered", "gradient"])
def test_laying_out_a_map_four_times_as_large_takes_no_more_memory(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields_module, "_AT_ONCE", 1 << 14)
    monkeypatch.setattr("teem.worlds.farm.layout._SAMPLE", 64)
    monkeypatch.setattr("teem.worlds.farm.layout._HILL", 1)  # as many points of its noise as cells

    def work(side: int) -> Callable[[], Any]:
        settings_ = config_of(storage="mapped", layout=layout, channels=("resources", "landmarks")).world
        fields = make_fields(settings_, side, tmp_path)
        return lambda: lay_out(fields, settings_, 7, Threads(1))

    work(128)()  # kernels
    small, larger = peak_of(work(512)), peak_of(work(1024))
    assert larger < 1.3 * small
    assert larger < 4 * 1024 * 1024 / 2, "less than half of one plane"


def test_a_mapped_map_is_saved_and_loaded_without_being_held_in_memory(tmp_path: Path) -> None:
    farm = mapped_farm(tmp_path, size=1024)
    run(farm, 3)
    map_bytes = farm.fields.planes.nbytes + farm.fields.capacity.nbytes
    saved: dict[str, Any] = {}

    def save() -> None:
        saved["fields"] = farm.fields.state()
        checkpoint.write(tmp_path / "saved", 3, archive.pack(saved), {})

    def load() -> None:
        farm.fields.load_state(checkpoint.latest(tmp_path / "saved").state["fields"])

    assert peak_of(save) < map_bytes / 10
    farm.fields.planes[:] = 0
    farm.fields.capacity[:] = 0
    assert peak_of(load) < map_bytes / 10
    assert_same_state(farm.fields.state(), saved["fields"])


def test_a_snapshot_lies_beside_the_map_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = mapped_farm(tmp_path)
    places = []
    monkeypatch.setattr(mapfile, "gettempdir", lambda: places.append("elsewhere"))
    state = farm.state()
    assert isinstance(state["fields"]["planes"], np.memmap)
    assert not places
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["planes", "a snapshot"])
def test_too_little_room_on_the_disk_is_said_before_anything_is_lost(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    farm = mapped_farm(tmp_path)
    monkeypatch.setattr(mapfile.os, "posix_fallocate", full)
    with pytest.raises(TeemError, match=r"world.storage is mapped, but .* can't hold another .* GiB .* world.size"):
        farm.state() if what == "a snapshot" else mapped_farm(tmp_path)
    assert not list(tmp_path.iterdir())
    run(farm, 2)


def test_a_folder_that_cannot_hold_the_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(TeemError, match="nowhere can't hold the map: No such file"):
        mapped_farm(tmp_path / "nowhere")


def test_founders_find_the_only_free_cells_of_a_map_searched_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    def places(at_once: int) -> Iterator[tuple[float, float]]:
        monkeypatch.setattr(fields_module, "_AT_ONCE", at_once)
        farm = farm_of(founders=30, capacity=90, size=24)
        farm.fields.planes[:, :, ROCK] = 1
        for y, x in ((0, 3), (3, 5), (3, 20), (23, 23)):
            farm.fields.planes[y, x, ROCK] = 0
        slots = settle(60, farm.population, farm.fields, farm._settings, 7, 1)
        return zip(farm.population.y[slots].tolist(), farm.population.x[slots].tolist(), strict=True)

    at_once, by_rows = list(places(1 << 20)), list(places(24))
    assert at_once == by_rows
    assert {(int(y), int(x)) for y, x in at_once} == {(0, 3), (3, 5), (3, 20), (23, 23)}


def test_the_progress_of_laying_out_is_told_in_order_up_to_the_last_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields_module, "_AT_ONCE", 200)
    told: list[tuple[int, int]] = []
    Farm(config_of(size=40), Threads(2), Spans(), None, lambda done, of: told.append((done, of)))
    assert [done for done, _ in told] == list(range(5, 41, 5))
    assert {of for _, of in told} == {40}
