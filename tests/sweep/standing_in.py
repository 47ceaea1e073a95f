"""Stands in for a run of a sweep: a process that reads its settings, and reports a figure that a test knows."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from teem.sweep import workers
from teem.sweep.runs import Orders

PROGRAM = """
import json, math, sys, tomllib
from pathlib import Path
orders = json.loads(sys.argv[1])
table = tomllib.loads(Path(orders["settings"]).read_text())
lr, seed, broken = table["learning"]["lr"], orders["overrides"]["seed"], Path(sys.argv[2])
folder = Path(orders["folder"])
if broken.exists() and folder.parent.name + "/" + folder.name in broken.read_text().split():
    sys.exit("broken as planted")
value = None if seed == 8 and table["learning"]["hidden"] == [1] else -((math.log10(lr) + 3) ** 2) + seed / 1000
folder.mkdir(parents=True)
report = {"reason": "steps", "feats": {"unit": "joules", "per_step": value}}
(folder / "report.json").write_text(json.dumps(report))
"""


def metric_of(lr: float, seed: int) -> float:
    """The figure of a run, as the program has it."""
    from math import log10

    return -((log10(lr) + 3) ** 2) + seed / 1000


def use(monkeypatch: pytest.MonkeyPatch, broken: Path) -> None:
    """Have runs played by the program; those that the file `broken` names fail."""

    def command(orders: Orders) -> list[str]:
        return [sys.executable, "-c", PROGRAM, msgspec.json.encode(orders).decode(), str(broken)]

    monkeypatch.setattr(workers, "command", command)
    monkeypatch.setattr("teem.sweep.command._compile", lambda configs: None)
