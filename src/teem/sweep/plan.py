"""What a sweep is to play: its settings and seeds, checked as a whole, and kept before anything starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import msgspec

from teem.config.describe import Setting, settings
from teem.config.dump import written
from teem.config.load import from_text, load_config, show, world_of
from teem.config.settings import Config
from teem.errors import UsageError
from teem.record.folder import LOCK

PLAN = "sweep.json"
RUNS_MOST = 10_000
FREE = {  # settings that a sweep sees to itself, and how
    "seed": "--seeds says how many there are, from --seed on",
    "runtime.threads": "--workers shares the cores, and threads change no result",
}

Values = dict[str, Any]  # by dotted path


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep: whatever differs makes it another one."""

    source: str  # the world's name, or its file's
    varied: dict[str, list[Any]]  # values of each setting that is swept
    seeds: list[int]
    base: Values  # every other setting, seed and threads left out

    @property
    def combinations(self) -> list[Values]:
        """Every setting to be played: a value of each that is swept."""
        return [dict(zip(self.varied, values, strict=True)) for values in product(*self.varied.values())]


def make_plan(
    source: str, fixed: Mapping[str, str], sets: Sequence[str], seeds: int
) -> tuple[Plan, list[tuple[Values, Config]]]:
    """The plan, and the settings of each of its combinations; UsageError with everything that is wrong."""
    varied, faults = read_sets(sets, world_of(source))
    faults += [f"--set {path} and --{path} are both given: leave one out" for path in varied if path in fixed]
    if seeds < 1:
        faults.append(f"--seeds is {seeds}: give at least 1")
    count = max(seeds, 1)
    for values in varied.values():
        count *= max(len(values), 1)
    if count > RUNS_MOST:
        faults.append(f"these are {count} runs: give fewer values or seeds, {RUNS_MOST} runs at most")
    configs, wrong = _configs(source, fixed, varied)
    faults = [*wrong, *faults]
    if not faults:
        faults = list(dict.fromkeys(text for _, config in configs for text in refused(config)))
        if configs[0][1].seed + seeds > 2**63 - 1:
            faults.append(f"seed is {configs[0][1].seed}, and --seeds {seeds} go beyond the last there is: lower it")
    if faults:
        raise UsageError(faults)
    first = configs[0][1]
    return Plan(
        source=Path(source).stem,
        varied=varied,
        seeds=list(range(first.seed, first.seed + seeds)),
        base={path: value for path, value in flat(first) if path not in varied and path not in FREE},
    ), configs


def _configs(
    source: str, fixed: Mapping[str, str], varied: Mapping[str, list[Any]]
) -> tuple[list[tuple[Values, Config]], list[str]]:
    """Each combination with its settings, and what is wrong with them, each fault once."""
    configs: list[tuple[Values, Config]] = []
    faults: dict[str, None] = {}
    usual = [(path, values or [None]) for path, values in varied.items()]
    for values in islice(product(*(values for _, values in usual)), RUNS_MOST):
        chosen = {path: value for (path, _), value in zip(usual, values, strict=True) if value is not None}
        try:
            configs.append((chosen, load_config(source, {**fixed, **chosen})))
        except UsageError as error:
            faults |= dict.fromkeys(error.faults)
    return configs, list(faults)


def read_sets(sets: Sequence[str], world: str | None) -> tuple[dict[str, list[Any]], list[str]]:
    """The values of each `PATH=VALUE,VALUE,...`, and what is wrong with how they are given.

    Where a setting is a list itself, its values are set apart by semicolons: `learning.hidden=64,32;16`.
    """
    rows = {row.path: row for row in settings(world)}
    varied: dict[str, list[Any]] = {}
    faults = []
    for text in sets:
        path, equals, values = text.partition("=")
        given = _values(rows.get(path), values)
        if not equals or not path:
            faults.append(f"--set {text} has no values: give a setting and its values, such as learning.lr=1e-4,3e-4")
            continue
        if path in FREE:
            faults.append(f"--set {path} can't be swept: {FREE[path]}")
        elif path in varied:
            faults.append(f"--set {path} is there twice: give all its values at once")
        elif not given:
            faults.append(f"--set {path} has no values: give some, such as {path}=A,B")
        elif again := [one for number, one in enumerate(given) if one in given[:number]]:
            faults.append(f"--set {path} has {show(again[0])} twice: give each value once")
        varied.setdefault(path, given)
    return varied, faults


def _values(row: Setting | None, text: str) -> list[Any]:
    kind = None if row is None else row.type
    within = isinstance(kind, msgspec.inspect.VarTupleType)
    parts = [part.strip() for part in text.split(";" if within else ",")]
    given = [part for part in parts if part]
    return given if kind is None else [from_text(kind, part) for part in given]


def refused(config: Config) -> Iterator[str]:
    """What a sweep can't do with settings that a run can have."""
    if config.steps == 0:
        yield "steps is 0, a run without end: give --steps"
    if config.runtime.mode == "ray":
        yield 'runtime.mode is "ray": a sweep plays on this machine, in lockstep or async'


def flat(config: Config) -> Iterator[tuple[str, Any]]:
    """Every setting by its path; lists stay lists."""
    yield from _flatten("", msgspec.to_builtins(config))


def _flatten(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}{name}.", value)
        else:
            yield prefix + name, list(value) if isinstance(value, tuple) else value


def named(values: Values) -> str:
    """A combination as a person reads it."""
    return ", ".join(f"{path} = {written(value)}" for path, value in values.items()) or "as given"


def read_plan(folder: Path) -> Plan | None:
    """The plan that a folder was begun with; None where there is none."""
    path = folder / PLAN
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} can't be read ({error}): restore it from a copy, or give another --out") from error


def differences(kept: Plan, asked: Plan) -> list[str]:
    """How a plan that is asked for is another one than that which was begun."""
    told = []
    if kept.source != asked.source:
        told.append(f"it plays {kept.source}, this is {asked.source}")
    for path in dict.fromkeys((*kept.varied, *asked.varied)):
        before, now = kept.varied.get(path), asked.varied.get(path)
        if before != now:
            told.append(f"{path} takes {_listed(before, kept, path)} there, {_listed(now, asked, path)} here")
    if kept.seeds != asked.seeds:
        told.append(f"its seeds are {_range(kept.seeds)}, these {_range(asked.seeds)}")
    for path in dict.fromkeys((*kept.base, *asked.base)):
        swept = path in kept.varied or path in asked.varied
        if not swept and kept.base.get(path) != asked.base.get(path):
            told.append(f"{path} is {_shown(kept.base, path)} there, {_shown(asked.base, path)} here")
    return told


def _listed(values: list[Any] | None, plan: Plan, path: str) -> str:
    if values is None:
        return written(plan.base[path]) if path in plan.base else "not known"
    return (" or " if any(isinstance(value, list) for value in values) else ", ").join(map(written, values))


def _shown(values: Values, path: str) -> str:
    return show(values[path]) if path in values else "not known"


def _range(seeds: Sequence[int]) -> str:
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"


def plan_text(plan: Plan) -> str:
    """What stands in sweep.json."""
    return json.dumps(msgspec.to_builtins(plan), indent=2) + "\n"


def expect_plan(folder: Path, plan: Plan) -> None:
    """Raise UsageError unless a folder is free, or was begun with this very plan."""
    kept = read_plan(folder) if folder.is_dir() else None
    if kept is not None:
        if told := differences(kept, plan):
            raise UsageError([f"{folder} holds another sweep ({one}): give another --out" for one in told])
    elif folder.is_dir() and (found := sorted(one.name for one in folder.iterdir() if one.name != LOCK)):
        raise UsageError(f"{folder} is not empty (it holds {found[0]}): give another --out")
