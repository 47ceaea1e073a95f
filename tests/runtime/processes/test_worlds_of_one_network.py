"""Two actors, each with its world, whose agents all share one network: one learner of it, by what both did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from together import config_of

from teem.config.dump import dump_config
from teem.config.settings import Config
from teem.learning.learner import Learner
from teem.learning.sharing import Networks
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.processes.actor import ActingPolicies
from teem.runtime.processes.facts import room_of
from teem.runtime.processes.links import Links, lay
from teem.runtime.processes.teaching import Teaching
from teem.threads import Threads

MATRICES = ("weights", "target", "moment1", "moment2")


class Worlds:
    """Two worlds and their learner, all in this process, stepped in turn."""

    def __init__(self, config: Config, out: Path, resume: bool = False) -> None:
        self.configs = [msgspec.structs.replace(config, seed=config.seed + actor) for actor in range(2)]
        self.links = Links(lay(config, room_of(config)))
        self.teach()
        self.runs = [self.begin(actor, out / str(actor), resume) for actor in range(2)]

    def teach(self) -> None:
        """A learner begins."""
        self.links.control.begin_generation(0)
        self.teaching = Teaching(self.configs, Links(self.links.wiring, 1), 0, Threads(1))

    def begin(self, actor: int, out: Path, resume: bool) -> Run:
        """A world begins, or goes on from its newest checkpoint."""
        folder = RunFolder.open(out) if resume else RunFolder.create(out, "run")
        if not resume:
            folder.write_config(dump_config(self.configs[actor]))

        def build(config: Config, world: Any, threads: Threads) -> ActingPolicies:
            return ActingPolicies(config, world, threads, self.links, actor, folder.checkpoints)

        resumed = checkpoint.latest(folder.checkpoints) if resume else None
        return Run(self.configs[actor], folder, resumed, build=build)

    def step(self, actor: int) -> None:
        self.runs[actor].advance()
        while self.teaching.take(actor):
            pass

    def learnt(self, actor: int) -> Networks:
        """What the learner has of a world's agents."""
        cohort = self.teaching.pupils[actor].policies.cohorts[0]
        assert isinstance(cohort, Learner)
        return cohort.networks

    def acting(self, actor: int) -> Any:
        """What a world's agents act by, once they have looked what is new."""
        policies: Any = self.runs[actor].policies
        policies._take()
        return policies.cohorts[0].networks.common

    def end(self) -> None:
        for run in self.runs:
            run.folder.close()


def shared(**more: Any) -> Config:
    return config_of(runtime__mode="async", learning__sharing="shared", runtime__actors=2, **more)


@pytest.mark.parametrize("learning", [{}, {"learning__algorithm": "iqn"}, {"learning__algorithm": "ppo"}])
def test_both_learn_the_network_that_both_act_by(tmp_path: Path, learning: dict[str, Any]) -> None:
    worlds = Worlds(shared(**learning), tmp_path)
    for _ in range(24):
        for actor in range(2):
            worlds.step(actor)
    common = worlds.learnt(0).common
    assert common is worlds.learnt(1).common
    by_each = [worlds.links.control.total("updates", actor) for actor in range(2)]
    assert min(by_each) > 0
    kind = worlds.runs[0].config.learning.algorithm
    assert common.updates[0] > 0
    if kind != "ppo":  # of which an update is several steps of Adam
        assert common.updates[0] == sum(by_each)
    for actor in range(2):
        while worlds.teaching.take(actor):
            pass
        worlds.teaching._publish(actor, 0)
        assert worlds.acting(actor).weights.tobytes() == common.weights.tobytes()
    worlds.end()


def test_a_world_alone_would_have_come_to_other_weights(tmp_path: Path) -> None:
    """What the second world does counts: the same first world comes to other weights beside it."""
    ends = []
    for beside in (True, False):
        worlds = Worlds(shared(), tmp_path / str(beside))
        worlds.step(0)
        worlds.step(1)  # both are known, the first one first
        for _ in range(20):
            if beside:
                worlds.step(1)
            worlds.step(0)
        ends.append((int(worlds.learnt(0).common.updates[0]), worlds.learnt(0).common.weights.copy()))
        worlds.end()
    assert ends[0][0] > ends[1][0] > 0
    assert not np.array_equal(ends[0][1], ends[1][1])


def test_a_world_that_begins_anew_takes_nothing_back(tmp_path: Path) -> None:
    """An actor that is started again from an older state acts by what has been learnt meanwhile."""
    worlds = Worlds(shared(), tmp_path)
    for _ in range(20):
        worlds.step(0)
        worlds.step(1)
    common = worlds.learnt(0).common
    before = {name: getattr(common, name).copy() for name in (*MATRICES, "updates")}
    worlds.runs[0].folder.close()
    worlds.runs[0] = worlds.begin(0, tmp_path / "anew", resume=False)
    worlds.step(0)
    assert worlds.learnt(0).common is common
    for name, value in before.items():
        assert getattr(common, name).tobytes() == value.tobytes(), name
    assert worlds.acting(0).weights.tobytes() == common.weights.tobytes()
    worlds.end()


def test_a_learner_that_begins_anew_goes_on_with_what_was_published(tmp_path: Path) -> None:
    worlds = Worlds(shared(), tmp_path)
    for _ in range(20):
        worlds.step(0)
        worlds.step(1)
    for actor in range(2):
        worlds.teaching._publish(actor, 0)
        worlds.acting(actor)
    before = worlds.learnt(0).common.weights.copy()
    worlds.teach()
    for actor in range(2):
        worlds.step(actor)
    assert worlds.learnt(0).common is worlds.learnt(1).common
    assert worlds.learnt(0).common.weights.tobytes() == before.tobytes()
    for _ in range(20):
        for actor in range(2):
            worlds.step(actor)
    assert worlds.learnt(1).common.weights.tobytes() != before.tobytes()
    worlds.end()


def test_saved_weights_are_taken_over_only_where_more_was_learnt() -> None:
    from teem.learning.stack import Layout

    layout, nobody = Layout.mlp(2, (3,), 2), np.zeros(0, np.int32)
    one, other, third = (Networks(layout, "shared", 4, seed) for seed in range(3))
    other.join(one)
    third.common.updates[0] = one.common.updates[0] = 5
    mine = one.common.weights.copy()
    other.load_state(third.state(nobody), nobody)
    assert one.common.weights.tobytes() == mine.tobytes()
    third.common.updates[0] = 6
    other.load_state(third.state(nobody), nobody)
    assert one.common.weights.tobytes() == third.common.weights.tobytes()
    third.common.updates[0] = 1
    one.load_state(third.state(nobody), nobody)
    assert one.common.updates[0] == 1  # who shares with no other world takes what it is given
