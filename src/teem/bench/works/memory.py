"""Replays: remembering and drawing."""

from __future__ import annotations

import numpy as np

from teem.bench.works import Settings, Work, expect_nothing, take
from teem.errors import TeemError
from teem.learning.replay import Replay

ACTIONS = 10


def replay(settings: Settings) -> Work:
    """Replays of `agents`, full: `add` a decision of each, or `sample` a batch of each. The unit is a transition."""
    question, agents, length, size, batch = take(settings, question="add", agents=1000, length=256, size=96, batch=32)
    expect_nothing(settings, "replay")
    if question not in ("add", "sample"):
        raise TeemError(f"{question} is no question of the work replay: give add or sample")
    held, draws, rows = Replay(agents, length, size), np.random.default_rng(7), np.arange(agents)
    decisions = (
        draws.standard_normal((agents, size), np.float32),
        np.ones((agents, ACTIONS), np.bool_),
        draws.integers(0, ACTIONS, agents).astype(np.int32),
        draws.standard_normal(agents, np.float32),
        draws.random(agents) < 0.01,
        np.zeros(agents, np.bool_),
    )
    drawn = 0

    def add() -> float:
        held.add(rows, *decisions)
        return len(rows)

    def sample() -> float:
        nonlocal drawn
        drawn += 1
        held.sample(rows, rows, drawn, 7, batch, 1, 0.95)
        return len(rows) * int(batch)

    for _ in range(length + 2):
        add()
    return Work(add if question == "add" else sample)
