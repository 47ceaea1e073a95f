"""Keeping evidence in a run's folder, without disturbing a run that is going on there."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teem.record.disk import write_text
from teem.record.folder import LOCK, REPORT

EVALUATION = "evaluation.json"


def keep(run: Path, evidence: dict[str, Any]) -> str:
    """Write RUN/evaluation.json, and into RUN/report.json if the folder is free; says what was done."""
    try:
        write_text(run / EVALUATION, json.dumps(evidence, indent=2) + "\n")
    except OSError as error:
        return f"not kept: {run} can't be written to ({error.strerror})"
    kept = f"kept in {run / EVALUATION}"
    with _free(run) as free:
        if not free:
            return f"{kept}; not in {REPORT}, since the run is in use"
        if not (run / REPORT).is_file():
            return f"{kept}; there is no {REPORT} yet"
        report = json.loads((run / REPORT).read_text("utf-8"))
        write_text(run / REPORT, json.dumps(report | {"evaluation": evidence}, indent=2) + "\n")
    return f"{kept} and {REPORT}"


@contextmanager
def _free(run: Path) -> Iterator[bool]:
    """Whether no run writes here; none can begin while this is entered, which is for a moment."""
    if not (run / LOCK).exists():
        yield True
        return
    lock = os.open(run / LOCK, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)
