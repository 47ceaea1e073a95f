"""What this process takes of the machine: memory, processors, threads, files, objects."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
import time
from pathlib import Path

from teem.measure.machine import rss_mb, rss_mb_peak
from teem.measure.malloc import allocated_mb
from teem.measure.metrics import Metric, Value, counter, gauge


def threads() -> int | None:
    """Threads of this process that Python knows and those it doesn't; None where the system doesn't say."""
    return _entries("/proc/self/task") or threading.active_count()


def files() -> int | None:
    """Files, pipes and sockets that this process holds open; None where the system doesn't say."""
    open_now = _entries("/proc/self/fd")
    return None if open_now is None else open_now - 1  # the folder that is read is one of them


def files_most() -> int:
    """As many it may hold open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _entries(folder: str) -> int | None:
    try:
        return len(os.listdir(folder))  # noqa: PTH208 - a fifth of what pathlib takes
    except OSError:
        return None


def core_wait_s(pid: int | None = None) -> float | None:
    """Seconds that this thread, or another process's first, could have run and had no core; None: not known."""
    whose = "thread-self" if pid is None else pid
    try:
        with open(f"/proc/{whose}/schedstat", encoding="ascii") as told:  # noqa: PTH123 - a third of what pathlib takes
            return int(told.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def memory_most_mb() -> float | None:
    """Megabytes this process could have before the machine, or the group it is in, has none left; None: not known."""
    rss, room = rss_mb(), _available_mb()
    return None if rss is None or room is None else rss + room


def _available_mb() -> float | None:
    rooms = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        rooms += [int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("MemAvailable:")]
        group = Path("/sys/fs/cgroup")
        most, used = (group / name for name in ("memory.max", "memory.current"))
        if most.exists() and most.read_text().strip() != "max":
            rooms.append((int(most.read_text()) - int(used.read_text())) / 1e6)
    except (OSError, ValueError):
        pass
    return min(rooms, default=None)


def _collected(subject: object) -> Value:
    return {str(generation): one["collections"] for generation, one in enumerate(gc.get_stats())}


PROCESS: tuple[Metric, ...] = (
    gauge("memory_megabytes", "resident memory of the process", lambda _: rss_mb()),
    gauge("memory_peak_megabytes", "the most of it so far", lambda _: rss_mb_peak()),
    gauge("allocated_megabytes", "memory that arrays and other native code have asked for", lambda _: allocated_mb()),
    counter("cpu_seconds", "processor time of all threads of the process", lambda _: time.process_time()),
    gauge("threads", "threads of the process", lambda _: threads()),
    gauge("open_files", "files, pipes and sockets that the process holds open", lambda _: files()),
    gauge("python_blocks", "pieces of memory that Python's own objects take", lambda _: sys.getallocatedblocks()),
    counter("collections", "runs of the garbage collector", _collected, label="generation"),
)
"""Read by the thread that watches: none of it is the run's own."""
