"""A sweep that is killed again and again, and what that costs: `python benchmarks/sweeps.py [--kills 8] [--seed 1]`.

Four runs of the farm are swept once undisturbed; then the same sweep is killed (SIGKILL, at random moments) and begun
again until it was killed so often, and finished. Both must have recorded the same, row for row.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ASKED = [
    "sweep", "farm", "--set", "learning.lr=1e-4,1e-3", "--seeds", "2", "--agents", "40", "--steps", "4000",
    "--checkpoint.every", "100", "--record.every", "20", "--headless", "--json",
]  # fmt: skip


def digests(out: Path) -> dict[str, str]:
    """What each run recorded, as one number."""
    found = {}
    for database in sorted(out.glob("setting-*/seed-*/run.db")):
        content = hashlib.sha256()
        with sqlite3.connect(database) as connection:
            for table in ("agents", "agent_steps", "steps", "learning"):
                for row in connection.execute(f"SELECT * FROM {table}"):
                    content.update(repr(row).encode())
        found[f"{database.parent.parent.name}/{database.parent.name}"] = content.hexdigest()
    return found


def begin(out: Path) -> subprocess.Popen[str]:
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "teem", *ASKED, "--out", str(out)], text=True, **quiet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        plain, killed = Path(folder) / "plain", Path(folder) / "killed"
        begun = time.monotonic()
        begin(plain).communicate()
        whole_s = time.monotonic() - begun
        kills = 0
        while kills < given.kills:
            sweep = begin(killed)
            try:
                sweep.wait(timeout=rng.uniform(1, 0.4 * whole_s))
                break  # it was done before it could be killed
            except subprocess.TimeoutExpired:
                sweep.kill()
                sweep.communicate()
                kills += 1
        told = json.loads(begin(killed).communicate()[0])
        attempts = len((killed / "results.jsonl").read_text().splitlines())
        resumed = sum((run / "log.jsonl").read_text().count('"resumed"') for run in killed.glob("setting-*/seed-*"))
        same = digests(plain) == digests(killed)
    print(f"undisturbed {whole_s:.0f} s; killed {kills} times, runs resumed {resumed} times, {attempts} attempts ended")
    print(f"runs done {told['done']} of {told['runs']}, rows the same: {same}")
    sys.exit(0 if same and told["whole"] and kills else 1)


if __name__ == "__main__":
    main()
