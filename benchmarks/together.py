"""Updates of one shared network by one learner, and by two that add up their gradients: CPU time each takes for one.

    python benchmarks/together.py [--hidden 1024 1024] [--inputs 250] [--batch 32] [--accumulate 1]

An update is by eight agents with batch x accumulate transitions each; of two learners each has four agents. A process
on a thread of its own is one learner. What is told is processor time, message and step included, which other work on
the machine hardly moves; the ratio is the most that two learners can gain on cores of their own, where nobody waits
for anybody.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ACTIONS, MEMBERS, REMEMBERED = 5, 8, 128


def learner(rank: int, size: int, meeting: str, asked: argparse.Namespace) -> None:
    """Print the milliseconds of processor time that one learner takes for an update."""
    import numpy as np

    from teem.config.settings import LearningSettings
    from teem.learning.replay import Replay
    from teem.learning.sharing import Networks
    from teem.learning.torch_group import join
    from teem.learning.torch_network import pick_device, q_network
    from teem.learning.torch_q import TorchQ

    chosen = {"hidden": tuple(asked.hidden), "batch": asked.batch, "accumulate": asked.accumulate}
    settings = LearningSettings(sharing="shared", backend="torch", **chosen)
    network = q_network(asked.inputs, ACTIONS, settings)
    networks = Networks(network.layout, "shared", MEMBERS, 7)
    backend = TorchQ(network, networks, settings, asked.inputs, pick_device("cpu", 1))
    draws, rows = np.random.default_rng(7), np.arange(MEMBERS, dtype=np.int32)
    replay = Replay(MEMBERS, REMEMBERED, asked.inputs)
    never = np.zeros(MEMBERS, np.bool_)
    for _ in range(REMEMBERED):
        seen = draws.standard_normal((MEMBERS, asked.inputs), np.float32)
        done, gained = draws.integers(0, ACTIONS, MEMBERS).astype(np.int32), draws.standard_normal(MEMBERS, np.float32)
        replay.add(rows, seen, np.ones((MEMBERS, ACTIONS), np.bool_), done, gained, never, never)
    if size > 1:
        networks.group = join(Path(meeting), rank, size, "cpu", 600.0)
    mine = rows[rank::size]
    loss, faults = np.zeros(MEMBERS, np.float32), np.zeros(MEMBERS, np.int64)
    for update in range(asked.updates + 2):
        if update == 2:
            begun = time.process_time()
        networks.group.totals([len(mine)])
        backend.update(mine, mine.astype(np.int64), replay, 7, update, loss, faults)
    spent = (time.process_time() - begun) / asked.updates
    print(json.dumps({"ms": 1000 * spent, "parameters": network.layout.size}))


def measure(size: int, asked: argparse.Namespace, options: list[str]) -> dict[str, Any]:
    """Start so many learners; the slowest one's figures."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, *options, "--size", str(size), "--meeting", f"{folder}/meeting", "--rank"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        each = [
            subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True, env=environment)
            for rank in range(size)
        ]
        told = [json.loads(one.communicate()[0]) for one in each]
    return max(told, key=lambda one: one["ms"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, nargs="+", default=[1024, 1024])
    parser.add_argument("--inputs", type=int, default=250)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    for name, kind, default in (("size", int, 0), ("rank", int, 0), ("meeting", str, "")):
        parser.add_argument(f"--{name}", type=kind, default=default, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.size:
        learner(asked.rank, asked.size, asked.meeting, asked)
        return
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(asked.rounds):
        for size, times in found.items():
            one = measure(size, asked, sys.argv[1:])
            times.append(one["ms"])
            print(f"{size} learners, {one['parameters']:,} parameters: {one['ms']:.1f} ms of each for an update")
    ratios = [one / two for one, two in zip(found[1], found[2], strict=True)]
    print(f"one learner takes {median(ratios):.2f} times as long as each of two ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
