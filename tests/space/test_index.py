"""Every index answers as looking at everyone does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from twins import NAMES, Case, assert_same_answers, cases

from teem.space.index import build_index
from teem.threads import Threads

each_index = pytest.mark.parametrize("name", NAMES)


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
def test_births_and_deaths_take_a_rebuild_and_leave_nothing_behind(
    name: str, case: Case, data: st.DataObject
) -> None:
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


@pytest.mark.parametrize("name", NAMES)
def test_the_check_finds_an_index_that_does_not_wrap(name: str) -> None:
    edge = np.array([0.0, 9.9], np.float32)
    case = Case(
        10.0,
        True,
        1.0,
        2,
        np.arange(2, dtype=np.int32),
        edge,
        edge,
        edge,
        edge,
        1.0,
        np.random.default_rng(0),
    )
    flat = build_index(name, 10.0, False, 2, 1.0)  # the planted fault: a plane where there is a torus
    flat.rebuild(case.x, case.y, case.living)
    assert_same_answers(case.build(name), case.twin(), case)
    with pytest.raises(AssertionError):
        assert_same_answers(flat, case.twin(), case)


@pytest.mark.parametrize("name", ["grid", "quadtree", "hash"])
def test_the_check_finds_an_index_that_missed_a_move(name: str) -> None:
    at = np.array([1.0, 8.0], np.float32)
    case = Case(
        10.0, True, 1.0, 2, np.arange(2, dtype=np.int32), at, at.copy(), at.copy(), at.copy(), 1.0,
        np.random.default_rng(0),
    )  # fmt: skip
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
    with pytest.raises(ValueError, match="exclude"):
        index.nearest(x, y, 1, exclude=np.array([1], np.int32))
    with pytest.raises(ValueError, match="slot 1 .* moved without living"):
        index.moved(np.array([1], np.int32))
    with pytest.raises(ValueError, match="slot 7 is outside"):
        index.rebuild(x, y, np.array([7], np.int32))
    with pytest.raises(ValueError, match="slot 2 .* listed twice"):
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
