"""What tests of clusters share: waiting, and seeing who is left."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

WAIT_S = 300.0


def processes_that_say(word: str) -> list[str]:
    """Command lines of processes that live and have it in theirs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in command:
                found.append(command)
    return found


def wait_for(what: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
