"""Suites measured: workers begun, their cases in turn, and what the repeats say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from msgspec import Struct

from teem.bench.results import CaseResult, Fit, Sample, ScenarioResult
from teem.bench.scenario import Scenario, Suite, Task, tasks
from teem.bench.stations import EndedError, Station, of_sources, workers
from teem.bench.statistics import exponent, last_exponent, median, ratio
from teem.bench.worker import Answer, Command, Failed, Measure, Measured, Prepare, Ready

Key = tuple[str, str, str]  # whose sources, scenario, case
Begin = Callable[[], Station]
Progress = Callable[[str, int, int], None]
"""`progress(what, done, of)` is called before each part."""

OURS: Mapping[str, Path | None] = MappingProxyType({"": None})
"""The sources that are measured, by name: these alone."""


class Effort(Struct, frozen=True):
    """How much is measured."""

    quick: bool = False
    repeats: int = 25
    launches: int = 1  # how often everything is begun anew
    repeat_s: float = 0.02  # what a repeat takes at least


K = TypeVar("K")


def interleave(repeats: int, measure: Mapping[K, Callable[[], Sample | None]]) -> dict[K, list[Sample]]:
    """Repeats of each, in rounds: every round measures all of them, forth and back in turn.

    What can't be measured any more gives None, and has no samples.
    """
    samples: dict[K, list[Sample]] = {key: [] for key in measure}
    for number in range(repeats):
        order = list(samples)
        for key in order if number % 2 == 0 else reversed(order):
            made = measure[key]()
            if made is None:
                del samples[key]
            else:
                samples[key].append(made)
    return samples


def measure_suite(
    name: str, suite: Suite, effort: Effort, progress: Progress, trees: Mapping[str, Path | None] = OURS
) -> dict[str, dict[str, ScenarioResult]]:
    """What a suite's scenarios take by the sources of each tree; one that is `together` is interleaved as a whole."""
    groups = [suite.scenario] if suite.together else [(one,) for one in suite.scenario]
    results: dict[str, dict[str, ScenarioResult]] = {tree: {} for tree in trees}
    for number, group in enumerate(groups):
        progress(name if suite.together else group[0].name, number, len(groups))
        launches = []
        for _ in range(effort.launches):
            with ExitStack() as stack:
                begin = {
                    tree: stack.enter_context(workers(environment=of_sources(at) if at else {}))
                    for tree, at in trees.items()
                }
                launches.append(launch(group, effort, begin, together=suite.together))
        for tree in trees:
            results[tree] |= {one.name: summarise(one, effort, launches, tree) for one in group}
    return results


class Launch(Struct, frozen=True):
    """What one launch measured, by scenario and case."""

    samples: dict[Key, list[Sample]] = {}
    ready: dict[Key, Ready] = {}
    missing: dict[Key, str] = {}  # what a case lacks
    failed: dict[Key, str] = {}  # why a case could not be prepared or measured

    def note(self, key: Key, answer: Answer) -> None:
        """Keep why a case is not measured."""
        where = self.missing if isinstance(answer, Failed) and answer.missing else self.failed
        where[key] = answer.error if isinstance(answer, Failed) else f"answered {answer}"


def launch(scenarios: tuple[Scenario, ...], effort: Effort, begin: Mapping[str, Begin], *, together: bool) -> Launch:
    """Prepare every case for each tree, in one process together or in one each, and measure them in turn.

    A case that fails is left out. Where it takes the process of all with it, the others are begun anew without it.
    """
    found = Launch()
    while True:
        with suppress(EndedError):
            _launch(scenarios, effort, begin, together, found)
            return found
        found = Launch(failed=found.failed)


def _launch(
    scenarios: tuple[Scenario, ...], effort: Effort, begin: Mapping[str, Begin], together: bool, found: Launch
) -> None:
    """Fill in what is found of the cases that have not failed; EndedError when a shared process ends."""
    shared = {tree: one() for tree, one in begin.items()} if together else {}
    stations: dict[Key, Station] = {}

    def ask(key: Key, station: Station, command: Command) -> Answer:
        try:
            return station.ask(command)
        except EndedError as error:
            found.failed[key] = str(error)
            if together:
                raise
            return Failed(str(error))

    for key, task in _asked(scenarios, effort, begin).items():
        if key not in found.failed:
            station = shared[key[0]] if together else begin[key[0]]()
            answer = ask(key, station, Prepare("/".join(key), task, effort.repeat_s))
            if isinstance(answer, Ready):
                stations[key], found.ready[key] = station, answer
            else:
                found.note(key, answer)

    def measuring(key: Key) -> Callable[[], Sample | None]:
        def measure() -> Sample | None:
            answer = ask(key, stations[key], Measure("/".join(key)))
            if isinstance(answer, Measured):
                return answer.sample
            found.note(key, answer)
            return None

        return measure

    found.samples.update(interleave(effort.repeats, {key: measuring(key) for key in stations}))


def _asked(scenarios: tuple[Scenario, ...], effort: Effort, trees: Iterable[str]) -> dict[Key, Task]:
    """Every case, of all trees side by side."""
    return {
        (tree, scenario.name, case): task
        for scenario in scenarios
        for case, task in tasks(scenario, quick=effort.quick).items()
        for tree in trees
    }


def summarise(scenario: Scenario, effort: Effort, launches: list[Launch], tree: str = "") -> ScenarioResult:
    """What the launches say of a scenario, done by the sources of a tree."""
    asked = tasks(scenario, quick=effort.quick)
    cases: dict[str, CaseResult] = {}
    for case, task in asked.items():
        key = (tree, scenario.name, case)
        if all(key in one.samples for one in launches):
            samples = tuple(tuple(one.samples[key]) for one in launches)
            first = None if scenario.sweep else next(iter(cases.values()), None)
            cases[case] = _summary(task, launches[0].ready[key], samples, first)
    return ScenarioResult(
        about=scenario.about,
        unit=scenario.unit,
        kinds=scenario.kinds,
        budget=scenario.budget,
        cases=cases,
        swept=scenario.sweep.setting if scenario.sweep else "",
        fits=_fits(scenario, cases),
        missing=_of(tree, scenario, [one.missing for one in launches]),
        failed=_of(tree, scenario, [one.failed for one in launches]),
    )


def _of(tree: str, scenario: Scenario, told: list[dict[Key, str]]) -> dict[str, str]:
    """What was told of a scenario's cases, the first time."""
    return {case: why for one in reversed(told) for (*of, case), why in one.items() if of == [tree, scenario.name]}


def _summary(
    task: Task, ready: Ready, launches: tuple[tuple[Sample, ...], ...], first: CaseResult | None
) -> CaseResult:
    pooled = [sample for one in launches for sample in one]
    costs = [sample.cost for sample in pooled]
    return CaseResult(
        settings=task.settings,
        calls=ready.calls,
        launches=launches,
        memory_mb=ready.memory_mb,
        cpu_us=median([1e6 * cost for cost in costs]),
        rate=median([sample.units / sample.wall_s for sample in pooled]),
        against_first=ratio([sample.cost for sample in first.samples], costs) if first else None,
    )


def _fits(scenario: Scenario, cases: dict[str, CaseResult]) -> dict[str, Fit]:
    """How the time of a call and the memory grow with what was swept."""
    if not scenario.sweep or len(cases) < 2:
        return {}
    sizes = [float(case.settings[scenario.sweep.setting]) for case in cases.values()]
    costs = {
        "time": [median([one.cpu_s / case.calls for one in case.samples]).value for case in cases.values()],
        "memory": [case.memory_mb or 0.0 for case in cases.values()],
    }
    return {
        name: Fit(exponent=exponent(sizes, values), at_the_top=last_exponent(sizes, values))
        for name, values in costs.items()
        if min(values) > 0
    }
