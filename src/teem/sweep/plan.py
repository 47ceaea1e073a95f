"""What a sweep plays: its settings and seeds, kept in sweep.json before anything starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from teem.config.dump import written
from teem.errors import UsageError
from teem.record.folder import LOCK

PLAN = "sweep.json"
OURS = (LOCK, f"{PLAN}.partial")  # what is left where one was killed before its plan was there

Values = dict[str, Any]  # by dotted path


class Range(msgspec.Struct, frozen=True):
    """Where a search looks for a setting's value; of whole numbers if both ends are."""

    low: int | float
    high: int | float
    log: bool = False

    def __str__(self) -> str:
        """As it is typed."""
        return f"{written(self.low)}..{written(self.high)}{':log' if self.log else ''}"


class Search(msgspec.Struct, frozen=True):
    """What is searched, by which figure; how many settings are tried is no part of it, so that it can go on."""

    ranges: dict[str, Range]  # besides the choices in `Plan.varied`
    metric: str
    minimise: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep: whatever differs makes it another one."""

    source: str  # the world's name, or its file's
    varied: dict[str, list[Any]]  # values of each setting that is swept
    seeds: list[int]
    base: Values  # every other setting, but those that a sweep sees to itself
    search: Search | None = None  # then `varied` are choices; None: every combination of them is played

    @property
    def combinations(self) -> list[Values]:
        """Every setting to be played: a value of each that is swept."""
        return [dict(zip(self.varied, values, strict=True)) for values in product(*self.varied.values())]


def named(values: Values) -> str:
    """A combination as a person reads it."""
    return ", ".join(f"{path} = {written(value)}" for path, value in values.items()) or "as given"


def plan_text(plan: Plan) -> str:
    """What stands in sweep.json."""
    return json.dumps(msgspec.to_builtins(plan), indent=2) + "\n"


def read_plan(folder: Path) -> Plan | None:
    """The plan that a folder was begun with; None where there is none."""
    path = folder / PLAN
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} can't be read ({error}): restore it from a copy, or give another --out") from error


def expect_plan(folder: Path, plan: Plan) -> None:
    """Raise UsageError unless a folder is free, or was begun with this very plan."""
    kept = read_plan(folder) if folder.is_dir() else None
    if kept is not None:
        if told := list(differences(kept, plan)):
            raise UsageError([f"{folder} holds another sweep ({one}): give another --out" for one in told])
    elif folder.is_dir() and (found := sorted(one.name for one in folder.iterdir() if one.name not in OURS)):
        raise UsageError(f"{folder} is not empty (it holds {found[0]}): give another --out")


def differences(kept: Plan, asked: Plan) -> Iterator[str]:
    """How a plan that is asked for is another one than that which was begun."""
    if kept.source != asked.source:
        yield f"it plays {kept.source}, this is {asked.source}"
    before, now = _swept(kept), _swept(asked)
    for path in dict.fromkeys((*before, *now)):
        if before.get(path) != now.get(path):
            takes = [swept.get(path) or _set(plan, path) for swept, plan in ((before, kept), (now, asked))]
            yield f"{path} takes {takes[0]} there, {takes[1]} here"
    if kept.seeds != asked.seeds:
        yield f"its seeds are {_from_to(kept.seeds)}, these {_from_to(asked.seeds)}"
    if _judged(kept) != _judged(asked):
        yield f"it is {_judged(kept)}, this is {_judged(asked)}"
    for path in dict.fromkeys((*kept.base, *asked.base)):
        if path not in before and path not in now and kept.base.get(path) != asked.base.get(path):
            yield f"{path} is {_set(kept, path)} there, {_set(asked, path)} here"


def _swept(plan: Plan) -> dict[str, str]:
    """What each setting that is swept takes, in words."""
    takes = {}
    for path, values in plan.varied.items():
        apart = " or " if any(isinstance(value, list) for value in values) else ", "
        takes[path] = apart.join(map(written, values))
    return takes | {path: str(one) for path, one in (plan.search.ranges.items() if plan.search else ())}


def _judged(plan: Plan) -> str:
    if plan.search is None:
        return "a sweep"
    return f"a search for the {'least' if plan.search.minimise else 'most'} {plan.search.metric}"


def _set(plan: Plan, path: str) -> str:
    """A setting that isn't swept."""
    if path not in plan.base:
        return "not known"
    value = plan.base[path]
    tables = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    return "other tables" if tables else written(value)


def _from_to(seeds: Sequence[int]) -> str:
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
