"""An instrument that looks at threads: how long each works and waits, and what for."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teem.profile.instrument import Instrument
from teem.profile.places import short

if TYPE_CHECKING:
    from teem.runtime.loop import Run

METHODS = ("acquire", "__enter__", "get", "poll")
KINDS = ("_thread.lock", "_thread.RLock", "_queue.SimpleQueue", "select.poll", "select.epoll")
FUNCTIONS = ("sleep", "select", "waitpid")
"""What waits: these methods of these kinds of objects, and these functions."""


class Waits(Instrument):
    """yappi by the clock on the wall, a thread at a time; the system's own account of each thread besides."""

    def start(self, run: Run) -> None:
        """Begin to count calls of all threads."""
        import yappi

        self._before = scheduled()
        self._begun = time.perf_counter()
        yappi.set_clock_type("wall")
        yappi.start(builtins=True)

    def stop(self) -> None:
        """End it."""
        import yappi

        yappi.stop()
        self._seconds = time.perf_counter() - self._begun
        self._after = scheduled()

    def found(self, run: Run) -> dict[str, Any]:
        """Each thread with its time running and runnable, and the functions that it waited in."""
        import yappi

        names = {one.native_id: one.name for one in threading.enumerate()}
        threads = []
        for native, (ran, delayed, slices) in self._after.items():
            before = self._before.get(native, (0.0, 0.0, 0))
            threads.append(
                {"thread": names.get(native, "not of Python"), "ran_s": ran - before[0],
                 "delayed_s": delayed - before[1], "slices": slices - before[2]}
            )  # fmt: skip
        called = {one.ident: one.name for one in threading.enumerate()}
        waits = [
            {"thread": called.get(thread.tid, thread.name), "function": one.name, "file": short(one.module),
             "line": one.lineno, "calls": one.ncall, "s": one.tsub}
            for thread in yappi.get_thread_stats()
            for one in yappi.get_func_stats(filter={"ctx_id": thread.id})
            if _waits(one) and one.tsub > 0
        ]  # fmt: skip
        yappi.clear_stats()
        return {
            "seconds": self._seconds,
            "threads": sorted(threads, key=lambda row: -row["ran_s"]),
            "waits": sorted(waits, key=lambda row: -row["s"]),
        }


def _waits(function: Any) -> bool:
    """Whether a function may wait; yappi calls it "<method 'acquire' of '_thread.lock' objects>", or "sleep"."""
    match function.name.split("'"):
        case [_, method, _, kind, _]:
            return method in METHODS and kind in KINDS
        case [name]:
            return function.module in ("time", "select", "posix") and name in FUNCTIONS
    return False


def scheduled(process: str | int = "self") -> dict[int, tuple[float, float, int]]:
    """By thread: seconds it ran, seconds it could have run but had no core, and how often it was given one.

    Empty where the system doesn't say.
    """
    found: dict[int, tuple[float, float, int]] = {}
    for task in Path(f"/proc/{process}/task").glob("*"):
        try:
            ran, delayed, slices = (task / "schedstat").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            continue  # it has ended meanwhile, or the system keeps no account
        found[int(task.name)] = int(ran) / 1e9, int(delayed) / 1e9, int(slices)
    return found
