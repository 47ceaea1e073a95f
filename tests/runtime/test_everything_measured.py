"""Whatever counts or collects in teem is measured, or has its reason why not.

Two searches: one reads the sources for attributes that are raised or appended to, one walks what hangs on a run and
looks for what grew between two moments. What they find must be covered by a metric or a container, or stand below.

A name is `Class.attribute`, or `module:Class.attribute` where several classes are called so; modules without `teem.`.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import Queue

import numpy as np
import pytest

import teem
from teem.config.load import load_config
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.measured import APART, CONTAINERS, HOUSEHOLD, HOUSEHOLD_CONTAINERS, METRICS
from teem.runtime.processes import measured as learners
from teem.runtime.watch import HELD, OWN

SOURCES = Path(teem.__file__).parent
GROWING = {"append", "appendleft", "extend", "extendleft", "insert", "setdefault"}
COVERED = {
    name
    for one in (
        *METRICS,
        *APART,
        *CONTAINERS,
        *HOUSEHOLD,
        *HOUSEHOLD_CONTAINERS,
        *OWN,
        *HELD,
        *learners.LEARNING,
        *learners.HELD,
    )
    for name in one.covers
}

EXCUSED = {
    # the plain twins of kernels, and what stands for a world while something is tried: gone with the call
    "_Teller._done": "a command's progress",
    "profile.components.bench:Bench._runs": "teem profile's", "Stage._count": "teem profile's",
    "Tracemalloc._held": "teem profile's", "Tracemalloc._steps": "teem profile's",
    "measure.trace:Trace.noted": "in fixed memory; of a run that is profiled",
    "_Episodes.cut": "a conformance test's",
    "_Episodes.told_apart": "a conformance test's",
    "worlds.crawlers.contact_plain:Part.spin": "physics", "worlds.crawlers.contact_plain:Part.vx": "physics",
    "worlds.crawlers.contact_plain:Part.vy": "physics", "PlainCreature.energy": "physics",
    "PlainCreature.impulses": "physics",
    # of training tools: told in their summary, and nothing of a run's but its evaluations, which are measured
    "Evaluations._version": "a number that evaluations answer",
    "HistoryFile._rows": "2048 at most", "HistoryFile.rows": "in the file", "HistoryFile.lost": "in the summary",
    "training.pace:Pace._count": "a place in a ring", "training.pictures:Pictures._since": "since the last picture",
    "training.pictures:Pictures.drawn": "of a few a run", "training.pictures:Pictures.failed": "of a few a run",
    "TeemCallback.n_calls": "a step, which the library counts", "Looks.count": "says whose turn it is",
    "training.process:Program._rested_s": "of a clock", "Every.next_step": "a moment",
    "Share._spent_s": "seconds that evaluations took",
    "Series._begun_of": "of a point to come", "Series._length": "in fixed memory",
    "training.series:Series.total": "of a training", "training.series:Series.unknown": "of a training",
    "NoImprovement._since": "evaluations since the best", "Faults.found": "gone with the call",
    "track.steps": "of a loop of one's own", "PerformanceTracker.episodes": "in the summary",
    "PerformanceTracker.history": "a file", "PerformanceTracker.not_finite": "in the summary",
    "PerformanceTracker.results": "256 at most", "Training._samples": "of a training",
    "Training.alarms": "in the summary, a hundred and a few at most", "TeemCallback._undo": "four at most",
    "Vector.vacant": "of an environment; its user's to read",
    # of a sweep, whose runs have registries of their own
    "Study._names": "one a setting", "Study._configs": "one a setting", "Workers.playing": "one a worker",
    "Study._refused": "one a setting",
    # places and moments, which are no counts
    "Interrupts._before": "handlers, one a signal", "Pupils._commons": "cohorts, at most sixteen",
    "Governing._lately": "steps between two publications",
    "Child._beaten": "a moment", "Child._got_on": "a moment",
    "runtime.vitals:Trace._sum": "of a point to come", "runtime.vitals:Trace._count": "of a point to come",
    "runtime.vitals:Trace.points": "128 at most; of the view",
    "Vitals._counts": "256 at most; of the view",
    "Line._first": "a place in a stream", "Line._offset": "a place in a stream", "Line._steps": "a place in a stream",
    "Supervisor._meetings": "a number in a file's name",
    "ActingPolicies._saves": "a number that learners answer",
    "Recorder._flushes": "a number that the writer answers",
    "WriterProcess._flushed": "a number that the writer answers",
    "Collector._births": "since the last row of steps, which has it", "Collector._deaths": "as births",
    "Spans.steps": "is the run's",
    "measure.channel:Channel._in_a_row": "failures until it is given up", "Registry.failed": "a name a metric",
    "History._length": "is the container history", "History._samples": "of a point to come",
    "History.stride": "samples a point",
    "Outlet.failed": "is the channel's",
    # one a process, cohort or row that the settings ask for, from the start
    "Supervisor._actors": "one an actor", "Operand._builder": "while a kernel is compiled",
    "Spare._idle": "one a thread at most",
    "Cores._free": "a core each", "Cores._wanted": "a thread of a pool each",
    "Pool._free": "a thread each", "Pool._begun": "a thread each",
    "Actor._couriers": "one a learner", "Courier._threads": "two a courier",
    "Pupils._published_common": "one a mailbox", "runtime.processes.stream:Reading._columns": "one a column",
    # in processes that have no registry of their own: their actor or who started them tells of them
    "TorchGroup.compared": "told by the supervisor's report",
    "Line.bytes_sent": "told by the fleet's report", "Line.bytes_received": "told by the fleet's report",
    "Line._under_way": "capped by runtime.policy_lag_max",
    "Frames._ready": "QUEUE_FRAMES at most, in the writer's process",
    "Database.rows": "in the writer's process; the recorder counts what it hands over",
    "Database._uncommitted": "COMMIT_ROWS at most", "Database._names": "one a name",
    "Forecaster._agreed": "one a target",
    "Governor._count": "since the last change",
    "Stall._now": "a moment", "Stall.seconds": "of the step in progress", "Watchdog._begun": "a step's number",
    "Garbage.collections": "Python's own counts have them", "Garbage._credit": "seconds saved up, and capped",
    "runtime.memory:Memory._rows": "a place among the slots",
}  # fmt: skip


SOURCE = {  # of each module, without `teem.`
    ".".join(path.relative_to(SOURCES).with_suffix("").parts): path.read_text("utf-8") for path in SOURCES.rglob("*.py")
}
CLASSES = {
    (node.name, module): source
    for module, source in SOURCE.items()
    for node in ast.walk(ast.parse(source))
    if isinstance(node, ast.ClassDef)
}
"""The source of each class's module, by the two names."""


def modules_with(kind: str) -> list[str]:
    """Where classes of a name are."""
    return [module for name, module in CLASSES if name == kind]


def qualified(names: Iterable[str]) -> set[str]:
    """Every name with its module; ValueError for one that leaves open which class it means."""
    whole = set()
    for name in names:
        module, _, attr = name.rpartition(":")
        there = [module] if module else modules_with(attr.partition(".")[0])
        if len(there) != 1:
            raise ValueError(f"{name} may be of {there}: write MODULE:{name}")
        whole.add(f"{there[0]}:{attr}")
    return whole


def attribute(node: ast.expr) -> str | None:
    """`x` of self.x, also of self.x[0] and self.x[0][1]."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return None


def raised_or_grown(module: str, source: str) -> Iterator[str]:
    """The names of all that is added to in a class's methods: numbers by +=, containers, and queues made."""
    for kind in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)):
        for node in ast.walk(kind):
            name = None
            if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                name = attribute(node.target) if isinstance(node.target, ast.Attribute) else None
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in GROWING:
                name = attribute(node.func.value)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and _makes_a_queue(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                name = next((found for target in targets if (found := attribute(target))), None)
            if name:
                yield f"{module}:{kind.name}.{name}"


def _makes_a_queue(value: ast.expr | None) -> bool:
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("deque", "Queue")
        for node in (ast.walk(value) if value else ())
    )


def unmeasured(found: set[str]) -> set[str]:
    return found - qualified(COVERED) - qualified(EXCUSED)


def test_everything_that_counts_or_collects_in_the_sources_is_measured() -> None:
    found = {name for module, source in SOURCE.items() for name in raised_or_grown(module, source)}
    assert len(found) > 40  # it does find things
    assert unmeasured(found) == set()


def test_a_counter_and_a_container_that_are_planted_are_found() -> None:
    planted = """
class Planted:
    def __init__(self):
        self._waiting = deque(maxlen=8)
        self.queues: list[Any] = [Queue() for _ in range(3)]
    def work(self):
        self.done += 1
        self.seen[0].append(2)
        self.column[rows] += 1
"""
    found = set(raised_or_grown("planted", planted))
    assert found == {f"planted:Planted.{name}" for name in ("_waiting", "queues", "done", "seen")}
    assert unmeasured(found) == found


def test_one_of_two_classes_of_a_name_is_not_excused_by_the_other() -> None:
    assert len(modules_with("Trace")) == 2
    assert unmeasured({"runtime.vitals:Trace.noted"}) == {"runtime.vitals:Trace.noted"}
    assert unmeasured({"measure.trace:Trace.noted"}) == set()
    with pytest.raises(ValueError, match=r"write MODULE:Trace\.noted"):
        qualified(["Trace.noted"])


def test_no_excuse_and_no_cover_outlives_what_it_is_for() -> None:
    """Every name in the tables is an attribute of a class that there is."""
    for name in sorted(qualified(COVERED) | qualified(EXCUSED)):
        module, _, path = name.partition(":")
        kind, _, attr = path.partition(".")
        assert (kind, module) in CLASSES, name
        assert attr in CLASSES[kind, module] or _inherits(kind, attr), name


def _inherits(kind: str, attr: str) -> bool:
    return any(f"class {kind}(" in source for source in SOURCE.values()) and any(
        attr in inherited for inherited in CLASSES.values()
    )


# ---- a run that is alive


def grown(run: Run, go_on: Callable[[], None]) -> set[str]:
    """The names of what hangs on the run and holds more, or counts higher, after `go_on`."""
    alive: dict[int, object] = {}  # what was there before stays, so that nothing new takes its identity
    before = dict(_held(run, alive))
    go_on()
    after = dict(_held(run, {}))
    return {
        f"{kind}.{attr}"
        for (_, kind, attr), size in after.items()
        if (place := (_, kind, attr)) in before and size > before[place]
    }


def _held(root: object, seen: dict[int, object]) -> Iterator[tuple[tuple[int, str, str], float]]:
    """Each attribute of teem's objects that is a number, or holds things, with the number or how many it holds."""
    stack: list[object] = [root]
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, (list, tuple)):
            stack.extend(one[:64])
        elif isinstance(one, dict):
            stack.extend(list(one.values())[:64])
        elif type(one).__module__.startswith(("teem.", __name__)):
            for attr in _attributes(one):
                value = getattr(one, attr, None)
                size = _size(value)
                if size is not None:
                    yield (id(one), _called(type(one)), attr), size
                stack.append(value)


def _called(kind: type) -> str:
    return f"{kind.__module__.removeprefix('teem.')}:{kind.__name__}"


def _attributes(one: object) -> set[str]:
    slots = {name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())}
    return slots | set(getattr(one, "__dict__", {}))


def _size(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, (list, dict, set, deque, bytearray)):
        return float(len(value))
    if isinstance(value, Queue):
        return float(value.qsize())
    return float(value.nbytes) if isinstance(value, np.ndarray) else None


ALIVE = {
    # what rises in a run without being a count of what happened, or is told under another name
    "Farm._observed_step", "Watch._next", "Watch._look_at", "Recorder._held_until", "Checkpointer.last_step",
    "Population.living", "Notes.failing", "runtime.vitals:Trace._stride", "Watch._rates", "Snapshot.step",
    "Watchdog._looked", "Watchdog._waited", "Watchdog._worked", "Watchdog._step", "Stall._step", "_Block._begun",
    "pool:Pool._running", "Watchdog._compiled",
}  # fmt: skip


@pytest.fixture(scope="module")
def alive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    settings = {
        "population.founders": 40,
        "population.capacity": 80,
        "world.maturity": 1,
        "record.every": 3,
        "steps": 0,
    }
    config = load_config("farm", {**settings, "runtime.threads": 1, "metrics.every": 0.01})
    run = Run.create(config, RunFolder.create(tmp_path_factory.mktemp("alive") / "run", "run"))
    for _ in range(20):
        run.advance()
    yield run
    run.finish("steps")


def steps(run: Run, count: int) -> Callable[[], None]:
    def go_on() -> None:
        for _ in range(count):
            run.advance()

    return go_on


def unmeasured_in(run: Run, go_on: Callable[[], None]) -> tuple[set[str], set[str]]:
    """What grows, and what of that nobody speaks for."""
    found = grown(run, go_on)
    return found, found - qualified(run.watch.covered) - qualified(EXCUSED) - qualified(ALIVE)


def test_whatever_grows_in_a_run_is_measured(alive: Run) -> None:
    found, left = unmeasured_in(alive, steps(alive, 60))
    assert qualified({"Totals.agent_steps", "Farm.step_count"}) <= found  # it does find things
    assert left == set()


class Planted:
    """Somebody's new part of a run, that nobody has measured."""

    def __init__(self) -> None:
        self.done, self.seen, self.table = 0, deque([1], maxlen=500), np.zeros(1)


def test_something_new_is_never_taken_for_something_that_grew(alive: Run) -> None:
    """Tasks come and go by the step, and one may lie where another did; its time is later, and nothing grew."""
    tasks = alive.collector._planted = [Planted()]  # type: ignore[union-attr]

    def go_on() -> None:
        tasks.clear()
        tasks.extend(Planted() for _ in range(50))
        for task in tasks:
            task.done = 1

    found = grown(alive, go_on)
    del alive.collector._planted  # type: ignore[union-attr]
    assert f"{__name__}:Planted.done" not in found


def test_what_is_planted_in_a_run_is_found(alive: Run) -> None:
    planted = alive.collector._planted = Planted()  # type: ignore[union-attr]

    def go_on() -> None:
        alive.advance()
        planted.done += 1
        planted.seen.append(2)
        planted.table = np.zeros(2)

    left = unmeasured_in(alive, go_on)[1]
    del alive.collector._planted  # type: ignore[union-attr]
    assert {f"{__name__}:Planted.{name}" for name in ("done", "seen", "table")} <= left


def test_what_is_covered_is_what_is_read(alive: Run) -> None:
    """A counter that covers an attribute of the run rises with it."""
    before = alive.watch.registry.read()
    steps(alive, 30)()
    alive.recorder.wait_flushed(alive.recorder.start_flush())  # type: ignore[union-attr]
    after = alive.watch.registry.read()
    assert alive.watch.registry.failed == {}
    for name in ("steps", "agent_steps", "record_rows", "step_seconds"):
        assert after[name] > before[name], name  # type: ignore[operator]
    assert after["steps"] == alive.step
    assert after["record_rows"] == alive.recorder.rows  # type: ignore[union-attr]
    held, cap = after["container_items"], after["container_cap"]
    assert held.keys() == cap.keys() >= {"slots", "replay", "legacies", "guests", "record_frames", "notes", "spans"}  # type: ignore[union-attr]
    assert all(0 <= held[name] <= cap[name] for name in held)  # type: ignore[union-attr, index]
