"""An actor and a learner as Ray actors on this machine, beside the same two in processes that share memory.

    python benchmarks/remote.py [WORLD] [--rounds 3] [--steps 400] [--agents 300] [--SETTING=VALUE ...]

Each round plays the same run both ways, in turn. Rates are of the steps alone, without start and end; the ratio is the
median of the rounds'. Traffic is what goes each way between the two for an agent-step: experience to the learner,
weights back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

WAYS = {
    "async": ["--runtime", "async"],
    "ray": ["--runtime", "ray", "--ray.role", "actors"],
}


def play(world: str, way: str, out: Path, options: list[str]) -> dict[str, float]:
    command = [sys.executable, "-m", "teem", "run", world, "--headless", "--json", "--checkpoint.at_end", "false"]
    command += ["--runtime.threads", "1", *options, *WAYS[way], "--out", str(out)]
    done = subprocess.run(command, check=True, capture_output=True)
    report = json.loads(done.stdout.splitlines()[-1])
    own = report[way]
    return {
        "agent_steps_per_s": report["agent_steps_per_s"],
        "replay_ratio": own["replay_ratio"] or 0.0,
        "lag": own["policy_lag_steps"]["mean"],
        "lag_max": own["policy_lag_steps"]["max"],
        "out_B": own.get("bytes_sent", 0) / report["agent_steps"],
        "back_B": own.get("bytes_received", 0) / report["agent_steps"],
        "learner_idle_s": own["learner_idle_s"][0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", nargs="?", default="farm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", default="400")
    parser.add_argument("--agents", default="300")
    asked, more = parser.parse_known_args()
    options = ["--steps", asked.steps, "--agents", asked.agents, *more]
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.rounds):
            found = {way: play(asked.world, way, Path(folder) / f"{number}-{way}", options) for way in WAYS}
            for way, figures in found.items():
                print(f"{way:6}", {name: round(value, 2) for name, value in figures.items()}, flush=True)
            ratios.append(found["ray"]["agent_steps_per_s"] / found["async"]["agent_steps_per_s"])
    print(f"ray over async: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
