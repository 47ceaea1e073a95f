"""Two learners of one network, each with half of the agents: what one learner of all of them would have learnt."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from together import Together, config_of

from teem.config.settings import Config
from teem.learning import torch_networks
from teem.learning.torch_group import LOOPBACK, TorchGroup
from teem.record.folder import RunFolder
from teem.runtime.loop import Run

MATRICES = ("weights", "target", "moment1", "moment2")
STEPS = 40


def meet(file: Path, size: int = 2) -> list[TorchGroup]:
    """Places in a group, for threads of this process."""

    def place(rank: int) -> TorchGroup:
        processes = dist.ProcessGroupGloo(dist.FileStore(str(file), size), rank, size, timedelta(seconds=60))
        return TorchGroup(processes, rank, size, torch.device("cpu"))

    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(place, range(size)))


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[TorchGroup]:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", LOOPBACK)
    monkeypatch.setattr(torch_networks, "COMPARED_EVERY", 4)
    return meet(tmp_path / "meeting")


def shared(**more: Any) -> Config:
    """So few agents that all whose turn it is learn at once: then nothing is left to choose."""
    few = {"population__founders": 6, "population__capacity": 8, "learning__replay__prioritised": True}
    return config_of(runtime__mode="async", learning__sharing="shared", runtime__learners=2, **few, **more)


def commons(together: Together) -> list[Any]:
    return [one.pupils[0].policies.cohorts[0].networks.common for one in together.learners]


def expect_bits(stacks: Sequence[Any]) -> None:
    for name in MATRICES:
        assert getattr(stacks[0], name).tobytes() == getattr(stacks[1], name).tobytes(), name


@pytest.mark.parametrize("learning", [{"learning__replay_ratio": 12.0}, {"learning__algorithm": "ppo"}])
def test_they_learn_what_one_would_and_hold_the_same_bits(
    tmp_path: Path, groups: list[TorchGroup], learning: dict[str, Any]
) -> None:
    config = shared(**learning)
    whole = Run.create(config, RunFolder.create(tmp_path / "whole", "lockstep"))
    parts = Together(config, tmp_path / "parts", groups=groups)
    for _ in range(STEPS):
        whole.advance()
        parts.step()
    assert whole.totals.updates >= 4
    assert whole.totals.born > 0
    assert parts.links.control.total("updates", 0) == whole.totals.updates
    expect_bits(commons(parts))
    assert min(group.compared for group in groups) == commons(parts)[0].updates[0] // 4 > 0
    one, other = whole.policies.cohorts[0], commons(parts)[0]
    for name in MATRICES:
        alone = getattr(one.networks.common, name)  # type: ignore[attr-defined]
        np.testing.assert_allclose(getattr(other, name), alone, rtol=5e-3, atol=2e-5, err_msg=name)
    living = whole.world.population.living
    for learner in parts.learners:
        mine, cohort = living[living % 2 == learner._learner], learner.pupils[0].policies.cohorts[0]
        assert np.array_equal(cohort.gauges.updates[mine], one.gauges.updates[mine])
        np.testing.assert_allclose(cohort.gauges.loss[mine], one.gauges.loss[mine], rtol=5e-3, atol=1e-5)
        memory = cohort.replay.added if config.learning.algorithm == "dqn" else cohort.rollouts.filled
        assert (memory[living[living % 2 != learner._learner]] == 0).all()  # others' are others'
    parts.run.policies._take()  # type: ignore[attr-defined]
    acting = parts.run.policies.cohorts[0].networks.common.weights  # type: ignore[attr-defined]
    assert acting.tobytes() == other.weights.tobytes()
    batches, decisions = parts.links.control.total("batches.0", 0), parts.run.policies.decisions[0]  # type: ignore[attr-defined]
    told = parts.run.policies.report()["replay_ratio"]  # type: ignore[attr-defined]
    assert told == (batches * 8 / decisions if config.learning.algorithm == "dqn" else None)
    whole.finish("steps")
    whole.folder.close()
    parts.end()


def test_they_begin_anew_together_with_what_was_published(tmp_path: Path, groups: list[TorchGroup]) -> None:
    config = shared()
    parts = Together(config, tmp_path / "parts", groups=groups)
    control = parts.links.control
    for _ in range(20):
        parts.step()
    parts.run.advance()  # nobody has learnt from this one
    before = commons(parts)[0].weights.copy()
    control.begin_generation(0)
    parts.run.advance()  # only one of them is started: nobody is told who lives here, so that both miss the same
    assert control.count("met", 0, 0) == control.count("met", 0, 1) == 1
    control.begin_generation(1)
    parts.groups = meet(tmp_path / "second")
    parts.learners = [parts.teaching(config, learner) for learner in range(2)]
    with parts.serving():
        parts.run.policies.begin()  # type: ignore[attr-defined]
    assert [control.count("lost", 0, learner) for learner in range(2)] == [2, 2]
    expect_bits(commons(parts))
    assert commons(parts)[0].weights.tobytes() == before.tobytes()
    assert not commons(parts)[0].moment1.any()
    for _ in range(20):
        parts.step()
    expect_bits(commons(parts))
    assert commons(parts)[0].updates[0] == commons(parts)[1].updates[0] > 0
    assert commons(parts)[0].weights.tobytes() != before.tobytes()
    parts.end()


def test_a_saved_run_goes_on_as_it_was(tmp_path: Path, groups: list[TorchGroup]) -> None:
    config = shared()
    first = Together(config, tmp_path / "parts", groups=groups)
    for _ in range(24):
        first.step()
    left = {name: getattr(commons(first)[1], name).copy() for name in (*MATRICES, "updates")}
    first.end()
    second = Together(config, tmp_path / "parts", resume=True, groups=meet(tmp_path / "second"))
    with second.serving():
        second.run.policies.begin()  # type: ignore[attr-defined]
    for common in commons(second):
        for name, value in left.items():
            assert getattr(common, name).tobytes() == value.tobytes(), name
    for _ in range(10):
        second.step()
    expect_bits(commons(second))
    assert commons(second)[0].updates[0] > left["updates"][0]
    second.end()
