"""Spatial indices, and SciPy's cKDTree at the same questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.bench.works import Settings, Work, expect_nothing, take
from teem.errors import TeemError
from teem.space.index import build_index
from teem.threads import Threads

SIZE = 1000.0
NEIGHBOURS = 20  # within the radius of each, unless a radius is given


class _Points(NamedTuple):
    x: NDArray[np.float32]  # [agents]
    y: NDArray[np.float32]
    living: NDArray[np.int32]  # in an order that is no order of space
    radius: float


def _points(agents: int, radius: float) -> _Points:
    """Points spread evenly on a torus."""
    draws = np.random.default_rng(7)
    x, y = (draws.random((2, agents), np.float32) * np.float32(SIZE)).astype(np.float32)
    near = radius or float(np.sqrt(NEIGHBOURS / (np.pi * agents)) * SIZE)
    return _Points(x, y, draws.permutation(agents).astype(np.int32), near)


def _question(work: str, question: str, ways: dict[str, Callable[[], Any]]) -> Callable[[], Any]:
    if question not in ways:
        raise TeemError(f"{question} is no question of the work {work}: give one of {', '.join(ways)}")
    return ways[question]


def index(settings: Settings) -> Work:
    """One of our indices asked one `question`: build, within, count, nearest, moved. The unit is a point.

    `moved` tells of the steps of a `share` of the points, in a batch, where `build` begins anew.
    """
    name, question, agents, radius, share = take(
        settings, index="grid", question="within", agents=10_000, radius=0.0, share=0.01
    )
    expect_nothing(settings, "index")
    points = _points(agents, radius)
    x, y, living = points.x, points.y, points.living
    one = build_index(name, SIZE, True, agents, points.radius, Threads(1))
    one.rebuild(x, y, living)
    draws = np.random.default_rng(1)
    movers = draws.choice(living, max(1, round(share * agents)), replace=False)
    strides = draws.normal(0, points.radius / 10, (16, 2, len(movers))).astype(np.float32)
    told = 0

    def walk() -> None:
        nonlocal told
        for column, stride in zip((x, y), strides[told % 16], strict=True):
            column[movers] = np.mod(column[movers] + stride, np.float32(SIZE))
        told += 1

    def build() -> None:
        walk()
        one.rebuild(x, y, living)
        one.in_range(x[:1], y[:1], 0.0)  # a lazy one builds now

    def moved() -> None:
        walk()
        one.moved(movers)
        one.in_range(x[:1], y[:1], 0.0)

    ways: dict[str, Callable[[], Any]] = {
        "build": build,
        "moved": moved,
        "within": lambda: one.within(x, y, points.radius),
        "count": lambda: one.in_range(x, y, points.radius),
        "nearest": lambda: one.nearest(x, y, 8),
    }
    return _asked(_question("index", question, ways), agents)


def ckdtree(settings: Settings) -> Work:
    """SciPy's cKDTree asked the same, as one would use it directly."""
    from scipy.spatial import cKDTree

    question, agents, radius = take(settings, question="within", agents=10_000, radius=0.0)
    expect_nothing(settings, "ckdtree")
    points = _points(agents, radius)
    at, box = np.stack([points.x, points.y], axis=1).astype(np.float64) % SIZE, np.full(2, SIZE)
    tree = cKDTree(at, boxsize=box)
    ways: dict[str, Callable[[], Any]] = {
        "build": lambda: cKDTree(at, boxsize=box),
        "within": lambda: tree.query_ball_point(at, points.radius),
        "count": lambda: tree.query_ball_point(at, points.radius, return_length=True),
        "nearest": lambda: tree.query(at, 8),
    }
    return _asked(_question("ckdtree", question, ways), agents)


def _asked(question: Callable[[], Any], agents: int) -> Work:
    def call() -> float:
        question()
        return agents

    return Work(call)
