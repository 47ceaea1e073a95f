"""Cases are measured in turn, in processes together or apart, and what goes wrong is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from teem.bench import stations
from teem.bench.measure import Effort, interleave, launch, summarise
from teem.bench.plot import write_plots
from teem.bench.results import Sample, ScenarioResult
from teem.bench.scenario import Case, Scenario, Suite, Sweep, Task, tasks
from teem.bench.stations import EndedError, workers
from teem.bench.statistics import paired_change
from teem.bench.worker import Answer, Bench, Command, Failed, Measure, Measured, Prepare, Ready
from teem.bench.works import MissingError, Work

SCENARIO = Scenario(
    name="pair", about="-", work="index", unit="point", cases=(Case(name="a"), Case(name="b", settings={"cost": 2.0}))
)


def sample(cost: float, calibration: float = 1.0) -> Sample:
    return Sample(cost, cost, 1.0, (calibration, calibration, calibration))


class Said:
    """A station that measures what it is told, `cost` times how slow the machine is in that call, and keeps a diary."""

    def __init__(self, diary: list[str], machine: Callable[[int], float] = lambda call: 1.0) -> None:
        self.diary, self.machine, self.costs = diary, machine, {}

    def ask(self, command: Command) -> Answer:
        if isinstance(command, Prepare):
            self.costs[command.key] = command.task.settings.get("cost", 1.0)
            size = command.task.settings.get("size", 1.0)
            return Ready(1, size)
        self.diary.append(command.key)
        slow = self.machine(len(self.diary))
        return Measured(sample(slow * self.costs[command.key], slow))


def test_rounds_measure_every_case_forth_and_back() -> None:
    seen: list[str] = []

    def one(name: str) -> Callable[[], Sample]:
        return lambda: seen.append(name) or sample(1.0)

    found = interleave(3, {name: one(name) for name in "abc"})
    assert "".join(seen) == "abccbaabc"
    assert {name: len(samples) for name, samples in found.items()} == {"a": 3, "b": 3, "c": 3}


def test_cases_are_interleaved_in_one_process_or_in_one_each() -> None:
    for together, processes in ((True, 1), (False, 2)):
        diary: list[str] = []
        begun: list[Said] = []

        def begin(diary: list[str] = diary, begun: list[Said] = begun) -> Said:
            begun.append(Said(diary))
            return begun[-1]

        launch((SCENARIO,), Effort(repeats=2), {"": begin}, together=together)
        assert len(begun) == processes
        assert diary == ["/pair/a", "/pair/b", "/pair/b", "/pair/a"]


def test_two_trees_are_measured_in_the_same_rounds_in_processes_of_their_own() -> None:
    diary: list[str] = []
    slow = Case(name="a", settings={"cost": 1.0})
    scenario = msgspec.structs.replace(SCENARIO, cases=(slow,))

    class Slower(Said):
        def ask(self, command: Command) -> Answer:
            answer = super().ask(command)
            return Measured(sample(1.25)) if isinstance(answer, Measured) else answer

    trees = {"before": lambda: Said(diary), "now": lambda: Slower(diary)}
    found = launch((scenario,), Effort(repeats=4), trees, together=True)
    assert diary == ["before/pair/a", "now/pair/a", "now/pair/a", "before/pair/a"] * 2
    before, now = (summarise(scenario, Effort(repeats=4), [found], tree).cases["a"] for tree in trees)
    assert paired_change(before.costs, now.costs).value == 1.25


def test_a_machine_that_slows_down_midway_changes_no_ratio() -> None:
    found = launch(
        (SCENARIO,), Effort(repeats=8), {"": lambda: Said([], lambda call: 1.0 if call <= 8 else 3.0)}, together=True
    )
    result = summarise(SCENARIO, Effort(repeats=8), [found])
    against = result.cases["b"].against_first
    assert against is not None and (against.low, against.value, against.high) == (0.5, 0.5, 0.5)
    [table] = result.cases["b"].tables(("memory",))
    assert set(table[:, 0] / table[:, 1]) == {2.0}
    assert result.cases["a"].against_first is None


def test_a_sweep_is_fitted_in_time_and_memory() -> None:
    scenario = Scenario(
        name="grow", about="-", work="index", unit="point", sweep=Sweep(setting="size", values=(1, 4, 16))
    )
    assert list(tasks(scenario, quick=False)) == ["size 1", "size 4", "size 16"]
    found = launch((scenario,), Effort(repeats=3), {"": lambda: Said([])}, together=False)
    fits = summarise(scenario, Effort(repeats=3), [found]).fits
    assert fits["time"].exponent.value == pytest.approx(0.0)
    assert fits["memory"].exponent.value == pytest.approx(1.0)
    assert fits["memory"].at_the_top == pytest.approx(1.0)


class Odd(Said):
    """A station that does as `fault` says when it is told to do `command` to the case b."""

    def __init__(self, command: type[Command], fault: Callable[[], Answer]) -> None:
        super().__init__([])
        self.command, self.fault = command, fault

    def ask(self, command: Command) -> Answer:
        return self.fault() if isinstance(command, self.command) and command.key == "/pair/b" else super().ask(command)


def measured_beside(begin: Callable[[], Odd], *, together: bool) -> ScenarioResult:
    effort = Effort(repeats=2)
    return summarise(SCENARIO, effort, [launch((SCENARIO,), effort, {"": begin}, together=together)])


def test_a_case_that_lacks_a_package_is_named() -> None:
    lacking = Failed("mesa can't be imported: pip install mesa", missing=True)
    result = measured_beside(lambda: Odd(Prepare, lambda: lacking), together=True)
    assert list(result.cases) == ["a"]
    assert result.missing == {"b": "mesa can't be imported: pip install mesa"} and result.failed == {}


def ended() -> Answer:
    raise EndedError("ended with exit code -9")


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("command", [Prepare, Measure])
@pytest.mark.parametrize("fault", [lambda: Failed("ended with exit code -9"), ended])
def test_a_case_that_fails_or_takes_its_process_with_it_is_told_and_the_others_are_measured(
    together: bool, command: type[Command], fault: Callable[[], Answer]
) -> None:
    begun: list[Odd] = []

    def begin() -> Odd:
        begun.append(Odd(command, fault))
        return begun[-1]

    result = measured_beside(begin, together=together)
    assert {name: len(case.samples) for name, case in result.cases.items()} == {"a": 2}
    assert result.failed == {"b": "ended with exit code -9"} and result.missing == {}
    assert len(begun) == 2 - (together and fault is not ended)


def test_no_answer_by_the_deadline_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stations, "DEADLINE_S", 0.1)
    with workers() as begin:
        worker = begin()
        with pytest.raises(EndedError, match=r"ended with exit code -9: no answer within 0.1 s"):
            worker.ask(Measure("what is still importing has no answer yet"))


def test_a_worker_process_measures_real_work_and_tells_what_fails() -> None:
    suite = Suite(
        about="-",
        together=True,
        scenario=(
            Scenario(
                name="build", about="-", work="index", unit="point", settings={"question": "build", "agents": 200}
            ),
        ),
    )
    [task] = tasks(suite.scenario[0], quick=True).values()
    with workers() as begin:
        worker = begin()
        ready = worker.ask(Prepare("one", task, 0.001))
        measured = worker.ask(Measure("one"))
        wrong = worker.ask(Prepare("two", Task(work="index", settings={"question": "why"}), 0.001))
        unknown = worker.ask(Prepare("three", Task(work="indexx", settings={}), 0.001))
    assert isinstance(ready, Ready) and isinstance(measured, Measured)
    assert measured.sample.units == ready.calls * 200
    assert min(measured.sample.wall_s, measured.sample.cpu_s, *measured.sample.calibration_s) > 0
    assert isinstance(wrong, Failed) and "why is no question of the work index: give one of" in wrong.error
    assert isinstance(unknown, Failed) and "did you mean index?" in unknown.error


def test_a_process_that_ends_is_an_error_not_a_wait() -> None:
    with workers() as begin:
        worker = begin()
        worker._process.kill()  # type: ignore[attr-defined]
        with pytest.raises(EndedError, match="the process that measures ended with exit code -9"):
            worker.ask(Measure("one"))


class Counted:
    """A work that counts its calls, and a calibration that costs nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fault: Exception | None = None) -> None:
        self.calls = 0

        def call() -> float:
            self.calls += 1
            return 1.0

        def prepare(work: str, settings: object) -> Work:
            if fault:
                raise fault
            return Work(call)

        monkeypatch.setattr("teem.bench.worker.load", lambda work: None)
        monkeypatch.setattr("teem.bench.worker.prepare", prepare)

    def seconds(self) -> tuple[float, float, float]:
        return 0.5, 0.5, 0.5


def test_a_planted_fault_does_its_part_of_the_calls_twice_and_counts_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    bench = Bench(counted)  # type: ignore[arg-type]
    [task] = tasks(Scenario(name="x", about="-", work="w", unit="u", doubled=0.25), quick=False).values()
    ready = bench.answer(Prepare("x", task, 0.0))
    assert isinstance(ready, Ready) and ready.calls == 4
    before = counted.calls
    samples = [bench.answer(Measure("x")) for _ in range(4)]
    bench.close()
    assert counted.calls - before == 20
    assert all(isinstance(one, Measured) and one.sample.units == 4 for one in samples)


def test_what_a_work_lacks_is_told_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(Counted(monkeypatch, MissingError("get it")))  # type: ignore[arg-type]
    [task] = tasks(Scenario(name="x", about="-", work="w", unit="u"), quick=False).values()
    assert bench.answer(Prepare("x", task, 0.0)) == Failed("get it", missing=True)


def test_a_sweep_is_drawn_with_its_exponents(tmp_path: Path) -> None:
    sweep = Sweep(setting="size", values=(1, 10, 100))
    scenario = Scenario(name="grow", about="-", work="index", unit="point", sweep=sweep)
    found = launch((scenario,), Effort(repeats=3), {"": lambda: Said([])}, together=False)
    results = {"grow": summarise(scenario, Effort(repeats=3), [found]), "pair": _pair()}
    [path] = write_plots(tmp_path / "new", results)
    drawn = ElementTree.fromstring(path.read_text())
    points = [line.get("points", "").split() for line in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    time, memory = ([float(point.partition(",")[2]) for point in line] for line in points)
    assert len(set(time)) == 1
    assert memory[0] - memory[1] == pytest.approx(memory[1] - memory[2]) and memory[0] > memory[2]
    assert "exponent 1.00" in path.read_text()


def _pair() -> ScenarioResult:
    return summarise(
        SCENARIO, Effort(repeats=2), [launch((SCENARIO,), Effort(repeats=2), {"": lambda: Said([])}, together=True)]
    )
