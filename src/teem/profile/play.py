"""One play of the subject, in a process of its own: `python -m teem.profile.play JOB`.

It makes the run, lets it warm up, says that it is ready and waits to be told to go; then it plays its steps under
one instrument and says what came of them. What it says goes out as JSON, a line a message; everything else that is
printed, by a user's own module for instance, goes to standard error. It ends when told so, or when its parent does.
"""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
import numpy as np

if TYPE_CHECKING:
    from teem.profile.instrument import Instrument
    from teem.runtime.loop import Run


class Job(msgspec.Struct, frozen=True):
    """What to play, and under which instrument."""

    config: str  # TOML file
    folder: str  # of the run, fresh
    saved: str  # folder of a checkpoint to go on from; "": none
    warm: int  # steps before any is measured
    steps: int
    instrument: str
    out: str  # where files of the instrument go
    functions: tuple[str, ...]  # module:name, of the line profiler; none: the usual ones
    parent: int  # process


class Played(msgspec.Struct, frozen=True):
    """What came of it."""

    steps: int
    first_step: int
    agent_steps: int
    wall_s: float
    cpu_s: float  # of this process, all its threads
    step_ms: dict[str, float]  # p50_ms, p95_ms, p99_ms
    spans: dict[str, dict[str, float]]  # total_s, share of all steps' time, p50_ms, p95_ms, p99_ms
    covered: float  # part of a step that its outermost spans make up, median
    collections: int  # of the garbage collector
    rows: int  # handed to the record; 0 without one
    dropped: int
    waited_s: float  # for the record's writer
    rss_mb: float | None
    rss_mb_peak: float
    digest: str  # of world and policies afterwards
    found: dict[str, Any]  # by the instrument


Hear = Callable[[str], None]
"""Waits to be told a word."""


def performed(play: Callable[[Job, TextIO, Hear], None], says: TextIO) -> int:
    """Play what the job on the command line says, in this process, which is made for it; its exit code."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    os.dup2(2, 1)
    sys.path.insert(0, str(Path.cwd()))  # where a user's own modules lie, as for `teem run`
    from teem.errors import TeemError
    from teem.offspring import die_with

    die_with(job.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to hear, which ends this
    try:
        play(job, says, hear)
    except TeemError as error:
        say(says, failed=str(error))
        return error.exit_code
    return 0


def play(job: Job, says: TextIO, hear: Hear) -> None:
    """Play it in this process, under its instrument."""
    from teem.profile.instruments import INSTRUMENTS

    instrument = INSTRUMENTS[job.instrument](job)
    instrument.prepare()
    run = _begin(job)
    for _ in range(job.warm):
        run.advance()
    gc.collect()
    run.spans.forget()
    say(says, ready=run.step)
    hear("go")
    before = (run.step, run.totals.agent_steps, _collections(), run.recorder.waited_s if run.recorder else 0.0)
    instrument.start(run)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(job.steps):
        run.advance()
        instrument.tick()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    instrument.stop()
    say(says, over=True)
    hear("tell")
    played = _told(run, instrument, before, wall, cpu)
    run.finish("steps")
    run.folder.close()
    say(says, played=msgspec.to_builtins(played))


def _begin(job: Job) -> Run:
    from teem.config.load import load_config
    from teem.record import checkpoint
    from teem.record.folder import RunFolder
    from teem.runtime.loop import Run

    config = load_config(job.config)
    folder = RunFolder.create(Path(job.folder), "profiled")
    if job.saved:
        return Run.branch(config, folder, checkpoint.latest(Path(job.saved)))
    return Run.create(config, folder)


def _told(run: Run, instrument: Instrument, before: tuple[int, int, int, float], wall: float, cpu: float) -> Played:
    from teem.measure.machine import rss_mb, rss_mb_peak

    spans, recorder = run.spans, run.recorder
    whole = spans.total_s("step") or np.nan
    memory, peak = rss_mb(), rss_mb_peak()  # before findings are written and the state is copied to be hashed
    first_step, agent_steps, collections, waited = before
    return Played(
        steps=run.step - first_step,
        first_step=first_step,
        agent_steps=run.totals.agent_steps - agent_steps,
        wall_s=wall,
        cpu_s=cpu,
        step_ms=spans.percentiles("step"),
        spans={
            name: {"total_s": spans.total_s(name), "share": spans.total_s(name) / whole, **spans.percentiles(name)}
            for name in spans.names
        },
        covered=covered(run),
        collections=_collections() - collections,
        rows=recorder.rows if recorder else 0,
        dropped=recorder.dropped if recorder else 0,
        waited_s=recorder.waited_s - waited if recorder else 0.0,
        rss_mb=memory,
        rss_mb_peak=peak,
        digest=digest_of(run),
        found=instrument.found(run),
    )


def covered(run: Run) -> float:
    """The part of a step's time that its outermost spans account for: the median over the steps."""
    spans = run.spans
    outer = [spans.recent_ms(name) for name in spans.names if "." not in name and name != "step"]
    return float(np.median(np.sum(outer, axis=0) / spans.recent_ms("step")))


def digest_of(run: Run) -> str:
    """One hash of everything that a later step depends on."""
    from teem.record.archive import digest

    hashes = digest({"world": run.world.state(), "policies": run.policies.state()})
    return hashlib.sha256(repr(sorted(hashes.items())).encode()).hexdigest()


def _collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def say(says: TextIO, **message: Any) -> None:
    """Say something to who started this process."""
    says.write(msgspec.json.encode(message).decode() + "\n")
    says.flush()


def hear(word: str) -> None:
    """Wait to be told a word; who is told nothing more ends."""
    if sys.stdin.readline().strip() != word:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(performed(play, os.fdopen(os.dup(1), "w", encoding="utf-8")))
