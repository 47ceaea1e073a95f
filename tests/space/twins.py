"""Worlds of points to try, and the check that an index answers as looking at everyone does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from teem.space.brute import BruteForce
from teem.space.index import SpatialIndex, build_index

NAMES = ("grid", "kdtree", "quadtree", "hash")


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
    return Case(
        size,
        draw(st.booleans()),
        cell,
        capacity,
        living,
        x,
        y,
        qx,
        qy,
        float(np.float32(share * size)),
        random,
    )


def assert_same_answers(index: SpatialIndex, twin: BruteForce, case: Case) -> None:
    """Every question gets the same answer, to the bit and in the same order."""
    ours, theirs = index.within(case.qx, case.qy, case.radius), twin.within(case.qx, case.qy, case.radius)
    assert_array_equal(ours.start, theirs.start)
    assert_array_equal(ours.slot, theirs.slot)
    assert ours.start.dtype == np.int64
    assert ours.slot.dtype == np.int32
    assert_array_equal(
        index.in_range(case.qx, case.qy, case.radius), twin.in_range(case.qx, case.qy, case.radius)
    )
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
