"""Crawlers learn on any backend: whatever the network and whoever shares it, and go on from where they were saved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from attending import SEED

from teem.config.crawlers import BodySettings, CrawlersSettings
from teem.config.settings import AttentionSettings, Config, LearningSettings, PopulationSettings, ReplaySettings
from teem.errors import UsageError
from teem.learning import torch_networks
from teem.learning.build import build_policies
from teem.learning.policies import Policies
from teem.learning.torch_networks import Held, TorchNetworks
from teem.learning.torch_stack import TorchStack
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.crawlers.crawlers import Crawlers

SMALL, ONE_JOINT = BodySettings(limbs=2, segments=2, wheels=1), BodySettings(limbs=1, segments=1, wheels=0)
ATTENTION = AttentionSettings(token=8, heads=2, head=3, context=(9,), trunk=(7,))


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Matrices are too small to share; waiting threads would spin."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _settle(body: BodySettings = SMALL, **learning: Any) -> tuple[Crawlers, Policies]:
    """A few small creatures who decide every other step, and their policies."""
    quick: dict[str, Any] = {
        "hidden": (12, 8),
        "attention": ATTENTION,
        "replay": ReplaySettings(length=32, warmup=6),
        "batch": 6,
        "interval": 1,
    }
    config = Config(
        world=CrawlersSettings(body=body, decision=2, turns=2),
        population=PopulationSettings(founders=4),
        learning=LearningSettings(**{**quick, **learning}),
    )
    world = Crawlers(config, Threads(1), Spans())
    return world, build_policies(config, world, Threads(1))


OWN_MODULE = {"network": "attending:Plain"}
LEARNERS = [
    {"backend": "torch"},
    {"backend": "torch", "network": "attention"},
    {"sharing": "shared"},
    {"sharing": "encoder"},
    {"sharing": "shared", "network": "attention"},
    {"sharing": "encoder", "network": "attention"},
    OWN_MODULE,
    {**OWN_MODULE, "sharing": "shared"},
    {**OWN_MODULE, "sharing": "encoder"},
]


@pytest.mark.parametrize("learning", LEARNERS, ids=lambda each: " ".join(each.values()))
def test_saved_crawlers_go_on_bit_for_bit(live, differences, learning: dict[str, Any]) -> None:
    world, policies = _settle(**learning)
    live(world, policies, 24)
    assert (policies.gauges.updates[world.population.living] > 0).all()
    saved = world.state(), policies.state()
    live(world, policies, 12)
    again, others = _settle(**learning)
    live(again, others, 3)  # whatever it was before is gone
    again.load_state(saved[0])
    others.load_state(saved[1])
    live(again, others, 12)
    assert differences(world.state(), again.state()) == []
    assert differences(policies.state(), others.state()) == []


@pytest.mark.parametrize("learning", [LEARNERS[0], LEARNERS[5]], ids=["mlp", "attention encoder"])
def test_crawlers_networks_copied_to_a_device_live_the_same_lives(
    live, differences, monkeypatch: pytest.MonkeyPatch, learning: dict[str, Any]
) -> None:
    states = []
    for copied in (False, True):
        monkeypatch.setattr(torch_networks, "TorchStack", partial(TorchStack, copied=copied))
        world, policies = _settle(**learning)
        live(world, policies, 24)
        states.append(policies.state())
    assert differences(*states) == []


@pytest.mark.parametrize("network", ["mlp", "attention", "attending:Plain"])
def test_a_network_of_all_joints_and_all_creatures_takes_one_update_a_step(live, network: str) -> None:
    world, policies = _settle(sharing="shared", network=network)
    live(world, policies, 16)
    common, gauges = policies.cohorts[0].networks.common, policies.gauges
    before, members, made = int(common.updates[0]), int(gauges.updates.sum()), []
    for _ in range(10):
        observation = world.observe()
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
        made.append(policies.learn())
    assert made == [1] * 10
    assert common.updates[0] - before == 10
    assert gauges.updates.sum() - members == 20  # half of the four decide in a step
    assert not gauges.faults.any()


@pytest.mark.parametrize(
    ("network", "heads"), [("mlp", {"layers.2"}), ("attention", {"advantage", "value"}), ("attending:Plain", {"head"})]
)
def test_with_a_shared_encoder_each_creature_keeps_heads_of_its_own(network: str, heads: set[str]) -> None:
    networks = _settle(sharing="encoder", network=network)[1].cohorts[0].networks
    assert {name.rpartition(".")[0] for name in networks.own.layout.names} == heads
    assert networks.common.layout.size > 0


@pytest.mark.parametrize("network", ["mlp", "attention"])
@pytest.mark.parametrize("body", [SMALL, ONE_JOINT], ids=["several joints", "one joint"])
def test_in_their_world_torch_and_the_kernels_learn_alike(live, network: str, body: BodySettings) -> None:
    weights = []
    for backend in ("kernel", "torch"):
        world, policies = _settle(body, backend=backend, network=network)
        live(world, policies, 30)
        cohort = policies.cohorts[0]
        assert (policies.gauges.updates > 0).all()
        assert not policies.gauges.faults.any()
        assert (cohort.networks.own.target != cohort.networks.own.weights).any()
        weights.append(cohort.networks.own.weights)
    np.testing.assert_allclose(*weights, atol=2e-3)


def test_a_creature_of_one_joint_learns_from_the_best_of_its_bins(live) -> None:
    world, policies = _settle(ONE_JOINT)
    live(world, policies, 24)
    replay = policies.cohorts[0].replay
    batch = replay.sample(world.population.living, world.population.id, 0, SEED, 8, 1, 0.9)
    assert batch.next_mask.shape == (4, 8, len(world.actions))
    assert batch.next_mask.all()


@pytest.mark.parametrize("network", ["mlp", "attention"])
def test_a_compiled_block_holds_about_as_many_as_learn_at_once(
    live, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    monkeypatch.setattr(torch, "compile", lambda step, **_: step)  # test_torch_networks.py compiles
    improve, held, weights = TorchNetworks.improve, [], []

    def note(self: TorchNetworks, some: Held, batch: Any) -> Any:
        held.append(len(some.own.weights))
        return improve(self, some, batch)

    monkeypatch.setattr(TorchNetworks, "improve", note)
    for backend in ("torch", "compiled"):
        held.clear()
        world, policies = _settle(backend=backend, network=network, interval=2)
        live(world, policies, 24)
        weights.append(policies.cohorts[0].networks.own.weights)
    assert set(held) == {1}  # four creatures, who decide every other step, and learn at every other decision
    np.testing.assert_allclose(*weights, atol=1e-4)


@pytest.mark.parametrize(
    ("learning", "complaint"),
    [
        ({"network": "attending:PerBranch"}, r"makes \[2, 5, 5\].*must return \[2, 25\]"),
        ({"network": "nowhere:Net"}, "can't be imported"),
        ({"backend": "kernel", "sharing": "encoder"}, "learning.sharing is encoder.*or backend torch"),
        ({"backend": "kernel", "network": "a:B"}, "learning.network is a:B.*or backend torch"),
        ({"backend": "compiled", "sharing": "shared"}, "learning.sharing is shared: choose torch"),
    ],
)
def test_what_crawlers_cannot_learn_with_is_refused_with_the_remedy(learning: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        _settle(**learning)
