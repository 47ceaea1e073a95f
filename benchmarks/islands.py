"""One and two islands on this machine: agent-steps a second, and what the head spends on each slice.

    python benchmarks/islands.py [--steps 2000] [--agents 300]

Rates are of the steps alone. `cpu` is the islands' own: agent-steps for each second that an island was in steps. The
head's cost is the processor time of this process, which carries the mail, for each slice it heard of.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from teem.config.load import load_config
from teem.record.folder import RunFolder
from teem.runtime.islands.archipelago import Archipelago
from teem.runtime.session import play

SLICE, EVERY = 100, 500


def measure(islands: int, agents: int, steps: int, out: Path) -> dict[str, Any]:
    settings = {
        "population.founders": agents, "steps": steps, "runtime.mode": "ray", "ray.islands": islands,
        "ray.slice": SLICE, "ray.migrate_every": EVERY, "record.enabled": "false", "checkpoint.every": 0,
    }  # fmt: skip
    config = load_config("farm", {name: str(value) for name, value in settings.items()})
    run = Archipelago.create(config, RunFolder.create(out, "bench"))
    marks: list[tuple[float, float]] = []
    hear = run._hear

    def heard(*words: Any, **named: Any) -> None:
        hear(*words, **named)
        marks.append((time.perf_counter(), time.process_time()))

    run._hear = heard  # type: ignore[method-assign]
    report = play(run, SimpleNamespace(asked=False), headless=True)  # type: ignore[arg-type]
    (begun, cpu_begun), (ended, cpu_ended) = marks[islands - 1], marks[-1]
    ray = report["ray"]
    return {
        "islands": islands,
        "agent_steps_per_s": report["agent_steps"] / (ended - begun),
        "in_steps": sum(one["agent_steps"] / one["agent_steps_per_s"] for one in ray["each"])
        / islands
        / (ended - begun),
        "rate_in_steps": report["agent_steps_per_s"] / islands,
        "head_us_a_slice": 1e6 * (cpu_ended - cpu_begun) / (len(marks) - islands),
        "bytes_a_migrant": ray["bytes_sent"] / ray["migrants_sent"] if ray["migrants_sent"] else 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--agents", type=int, default=300)
    given = parser.parse_args()
    for islands in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            one = measure(islands, given.agents, given.steps, Path(folder) / "run")
        print(
            f"{one['islands']} islands: {one['agent_steps_per_s']:,.0f} agent-steps/s in all, "
            f"{one['rate_in_steps']:,.0f} an island in its steps ({one['in_steps']:.0%} of the time); "
            f"head {one['head_us_a_slice']:,.0f} us a slice; {one['bytes_a_migrant']:,.0f} B a migrant"
        )


if __name__ == "__main__":
    main()
