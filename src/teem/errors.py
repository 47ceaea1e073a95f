"""What teem says when it can't go on, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Sequence


class TeemError(Exception):
    """A failure with a message for the user; the command line exits with `exit_code`."""

    exit_code = 1


class UsageError(TeemError):
    """Wrong settings, names or paths, every fault at once; nothing has been written."""

    exit_code = 2

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))


class InUseError(TeemError):
    """Another process holds the run folder."""

    exit_code = 3


class GroupError(TeemError):
    """A learner was left alone by those with whom it holds a network; who started them begins all of them anew."""

    exit_code = 5
