"""Stepped in turn, actor and learner are lockstep cut in two: the same bits, whatever the world and the algorithm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mixed import CHANCE, FROZEN, ONE, PPO, QUANTILES, WIDE, parts
from together import Together, config_of

from teem.config.settings import Config
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.processes.pupils import Pupils

TREASURE = {  # two views at once, and episodes that end
    "population__founders": 8, "population__capacity": 8, "world__worlds": 4, "world__height": 9, "world__width": 9,
    "world__frames": 2, "world__episode": 13,
}  # fmt: skip
RESEEDED = {"world__maturity": 100, "world__age_max": 15, "population__fame": 4}  # all die childless, again and again
CRAWLERS = {"population__founders": 8, "population__capacity": 10, "world__decision": 2}


def lockstep(config: Config, out: Path, steps: int) -> Run:
    run = Run.create(config, RunFolder.create(out, "lockstep"))
    while run.step < steps:
        run.advance()
    return run


def leaves(state: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(state, dict):
        return {path: state}
    return {name: leaf for key, inner in state.items() for name, leaf in leaves(inner, f"{path}/{key}").items()}


def expect_same(one: Any, other: Any) -> None:
    """The same state: only who died may have left something in memory that means nothing."""
    first, second = leaves(one), leaves(other)
    assert first.keys() == second.keys()
    for name, leaf in first.items():
        if isinstance(leaf, np.ndarray):
            assert np.array_equal(leaf, second[name], equal_nan=leaf.dtype.kind == "f"), name
        else:
            assert leaf == second[name], name


def of_lives(state: Any) -> Any:
    """The state without what replays hold of earlier lives in the same slots."""
    for cohort in state["cohorts"].values():
        replay = cohort.get("replay")
        if replay:
            length = replay["end"].shape[1]
            for i, added in enumerate(replay["added"]):
                for name in ("observation", "mask", "action", "reward", "end", "priority"):
                    column = replay[name] = np.array(replay[name])
                    column[i].reshape(length, -1)[added:] = 0
        cohort.pop("rollouts", None)  # what was not begun anew stays in them
        if "networks" in cohort and not cohort["networks"]["common"]["weights"].size:
            del cohort["networks"]["common"]  # each learner counts its own steps of nothing
    return state


def expect_lockstep(tmp_path: Path, kind: type[Together], world: str, more: dict[str, Any], steps: int) -> None:
    """A run in parts of this kind comes to the same state as one in lockstep."""
    config = config_of(world, **{"runtime__mode": "async", **more})
    whole = lockstep(config, tmp_path / "whole", steps)
    parts = kind(config, tmp_path / "parts")
    for _ in range(steps):
        parts.step()
    assert whole.totals.updates > 0
    if world == "farm":
        assert whole.totals.born > 0
    expect_same(whole.world.state(), parts.run.world.state())
    with parts.serving():
        state = parts.run.policies.state()
    expect_same(of_lives(whole.policies.state()), of_lives(state))
    whole.finish("steps")
    whole.folder.close()
    parts.end()
    assert parts.run.totals.updates == whole.totals.updates


@pytest.mark.parametrize(
    ("world", "more", "steps"),
    [
        ("farm", {}, 60),
        ("farm", {"runtime__learners": 3}, 60),
        ("farm", {"learning__replay_ratio": 12.0}, 40),
        ("farm", {"learning__replay__prioritised": True}, 40),
        ("farm", {"learning__algorithm": "ppo"}, 40),
        ("farm", {"learning__sharing": "shared"}, 24),
        ("farm", {"learning__backend": "torch", "learning__batch": 4, "learning__accumulate": 2}, 30),
        ("treasure", TREASURE, 40),
        ("crawlers", CRAWLERS, 60),
        ("crawlers", {**CRAWLERS, "learning__algorithm": "ppo", "world__control": "torque"}, 48),
        ("farm", {"learning__cohorts": parts(WIDE)}, 60),
        ("farm", {"learning__cohorts": parts(PPO, CHANCE), "runtime__learners": 2}, 60),
        ("farm", {"learning__cohorts": parts(QUANTILES), "learning__replay_ratio": 12.0}, 40),
        ("farm", {"learning__cohorts": parts(ONE, FROZEN)}, 40),
        ("farm", {"learning__cohorts": parts(WIDE, CHANCE), "runtime__learners": 2, **RESEEDED}, 60),
        ("treasure", {**TREASURE, "learning__sharing": "own", "learning__cohorts": parts(QUANTILES, CHANCE)}, 40),
        ("crawlers", {**CRAWLERS, "learning__cohorts": parts(QUANTILES)}, 60),
    ],
)
def test_an_actor_and_its_learners_stepped_in_turn_are_lockstep(
    tmp_path: Path, world: str, more: dict[str, Any], steps: int
) -> None:
    expect_lockstep(tmp_path, Together, world, more, steps)


def test_what_is_acted_by_is_what_was_published_and_epsilon_is_the_agents_own(tmp_path: Path) -> None:
    together = Together(config_of(runtime__mode="async", learning__epsilon__decay=500), tmp_path / "run")
    for _ in range(50):
        together.step()
    together.run.policies._take()  # type: ignore[attr-defined]
    acting, learning = together.run.policies.cohorts[0], together.learners[0].pupils[0].policies.cohorts[0]
    living = together.run.world.population.living
    assert np.array_equal(acting.networks.own.weights[living], learning.networks.own.weights[living])  # type: ignore[attr-defined]
    for name in ("epsilon", "decisions", "updates", "faults"):
        assert np.array_equal(getattr(acting.gauges, name)[living], getattr(learning.gauges, name)[living]), name
    assert len(np.unique(acting.gauges.epsilon[living])) > 2  # newborns' is another than elders'
    together.end()


@pytest.mark.parametrize("fault", ["forgotten", "twice", "softened twice", "stale"])
def test_an_update_that_is_not_published_or_made_twice_is_told_from_lockstep(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what the identity above would miss if it could not fail."""
    right = Pupils.publish if fault == "forgotten" else Pupils.follow
    calls: list[int] = []
    held: list[Any] = [np.zeros(1, np.float32)]

    def wrong(self: Pupils, *frame: Any) -> Any:
        calls.append(1)
        if fault == "forgotten":
            return 0 if len(calls) % 5 == 4 else right(self, *frame)
        if fault == "stale":  # what is learnt from is what was seen a step before
            seen = frame[0].columns["observation"]
            seen[:], held[0] = np.resize(held[0], seen.shape), seen.copy()
        made, batches = right(self, *frame)
        if fault == "stale":
            return made, batches
        if fault == "softened twice":
            own = self.policies.cohorts[0].networks.own
            own.target += self.policies.cohorts[0].settings.tau * (own.weights - own.target)
            return made, batches
        living = self.policies._decided
        return made + self.policies.cohorts[0].learn(living, self.policies._world.population.id[living], 2), batches

    monkeypatch.setattr(Pupils, right.__name__, wrong)
    config = config_of(runtime__mode="async")
    whole = lockstep(config, tmp_path / "whole", 40)
    parts = Together(config, tmp_path / "parts")
    for _ in range(40):
        parts.step()
    with pytest.raises(AssertionError):
        expect_same(whole.world.state(), parts.run.world.state())
    whole.finish("steps")
    whole.folder.close()
    parts.end()


def test_a_saved_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    config = config_of(runtime__mode="async")
    whole = lockstep(config, tmp_path / "whole", 50)
    first = Together(config, tmp_path / "parts")
    for _ in range(27):
        first.step()
    first.end()
    second = Together(config, tmp_path / "parts", resume=True)
    for _ in range(23):
        second.step()
    expect_same(whole.world.state(), second.run.world.state())
    assert not list((tmp_path / "parts" / "checkpoints").glob("*.partial*"))
    whole.finish("steps")
    whole.folder.close()
    second.end()


def test_a_run_saved_in_processes_goes_on_in_lockstep(tmp_path: Path) -> None:
    config = config_of(runtime__mode="async")
    whole = lockstep(config, tmp_path / "whole", 50)
    first = Together(config, tmp_path / "parts")
    for _ in range(27):
        first.step()
    first.end()
    second = Run.resume(config_of(), RunFolder.open(tmp_path / "parts"))
    while second.step < 50:
        second.advance()
    expect_same(whole.world.state(), second.world.state())
    for run in (whole, second):
        run.finish("steps")
        run.folder.close()
