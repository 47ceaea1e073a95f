"""What a measurement leaves: a JSON file with every repeat, the machine and its load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from teem.bench.scenario import KINDS, Kind
from teem.bench.statistics import Interval
from teem.errors import UsageError
from teem.measure.machine import machine
from teem.version import __version__

FORMAT = 1


class Sample(Struct, frozen=True, array_like=True):
    """One repeat of one case."""

    wall_s: float
    cpu_s: float  # of all threads, and of the processes that belong to the work
    units: float  # how many were done
    calibration_s: tuple[float, float, float]  # CPU of the calibration kernel of each kind, just before

    @property
    def cost(self) -> float:
        """CPU seconds a unit."""
        return self.cpu_s / self.units


class CaseResult(Struct, frozen=True, kw_only=True):
    """What was measured of a case."""

    settings: dict[str, Any]
    calls: int  # of the work, in a repeat
    launches: tuple[tuple[Sample, ...], ...]  # each in a process begun anew
    memory_mb: float | None = None  # what the work holds; unknown where a process has several
    cpu_us: Interval | None = None  # a unit
    rate: Interval | None = None  # units a second, by the wall
    against_first: Interval | None = None  # CPU of the first case over this one's, round by round

    @property
    def samples(self) -> list[Sample]:
        """Every repeat of every launch."""
        return [sample for launch in self.launches for sample in launch]

    @property
    def costs(self) -> list[list[float]]:
        """CPU seconds a unit, of each repeat of each launch."""
        return [[sample.cost for sample in launch] for launch in self.launches]

    def tables(self, kinds: Sequence[Kind]) -> list[NDArray[np.float64]]:
        """`[repeats, 1 + kinds]` for each launch: the cost, and what the calibration kernels of these kinds took."""
        columns = [KINDS.index(kind) for kind in kinds]
        return [
            np.array([[one.cost, *(one.calibration_s[column] for column in columns)] for one in launch])
            for launch in self.launches
        ]


class Fit(Struct, frozen=True, kw_only=True):
    """How something grows with the setting that was swept: as its value to the power of the exponent."""

    exponent: Interval
    at_the_top: float  # the exponent between the two largest values


class ScenarioResult(Struct, frozen=True, kw_only=True):
    """What was measured of a scenario."""

    about: str
    unit: str
    kinds: tuple[Kind, ...]
    budget: float
    cases: dict[str, CaseResult]
    swept: str = ""  # the setting
    fits: dict[str, Fit] = {}  # of the time of a call, and of memory
    missing: dict[str, str] = {}  # cases that could not be measured, and what they lack
    failed: dict[str, str] = {}  # cases that went wrong, and how


class Results(Struct, frozen=True, kw_only=True):
    """Everything that one command measured."""

    machine: dict[str, Any]
    scenarios: dict[str, ScenarioResult]
    quick: bool = False
    format: int = FORMAT
    teem: str = __version__
    begun: str = ""
    load: tuple[float, float] | None = None  # processes that wanted to run, mean of a minute: at the begin and the end

    @property
    def failed(self) -> list[str]:
        """Every case that went wrong, with its scenario."""
        return [f"{name}: {case}" for name, one in self.scenarios.items() for case in one.failed]


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def load() -> float:
    """The processes that wanted to run, mean of the last minute."""
    return os.getloadavg()[0]


def this_machine() -> dict[str, Any]:
    """What figures depend on."""
    return machine()


def write(path: Path, results: Results | Sequence[Results]) -> None:
    """Keep results as JSON, a measurement a file; a baseline is a list of them, a machine each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(results) + b"\n")


def read(path: Path) -> list[Results]:
    """The results in a file, one measurement or a baseline's list; UsageError says what is wrong with it."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Results | list[Results])
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}: give a file that `teem bench --out` wrote") from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageError(f"{path} holds no results: {error}: give a file that `teem bench --out` wrote") from None
    results = found if isinstance(found, list) else [found]
    if any(one.format != FORMAT for one in results):
        raise UsageError(f"{path} is of another format than {FORMAT}: measure it anew with `teem bench --out {path}`")
    return results
