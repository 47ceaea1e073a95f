"""Spatial index: building, asking, moving, and what it takes, for every structure there is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, get_args

import numpy as np

from teem.profile.components.bench import Bench, Part
from teem.profile.components.timing import allocated, in_turn, one_by_one
from teem.profile.report import Table
from teem.runtime import words
from teem.space.index import Kind, SpatialIndex, build_index
from teem.space.points import Floats, Ints
from teem.worlds.farm.farm import Farm

SINGLE = 500  # questions asked one by one
SHARES = (0.01, 0.1, 1.0)  # of the agents, that move
STRIDE = 0.5  # standard deviation of a move, in cells
KINDS: tuple[Kind, ...] = get_args(Kind)


class Ground(NamedTuple):
    """Where agents are, and how far is asked for."""

    x: Floats  # [capacity]
    y: Floats  # [capacity]
    living: Ints
    size: float
    torus: bool
    radius: float

    def indexed(self, kind: Kind) -> SpatialIndex:
        """An index of a kind over the agents, ready to answer."""
        index = build_index(kind, self.size, self.torus, len(self.x), self.radius)
        self.rebuild(index)
        return index

    def rebuild(self, index: SpatialIndex) -> None:
        """Build it anew, and have it answer: trees are built when they are first asked."""
        index.rebuild(self.x, self.y, self.living)
        self._ask(index)

    def tell(self, index: SpatialIndex, slots: Ints) -> None:
        """Say that some have moved, and have it answer."""
        index.moved(slots)
        self._ask(index)

    def _ask(self, index: SpatialIndex) -> None:
        index.in_range(self.x[:1], self.y[:1], 0.0)

    def move(self, slots: Ints, random: np.random.Generator) -> None:
        """Move some of the agents, the other way round at the edge."""
        last = np.nextafter(np.float32(self.size), np.float32(0))
        for column in (self.x, self.y):
            column[slots] = np.minimum(np.mod(column[slots] + random.normal(0, STRIDE, len(slots)), self.size), last)


def measure_space(bench: Bench) -> Part:
    """Every kind of index over where the agents are."""
    ground, about = _ground(bench)
    figures: dict[str, Any] = {"agents": len(ground.living), "size": ground.size, "radius": ground.radius}
    figures |= {kind: {} for kind in KINDS}
    tables = [_builds(ground, figures, about), _questions(ground, figures), _moves(ground, figures)]
    absent = (
        "An index keeps no dirty regions: `moved` brings the points that moved up to date, and the farm rebuilds its "
        "grid in every step. What is told apart by region is the regrowth of large maps (see resources)."
    )
    return Part("space", tables, figures, [absent])


def _ground(bench: Bench) -> tuple[Ground, str]:
    """The farm's own; of a world that asks no index, one with the agents spread evenly."""
    world = bench.world()
    living, x, y = world.population.living.copy(), world.population.x.copy(), world.population.y.copy()
    if isinstance(world, Farm):
        settings = bench.config.farm
        ground = Ground(x, y, living, float(world.fields.side), settings.edge == "torus", settings.sight + 1.0)
        return ground, (
            f"{len(living)} agents on the farm's own plane, {ground.size:.0f} cells wide; radius {ground.radius:g}, "
            "as far as an agent sees and one more."
        )
    ground = Ground(x, y, living, float(np.ceil(8.0 * np.sqrt(len(living)))), True, 5.0)
    x[living], y[living] = np.random.default_rng(7).random((2, len(living)), np.float32) * np.float32(ground.size)
    return ground, f"This world asks no index: {len(living)} agents, spread evenly; radius 5, {ground.size:.0f} wide."


def _builds(ground: Ground, figures: dict[str, Any], about: str) -> Table:
    """Building from nothing, and the memory that an index takes."""
    times = in_turn({kind: partial(ground.rebuild, ground.indexed(kind)) for kind in KINDS})
    rows = []
    for kind, one in times.items():
        took = allocated(partial(ground.indexed, kind))[1] / len(ground.living) * 1000  # type: ignore[arg-type]
        figures[kind] |= {"build_ms": one._asdict(), "bytes_per_1000": took}
        rows.append((kind, *one.row(), f"{words.number(took)}B"))
    head = ("index", "p50 ms", "p95 ms", "p99 ms", "memory per 1000 agents")
    return Table("Spatial index: building", head, rows, about)


def _questions(ground: Ground, figures: dict[str, Any]) -> Table:
    """One question at a time, as scripts ask, and everybody's at once, as kernels do."""
    qx, qy = ground.x[ground.living], ground.y[ground.living]
    rows = []
    for kind in KINDS:
        index = ground.indexed(kind)
        questions: dict[str, Callable[[Floats, Floats], Any]] = {
            "within": partial(_call, index.within, ground.radius),
            "in_range": partial(_call, index.in_range, ground.radius),
            "nearest": partial(_call, index.nearest, 1),
        }
        for name, ask in questions.items():
            single = one_by_one(partial(_one, ask, qx, qy), min(SINGLE, len(qx)))
            together = in_turn({name: partial(ask, qx, qy)}, 7)[name]
            figures[kind][name] = {"single_ms": single._asdict(), "all_ms": together._asdict()}
            rows.append((f"{kind}: {name}", *single.row(1e3), words.number(together.p50 * 1e3 / len(qx))))
    head = ("question", "one p50 µs", "p95 µs", "p99 µs", "of all at once, µs each")
    note = "Most of a single question is the call; asked together, agents cost what their neighbours do."
    return Table("Spatial index: asking", head, rows, note)


def _call(question: Callable[..., Any], what: float, qx: Floats, qy: Floats) -> Any:
    return question(qx, qy, what)


def _one(ask: Callable[[Floats, Floats], Any], qx: Floats, qy: Floats, number: int) -> Any:
    return ask(qx[number : number + 1], qy[number : number + 1])


def _moves(ground: Ground, figures: dict[str, Any]) -> Table:
    """A batch of moves told to the index, beside building it anew; each made to answer afterwards."""
    random = np.random.default_rng(1)
    rows = []
    for kind in KINDS:
        index = ground.indexed(kind)
        for share in SHARES:
            count = max(1, round(share * len(ground.living)))
            slots = np.sort(random.choice(ground.living, count, replace=False))
            works = {"moved": partial(ground.tell, index, slots), "rebuild": partial(ground.rebuild, index)}
            times = in_turn(works, 9, partial(ground.move, slots, random))
            figures[kind][f"moved_{share:g}_ms"] = {name: one._asdict() for name, one in times.items()}
            rows.append((f"{kind}: {share:.0%} moved", *(words.number(times[name].p50) for name in works)))
    return Table("Spatial index: batches of moves", ("moves", "moved, p50 ms", "rebuild, p50 ms"), rows)
