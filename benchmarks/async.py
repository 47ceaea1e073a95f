"""Acting and learning in two processes beside lockstep, at the same replay ratio, end to end.

    python benchmarks/async.py [WORLD] [--rounds 3] [--steps 3000] [--agents 1000] [--SETTING=VALUE ...]

Each round plays the same run three times in turn: lockstep on one thread, lockstep on two, an actor and a learner of
a thread each. Rates are of the steps alone, without start and end; ratios are the medians of the rounds'. Two processes
gain most where acting and learning take about as long: on the farm with `--learning.replay_ratio=2.667`, an update
every twelve decisions. In the first steps nobody has enough to learn from, so short runs show less of it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

WAYS = {
    "lockstep, 1 thread": ["--runtime.threads", "1"],
    "lockstep, 2 threads": ["--runtime.threads", "2"],
    "async, 1 + 1": ["--runtime", "async", "--runtime.threads", "1"],
}


def play(world: str, way: str, out: Path, options: list[str]) -> dict[str, float]:
    """Agent-steps a second, CPU microseconds an agent-step, and the updates for each decision."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "teem", "run", world, "--headless", "--json", "--checkpoint.at_end", "false"]
    done = subprocess.run([*command, *options, *WAYS[way], "--out", str(out)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lag = report.get("async", {}).get("policy_lag_steps", {}).get("mean", 0.0)
    return {
        "rate": report["agent_steps_per_s"],
        "cpu_us": cpu / report["agent_steps"] * 1e6,
        "updates": report["learning"]["updates"] / report["agent_steps"],
        "lag": lag,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", nargs="?", default="farm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", default="3000")
    parser.add_argument("--agents", default="1000")
    asked, more = parser.parse_known_args()
    options = ["--steps", asked.steps, "--agents", asked.agents, *more]
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        play(asked.world, "lockstep, 1 thread", Path(folder) / "warm", options)
        for number in range(asked.rounds):
            for way in WAYS:
                found[way].append(play(asked.world, way, Path(folder) / f"{number}-{way}", options))
                print(f"{way:20}", {name: round(value, 3) for name, value in found[way][-1].items()}, flush=True)
    ours = found["async, 1 + 1"]
    for way, must in (("lockstep, 1 thread", "1.4, aim 1.8"), ("lockstep, 2 threads", "1.0, aim 1.2")):
        ratio = median(a["rate"] / b["rate"] for a, b in zip(ours, found[way], strict=True))
        print(f"async, 1 + 1, over {way}: {ratio:.2f} (must {must})")


if __name__ == "__main__":
    main()
