"""The crawlers' figures, measured here and now: `make bench`, or `python benchmarks/crawling.py [NAME ...]`.

A frame is a step of the whole run, sixty of which are a second of the world's time; it is recorded as the ready-made
world says. Physics alone: benchmarks/physics.py. Networks alone: benchmarks/attention.py.
Nothing here fails; it prints.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import QUIET, UNSAVED, Figures, Scenario, main, make_run, pieces, run_alone, warmed

FRAME_MS = 1000 / 60
POLICIES = ("act", "remember", "inherit", "learn")  # spans: what an agent's mind takes
WARM = 1600  # steps: past the warm-up of replays, all kernels at work
WORLDS = {"mlp": "crawlers", "attention": "crawlers-attention"}  # by network


def crawling(out: Path, founders: int, network: str, **overrides: Any) -> Any:
    """A run of learning crawlers, warmed up."""
    given = {"population__founders": founders, **UNSAVED, **overrides}
    return warmed(make_run(WORLDS[network], out, **given), WARM)


def all_in(out: Path) -> Figures:
    """Physics, senses and all other rules, random actions: as decided, every six steps, and with senses in each."""
    figures = {}
    for name, decision in (("sensing_every_6th", 6), ("sensing_every", 1)):
        overrides = {"learning__algorithm": "random", "world__decision": decision, "world__stranded": 0, **QUIET}
        run = warmed(make_run("crawlers", out / name, population__founders=1000, **overrides), 60)
        figures |= {f"{name}_{key}": value for key, value in pieces(run, 60, 9).items()}
    return figures


def frames(out: Path) -> Figures:
    """What part of 6,000 frames takes at most a sixtieth of a second, each population in a process of its own."""
    figures = {}
    for founders in (30, 60, 120):
        figures |= {f"{founders}_{key}": value for key, value in run_alone(frames_of, str(founders)).items()}
    return figures


def frames_of(out: Path, founders: str) -> Figures:
    """The frames of a population with attention networks."""
    run, taken = crawling(out, int(founders), "attention"), []
    for _ in range(6000):
        begun = time.perf_counter()
        run.advance()
        taken.append((time.perf_counter() - begun) * 1e3)
    p50, p99 = np.percentile(taken, [50, 99])
    within = float(np.mean(np.array(taken) <= FRAME_MS))
    return {"within_percent": 100 * within, "p50_ms": p50, "p99_ms": p99, "worst_ms": max(taken)}


def minds(out: Path) -> Figures:
    """What deciding, remembering and learning take of a frame, 30 crawlers with attention networks."""
    run = crawling(out, 30, "attention")
    run.spans.__init__()
    warmed(run, 2000)
    together = sum(run.spans.recent_ms(name) for name in POLICIES)
    p50, p99 = np.percentile(together, [50, 99])
    return {"mean_ms": float(np.mean(together)), "p50_ms": p50, "p99_ms": p99}


def real_time(out: Path) -> Figures:
    """How many times faster than the world's own clock learning populations go."""
    figures = {}
    for network, founders in (("attention", 300), ("mlp", 1000), ("attention", 1000), ("mlp", 3000)):
        rate = run_alone(times_real_time, network, str(founders))
        figures |= {f"{network}_{founders}_{key}": value for key, value in rate.items()}
    return figures


def times_real_time(out: Path, network: str, founders: str) -> Figures:
    """Seconds of the world's time a second, replays short enough for thousands."""
    run, rates = crawling(out, int(founders), network, learning__replay__length=1024), []
    for _ in range(9):
        begun = time.perf_counter()
        warmed(run, 60)
        rates.append(1 / (time.perf_counter() - begun))
    return {"times": float(np.median(rates))}


def memory(out: Path) -> Figures:
    """Resident megabytes of a run of 30 crawlers with attention networks, and of its recording process."""
    run = crawling(out, 30, "attention")
    warmed(run, 6 * run.config.learning.replay.length + 100)
    recorder = 0.0 if run.recorder is None else resident_mb(run.recorder.pid)
    return {"run_mb": resident_mb("self"), "recorder_mb": recorder}


def resident_mb(pid: int | str) -> float:
    """Megabytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


SCENARIOS: dict[str, Scenario] = {
    "all_in": (all_in, "physics, senses with 5 rays and rules, 1,000 crawlers", "200k agent-steps/s", "1M"),
    "frames": (frames, "frames within 16.7 ms, attention", "99%", "99.9%"),
    "minds": (minds, "networks' part of a frame, 30 crawlers, attention", "0.7 ms", "0.3 ms"),
    "real_time": (real_time, "learning in real time", "300 with attention, 1,000 with mlp", "1,000, 3,000"),
    "memory": (memory, "resident memory, 30 crawlers, attention", "600 MB", "400 MB"),
}

if __name__ == "__main__":
    main(globals(), SCENARIOS)
