"""The doctor: is what a run's agents did, saw and learnt, and what was kept of it, what it should be?"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from teem.config.settings import Config
from teem.errors import TeemError, UsageError
from teem.evaluate.checks import learning, play, record, seeing
from teem.evaluate.finding import Finding, Verdict, bad, good, unknown
from teem.evaluate.play import play_on
from teem.evaluate.rehearsal import Rehearsal
from teem.evaluate.saved import Saved, settings_of
from teem.record import checkpoint
from teem.record.folder import CHECKPOINTS, DATABASE, REPORT
from teem.record.schema import connect_to_read, expect_run_database
from teem.threads import Threads

LEAST_STEPS = 10
PLAYED = (*play.CHECKS, *seeing.CHECKS, *learning.CHECKS)


def examine(run: Path, *, steps: int = 50) -> list[Finding]:
    """Examine a run's record and its newest checkpoint, and play on from it for some steps in memory.

    Nothing is written, and the run may be going on. Raises UsageError when the folder is no run's.
    """
    if steps < LEAST_STEPS:
        raise UsageError(f"steps is {steps}: give at least {LEAST_STEPS}")
    config = settings_of(run)
    return [*_examine_record(run, config), *_examine_checkpoint(run, config, steps)]


def _examine_record(run: Path, config: Config) -> list[Finding]:
    """Every check of run.db, over one snapshot."""
    reason = None
    if not config.record.enabled:
        reason = "nothing was recorded: record.enabled is false"
    elif config.record.profile == "memory" and not (run / DATABASE).exists():
        reason = "the record is in memory until the run ends: record.profile is memory"
    if reason:
        return list(_all_unknown(record.CHECKS, reason))
    try:
        expect_run_database(run / DATABASE)
    except UsageError as error:
        first, *others = record.CHECKS
        return [_finding(first, bad(str(error))), *_all_unknown(others, "run.db can't be read")]
    connection = connect_to_read(run / DATABASE)
    try:
        connection.execute("BEGIN")
        opened = record.Record(connection, config, _report(run))
        return [_finding(check, _read(check, opened)) for check in record.CHECKS]
    finally:
        connection.close()


def _read(check: Callable[[record.Record], Verdict], opened: record.Record) -> Verdict:
    """What a check of the record says; a database too damaged to be read is a fault as well."""
    try:
        return check(opened)
    except sqlite3.DatabaseError as error:
        return bad(f"run.db can't be read: {error}")


def _report(run: Path) -> dict[str, Any] | None:
    if not (run / REPORT).is_file():
        return None
    report: dict[str, Any] = json.loads((run / REPORT).read_text("utf-8"))
    return report


def _examine_checkpoint(run: Path, config: Config, steps: int) -> list[Finding]:
    """Whether the newest checkpoint is whole, and every check of the run as it goes on from there."""
    if not checkpoint.steps_of(run / CHECKPOINTS):
        reason = "no checkpoint has been saved yet"
        return list(_all_unknown((the_newest_checkpoint_is_whole, *LOADED), reason))
    try:
        found = checkpoint.latest(run / CHECKPOINTS)
    except TeemError as error:
        fault = _finding(the_newest_checkpoint_is_whole, bad(str(error)))
        return [fault, *_all_unknown(LOADED, "no checkpoint is whole")]
    saved = Saved(run, config, found.step, found.state, found.faults)
    threads = Threads(config.runtime.threads or os.cpu_count() or 1)
    try:
        return [
            _finding(the_newest_checkpoint_is_whole, the_newest_checkpoint_is_whole(saved)),
            *_play(saved, steps, threads),
        ]
    finally:
        threads.close()


def _play(saved: Saved, steps: int, threads: Threads) -> list[Finding]:
    """Every check of a run as it goes on, if it can go on."""
    verdict = the_run_can_go_on(saved, threads)
    can = _finding(the_run_can_go_on, verdict)
    if not verdict.ok:
        return [can, *_all_unknown(PLAYED, "the run can't go on")]
    seen = play_on(saved, steps, threads)
    if not seen.moments:
        return [can, *_all_unknown(PLAYED, f"nobody was alive at step {saved.step}, when it was saved")]
    return [can, *(_finding(check, check(seen)) for check in PLAYED)]


def the_run_can_go_on(saved: Saved, threads: Threads) -> Verdict:
    """What was saved fits the run's settings and this version of teem."""
    try:
        Rehearsal(saved, threads)
    except KeyError as error:
        return bad(f"the checkpoint of step {saved.step} has no {error}: another version of teem wrote it")
    except ValueError as error:
        return bad(f"the checkpoint of step {saved.step} does not fit: {error}")
    return good(f"taken up at step {saved.step}")


def the_newest_checkpoint_is_whole(saved: Saved) -> Verdict:
    """Its files are what its manifest says, by size and SHA-256."""
    if saved.faults:
        return bad("; ".join(saved.faults), len(saved.faults))
    return good(f"step {saved.step}: sums and sizes are as its manifest says", saved.step)


def _all_unknown(several: Sequence[Callable[..., Verdict]], reason: str) -> Iterator[Finding]:
    return (_finding(check, unknown(reason)) for check in several)


def _finding(check: Callable[..., Verdict], verdict: Verdict) -> Finding:
    """A check's name is that of its function."""
    ok, detail, figure = verdict
    known = float(figure) if figure is not None and math.isfinite(figure) else None
    return Finding(check.__name__.replace("_", " "), ok, detail, known)


LOADED = (the_run_can_go_on, *PLAYED)
