"""Every example runs as it is written, at a small size, and says what it did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = {
    "run_farm": ["--agents", "20", "--steps", "40", "--out", "run"],
    "crawlers_ppo": ["--agents", "6", "--steps", "100", "--out", "run"],
    "own_channel": ["--steps", "5"],
    "own_rule": ["--steps", "20"],
    "own_rule_compiled": ["--steps", "10", "--worlds", "4"],
    "own_network": ["--agents", "6", "--steps", "80", "--out", "run"],
    "own_policy_loop": ["--agents", "20", "--steps", "20"],
    "read_attention": ["--agents", "12", "--steps", "12"],
    "tracked_loop": ["--steps", "1500", "--out", "tracked"],
}
SAYS = {
    "run_farm": "kept in run",
    "crawlers_ppo": "m on since the last line",
    "own_channel": "mean crowd",
    "own_network": "updates of",
    "own_policy_loop": "alive",
    "own_rule": "cells of lava",
    "own_rule_compiled": ": the same bits",
    "read_attention": "limb0.0",
    "tracked_loop": "stopped: ",
}


def play(name: str, arguments: list[str], folder: Path) -> str:
    """What an example prints, played in a folder of its own."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*SMALL, "read_a_run"}


@pytest.mark.parametrize("name", [name for name in SMALL if name != "run_farm"])
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    assert SAYS[name] in play(name, SMALL[name], tmp_path)


def test_a_run_driven_by_hand_can_be_read(tmp_path: Path) -> None:
    assert SAYS["run_farm"] in play("run_farm", SMALL["run_farm"], tmp_path)
    said = play("read_a_run", ["run"], tmp_path)
    assert "4 recorded steps" in said
    assert "done most often" in said


def test_own_networks_learn(tmp_path: Path) -> None:
    said = play("own_network", SMALL["own_network"], tmp_path)
    assert int(said.split()[0]) > 0
