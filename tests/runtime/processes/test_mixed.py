"""Cohorts that are learnt in processes of their own: saved, lost and begun anew, and what goes wrong is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mixed import CHANCE, ONE, PPO, QUANTILES, WIDE, parts
from test_group import MATRICES, expect_bits, meet
from test_identity import expect_same, lockstep
from together import Together, config_of

from teem.config.settings import Config
from teem.evaluate.saved import open_saved
from teem.learning import torch_networks
from teem.learning.policies import Policies
from teem.learning.torch_group import LOOPBACK, TorchGroup
from teem.record.folder import RunFolder
from teem.runtime.loop import Run, summary
from teem.runtime.processes.facts import Mirror
from teem.runtime.processes.pupils import Pupils
from teem.runtime.processes.stream import Reading

FEW = {"population__fame": 4}


def mixed(*cohorts: dict[str, Any], **more: Any) -> Config:
    return config_of(runtime__mode="async", learning__cohorts=parts(*cohorts), **FEW, **more)


def test_a_saved_run_of_cohorts_goes_on_as_if_it_had_never_stopped_and_in_lockstep_too(tmp_path: Path) -> None:
    config = mixed(WIDE, PPO, CHANCE)
    whole = lockstep(config, tmp_path / "whole", 50)
    first = Together(config, tmp_path / "parts")
    for _ in range(27):
        first.step()
    first.end()
    saved = open_saved(tmp_path / "parts")
    assert list(saved.state["policies"]["cohorts"]) == ["0-dqn", "1-dqn", "2-ppo", "3-random"]
    second = Together(config, tmp_path / "parts", resume=True)
    for _ in range(23):
        second.step()
    expect_same(whole.world.state(), second.run.world.state())
    second.end()
    third = Run.resume(config_of(learning__cohorts=parts(WIDE, PPO, CHANCE), **FEW), RunFolder.open(tmp_path / "parts"))
    for run in (third, whole):
        while run.step < 60:
            run.advance()
    expect_same(whole.world.state(), third.world.state())
    for run in (whole, third):
        run.finish("steps")
        run.folder.close()


@pytest.mark.parametrize("learners", [1, 2])
def test_who_follows_a_lost_learner_begins_with_what_every_cohort_was_acting_with(
    tmp_path: Path, learners: int
) -> None:
    config = mixed(WIDE, PPO, ONE if learners == 1 else QUANTILES, CHANCE, runtime__learners=learners)
    together = Together(config, tmp_path / "run")
    for _ in range(30):
        together.step()
    together.run.advance()  # nobody has learnt from this one
    control, acting = together.links.control, together.run.policies
    control.begin_generation(0)
    together.learners[0] = together.teaching(config, 0)
    with together.serving():
        acting.begin()  # type: ignore[attr-defined]
    pupils, living = together.learners[0].pupils[0].policies, together.run.world.population.living
    assert np.array_equal(acting.cohort_of[living], pupils.cohort_of[living])
    assert len(np.unique(acting.cohort_of[living])) > 3
    for index, (one, other) in enumerate(zip(acting.cohorts, pupils.cohorts, strict=True)):
        members = living[acting.cohort_of[living] == index]
        expect_same(one.gauges.state(members), other.gauges.state(members))
        if index < 4:
            for held, given in ((one.networks.own, other.networks.own), (one.networks.common, other.networks.common)):  # type: ignore[attr-defined]
                rows = members if held.rows > 1 else [0]
                assert np.array_equal(held.weights[rows], given.weights[rows])
    assert pupils.legacies.state().keys() == acting.legacies.state().keys()
    before = control.total("updates", 0)
    for _ in range(20):
        together.step()
    assert control.total("updates", 0) > before
    for index, (one, other) in enumerate(
        zip(acting.cohorts, together.learners[0].pupils[0].policies.cohorts, strict=True)
    ):
        living = together.run.world.population.living
        mine = living[(acting.cohort_of[living] == index) & (living % learners == 0)]
        acting._take()  # type: ignore[attr-defined]
        assert np.array_equal(one.gauges.updates[mine], other.gauges.updates[mine])
    together.end()


def test_the_report_tells_each_cohort_with_its_replay_ratio(tmp_path: Path) -> None:
    together = Together(mixed(WIDE, PPO, CHANCE), tmp_path / "run")
    for _ in range(30):
        together.step()
    together.run.policies._take()  # type: ignore[attr-defined]
    ratios = together.run.policies.report()  # type: ignore[attr-defined]
    by_cohort = ratios["replay_ratios"]
    assert list(by_cohort) == ["base", "wide", "ppo", "chance"]
    assert by_cohort["ppo"] is by_cohort["chance"] is None
    assert 1.0 < by_cohort["wide"] <= 4.0  # a batch of 8 every second decision, once there is enough
    assert (
        min(by_cohort["base"], by_cohort["wide"]) <= ratios["replay_ratio"] <= max(by_cohort["base"], by_cohort["wide"])
    )
    told = summary(together.run)["cohorts"]
    assert told["wide"]["updates_median"] > 0
    assert told["ppo"]["updates_median"] is not None
    assert told["chance"]["updates_median"] is None
    together.end()


def newborn_go_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    enrol = Policies.enrol

    def lost(self: Policies, births: Any) -> None:
        enrol(self, births)
        if isinstance(self._world, Mirror):  # at the learner's
            self.cohort_of[births.slot] = 0

    monkeypatch.setattr(Policies, "enrol", lost)


def weights_go_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = Pupils._publish

    def swapped(self: Pupils, cohort: Any, boxes: Any, members: Any) -> int:
        first, second, *_ = self._boxes
        return publish(self, cohort, second if boxes is first else first, members)

    monkeypatch.setattr(Pupils, "_publish", swapped)


def decisions_go_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(self: Reading, columns: Any, decisions: Any) -> None:
        pass

    monkeypatch.setattr(Reading, "_read_decisions", unread)


@pytest.mark.parametrize(
    ("plant", "cohorts", "error"),
    [
        (newborn_go_astray, (WIDE,), ValueError),
        (weights_go_astray, ({"name": "alike"},), AssertionError),
        (decisions_go_astray, (PPO,), AssertionError),
    ],
)
def test_what_goes_to_another_cohort_is_found_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    cohorts: tuple[dict[str, Any], ...],
    error: type[Exception],
) -> None:
    config = mixed(*cohorts)
    whole = lockstep(config, tmp_path / "whole", 40)
    together = Together(config, tmp_path / "run")
    plant(monkeypatch)

    def play() -> None:
        for _ in range(40):
            together.step()
        expect_same(whole.world.state(), together.run.world.state())

    with pytest.raises(
        error, match="acted as one of the cohort wide, but belongs to base" if error is ValueError else None
    ):
        play()
    monkeypatch.undo()
    whole.finish("steps")
    whole.folder.close()
    together.run.pools.close()
    together.run.checkpointer.close()
    together.run.folder.close()


def test_several_learners_of_one_network_beside_others_hold_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", LOOPBACK)
    monkeypatch.setattr(torch_networks, "COMPARED_EVERY", 4)
    groups: list[TorchGroup] = meet(tmp_path / "meeting")
    config = mixed(ONE, WIDE, runtime__learners=2)
    together = Together(config, tmp_path / "parts", groups=groups)
    for _ in range(40):
        together.step()
    commons = [one.pupils[0].policies.cohorts[1].networks.common for one in together.learners]  # type: ignore[attr-defined]
    expect_bits(commons)
    assert commons[0].updates[0] > 4
    assert min(group.compared for group in groups) == commons[0].updates[0] // 4 > 0
    assert all(np.isfinite(getattr(commons[0], name)).all() for name in MATRICES)
    gauges, living = together.run.policies.gauges, together.run.world.population.living
    for index in range(3):
        assert gauges.updates[living[together.run.policies.cohort_of[living] == index]].max() > 0
    together.end()
