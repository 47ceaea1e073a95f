"""Suites measured: workers begun, their cases in turn, and what the repeats say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from teem.bench.results import CaseResult, Fit, Sample, ScenarioResult
from teem.bench.scenario import Scenario, Suite, Task, swept, tasks
from teem.bench.statistics import exponent, last_exponent, median, ratio
from teem.bench.worker import Answer, Command, Failed, Measure, Measured, Prepare, Ready
from teem.errors import TeemError

Key = tuple[str, str]  # scenario, case
Progress = Callable[[str, int, int], None]
"""`progress(what, done, of)` is called before each part."""


class Effort(Struct, frozen=True):
    """How much is measured."""

    quick: bool = False
    repeats: int = 25
    launches: int = 1  # how often everything is begun anew
    repeat_s: float = 0.02  # what a repeat takes at least


class Station(Protocol):
    """Where works are prepared and measured: a worker process, or, in tests, something that only says so."""

    def ask(self, command: Command) -> Answer:
        """Have a command done."""
        ...


class Worker:
    """A worker process. It ends with its input, so it does not outlive this one."""

    def __init__(self) -> None:
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "teem.bench.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip

    def ask(self, command: Command) -> Answer:
        """Have a command done; TeemError when the process has ended."""
        commands, answers = self._process.stdin, self._process.stdout
        assert commands is not None and answers is not None
        try:
            commands.write(msgspec.json.encode(command) + b"\n")
            commands.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise TeemError(f"the process that measures ended with exit code {self._process.wait()}")
        answer: Answer = msgspec.json.decode(line, type=Answer)
        return answer

    def close(self) -> None:
        """Let its works go and end it."""
        self._process.communicate()


@contextmanager
def workers() -> Iterator[Callable[[], Station]]:
    """A way to begin worker processes; all have ended afterwards."""
    with ExitStack() as stack:

        def begin() -> Worker:
            worker = Worker()
            stack.callback(worker.close)
            return worker

        yield begin


K = TypeVar("K")


def interleave(repeats: int, measure: Mapping[K, Callable[[], Sample]]) -> dict[K, list[Sample]]:
    """Repeats of each, in rounds: every round measures all of them, forth and back in turn."""
    samples: dict[K, list[Sample]] = {key: [] for key in measure}
    order = list(measure)
    for number in range(repeats):
        for key in order if number % 2 == 0 else reversed(order):
            samples[key].append(measure[key]())
    return samples


def measure_suite(name: str, suite: Suite, effort: Effort, progress: Progress) -> dict[str, ScenarioResult]:
    """What each of a suite's scenarios takes. A suite that is `together` is interleaved as a whole."""
    groups = [suite.scenario] if suite.together else [(one,) for one in suite.scenario]
    results: dict[str, ScenarioResult] = {}
    for number, group in enumerate(groups):
        progress(name if suite.together else group[0].name, number, len(groups))
        launches = []
        for _ in range(effort.launches):
            with workers() as begin:
                launches.append(launch(group, effort, begin, together=suite.together))
        results |= {one.name: summarise(one, effort, launches) for one in group}
    return results


class Launch(Struct, frozen=True):
    """What one launch measured, by scenario and case."""

    samples: dict[Key, list[Sample]]
    ready: dict[Key, Ready]
    missing: dict[Key, str]


def launch(scenarios: tuple[Scenario, ...], effort: Effort, begin: Callable[[], Station], *, together: bool) -> Launch:
    """Prepare every case, in one process together or in one each, and measure them in turn."""
    shared = begin() if together else None
    stations: dict[Key, Station] = {}
    found = Launch({}, {}, {})
    for scenario in scenarios:
        for case, task in tasks(scenario, quick=effort.quick).items():
            key, station = (scenario.name, case), shared or begin()
            answer = station.ask(Prepare("/".join(key), task, effort.repeat_s))
            if isinstance(answer, Ready):
                stations[key], found.ready[key] = station, answer
            else:
                found.missing[key] = _lacks(key, answer)

    def measuring(key: Key) -> Callable[[], Sample]:
        return lambda: _sample(key, stations[key].ask(Measure("/".join(key))))

    found.samples.update(interleave(effort.repeats, {key: measuring(key) for key in stations}))
    return found


def _lacks(key: Key, answer: Answer) -> str:
    """What is not installed; TeemError where something else is wrong."""
    if isinstance(answer, Failed) and answer.missing:
        return answer.error
    raise TeemError(f"{' / '.join(key)}: {answer.error if isinstance(answer, Failed) else answer}")


def _sample(key: Key, answer: Answer) -> Sample:
    if isinstance(answer, Measured):
        return answer.sample
    raise TeemError(f"{' / '.join(key)}: {answer.error if isinstance(answer, Failed) else answer}")


def summarise(scenario: Scenario, effort: Effort, launches: list[Launch]) -> ScenarioResult:
    """What the launches say of a scenario."""
    asked = tasks(scenario, quick=effort.quick)
    cases: dict[str, CaseResult] = {}
    for case, task in asked.items():
        key = (scenario.name, case)
        if key in launches[0].ready:
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
        fits=_fits(scenario, effort, cases),
        missing={case: why for (name, case), why in launches[0].missing.items() if name == scenario.name},
    )


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


def _fits(scenario: Scenario, effort: Effort, cases: dict[str, CaseResult]) -> dict[str, Fit]:
    """How the time of a call and the memory grow with what was swept."""
    if not scenario.sweep:
        return {}
    sizes = swept(scenario.sweep, effort.quick)
    costs = {
        "time": [median([one.cpu_s / case.calls for one in case.samples]).value for case in cases.values()],
        "memory": [case.memory_mb or 0.0 for case in cases.values()],
    }
    return {
        name: Fit(exponent=exponent(sizes, values), at_the_top=last_exponent(sizes, values))
        for name, values in costs.items()
        if min(values) > 0
    }
