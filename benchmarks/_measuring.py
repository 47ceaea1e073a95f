"""What the figures' scripts share: runs to measure, medians, and a process of its own for each scenario."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

QUIET = {"record.enabled": False, "checkpoint.every": 0, "checkpoint.at_end": False}
UNSAVED = {"checkpoint.every": 0, "checkpoint.at_end": False}

Figures = dict[str, float]
Scenario = tuple[Callable[[Path], Figures], str, str, str]
"""The function that measures it, what it is, what it must be and what it aims at."""


def make_run(world: str, out: Path, **overrides: Any) -> Any:
    """A run from its beginning; `learning__algorithm` stands for `learning.algorithm`."""
    from teem.config.load import load_config
    from teem.record.folder import RunFolder
    from teem.runtime.loop import Run

    config = load_config(world, {path.replace("__", "."): value for path, value in overrides.items()})
    return Run.create(config, RunFolder.create(out, "bench"))


def warmed(run: Any, steps: int) -> Any:
    """The run, some steps on."""
    for _ in range(steps):
        run.advance()
    return run


def pieces(run: Any, steps: int, count: int) -> Figures:
    """Medians over `count` pieces of `steps` steps each: agent-steps a second, and CPU us an agent-step."""
    rates, costs = [], []
    for _ in range(count):
        begun, cpu, agent_steps = time.perf_counter(), time.process_time(), run.totals.agent_steps
        warmed(run, steps)
        done = run.totals.agent_steps - agent_steps
        rates.append(done / (time.perf_counter() - begun))
        costs.append((time.process_time() - cpu) / done * 1e6)
    return {"agent_steps_per_s": float(np.median(rates)), "cpu_us_an_agent_step": float(np.median(costs))}


def run_alone(function: Callable[..., Figures], *arguments: str) -> Figures:
    """Run a function of a script in a process of its own, and return what it measured."""
    script = sys.modules[function.__module__].__file__
    assert script is not None
    done = subprocess.run(
        [sys.executable, script, "--alone", function.__name__, *arguments],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def main(functions: Mapping[str, Any], scenarios: Mapping[str, Scenario]) -> None:
    """Measure the scenarios named on the command line, or all of them, each in a process of its own."""
    names = sys.argv[1:]
    if names[:1] == ["--alone"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(functions[names[1]](Path(folder) / "run", *names[2:])))
        return
    for name in names or scenarios:
        function, what, must, aim = scenarios[name]
        measured = run_alone(function)
        figures = ", ".join(f"{key} {value:,.4g}" for key, value in measured.items())
        print(f"{what}: {figures}   (must {must}, aim {aim})", flush=True)
