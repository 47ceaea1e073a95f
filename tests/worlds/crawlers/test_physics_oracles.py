"""The same creatures with the same gaits go where Box2D and MuJoCo say.

Gaits are sinusoids of motors about as strong as what they carry: with motors that throw a creature about, a touch
that comes one substep later sends it elsewhere, in any two engines.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from creatures import mixed, rough, settle_in
from numpy.typing import NDArray

from teem.threads import Threads
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import JOINTS, Plan

STEPS, CREATURES = 180, 110
HINT = "not installed: pip install -c constraints.txt -e .[oracles]"
GROUND = rough(3)


def gaits(count: int) -> NDArray[np.float32]:
    """[STEPS, count, JOINTS] sinusoidal commands, each creature at its own pace."""
    random = np.random.default_rng(0)
    pace, size = random.uniform(2, 4, (count, 1)), random.uniform(0.6, 1.0, (count, JOINTS))
    phase = random.uniform(0, 2 * np.pi, (count, JOINTS))
    return (size * np.sin(pace * np.arange(STEPS)[:, None, None] / 60 + phase)).astype(np.float32)


def ours(plan: Plan, commands: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The settled pose [count, PARTS, 4] that all begin with, and then x of the chassis [STEPS + 1, count]."""
    count = len(plan.mass)
    physics = Physics(count, Threads(1))
    settle_in(physics, plan, 150.0, float(GROUND.height[600]) + 1.5)
    physics.step(120, GROUND)
    begin = physics.read().pose[..., :4].copy()
    begin[..., 0] += 100.0 * physics.reading.tile[:, None]
    path = [begin[:, 0, 0].astype(np.float64)]
    for command in commands:
        physics.command[:] = command
        physics.step(1, GROUND)
        path.append(physics.read().pose[:, 0, 0] + 100.0 * physics.reading.tile)
    return begin, np.array(path)


def compare(oracle: str, plan: Plan) -> tuple[float, float]:
    """Correlation of the creatures' displacements with the oracle's, and the median of the differences in metres."""
    commands = gaits(len(plan.mass))
    begin, path = ours(plan, commands)
    theirs = import_module(f"oracles.{oracle}").walk(plan, GROUND, begin, commands * plan.speed)
    here, there = path[-1] - path[0], theirs[-1] - theirs[0]
    return float(np.corrcoef(here, there)[0, 1]), float(np.median(np.abs(here - there)))


@pytest.mark.parametrize(
    ("oracle", "package", "creatures"),
    [
        ("box2d", "pyb2d3", CREATURES),
        pytest.param("mujoco", "mujoco", 3 * CREATURES, marks=pytest.mark.slow),
    ],
)
def test_creatures_on_legs_go_where_the_oracle_says(oracle: str, package: str, creatures: int) -> None:
    """MuJoCo's contacts are softer, so that more gaits part from ours by chance: more creatures even that out."""
    pytest.importorskip(package, reason=HINT)
    correlation, apart = compare(oracle, mixed(creatures, seed=11, torque=10.0, wheels=False))
    assert correlation >= 0.9
    assert apart < 0.1


def test_the_oracle_would_see_another_friction() -> None:
    pytest.importorskip("pyb2d3", reason=HINT)
    plan = mixed(40, seed=11, torque=10.0, wheels=False)
    commands = gaits(40)
    begin, path = ours(plan, commands)
    plan.friction *= 0.25
    theirs = import_module("oracles.box2d").walk(plan, GROUND, begin, commands * plan.speed)
    assert np.corrcoef(path[-1] - path[0], theirs[-1] - theirs[0])[0, 1] < 0.9


def test_creatures_on_wheels_go_where_box2d_says() -> None:
    pytest.importorskip("pyb2d3", reason=HINT)
    correlation, apart = compare("box2d", mixed(CREATURES, seed=12, torque=10.0))
    assert correlation >= 0.95
    assert apart < 0.05
