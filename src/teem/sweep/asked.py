"""From what is asked for on the command line to a plan; everything that is wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from teem.config.describe import Setting, settings
from teem.config.load import from_text, load_config, misfits, show, world_of
from teem.config.settings import Config
from teem.errors import UsageError
from teem.sweep.plan import Plan, Range, Search, Values

RUNS_MOST = 10_000
LAST_SEED = 2**63 - 1
PROBES = 64  # combinations that are looked at before a search begins
FREE = {  # settings that a sweep sees to itself, and how
    "seed": "--seeds says how many there are, from --seed on",
    "runtime.threads": "--workers shares the cores, and threads change no result",
}


class Asked(NamedTuple):
    """A sweep as it is asked for."""

    source: str  # a ready-made world's name, or a TOML file
    fixed: Mapping[str, str]  # settings of all runs, as typed, by dotted path
    seeds: int
    sets: Sequence[str] = ()  # "learning.lr=1e-4,3e-4"
    ranges: Sequence[str] = ()  # "learning.lr=1e-5..1e-2:log"
    trials: int | None = None  # of a search; None: every combination
    metric: str = ""
    minimise: bool = False


Chosen = list[tuple[Values, Config]]  # what is set, and all settings with it


def make_plan(asked: Asked) -> tuple[Plan, Chosen]:
    """The plan, and the settings of each combination, or of the ends of what is searched.

    Raises UsageError with everything that is wrong.
    """
    rows = {row.path: row for row in settings(world_of(asked.source))}
    varied, faults = read_sets(asked.sets, rows)
    ranges, more = read_ranges(asked.ranges, rows)
    faults += [*more, *_misplaced(asked, varied, ranges)]
    if asked.trials is None:
        configs, wrong = _configs(asked, _combined(varied, RUNS_MOST))
    else:
        configs, wrong = _searched(asked, varied, ranges, rows)
    faults = [*wrong, *faults] or list(dict.fromkeys(text for _, one in configs for text in _refused(one, asked)))
    if faults:
        raise UsageError(faults)
    first, swept = configs[0][1], {*varied, *ranges, *FREE}
    search = None if asked.trials is None else Search(ranges, asked.metric, asked.minimise)
    return Plan(
        source=Path(asked.source).stem,
        varied=varied,
        seeds=list(range(first.seed, first.seed + asked.seeds)),
        base={path: value for path, value in flat(first) if path not in swept},
        search=search,
    ), configs


def read_sets(sets: Sequence[str], rows: Mapping[str, Setting]) -> tuple[dict[str, list[Any]], list[str]]:
    """The values of each `PATH=VALUE,VALUE,...`, and what is wrong with how they are given.

    Where a setting is a list itself, its values are set apart by semicolons: `learning.hidden=64,32;16`.
    """
    varied: dict[str, list[Any]] = {}
    faults = []
    for text in sets:
        path, equals, typed = text.partition("=")
        values = _values(rows.get(path), typed)
        if not equals or not path:
            faults.append(f"--set {text} has no values: give a setting and its values, such as learning.lr=1e-4,3e-4")
            continue
        if path in FREE:
            faults.append(f"--set {path} can't be swept: {FREE[path]}")
        elif path in varied:
            faults.append(f"--set {path} is there twice: give all its values at once")
        elif not values:
            faults.append(f"--set {path} has no values: give some, such as {path}=A,B")
        elif again := [one for number, one in enumerate(values) if one in values[:number]]:
            faults.append(f"--set {path} has {show(again[0])} twice: give each value once")
        varied.setdefault(path, values)
    return varied, faults


def _values(row: Setting | None, text: str) -> list[Any]:
    kind = None if row is None else row.type
    parts = [part.strip() for part in text.split(";" if isinstance(kind, inspect.VarTupleType) else ",")]
    given = [part for part in parts if part]
    return given if kind is None else [from_text(kind, part) for part in given]


def read_ranges(texts: Sequence[str], rows: Mapping[str, Setting]) -> tuple[dict[str, Range], list[str]]:
    """The range of each `PATH=LOW..HIGH` or `PATH=LOW..HIGH:log`, and what is wrong with how they are given."""
    ranges: dict[str, Range] = {}
    faults = []
    for text in texts:
        path, _, typed = text.partition("=")
        low, high, log = _bounds(rows.get(path), typed)
        if low is None or high is None:
            faults.append(f"--range {text} is no range of numbers: give one such as learning.lr=1e-5..1e-2:log")
        elif path in FREE:
            faults.append(f"--range {path} can't be searched: {FREE[path]}")
        elif path in ranges:
            faults.append(f"--range {path} is there twice: give it once")
        elif low >= high:
            faults.append(f"--range {text} is empty: give the lower bound first")
        elif log and low <= 0:
            faults.append(f"--range {text} is logarithmic, but {low:g} has no logarithm: give a bound above 0")
        else:
            ranges[path] = Range(low, high, log)
    return ranges, faults


def _bounds(row: Setting | None, text: str) -> tuple[int | float | None, int | float | None, bool]:
    """The two numbers, and whether it is logarithmic; None for what is no number that such a setting takes."""
    if row is not None and not isinstance(row.type, (inspect.IntType, inspect.FloatType)):
        return None, None, False
    bare, log = text.removesuffix(":log"), text.endswith(":log")
    kind = inspect.FloatType() if row is None else row.type
    ends = [from_text(kind, part.strip()) for part in bare.split("..")]
    numbers = [one for one in ends if isinstance(one, (int, float)) and isfinite(one)]
    return (numbers[0], numbers[1], log) if len(numbers) == len(ends) == 2 else (None, None, log)


def _misplaced(asked: Asked, varied: Mapping[str, Any], ranges: Mapping[str, Any]) -> Iterator[str]:
    """What is given twice, or goes with something that isn't."""
    for path in (*varied, *ranges):
        if path in asked.fixed:
            yield f"{path} is swept, and --{path} is given: leave one out"
    for path in ranges:
        if path in varied:
            yield f"--set {path} and --range {path} are both given: leave one out"
    if asked.seeds < 1:
        yield f"--seeds is {asked.seeds}: give at least 1"
    runs = max(asked.seeds, 1)
    if asked.trials is None:
        if asked.ranges:
            yield "--range needs --search N, how many settings are to be tried: give it"
        if asked.minimise:
            yield "--minimise needs --search N: give it, or leave it out"
        for values in varied.values():
            runs *= max(len(values), 1)
    else:
        if asked.trials < 1:
            yield f"--search is {asked.trials}: give at least 1"
        if not asked.ranges and not asked.sets:
            yield "there is nothing to search: give --range NAME=LOW..HIGH, or choices by --set NAME=A,B"
        runs *= max(asked.trials, 1)
    if runs > RUNS_MOST:
        yield f"these are {runs} runs: give fewer settings or seeds, {RUNS_MOST} runs at most"


def _combined(varied: Mapping[str, Sequence[Any]], most: int) -> list[Values]:
    """Every combination, so many at most; what has no values is left out, since that is told already."""
    some = {path: values for path, values in varied.items() if values}
    return [dict(zip(some, values, strict=True)) for values in islice(product(*some.values()), most)]


def _searched(
    asked: Asked, varied: Mapping[str, list[Any]], ranges: Mapping[str, Range], rows: Mapping[str, Setting]
) -> tuple[Chosen, list[str]]:
    """Some of the settings that a search may try, and what is wrong with what it takes its values from.

    Two values may contradict each other, and go well with others: only if all do is that told.
    """
    ends: dict[str, Sequence[Any]] = {**varied, **{path: (one.low, one.high) for path, one in ranges.items()}}
    faults = [
        text for path, values in ends.items() if path in rows for value in values for text in misfits(rows[path], value)
    ]
    configs: Chosen = []
    first: list[str] = []
    for values in _combined(ends, PROBES):
        one, wrong = _configs(asked, [values])
        configs += one
        first = first or wrong
    return configs, list(dict.fromkeys([*faults, *([] if configs else first)]))


def _configs(asked: Asked, chosen: Sequence[Values]) -> tuple[Chosen, list[str]]:
    """All settings of each choice, and what is wrong with them, each fault once."""
    configs: Chosen = []
    faults: dict[str, None] = {}
    for values in chosen:
        try:
            configs.append((values, load_config(asked.source, {**asked.fixed, **values})))
        except UsageError as error:
            faults |= dict.fromkeys(error.faults)
    return configs, list(faults)


def _refused(config: Config, asked: Asked) -> Iterator[str]:
    """What a sweep can't do with settings that a run can have."""
    if config.steps == 0:
        yield "steps is 0, a run without end: give --steps"
    if config.runtime.mode == "ray":
        yield 'runtime.mode is "ray": a sweep plays on this machine, in lockstep or async'
    if config.seed + asked.seeds - 1 > LAST_SEED:
        yield f"seed is {config.seed}, and --seeds {asked.seeds} go beyond the last there is: lower it"


def flat(config: Config) -> Iterator[tuple[str, Any]]:
    """Every setting by its path; lists stay lists."""
    yield from _flatten("", msgspec.to_builtins(config))


def _flatten(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}{name}.", value)
        else:
            yield prefix + name, list(value) if isinstance(value, tuple) else value
