"""Instruments that look at Python functions: as wholes, and line by line."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from teem.profile.instrument import Instrument
from teem.profile.places import short

if TYPE_CHECKING:
    from teem.profile.play import Job
    from teem.runtime.loop import Run

MOST = 200  # rows of a list that are handed on


class Functions(Instrument):
    """cProfile: every function of the thread that steps, compiled ones as a whole."""

    def start(self, run: Run) -> None:
        """Begin to count calls."""
        self._profile = cProfile.Profile()
        self._profile.enable()

    def stop(self) -> None:
        """End it."""
        self._profile.disable()

    def found(self, run: Run) -> dict[str, Any]:
        """The functions by own and by cumulative time; all of them in a file for `python -m pstats`."""
        path = self.out / "functions.pstats"
        self._profile.dump_stats(path)
        stats = pstats.Stats(self._profile)
        rows = [
            {"function": name, "file": short(file), "line": line, "calls": calls, "own_s": own, "cumulative_s": whole}
            for (file, line, name), (_, calls, own, whole, _) in stats.stats.items()  # type: ignore[attr-defined]
        ]
        return {
            "file": path.name,
            "total_s": sum(row["own_s"] for row in rows),
            "own": sorted(rows, key=lambda row: -row["own_s"])[:MOST],
            "cumulative": sorted(rows, key=lambda row: -row["cumulative_s"])[:MOST],
        }


class LineByLine(Instrument):
    """line_profiler on some functions; of a compiled one the line that calls it has all its time."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._wanted = job.functions

    def start(self, run: Run) -> None:
        """Instrument the functions."""
        from line_profiler import LineProfiler

        self._functions = [function_named(name) for name in self._wanted] or usual_functions(run)
        self._profiler = LineProfiler(*self._functions)
        self._profiler.enable_by_count()

    def stop(self) -> None:
        """End it."""
        self._profiler.disable_by_count()

    def found(self, run: Run) -> dict[str, Any]:
        """Each function with the lines that were run: number, hits and seconds."""
        stats = self._profiler.get_stats()
        told = []
        for (file, line, name), lines in stats.timings.items():
            rows = [{"line": number, "hits": hits, "s": time * stats.unit} for number, hits, time in lines]
            told.append(
                {"function": name, "file": short(file), "path": file, "line": line, "lines": rows,
                 "s": sum(row["s"] for row in rows)}
            )  # fmt: skip
        return {"functions": sorted(told, key=lambda one: -one["s"])}


def function_named(name: str) -> Callable[..., Any]:
    """The Python function called `module:name`, or `module:Class.name`; ValueError with the reason if it is none."""
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{name} can't be found ({error})") from error
    found = getattr(found, "__func__", found)
    if not hasattr(found, "__code__") or hasattr(found, "py_func"):
        kind = "a compiled function, without lines" if hasattr(found, "py_func") else f"a {type(found).__name__}"
        raise ValueError(f"{name} is {kind}: give a function or a method written in Python")
    function: Callable[..., Any] = found
    return function


def usual_functions(run: Run) -> list[Callable[..., Any]]:
    """What every step goes through: the loop, the world, the cohorts and their networks, the record."""
    wanted: list[tuple[Any, tuple[str, ...]]] = [
        (run, ("advance",)),
        (run.world, ("observe", "step")),
        (run.policies, ("act", "remember", "inherit", "learn")),
        *((cohort, ("act", "value", "remember", "learn", "_learn_once")) for cohort in run.policies.cohorts),
        *((cohort.backend, ("values", "update")) for cohort in run.policies.cohorts if hasattr(cohort, "backend")),
        (run.collector, ("step",)),
    ]
    found = [getattr(type(owner), name, None) for owner, names in wanted for name in names]
    return list(dict.fromkeys(one for one in found if hasattr(one, "__code__")))  # type: ignore[misc]
