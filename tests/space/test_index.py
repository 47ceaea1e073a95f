"""Every index answers as looking at everyone does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from teem.space.brute import BruteForce
from teem.space.index import SpatialIndex, build_index
from teem.threads import Threads

NAMES = ("grid", "kdtree", "quadtree", "hash")
each_index = pytest.mark.parametrize("name", NAMES)


@dataclass
class Case:
    """Points in scattered slots, queries and radii."""

    size: float
    torus: bool
    cell: float
    capacity: int
    living: NDArray[np.int32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    qx: NDArray[np.float32]
    qy: NDArray[np.float32]
    radius: float
    random: np.random.Generator

    def build(self, name: str) -> SpatialIndex:
        index = build_index(name, self.size, self.torus, self.capacity, self.cell)
        index.rebuild(self.x, self.y, self.living)
        return index

    def twin(self) -> BruteForce:
        twin = BruteForce(self.size, self.torus, self.capacity)
        twin.rebuild(self.x, self.y, self.living)
        return twin


def _coordinates(random: np.random.Generator, count: int, size: float, shape: str) -> NDArray[np.float32]:
    length = np.float32(size)
    if shape == "clusters":
        centre = random.choice(random.random(3), count) * size
        spread = centre + random.normal(0, size / 100, count)
        return np.clip(spread, 0, np.nextafter(length, np.float32(0))).astype(np.float32)
    if shape == "equal":
        return np.full(count, random.random() * size, np.float32)
    if shape == "lattice":  # many equal distances, and points exactly on the borders of cells
        return (random.integers(0, 8, count) * (size / 8)).astype(np.float32)
    if shape == "seam":
        edges = [
            0,
            np.nextafter(length, np.float32(0)),
            np.nextafter(np.float32(0), length),
            length,
            length / 2,
        ]
        return random.choice(np.array(edges, np.float32), count)
    return np.minimum((random.random(count) * size).astype(np.float32), length)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every shape of population: none, one, many, crowded, on one spot, on the seam."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([1.0, 64.0, 100.3, 3000.7]))
    count = draw(st.sampled_from([0, 1, 2, 5, 40, 150]))
    capacity = max(1, count + draw(st.integers(0, 5)))
    shape = draw(st.sampled_from(["even", "clusters", "equal", "lattice", "seam"]))
    x, y = np.full(capacity, np.nan, np.float32), np.full(capacity, np.nan, np.float32)
    living = random.permutation(capacity)[:count].astype(np.int32)
    x[living] = _coordinates(random, count, size, shape)
    y[living] = _coordinates(random, count, size, draw(st.sampled_from(["even", shape])))
    asked = draw(st.sampled_from(["points", "even", "lattice", "seam", "off the plane"]))
    if asked == "points":
        qx, qy = x[living], y[living]
    elif asked == "off the plane":
        qx, qy = ((random.random((2, 20)) * 5 - 2) * size).astype(np.float32)
    else:
        qx, qy = _coordinates(random, 20, size, asked), _coordinates(random, 20, size, asked)
    share = draw(st.sampled_from([0.0, 1e-7, 0.03, 0.125, 0.25, 0.4, 0.5, 0.6, 0.71, 1.0, 3.0, np.inf]))
    cell = size * draw(st.sampled_from([0.01, 0.125, 0.3, 0.5, 1.0, 4.0]))
    torus, radius = draw(st.booleans()), float(np.float32(share * size))
    if count and len(qx) and draw(st.booleans()):  # somebody exactly on the boundary, as far as float32 can say
        radius = float(abs(qx[0] - x[random.choice(living)]))
        radius = min(radius, float(np.float32(size) - np.float32(radius))) if torus else radius
        radius = max(radius, 0.0)
    return Case(size, torus, cell, capacity, living, x, y, qx, qy, radius, random)


def assert_same_answers(index: SpatialIndex, twin: BruteForce, case: Case) -> None:
    """Every question gets the same answer, to the bit and in the same order."""
    ours, theirs = index.within(case.qx, case.qy, case.radius), twin.within(case.qx, case.qy, case.radius)
    assert_array_equal(ours.start, theirs.start)
    assert_array_equal(ours.slot, theirs.slot)
    assert ours.start.dtype == np.int64
    assert ours.slot.dtype == np.int32
    assert_array_equal(index.in_range(case.qx, case.qy, case.radius), twin.in_range(case.qx, case.qy, case.radius))
    exclude = case.random.integers(-1, case.capacity, len(case.qx)).astype(np.int32)
    for k, radius, leave in (
        (1, np.inf, exclude),
        (4, case.radius, None),
        (len(case.living) + 2, np.inf, None),
    ):
        slot, distance = index.nearest(case.qx, case.qy, k, radius, leave)
        expected_slot, expected_distance = twin.nearest(case.qx, case.qy, k, radius, leave)
        assert_array_equal(slot, expected_slot)
        assert_array_equal(distance, expected_distance)


def pair(at: NDArray[np.float32]) -> Case:
    """Two points on a diagonal, each asking who is within 1."""
    random = np.random.default_rng(0)
    living = np.arange(2, dtype=np.int32)
    return Case(10.0, True, 1.0, 2, living, at.copy(), at.copy(), at.copy(), at.copy(), 1.0, random)


@each_index
@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_every_index_equals_looking_at_everyone(name: str, case: Case) -> None:
    assert_same_answers(case.build(name), case.twin(), case)


@each_index
@settings(max_examples=30, deadline=None)
@given(
    case=cases(),
    shares=st.lists(st.sampled_from([0.02, 0.3, 1.0]), min_size=1, max_size=4),
    stride=st.sampled_from([0.001, 0.05, 1.0]),
)
def test_moves_followed_equal_a_rebuild(name: str, case: Case, shares: list[float], stride: float) -> None:
    index, twin = case.build(name), case.twin()
    for share in shares:
        count = int(np.ceil(share * len(case.living)))
        slots = case.random.permutation(case.living)[:count]
        for column in (case.x, case.y):
            stepped = column[slots] + case.random.normal(0, stride * case.size, count)
            column[slots] = np.mod(stepped, case.size).astype(np.float32)
        index.moved(slots)
        twin.rebuild(case.x, case.y, case.living)
        assert_same_answers(index, twin, case)


@each_index
@settings(max_examples=10, deadline=None)
@given(case=cases(), data=st.data())
def test_births_and_deaths_take_a_rebuild_and_leave_nothing_behind(name: str, case: Case, data: st.DataObject) -> None:
    index, twin = case.build(name), case.twin()
    case.living = case.living[: data.draw(st.integers(0, len(case.living)))][::-1].copy()
    index.rebuild(case.x, case.y, case.living)
    twin.rebuild(case.x, case.y, case.living)
    assert_same_answers(index, twin, case)


@each_index
def test_threads_never_change_an_answer(name: str) -> None:
    random = np.random.default_rng(3)
    x, y = (random.random((2, 500)) * 50).astype(np.float32)
    answers = []
    for count in (1, 3):
        threads = Threads(count)
        index = build_index(name, 50.0, True, 500, 5.0, threads)
        index.rebuild(x, y, np.arange(500, dtype=np.int32))
        found = index.within(x, y, 5.0)
        answers.append((found.start, found.slot, *index.nearest(x, y, 3)))
        threads.close()
    for one, three in zip(*answers, strict=True):
        assert_array_equal(one, three)


@each_index
def test_positions_are_those_of_the_last_rebuild_until_a_move_is_told(name: str) -> None:
    x, y = np.array([1, 5], np.float32), np.array([1, 5], np.float32)
    index = build_index(name, 10.0, False, 2, 1.0)
    index.rebuild(x, y, np.arange(2, dtype=np.int32))
    query = np.array([5], np.float32)
    x[0] = y[0] = 5
    assert index.in_range(query, query, 0.5)[0] == 1
    index.moved(np.array([0], np.int32))
    assert index.in_range(query, query, 0.5)[0] == 2


@each_index
@settings(max_examples=20, deadline=None)
@given(case=cases())
def test_slots_never_change_an_answer(name: str, case: Case) -> None:
    before = case.build(name).within(case.qx, case.qy, case.radius)
    shuffle = case.random.permutation(case.capacity).astype(np.int32)
    case.x[shuffle], case.y[shuffle] = case.x.copy(), case.y.copy()
    case.living = shuffle[case.living]
    after = case.build(name).within(case.qx, case.qy, case.radius)
    assert_array_equal(after.slot, shuffle[before.slot])


@each_index
def test_the_check_finds_an_index_that_does_not_wrap(name: str) -> None:
    case = pair(np.array([0.0, 9.9], np.float32))
    flat = build_index(name, case.size, False, case.capacity, case.cell)  # the planted fault
    flat.rebuild(case.x, case.y, case.living)
    assert_same_answers(case.build(name), case.twin(), case)
    with pytest.raises(AssertionError):
        assert_same_answers(flat, case.twin(), case)


@each_index
def test_the_check_finds_an_index_that_missed_a_move(name: str) -> None:
    case = pair(np.array([1.0, 8.0], np.float32))
    index, twin = case.build(name), case.twin()
    case.x[0] = 8.0
    twin.rebuild(case.x, case.y, case.living)
    with pytest.raises(AssertionError):
        assert_same_answers(index, twin, case)


@each_index
def test_bad_input_is_refused_by_name(name: str) -> None:
    index = build_index(name, 10.0, True, 3, 1.0)
    x, y = np.array([1, 2, 3], np.float32), np.array([1, 2, 3], np.float32)
    living = np.array([0, 2], np.int32)
    index.rebuild(x, y, living)
    with pytest.raises(ValueError, match="radius is -1"):
        index.within(x, y, -1.0)
    with pytest.raises(ValueError, match="radius is nan"):
        index.in_range(x, y, float("nan"))
    with pytest.raises(ValueError, match="k is 0"):
        index.nearest(x, y, 0)
    with pytest.raises(ValueError, match=r"qx\[1\] is not finite"):
        index.within(np.array([1, np.nan], np.float32), np.array([1, 1], np.float32), 1.0)
    with pytest.raises(ValueError, match="one length"):
        index.within(x, y[:2], 1.0)
    with pytest.raises(ValueError, match=r"exclude"):
        index.nearest(x, y, 1, exclude=np.array([1], np.int32))
    with pytest.raises(ValueError, match=r"slot 1 .* moved without living"):
        index.moved(np.array([1], np.int32))
    with pytest.raises(ValueError, match="slot 7 is outside"):
        index.rebuild(x, y, np.array([7], np.int32))
    with pytest.raises(ValueError, match=r"slot 2 .* listed twice"):
        index.rebuild(x, y, np.array([2, 2], np.int32))
    with pytest.raises(ValueError, match="the capacity, 3"):
        index.rebuild(x[:2], y[:2], living)
    with pytest.raises(ValueError, match=r"slot 2 at \(11.0, 3.0\) is off the plane"):
        index.rebuild(np.array([1, 2, 11], np.float32), y, living)
    with pytest.raises(ValueError, match="is off the plane"):
        index.rebuild(np.array([1, 2, np.nan], np.float32), y, living)


def test_settings_that_make_no_plane_are_refused() -> None:
    with pytest.raises(ValueError, match="index is 'octree': choose grid"):
        build_index("octree", 10.0, True, 3, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size is 0"):
        build_index("grid", 0.0, True, 3, 1.0)
    with pytest.raises(ValueError, match="capacity is 0"):
        build_index("grid", 10.0, True, 0, 1.0)
    with pytest.raises(ValueError, match="cell is -1"):
        build_index("hash", 10.0, True, 3, -1.0)
