"""The watchdog: a thread that sees a step that doesn't end, writes down what it does, and has the run shed or stop.

It touches nothing before a step lasts too long. What takes long by nature is no such step: kernels that are compiled,
modules that are imported, a checkpoint that is taken, learners that are waited for, a debugger, a process that is
stopped or waits for a processor.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from teem.measure.compiled import COMPILED
from teem.measure.stall import Limits, Stall, Verdict, usable

if TYPE_CHECKING:
    from teem.runtime.loop import Run

FILE = "stacks.txt"
STALLED = 6  # exit code of a run that was stopped, or ended, by its watchdog
TICK_S = 0.1
DUMPS_MOST = 32  # a process
KNOWN = 5  # steps after which it is known what they usually take
COMPILING = ("numba.core", "numba.np", "llvmlite", "torch._dynamo.convert_frame", "torch._inductor.async_compile")
IMPORTING = ("importlib._bootstrap",)
DEBUGGING = ("bdb", "pdb", "pydevd", "_pydevd")
WAITING = ("teem.runtime.processes.actor", "_until")  # for learners, with a patience of its own


class Watchdog:
    """Watches the steps of a run, each of which is made within it; `close` it when the run is over."""

    def __init__(self, run: Run) -> None:
        settings = run.config.watchdog
        governor = run.config.governor
        shed = (settings.shed or governor.target_ms > 0) and not governor.replay  # what that sheds is recorded already
        self.stall = Stall(Limits(settings.frame, settings.frames, settings.stop, shed))
        self.dumps = 0
        self.fault = ""  # why it watches no longer
        self._plays = False  # the run plays itself: its process may be ended
        self._run = run
        self._begun = 0  # steps, by this process
        self._step = 0  # of these, the one in progress; 0: none
        self._tick = min(TICK_S, settings.frame / 8)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._of = 0  # the thread that makes the steps, as the system knows it
        self._looked, self._waited, self._worked = 0.0, 0.0, 0.0
        self._compiled = 0  # kernels, when it looked last

    def __enter__(self) -> None:
        self._begun += 1
        self._step = self._begun
        if self._thread is None and self._tick:
            self._start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step = 0

    @contextmanager
    def playing(self) -> Iterator[None]:
        """As long as the run plays itself, a step that never ends may end the process."""
        self._plays = True
        try:
            yield
        finally:
            self._plays = False

    def close(self) -> None:
        """Watch no longer."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def warnings(self) -> list[str]:
        """What to say while the run goes on, a line each."""
        long = self.stall.long
        return [f"{long} steps took too long: what they did stands in {FILE}"] if long else []

    def report(self) -> dict[str, Any] | None:
        """What was seen, for the report; None where nothing was."""
        if not self.stall.long and not self.fault:
            return None
        return {
            "long_steps": self.stall.long,
            "stacks": FILE,
            "stopped": self.stall.why or None,
            "failed": self.fault or None,
        }

    def _start(self) -> None:
        self._of = threading.get_native_id()
        self._measure()
        watched = (weakref.ref(self), self._over, self._tick)  # a run that is let go of lets its thread end
        self._thread = threading.Thread(target=_watch, args=watched, name="watchdog", daemon=True)
        self._thread.start()

    # ---- in the thread

    def look(self) -> None:
        """A tick: see what is in progress, and do what is to be done about it."""
        stall, step, seconds = self.stall, self._step, self._measure()
        if self._compiles():
            return
        near = bool(step) and stall.seconds + seconds >= stall.limits.frame
        if near and self._takes_long_by_nature():
            return
        verdict = stall.tick(step, seconds, self._usual() if near else 0.0)
        if verdict == Verdict.NOTHING:
            return
        self._write_stacks(verdict)
        if verdict == Verdict.ENDLESS and self._plays:
            self._end_process()

    def _measure(self) -> float:
        """Seconds since the last tick in which the step could have got on."""
        before = self._looked, self._waited, self._worked
        self._looked, self._waited, self._worked = time.monotonic(), waited_s(self._of), time.process_time()
        passed, waited, worked = (now - then for now, then in zip(
            (self._looked, self._waited, self._worked), before, strict=True
        ))  # fmt: skip
        return usable(passed, self._tick, waited, worked)

    def _usual(self) -> float | None:
        """Seconds that steps usually take; None while too few have been made."""
        spans = self._run.spans
        return float(np.median(spans.recent_ms("step"))) / 1000 if spans.steps >= KNOWN else None

    def _compiles(self) -> bool:
        """Whether a kernel has been compiled since the last tick, or is just now.

        numba's compiler keeps Python's lock for seconds on end, so that no tick may ever see it at work.
        """
        before, self._compiled = self._compiled, COMPILED.begun
        return COMPILED.begun > before or COMPILED.open > 0

    def _takes_long_by_nature(self) -> bool:
        if self._run.spans.open == "checkpoint":
            return True
        return any(_is_excused(frame) for frame in sys._current_frames().values())

    def _write_stacks(self, verdict: Verdict) -> None:
        """Write down every thread's stack, and tell it in the log."""
        run, stall = self._run, self.stall
        told = {"step": run.step, "seconds": round(stall.seconds, 3), "span": run.spans.open, "stop": stall.why}
        self.dumps += 1
        if self.dumps <= DUMPS_MOST:
            with (run.folder.path / FILE).open("a", encoding="utf-8") as file:
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                file.write(f"{now} step {run.step} has lasted for {stall.seconds:.3g} s, in {run.spans.open}\n")
                file.flush()
                faulthandler.dump_traceback(file)
                file.write("\n")
        run.folder.log("long step", verdict=verdict.name.lower(), **told)

    def _end_process(self) -> None:
        """The step will never end: nothing can be saved; the record's writer writes what it was given, and ends too."""
        run = self._run
        text = (
            f"teem: step {run.step} has lasted for {self.stall.seconds:.3g} s, in {run.spans.open}, and will not end: "
            f"see {run.folder.path / FILE}, and resume the run from its newest checkpoint\n"
        )
        run.folder.log("ended by the watchdog", step=run.step, seconds=round(self.stall.seconds, 3))
        os.write(2, text.encode())
        os._exit(STALLED)


def _watch(watched: weakref.ref[Watchdog], over: threading.Event, tick: float) -> None:
    """What the thread does, until the run is over or nobody has it any more."""
    while not over.wait(tick):
        watchdog = watched()
        if watchdog is None:
            return
        try:
            watchdog.look()
        except Exception as error:  # such as a full disk: the run goes on, unwatched, and its report says so
            watchdog.fault = f"{type(error).__name__}: {error}"
            return
        del watchdog


def _is_excused(frame: Any) -> bool:
    """Whether a thread compiles, imports, is being debugged, or waits for learners."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith((*COMPILING, *IMPORTING, *DEBUGGING)) or (module, frame.f_code.co_name) == WAITING:
            return True
        frame = frame.f_back
    return False


def waited_s(thread: int) -> float:
    """Seconds that a thread of this process has wanted a processor and had none; 0 where the system doesn't tell."""
    try:
        return int(Path(f"/proc/self/task/{thread}/schedstat").read_text("ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
