"""Stepped in turn, an actor and learners that share nothing are lockstep: the same bits, all brought by messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apart import Apart
from mixed import CHANCE, ONE, PPO, WIDE, parts
from test_identity import CRAWLERS, expect_lockstep

from teem.runtime.remote.line import Line

EPISODES = {
    "population__founders": 12, "population__capacity": 0, "learning__sharing": "own",
    "world__worlds": 6, "world__episode": 9,
    "world__height": 9, "world__width": 9, "runtime__learners": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("world", "more", "steps"),
    [
        ("farm", {}, 60),
        ("farm", {"runtime__learners": 3}, 60),
        ("farm", {"learning__replay_ratio": 12.0}, 40),
        ("farm", {"learning__algorithm": "ppo"}, 40),
        ("farm", {"learning__sharing": "shared"}, 24),
        ("crawlers", CRAWLERS, 40),
        ("treasure", EPISODES, 40),
        ("farm", {"learning__cohorts": parts(WIDE, CHANCE), "runtime__learners": 2}, 60),
        ("farm", {"learning__cohorts": parts(PPO, ONE)}, 40),
    ],
)
def test_an_actor_and_learners_apart_stepped_in_turn_are_lockstep(
    tmp_path: Path, world: str, more: dict[str, Any], steps: int
) -> None:
    expect_lockstep(tmp_path, Apart, world, more, steps)


def test_a_parent_whose_weights_stay_with_another_learner_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Line, "_letters", lambda self: ())
    with pytest.raises(AssertionError):
        expect_lockstep(tmp_path, Apart, "farm", {"runtime__learners": 3}, 60)
