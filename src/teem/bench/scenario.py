"""Scenarios as data: suites in TOML, the cases each of their scenarios has, and which of them a command line names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from teem.config.names import nearest
from teem.errors import UsageError

Kind = Literal["python", "memory", "arithmetic"]
"""What work is made of, so that it is compared with calibration kernels that neighbours slow alike."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Settings = dict[str, Any]
_PACKAGE = Path(__file__).parents[1]


class Sweep(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One setting at several values: how time and memory grow with it is fitted."""

    setting: str
    values: Annotated[tuple[float, ...], Meta(min_length=3)]
    quick: tuple[float, ...] = ()  # the values with --quick; none: the first three


class Case(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way of doing a scenario's work; others are compared with the first."""

    name: Annotated[str, Meta(min_length=1)]
    settings: Settings = {}
    work: str = ""  # none: the scenario's


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A piece of work with a name, and the ways of doing it that are measured in turn."""

    name: Annotated[str, Meta(min_length=1)]
    about: Annotated[str, Meta(min_length=1)]
    work: str = ""  # a name of `works.WORKS`; none: each case has its own
    unit: str  # what is counted, such as "agent-step"
    kinds: Annotated[tuple[Kind, ...], Meta(min_length=1)] = KINDS
    calls: Annotated[int, Meta(ge=0)] = (
        0  # of the work in a repeat, the same everywhere; 0: as many as take long enough
    )
    budget: Annotated[float, Meta(gt=0)] = 0.1  # how much slower than the baseline is still good, as a part
    settings: Settings = {}
    quick: Settings = {}  # on top of the settings with --quick
    counted: Settings | None = None  # on top of the settings where instructions are counted; none: they are not
    cases: tuple[Case, ...] = ()
    sweep: Sweep | None = None
    doubled: Annotated[float, Meta(ge=0, le=1)] = 0.0  # part of the calls done twice and counted once: a planted fault


class Suite(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Scenarios that belong together, one file."""

    about: Annotated[str, Meta(min_length=1)]
    scenario: Annotated[tuple[Scenario, ...], Meta(min_length=1)]
    together: bool = False  # all in one process, in turn; else each case has a process of its own


class Task(Struct, frozen=True, kw_only=True):
    """A case with everything settled: what a worker process is told to do."""

    work: str
    settings: Settings
    calls: int = 0
    doubled: float = 0.0


def scenario_folder() -> Path:
    """Where the suites lie: inside an installed package, or beside the sources of a checkout."""
    installed = _PACKAGE / "scenarios"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "benchmarks" / "scenarios"


def read_suite(path: Path) -> Suite:
    """The suite in a TOML file; UsageError names the file and what is wrong."""
    try:
        suite = msgspec.toml.decode(path.read_bytes(), type=Suite)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}: give a TOML file of scenarios") from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    if faults := [f"{path}: {fault}" for scenario in suite.scenario for fault in _faults(scenario)]:
        raise UsageError(faults)
    return suite


def _faults(scenario: Scenario) -> list[str]:
    """What contradicts itself in a scenario."""
    faults = []
    if scenario.sweep and scenario.cases:
        faults.append("has both cases and a sweep: choose one")
    if not scenario.work and not (scenario.cases and all(case.work for case in scenario.cases)):
        faults.append("has no work: give it, or one for each of its cases")
    if len({case.name for case in scenario.cases}) < len(scenario.cases):
        faults.append("has two cases of one name: rename one")
    return [f"the scenario {scenario.name} {fault}" for fault in faults]


def ready_suites() -> dict[str, Suite]:
    """Every suite that comes with teem, by name."""
    folder = scenario_folder()
    if not folder.is_dir():
        raise UsageError(f"{folder} is missing: install teem anew, or give TOML files of scenarios")
    return {path.stem: read_suite(path) for path in sorted(folder.glob("*.toml"))}


def choose(names: Sequence[str], known: dict[str, Suite]) -> dict[str, Suite]:
    """The suites that are named, or those of their scenarios that are; files ending in .toml are suites too.

    UsageError tells every name that is neither.
    """
    chosen: dict[str, Suite] = {}
    faults = []
    for name in names:
        if name.endswith(".toml"):
            chosen[Path(name).stem] = read_suite(Path(name))
        elif name in known:
            chosen[name] = known[name]
        elif found := _with_scenario(name, known):
            suite, scenario = found
            before = chosen[suite].scenario if suite in chosen else ()
            if scenario not in before:
                chosen[suite] = msgspec.structs.replace(known[suite], scenario=(*before, scenario))
        else:
            everything = [*known, *(one.name for suite in known.values() for one in suite.scenario)]
            faults.append(f"{name} is no suite or scenario: {nearest(name, everything)}; see `teem bench --list`")
    if faults:
        raise UsageError(faults)
    return chosen


def _with_scenario(name: str, known: dict[str, Suite]) -> tuple[str, Scenario] | None:
    return next(
        ((key, one) for key, suite in known.items() for one in suite.scenario if one.name == name),
        None,
    )


def tasks(scenario: Scenario, *, quick: bool) -> dict[str, Task]:
    """What is measured for a scenario, by case; one without cases is a case of its own name."""
    base = scenario.settings | (scenario.quick if quick else {})
    return {case.name: _task(scenario, case, base) for case in _cases(scenario, quick=quick)}


def counted_tasks(scenario: Scenario) -> dict[str, Task]:
    """What is counted of a scenario, by case: a call of each, or as many as show a planted fault."""
    if scenario.counted is None:
        return {}
    base, calls = scenario.settings | scenario.counted, ceil(1 / scenario.doubled) if scenario.doubled else 1
    of_calls = msgspec.structs.replace(scenario, calls=calls)
    return {case.name: _task(of_calls, case, base) for case in _cases(scenario, quick=True)}


def _cases(scenario: Scenario, *, quick: bool) -> Iterable[Case]:
    if scenario.sweep:
        setting = scenario.sweep.setting
        return [Case(name=f"{setting} {value:,g}", settings={setting: value}) for value in swept(scenario.sweep, quick)]
    return scenario.cases or [Case(name=scenario.name)]


def swept(sweep: Sweep, quick: bool) -> tuple[float, ...]:
    """The values of a sweep, whole numbers as such."""
    values = (sweep.quick or sweep.values[:3]) if quick else sweep.values
    return tuple(int(value) if value == int(value) else value for value in values)


def _task(scenario: Scenario, case: Case, base: Settings) -> Task:
    return Task(
        work=case.work or scenario.work,
        settings=base | case.settings,
        calls=scenario.calls,
        doubled=scenario.doubled,
    )
