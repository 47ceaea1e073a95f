"""Gradients averaged over several batches are that of one batch of all their transitions, however it is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from teem.config.load import load_config
from teem.config.settings import PpoSettings
from teem.errors import UsageError
from teem.learning import torch_networks
from teem.learning.networks import DuelingMLP
from teem.learning.schedule import pace_of, updates_due
from teem.learning.torch_networks import Slope, mean_slope

PARTS, BATCH, UPDATES = 3, 8, 3


def updated(cohort: Any, rows: np.ndarray, ids: np.ndarray) -> dict[str, np.ndarray]:
    """What is left of a few updates of everybody: of networks, losses and priorities."""
    loss, faults = np.zeros(8, np.float32), np.zeros(8, np.int64)
    for step in range(UPDATES):
        cohort.backend.update(rows, ids, cohort.replay, 7, step, loss, faults)
    assert not faults.any()
    left = {"loss": loss, "priority": cohort.replay.priority.copy()}
    for name in ("own", "common"):
        stack = getattr(cohort.networks, name)
        if not stack.layout.size:
            continue
        left |= {f"{name}.{what}": getattr(stack, what).copy() for what in ("weights", "target", "moment1", "moment2")}
        left[f"{name}.updates"] = stack.updates.copy()
    return left


def expect_close(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """The same but for rounding; moments first, where a gradient's size can't hide behind Adam's."""
    for name in sorted(one, key=lambda name: "moment" not in name):
        np.testing.assert_allclose(one[name], other[name], rtol=2e-3, atol=3e-6, err_msg=name)


@pytest.mark.parametrize("sharing", ["own", "shared", "encoder"])
@pytest.mark.parametrize("algorithm", ["dqn", "iqn", "qrdqn"])
def test_an_update_of_several_batches_is_one_of_all_their_transitions(grown, algorithm: str, sharing: str) -> None:
    chosen = {"algorithm": algorithm, "sharing": sharing, "backend": "torch"}
    whole = updated(*grown(**chosen, batch=PARTS * BATCH))
    parts = updated(*grown(**chosen, batch=BATCH, accumulate=PARTS))
    expect_close(whole, parts)


@pytest.mark.parametrize("algorithm", ["dqn", "iqn", "qrdqn"])
def test_kernels_take_the_batches_at_once_as_torch_takes_them_in_turn(grown, algorithm: str) -> None:
    chosen = {"algorithm": algorithm, "batch": BATCH, "accumulate": PARTS, "grad_clip": 0.05}
    expect_close(*(updated(*grown(**chosen, backend=backend)) for backend in ("kernel", "torch")))


def test_it_is_what_is_usually_written(grown) -> None:
    """Backward after each batch, its loss divided by how many there are; then clip, step and soften once."""
    cohort, rows, ids = grown(backend="torch", batch=BATCH, accumulate=PARTS, grad_clip=0.05)
    stack, memory, settings = cohort.networks.own, cohort.replay, cohort.settings
    views = stack.views(stack.weights)
    for row in range(3):
        online, target = (DuelingMLP(5, 4, settings.hidden) for _ in range(2))
        for module in (online, target):
            module.load_state_dict({name: torch.from_numpy(each[row].copy()) for name, each in views.items()})
        optimiser = torch.optim.Adam(online.parameters(), lr=settings.lr)
        for step in range(UPDATES):
            drawn = memory.sample(rows[row : row + 1], ids[row : row + 1], step, 7, PARTS * BATCH, 3, 0.9)
            optimiser.zero_grad()
            for part in range(PARTS):
                _loss_of(online, target, drawn, slice(part * BATCH, (part + 1) * BATCH)).div(PARTS).backward()
            nn.utils.clip_grad_norm_(online.parameters(), settings.grad_clip)
            optimiser.step()
            with torch.no_grad():
                for old, new in zip(target.parameters(), online.parameters(), strict=True):
                    old.lerp_(new, settings.tau)
            some = rows[row : row + 1]
            cohort.backend.update(some, ids[row : row + 1], memory, 7, step, np.zeros(8, np.float32), np.zeros(8, int))
        for saved, module in ((stack.weights, online), (stack.target, target)):
            for name, value in module.named_parameters():
                here = stack.views(saved)[name][row]
                np.testing.assert_allclose(here, value.detach().numpy(), rtol=1e-3, atol=2e-5)


def _loss_of(online: nn.Module, target: nn.Module, drawn: Any, part: slice) -> torch.Tensor:
    def read(name: str) -> torch.Tensor:
        return torch.from_numpy(getattr(drawn, name)[0, part])

    with torch.no_grad():
        best = online(read("next_observation")).masked_fill(~read("next_mask"), -np.inf).argmax(1)
        goal = read("reward") + read("discount") * target(read("next_observation")).gather(1, best[:, None])[:, 0]
    value = online(read("observation")).gather(1, read("action")[:, None])[:, 0]
    return (read("weight") * nn.functional.smooth_l1_loss(value, goal, reduction="none")).mean()


def summed(batches: Any) -> Slope:
    """A planted fault: the loss is multiplied."""
    right = mean_slope(batches)
    return right._replace(own=right.own * len(batches), common=right.common * len(batches))


def clipped_one_by_one(batches: Any) -> Slope:
    """A planted fault: each batch's gradient is clipped instead of their mean."""

    def clipped(slope: Callable[[], Slope]) -> Callable[[], Slope]:
        def one() -> Slope:
            found = slope()
            norm = found.own.norm(dim=1, keepdim=True)
            return found._replace(own=found.own * (0.05 / (norm + 1e-6)).clamp(max=1.0))

        return one

    return mean_slope([(count, clipped(slope)) for count, slope in batches])


def never_clipped(rows: Any, gradient: Any, pace: Any, sound: Any, settings: Any) -> Any:
    """A planted fault: the gradient is taken as it is."""
    return ADAM(rows, gradient, pace, sound, type(settings)(lr=settings.lr, tau=settings.tau, grad_clip=0.0))


def softened_twice(rows: Any, gradient: Any, pace: Any, sound: Any, settings: Any) -> Any:
    """A planted fault: the target follows the network twice."""
    new, sound = ADAM(rows, gradient, pace, sound, settings)
    return new._replace(target=new.target.lerp(new.weights, settings.tau)), sound


ADAM = torch_networks.adam


@pytest.mark.parametrize(
    ("name", "fault", "clip"),
    [
        ("mean_slope", summed, 0.0),
        ("mean_slope", clipped_one_by_one, 0.05),
        ("adam", never_clipped, 0.05),
        ("adam", softened_twice, 0.05),
    ],
)
def test_a_planted_fault_is_seen(grown, monkeypatch, name: str, fault: Any, clip: float) -> None:
    chosen = {"backend": "torch", "grad_clip": clip}
    right = updated(*grown(**chosen, batch=PARTS * BATCH))
    monkeypatch.setattr(torch_networks, name, fault)
    with pytest.raises(AssertionError):
        expect_close(right, updated(*grown(**chosen, batch=BATCH, accumulate=PARTS)))


@pytest.mark.parametrize("sharing", ["own", "shared"])
def test_a_step_of_ppo_is_by_several_minibatches(settle, sharing: str) -> None:
    left = []
    for minibatches, accumulate in ((2, 1), (6, 3)):  # of 16 decisions, cut into 6, 5 and 5
        ppo = PpoSettings(horizon=32, epochs=2, minibatches=minibatches)
        chosen = {"algorithm": "ppo", "sharing": sharing, "ppo": ppo, "accumulate": accumulate, "grad_clip": 0.5}
        world, policies = settle(**chosen)
        cohort = policies.cohorts[0]
        while not cohort.rollouts.ready.all():
            observation = world.observe()
            policies.remember(observation, world.step(policies.act(observation)))
        cohort.rollouts.reward += np.sin(np.arange(32, dtype=np.float32))
        cohort.learn(world.population.living.copy(), world.population.id.copy(), 99)
        stack = cohort.networks.own if sharing == "own" else cohort.networks.common
        assert (stack.updates == 4).all()
        left.append((stack.moment1.copy(), stack.moment2.copy(), stack.weights.copy()))
    for one, other in zip(*left, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=3e-6)


@pytest.mark.parametrize(("ratio", "interval"), [(0.0, 4), (24.0, 1), (7.0, 1)])
def test_the_replay_ratio_counts_all_batches_of_an_update(config_of, ratio: float, interval: int) -> None:
    settings = config_of(batch=4, accumulate=PARTS, replay_ratio=ratio, interval=interval).learning
    ids, decisions = np.arange(5), 840
    updates = sum(updates_due(ids, step, pace_of(settings)) for step in range(decisions))
    wanted = ratio or PARTS * 4 / interval
    assert (abs(updates * settings.transitions - wanted * decisions) <= settings.transitions).all()
    assert float(pace_of(settings)) * settings.transitions == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("learning", "told"),
    [
        (
            {"accumulate": 2},
            "learning.batch x learning.accumulate is 64 but learning.replay.warmup is 32",
        ),
        (
            {"accumulate": 2, "replay_ratio": 1000, "replay.warmup": 64},
            "learning.replay_ratio is 1000.0 but learning.batch x learning.accumulate is 64",
        ),
        (
            {"accumulate": 3, "algorithm": "ppo"},
            "learning.accumulate is 3 but learning.ppo.minibatches is 2: a step of Adam takes 3 of them",
        ),
    ],
)
def test_what_can_not_be_accumulated_is_refused_with_the_remedy(learning: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_config("farm", {f"learning.{name}": value for name, value in learning.items()})
    (fault,) = refused.value.faults
    assert fault.startswith(told)
