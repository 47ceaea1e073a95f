"""The profilers that teem can use when they are installed."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

TOOLS = {
    "py_spy": ("py-spy", "flame graph and speedscope profile of the run and its children"),
    "line_profiler": ("line_profiler", "times line by line"),
    "memray": ("memray", "allocations of native code, at the peak and still held at the end"),
    "yappi": ("yappi", "each thread's time, and what it waits for"),
    "psutil": ("psutil", "processor time, memory, input and output of all processes over time"),
}
"""By module, or program: how it is called, and what is not told without it."""


def missing(tool: str) -> str | None:
    """What is not told because the tool is not installed, and how to install it; None if it is."""
    if py_spy() if tool == "py_spy" else find_spec(tool):
        return None
    name, what = TOOLS[tool]
    return f"{name} is not installed, so this lacks: {what}. Install it with: pip install 'teem[profile]'"


def py_spy() -> str | None:
    """The sampler's program: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")
