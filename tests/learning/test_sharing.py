"""What is shared is one, what is own is not; and any network of a user's learns, or says why it can't."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from teem.config.settings import PpoSettings
from teem.errors import UsageError
from teem.learning.sharing import shared_names
from teem.learning.stack import Layout


class TwoHeads(nn.Module):
    """A dueling network with layers of torch's own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(inputs, 16), nn.LayerNorm(16), nn.ReLU())
        self.value = nn.Linear(16, 1)
        self.advantage = nn.Linear(16, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.trunk(x)
        advantage = self.advantage(h)
        return self.value(h) + advantage - advantage.mean(-1, keepdim=True)


class Stateful(TwoHeads):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.norm = nn.BatchNorm1d(16)


class TooWide(nn.Linear):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs + 2)


class Deaf(nn.Linear):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs + 1, outputs)


class Empty(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()


class Branching(TwoHeads):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * (1 if x.sum().item() > 0 else 2)


class Alone(nn.Module):
    def __init__(self) -> None:
        super().__init__()


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module where these classes can be imported from."""
    module = ModuleType("users_networks")
    for each in (TwoHeads, Stateful, TooWide, Deaf, Empty, Alone, Branching):
        setattr(module, each.__name__, each)
    module.number = 3
    monkeypatch.setitem(sys.modules, "users_networks", module)
    return "users_networks"


def test_the_encoder_is_all_but_the_last_module() -> None:
    layout = Layout.mlp(5, (16, 8), 4)
    assert shared_names(layout, "own") == ()
    assert shared_names(layout, "shared") == layout.names
    assert shared_names(layout, "encoder") == layout.names[:-2]
    assert shared_names(layout, "encoder", heads=2) == layout.names[:-4]


@pytest.mark.parametrize("algorithm", ["dqn", "ppo"])
def test_with_a_shared_encoder_only_heads_differ_and_only_heads_are_mutated(settle, live, algorithm: str) -> None:
    world, policies = settle(
        algorithm=algorithm, sharing="encoder", world={"agents": 4, "capacity": 6, "lifetime": 400}
    )
    own, common = policies.cohorts[0].networks.own, policies.cohorts[0].networks.common
    assert own.layout.names == ("layers.2.weight", "layers.2.bias")
    before = common.weights.copy()
    live(world, policies, 80)
    assert (common.weights != before).any()
    living = world.population.living
    assert len(np.unique(own.weights[living], axis=0)) == 6
    assert common.weights.shape[0] == 1


def test_members_of_one_network_act_alike_and_newborns_join_it(settle, live) -> None:
    world, policies = settle(sharing="shared", world={"agents": 4, "capacity": 6, "lifetime": 400})
    live(world, policies, 60)
    cohort = policies.cohorts[0]
    same = np.tile(np.float32([0, 0, 1, 0, 0]), (6, 1))
    values = np.zeros((6, 4), np.float32)
    cohort.backend.values(same, world.population.living, values)
    np.testing.assert_allclose(values, values[:1].repeat(6, 0), rtol=1e-5)
    assert cohort.weights_of(0) is None
    assert cohort.networks.own.weights.size == 0
    assert cohort.networks.common.updates[0] > 0


def test_one_network_takes_one_update_a_step_from_some_members(settle, live) -> None:
    world, policies = settle(sharing="shared", interval=1, world={"agents": 20})
    live(world, policies, 30)
    common = policies.cohorts[0].networks.common
    taken, trained = int(common.updates[0]), int(policies.gauges.updates.sum())
    live(world, policies, 10)
    assert common.updates[0] - taken == 10
    assert policies.gauges.updates.sum() - trained == 80
    assert np.ptp(policies.gauges.updates) <= 1


@pytest.mark.parametrize(
    ("learning", "steps"),
    [({}, 400), ({"sharing": "shared"}, 400), ({"algorithm": "ppo", "ppo": PpoSettings(horizon=16), "lr": 1e-2}, 400)],
)
def test_a_users_network_learns_the_line(settle, live, networks: str, learning: dict, steps: int) -> None:
    world, policies = settle(network=f"{networks}:TwoHeads", **learning)
    live(world, policies, steps)
    assert live(world, policies, 100) > 0.1  # 0.2 is the best, 0.014 chance


def test_a_users_network_initialises_itself_by_seed_and_id(settle, networks: str) -> None:
    chosen = {"network": f"{networks}:TwoHeads"}
    own = settle(**chosen)[1].cohorts[0].networks.own
    views = own.views(own.weights)
    assert (views["trunk.1.weight"] == 1).all()  # LayerNorm's own start
    assert len(np.unique(own.weights, axis=0)) == 8
    torch.manual_seed(1)
    assert (settle(**chosen)[1].cohorts[0].networks.own.weights == own.weights).all()
    assert (settle(seed=8, **chosen)[1].cohorts[0].networks.own.weights != own.weights).any()


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        ("mpl", "names nothing"),
        ("nowhere.at_all:Net", "can't be imported"),
        ("users_networks:Absent", "can't be imported"),
        ("users_networks:number", "no class"),
        ("builtins:dict.fromkeys", "can't be imported"),
        ("users_networks:Alone", "can't be made with"),
        ("users_networks:Stateful", "'norm.running_mean' is a buffer"),
        ("users_networks:TooWide", r"makes \[2, 6\].*must return \[2, 4\]"),
        ("users_networks:Deaf", r"can't read observations \[n, 5\]"),
        ("users_networks:Empty", "no parameters"),
        ("users_networks:Branching", "can't stack"),
        ("builtins:range", "not a torch.nn.Module"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_with_the_remedy(
    settle, networks: str, network: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint) as refused:
        settle(network=network)
    assert f"'{network}'" in str(refused.value)


@pytest.mark.parametrize(
    ("learning", "complaint"),
    [
        ({"backend": "kernel", "algorithm": "ppo"}, "learning.algorithm is ppo.*or backend torch"),
        ({"backend": "kernel", "sharing": "encoder"}, "learning.sharing is encoder.*or backend torch"),
        ({"backend": "kernel", "network": "a:B"}, "learning.network is a:B.*or backend torch"),
        ({"backend": "kernel", "device": "cuda"}, "learning.device is cuda.*or backend torch"),
        ({"backend": "compiled", "sharing": "shared"}, "learning.sharing is shared: choose torch"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settle, networks: str, learning: dict, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        settle(**learning)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_named(settle) -> None:
    with pytest.raises(UsageError, match=r"learning.device is cuda, but torch finds no GPU"):
        settle(device="cuda", backend="torch")
