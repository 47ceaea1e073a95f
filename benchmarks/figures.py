"""The figures that teem promises, measured here and now: `make bench`, or `python benchmarks/figures.py [NAME ...]`.

Each scenario runs in a process of its own. Rates are medians over several pieces of a run, by wall clock, with the
CPU time beside them: on a busy machine compare the latter. Nothing here fails; it prints.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import QUIET, UNSAVED, Figures, Scenario, main, make_run, pieces, run_alone, warmed

FOREVER = 10**9
NOBODY_DIES = {
    "world.upkeep": 0.0, "world.move_cost": 0.0, "world.attack_damage": 0.0, "world.age_max": FOREVER,
    "world.breed_energy": 40.0, "world.maturity": FOREVER,
}  # fmt: skip


def learning(out: Path) -> Figures:
    run = warmed(make_run("farm", out, population__founders=1000, **UNSAVED), 700)
    return pieces(run, 100, 9)


def acting(out: Path) -> Figures:
    overrides = {"population__founders": 1000, "learning__enabled": False, **NOBODY_DIES, **UNSAVED}
    run = warmed(make_run("farm", out, **overrides), 300)
    return pieces(run, 200, 9)


def rules(out: Path) -> Figures:
    overrides = {
        "population__founders": 10_000, "learning__algorithm": "random", **NOBODY_DIES, **QUIET,
    }  # fmt: skip
    run = warmed(make_run("farm", out, **overrides), 100)
    return pieces(run, 50, 9)


def agentfarm(out: Path) -> Figures:
    run = warmed(make_run("agentfarm", out, **UNSAVED), 200)
    measured = pieces(run, 40, 5)
    return {**measured, "times_less_cpu_than_10_ms": 10_000 / measured["cpu_us_an_agent_step"]}


def evenness(out: Path) -> Figures:
    run = warmed(make_run("farm", out, population__founders=1000, **NOBODY_DIES, **UNSAVED), 700)
    run.spans.__init__()
    warmed(run, 1500)
    step = run.spans.percentiles("step")
    return {**step, "p95_over_median": step["p95_ms"] / step["p50_ms"]}


def memory(out: Path) -> Figures:
    """What each of the last 900 of 1000 agents takes, replay full."""
    run_alone(resident, "100")  # compiles what is missing, which takes memory too
    held = {agents: run_alone(resident, str(agents))["rss_mb"] for agents in (100, 1000)}
    return {"kb_an_agent": (held[1000] - held[100]) / 900 * 1e3, **{f"rss_mb_{n}": mb for n, mb in held.items()}}


def resident(out: Path, agents: str) -> Figures:
    """Megabytes that a run holds once every agent has remembered all it can."""
    run = make_run("farm", out, population__founders=int(agents), **NOBODY_DIES, **UNSAVED)
    warmed(run, run.config.learning.replay.length + 50)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"rss_mb": pages * resource.getpagesize() / 1e6}


def recording(out: Path) -> Figures:
    """Means over four pairs of runs: where in memory a run happens to lie changes its speed by some percent."""
    pairs = [run_alone(recorded_and_not, first) for first in ("on", "off") * 2]
    return {name: float(np.mean([pair[name] for pair in pairs])) for name in pairs[0]}


def recorded_and_not(out: Path, first: str) -> Figures:
    """Two runs of the same seed side by side, one recorded every 10th step; CPU of the writer included.

    They take turns in going first, and a piece is as long as the longest interval of recording, so that each
    holds everything that is written. `first` is made first.
    """
    overrides = {"population__founders": 1000, **UNSAVED}
    settings = {"on": overrides, "off": {**overrides, **QUIET}}
    order = ("on", "off") if first == "on" else ("off", "on")
    runs = {name: warmed(make_run("farm", out / name, **settings[name]), 400) for name in order}
    runs["on"].spans.__init__()
    wall, cpu, written = {"on": [], "off": []}, {"on": [], "off": []}, writer_cpu(runs["on"])
    for piece in range(12):
        for name in order if piece % 2 else order[::-1]:
            begun, used = time.perf_counter(), time.process_time()
            warmed(runs[name], 100)
            wall[name].append(time.perf_counter() - begun)
            cpu[name].append(time.process_time() - used)
    writer = (writer_cpu(runs["on"]) - written) / 12  # it works on while the other run goes on
    return {
        "wall_percent": float(np.median(np.divide(wall["on"], wall["off"])) - 1) * 100,
        "cpu_percent": float(np.median((np.array(cpu["on"]) + writer) / np.array(cpu["off"])) - 1) * 100,
        "main_us_a_step": float(np.mean(runs["on"].spans.recent_ms("record"))) * 1e3,
        "writer_us_a_step": writer / 100 * 1e6,
        "step_us": float(np.median(wall["off"])) / 100 * 1e6,
    }


def writer_cpu(run: Any) -> float:
    """CPU seconds that the writer process of a run has used."""
    if run.recorder is None:
        return 0.0
    fields = Path(f"/proc/{run.recorder.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def start(out: Path) -> Figures:
    """From the command to the end of the first step, kernels compiled before; the median of five."""
    seconds = []
    for number in range(6):
        begun = time.perf_counter()
        command = [
            "run",
            "farm",
            "--steps",
            "1",
            "--agents",
            "1000",
            "--headless",
            "--out",
            str(out / str(number)),
        ]
        quiet = ["--checkpoint.at_end", "false"]
        subprocess.run([sys.executable, "-m", "teem", *command, *quiet], check=True, capture_output=True)
        seconds.append(time.perf_counter() - begun)
    return {"seconds_with_exit": float(np.median(seconds[1:]))}


SCENARIOS: dict[str, Scenario] = {
    "learning": (learning, "1,000 agents learning, recorded", "50k agent-steps/s", "150k"),
    "acting": (acting, "1,000 agents acting, recorded", "300k agent-steps/s", "800k"),
    "rules": (rules, "rules and observations, 10k random agents", "1.5M agent-steps/s", "6M"),
    "agentfarm": (agentfarm, "13x13x13 views, 100 agents", "60x less CPU than 10 ms", "200x"),
    "evenness": (evenness, "step p95 / median, learning", "2", "1.3"),
    "memory": (memory, "memory an agent, replay full", "1,000 kB", "300 kB"),
    "recording": (recording, "cost of recording every 10th step", "5%", "2%"),
    "start": (start, "start to first step, second run", "6 s", "3 s"),
}


if __name__ == "__main__":
    main(globals(), SCENARIOS)
