"""What learners' processes leave beside a run: a folder each, with what they have measured of themselves."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from teem.record.folder import RunFolder

FILE = "metrics.json"
LEARNERS = "learners"  # the folder of theirs


def learner_folder(run: Path, learner: int, lock: int) -> RunFolder:
    """Where a learner's process leaves what it measures; it logs where the run does, whose lock it may hold."""
    own = run / LEARNERS / str(learner)
    own.mkdir(parents=True, exist_ok=True)
    (own / FILE).unlink(missing_ok=True)  # of one before
    return RunFolder(own, lock, log=run)


def alarms_beside(folder: Path) -> list[dict[str, Any]]:
    """What learners' processes of a run have told last that will be too much of theirs."""
    found = []
    for file in sorted(folder.glob(f"{LEARNERS}/*/{FILE}")):
        with suppress(OSError, ValueError, KeyError):  # it is being written for the first time
            told = json.loads(file.read_text("utf-8"))["forecasts"]
            found += [{**one, "process": f"learner {file.parent.name}"} for one in told if one["alarm"]]
    return found
