"""Learners that hold one network and add up their gradients are one learner of all their members."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from teem.config.settings import PpoSettings
from teem.errors import GroupError, TeemError
from teem.learning import torch_networks
from teem.learning.algorithms.ppo import PPO
from teem.learning.group import Alone, part_of
from teem.learning.torch_group import LOOPBACK, TorchGroup

SIZE, UPDATES = 2, 4
CHOSEN = {"sharing": "shared", "backend": "torch", "batch": 8, "grad_clip": 0.05}


@pytest.fixture
def everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Calls a function with each learner's place in a group of two, at once; a thread each, over gloo."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", LOOPBACK)

    def call(each: Callable[[TorchGroup], Any]) -> list[Any]:
        def one(rank: int) -> Any:
            store = dist.FileStore(str(tmp_path / "meeting"), SIZE)
            processes = dist.ProcessGroupGloo(store, rank, SIZE, timedelta(seconds=60))
            return each(TorchGroup(processes, rank, SIZE, torch.device("cpu")))

        with ThreadPoolExecutor(SIZE) as threads:
            return list(threads.map(one, range(SIZE)))

    return call


def updated(cohort: Any, rows: np.ndarray, ids: np.ndarray) -> dict[str, np.ndarray]:
    """What is left of the common network after a few updates by these members, and of what was told of them."""
    loss, faults = np.zeros(8, np.float32), np.zeros(8, np.int64)
    for step in range(UPDATES):
        cohort.backend.update(rows, ids, cohort.replay, 7, step, loss, faults)
    common = cohort.networks.common
    left = {name: getattr(common, name).copy() for name in ("moment1", "moment2", "weights", "target", "updates")}
    return left | {"loss": loss[rows], "faults": faults[rows], "priority": cohort.replay.priority[rows]}


def of_all(parts: list[dict[str, np.ndarray]], shares: list[np.ndarray]) -> dict[str, np.ndarray]:
    """What a single learner would have: the network of either, and each one's members."""
    whole = dict(parts[0])
    for name in ("loss", "faults", "priority"):
        whole[name] = np.concatenate([part[name] for part in parts])[np.argsort(np.concatenate(shares))]
    return whole


def expect_close(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol=2e-3, atol=3e-6, err_msg=name)


SHARES = {
    "evenly": lambda rank: np.arange(rank, 8, 2),
    "unevenly": lambda rank: np.arange(0, 2) if rank else np.arange(2, 8),
    "all by one": lambda rank: np.arange(8 if rank else 0),
}


def learn_apart(grown, everybody, shares: Any, poison: int = -1, **learning: Any) -> Any:
    """One cohort's updates by all, and two cohorts' in a group, each by its share; `poison`: whose memory is NaN."""
    sides = [grown(**{**CHOSEN, **learning}) for _ in range(1 + SIZE)]
    for cohort, _, _ in sides:
        if poison >= 0:
            cohort.replay.reward[poison] = np.nan

    def part(group: TorchGroup) -> dict[str, np.ndarray]:
        cohort, rows, ids = sides[1 + group.rank]
        cohort.networks.group = group
        mine = shares(group.rank)
        left = updated(cohort, rows[mine], ids[mine])
        assert group.compared == UPDATES // torch_networks.COMPARED_EVERY
        return left

    parts = everybody(part)
    return updated(*sides[0]), parts, of_all(parts, [shares(rank) for rank in range(SIZE)])


@pytest.mark.parametrize(
    ("learning", "shares", "poison"),
    [
        ({}, "evenly", -1),
        ({}, "unevenly", -1),
        ({}, "all by one", -1),
        ({"accumulate": 2}, "evenly", -1),
        ({"algorithm": "iqn"}, "evenly", -1),
        ({}, "evenly", 3),
    ],
)
def test_two_learners_are_one_of_all_their_members(
    grown, everybody, monkeypatch, learning: dict[str, Any], shares: str, poison: int
) -> None:
    monkeypatch.setattr(torch_networks, "COMPARED_EVERY", 2)
    whole, parts, joined = learn_apart(grown, everybody, SHARES[shares], poison, **learning)
    for name in ("moment1", "moment2", "weights", "target", "updates"):
        assert parts[0][name].tobytes() == parts[1][name].tobytes(), name
    expect_close(whole, joined)
    assert whole["updates"] == UPDATES
    assert whole["faults"].tolist() == [UPDATES if row == poison else 0 for row in range(8)]


def twice(self: TorchGroup, tensor: torch.Tensor) -> None:
    """A planted fault: gradients are added up and not averaged."""
    ADD_UP(self, tensor)
    if tensor.is_floating_point():
        tensor[-1] /= 2


def with_a_mean_of_means(self: TorchGroup, tensor: torch.Tensor) -> None:
    """A planted fault: each learner's mean counts the same, however many members it has."""
    if tensor.is_floating_point() and tensor[-1]:
        tensor /= tensor[-1].clone()
    ADD_UP(self, tensor)


ADD_UP = TorchGroup.add_up


@pytest.mark.parametrize("fault", [twice, with_a_mean_of_means])
def test_a_planted_fault_is_seen(grown, everybody, monkeypatch, fault: Any) -> None:
    monkeypatch.setattr(TorchGroup, "add_up", fault)
    whole, _, joined = learn_apart(grown, everybody, SHARES["unevenly"], grad_clip=0.0)
    with pytest.raises(AssertionError):
        expect_close(whole, joined)


def test_weights_that_drift_apart_are_told(grown, everybody, monkeypatch) -> None:
    """Planted: one of them forgets a bit of a moment."""
    monkeypatch.setattr(torch_networks, "COMPARED_EVERY", 1)

    def part(group: TorchGroup) -> str:
        cohort, rows, ids = grown(**CHOSEN)
        cohort.networks.group = group
        updated(cohort, rows[group.rank :: 2], ids[group.rank :: 2])
        if group.rank:
            cohort.networks.common.moment2.view(np.int32)[0, 3] ^= 1
        with pytest.raises(TeemError, match="hold different weights: their digests are") as told:
            updated(cohort, rows[group.rank :: 2], ids[group.rank :: 2])
        return str(told.value)

    one, other = everybody(part)
    assert one == other


def rollouts_of(settle, **ppo: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """A cohort of eight with full rollouts; rows and ids."""
    world, policies = settle(algorithm="ppo", sharing="shared", grad_clip=0.5, ppo=PpoSettings(horizon=32, **ppo))
    cohort = policies.cohorts[0]
    while not cohort.rollouts.ready.all():
        observation = world.observe()
        policies.remember(observation, world.step(policies.act(observation)))
    cohort.rollouts.reward += np.sin(np.arange(32 * 8, dtype=np.float32)).reshape(8, 32)  # not alike in all
    return cohort, world.population.living.copy(), world.population.id.copy()


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("fault", [False, True])
def test_a_policy_of_two_learners_is_one_of_all_their_members(
    settle, everybody, monkeypatch, shares: str, fault: bool
) -> None:
    """Planted: each normalises advantages over its own members."""
    alone, rows, ids = rollouts_of(settle)
    assert alone.learn(rows, ids, 99) == 1
    if fault:
        monkeypatch.setattr(PPO, "_add_up", lambda self, sums: sums)

    def part(group: TorchGroup) -> Any:
        cohort, rows, ids = sides[group.rank]
        cohort.networks.group = group
        mine = SHARES[shares](group.rank)
        assert cohort.learn(rows[mine], ids[mine], 99) == (group.rank == 0)
        assert (cohort.gauges.updates[rows[mine]] == 1).all()
        return cohort.networks.common

    sides = [rollouts_of(settle) for _ in range(SIZE)]
    one, other = everybody(part)
    for name in ("moment1", "moment2", "weights"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.updates == alone.networks.common.updates == 8
    close = np.allclose(one.moment1, alone.networks.common.moment1, rtol=2e-3, atol=3e-6)
    assert close == (not fault or shares == "all by one")
    if not fault:
        np.testing.assert_allclose(one.weights, alone.networks.common.weights, rtol=2e-3, atol=1e-5)


def test_counts_are_added_up_however_many_each_has(everybody) -> None:
    found = everybody(lambda group: group.totals([1, 2, 3] if group.rank else [10]))
    assert found[0] == found[1] == [11, 2, 3] + [0] * 13
    assert Alone().totals([4, 5]) == [4, 5]


def test_who_is_left_alone_says_so(everybody) -> None:
    def part(group: TorchGroup) -> None:
        if group.rank:
            return  # gone
        with pytest.raises(GroupError, match="learner 0 was left alone by its group"):
            while True:
                group.totals([1])

    everybody(part)


@pytest.mark.parametrize("size", range(1, 7))
def test_the_parts_of_an_update_make_it_up(size: int) -> None:
    places = [TorchGroup(None, rank, size, torch.device("cpu")) for rank in range(size)]
    parts = [part_of(8, place) for place in places]
    assert sum(parts) == 8
    assert min(parts) >= 1
    assert max(parts) - min(parts) <= 1
