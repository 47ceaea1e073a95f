"""What any process that teem begins needs: numbers of threads told before it imports anything, its parent's end, and to
know who is left.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_PR_SET_PDEATHSIG = 1


def environment(threads: int) -> dict[str, str]:
    """This process's environment for another one that may use so many threads."""
    return {**os.environ, **dict.fromkeys(_THREAD_COUNTS, str(threads))}


def die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies; at once if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def lives(process: int) -> bool:
    """Whether a process runs; one that was killed and isn't yet buried by its parent doesn't."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:  # it has gone just now, or the system has no such files
        return sys.platform != "linux"
