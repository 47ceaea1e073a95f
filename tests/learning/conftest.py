"""Fixtures of the line, a world small enough to know what is best in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from line_world import LineWorld, config_of, live

from teem.config.settings import Config, ReplaySettings
from teem.learning.build import build_policies
from teem.learning.policies import Policies
from teem.state import State
from teem.threads import Threads


@pytest.fixture
def line_world() -> Callable[..., LineWorld]:
    """Makes a `LineWorld`."""
    return LineWorld


@pytest.fixture(name="live")
def _live() -> Callable[..., float]:
    """Runs the loop of a learning population."""
    return live


@pytest.fixture(name="config_of")
def _config_of() -> Callable[..., Config]:
    """Makes settings that suit the line."""
    return config_of


@pytest.fixture
def settle() -> Callable[..., tuple[LineWorld, Policies]]:
    """Makes a line and its policies: settle(**learning), with `world` for the line's own arguments."""

    def made(
        world: dict[str, object] | None = None, threads: int = 1, seed: int = 7, **learning: object
    ) -> tuple[LineWorld, Policies]:
        line = LineWorld(**(world or {}))
        return line, build_policies(config_of(seed, **learning), line, Threads(threads))

    return made


@pytest.fixture
def grown(settle: Callable[..., tuple[LineWorld, Policies]]) -> Callable[..., tuple[Any, np.ndarray, np.ndarray]]:
    """Makes a cohort of eight that remembers something and has not been updated yet, with its rows and ids."""

    def made(**learning: object) -> tuple[Any, np.ndarray, np.ndarray]:
        replay = ReplaySettings(length=64, warmup=24, prioritised=True, alpha=0.9, beta=0.7)
        world, policies = settle(**{"replay": replay, "interval": 1000, "tau": 0.1, "grad_clip": 0.0, **learning})
        live(world, policies, 40)
        cohort: Any = policies.cohorts[0]
        cohort.replay.reward += 0.2 * np.sin(np.arange(64))  # so that everybody has something to learn
        return cohort, world.population.living.copy(), world.population.id.copy()

    return made


def flatten(state: State, path: str = "") -> dict[str, object]:
    """Leaves of a state by dotted name."""
    leaves: dict[str, object] = {}
    for name, value in state.items():
        leaves.update(flatten(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value})
    return leaves


@pytest.fixture
def differences() -> Callable[[State, State], list[str]]:
    """Names of the leaves in which two states differ in a bit."""

    def compare(one: State, other: State) -> list[str]:
        left, right = flatten(one), flatten(other)
        assert left.keys() == right.keys()
        return [
            name for name, value in left.items() if np.asarray(value).tobytes() != np.asarray(right[name]).tobytes()
        ]

    return compare
