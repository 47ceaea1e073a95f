"""Whether agents learn in two processes as they do in lockstep: the same farm, seeds and updates, beside random ones.

    python benchmarks/async_learning.py [--seeds 5] [--steps 3000] [--agents 150]

What is compared is the mean reward an agent-step over the last fifth of each run; means with 95% intervals over the
seeds. All runs have one thread a process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import teem
from teem.evaluate.statistics import estimate

WAYS = {
    "lockstep": [],
    "async": ["--runtime", "async"],
    "random": ["--learning.algorithm", "random"],
}


def play(way: str, seed: int, out: Path, steps: int, agents: int) -> tuple[float, int, int]:
    """Mean reward over the last fifth, updates, and agent-steps."""
    command = [sys.executable, "-m", "teem", "run", "farm", "--headless", "--json", "--runtime.threads", "1"]
    scale = ["--steps", str(steps), "--agents", str(agents), "--seed", str(seed), "--checkpoint.at_end", "false"]
    done = subprocess.run([*command, *scale, *WAYS[way], "--out", str(out)], check=True, capture_output=True)
    report = json.loads(done.stdout.splitlines()[-1])
    rows = teem.open_run(out).steps()
    late = rows["step"] >= 0.8 * steps
    reward, alive = rows["mean_reward"][late], rows["population"][late]
    mean = float(np.nansum(reward * alive) / alive.sum())
    return mean, report["learning"]["updates"], report["agent_steps"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--agents", type=int, default=150)
    asked = parser.parse_args()
    found: dict[str, list[tuple[float, int, int]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(21, 21 + asked.seeds):
            for way in WAYS:
                found[way].append(play(way, seed, Path(folder) / f"{way}-{seed}", asked.steps, asked.agents))
                reward, updates, agent_steps = found[way][-1]
                print(f"{way:9} seed {seed}: {reward:.4f}; {updates} updates of {agent_steps} decisions", flush=True)
    for way, runs in found.items():
        mean = estimate([reward for reward, *_ in runs])
        a_decision = sum(run[1] for run in runs) / sum(run[2] for run in runs)
        print(f"{way}: {mean.mean:.4f}, {mean.low:.4f} to {mean.high:.4f}; {a_decision:.4f} updates a decision")


if __name__ == "__main__":
    main()
