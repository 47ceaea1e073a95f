"""The machine a figure was measured on, and the memory this process takes; what can't be told is None."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "numba", "torch")


def machine() -> dict[str, Any]:
    """Processor, cores, system and versions: what a figure depends on; nothing names a person or a host."""
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def cores() -> int:
    """The cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rss_mb() -> float | None:
    """Memory in use now, in megabytes."""
    return _status_mb("VmRSS")


def rss_mb_peak() -> float:
    """The most memory this process has used, in megabytes; its writer process not counted."""
    peak = _status_mb("VmHWM")
    if peak is not None:
        return peak
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used * 1024 / 1e6


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _status_mb(name: str) -> float | None:
    try:
        with Path("/proc/self/status").open(encoding="ascii") as lines:
            row = next((line for line in lines if line.startswith(name + ":")), None)
    except OSError:
        return None
    return int(row.split()[1]) * 1024 / 1e6 if row else None
