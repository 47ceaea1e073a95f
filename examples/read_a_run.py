"""Read a recorded run, while it goes on or after it: arrays, SQL, and Polars frames where Polars is installed.

python examples/read_a_run.py runs/farm-7
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np

import teem


def main() -> None:
    run = teem.open_run(sys.argv[1] if len(sys.argv) > 1 else "runs/farm-7")

    steps = run.steps()  # a dict of arrays, one a column
    print(f"{len(steps['step'])} recorded steps; {steps['population'][-1]} alive in the last one")

    lives = run.agents()  # every life; the genome comes as a column a trait
    dead = lives["died_step"] >= 0  # -1: still alive
    causes, counts = np.unique(lives["cause"][dead], return_counts=True)
    print("died of", dict(zip(causes.tolist(), counts.tolist(), strict=True)))

    most = run.sql("SELECT action, count(*) AS times FROM actions GROUP BY action ORDER BY times DESC LIMIT 3")
    print("done most often:", ", ".join(most["action"]))

    if find_spec("polars"):
        frame = run.agents(as_frame=True)
        print(frame.group_by("kind").len().sort("kind"))


if __name__ == "__main__":
    main()
