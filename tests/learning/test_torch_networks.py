"""Where the networks lie, and whether torch compiled them, changes nothing they learn."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch

from teem.config.settings import PpoSettings
from teem.learning import torch_networks
from teem.learning.torch_networks import TorchNetworks
from teem.learning.torch_stack import Pace, Rows, TorchStack, adam, keep, stacked_gradient


@pytest.mark.parametrize("learning", [{"backend": "torch"}, {"sharing": "encoder"}, {"algorithm": "ppo"}])
def test_networks_copied_to_a_device_live_the_same_lives(
    settle, live, differences, monkeypatch: pytest.MonkeyPatch, learning: dict
) -> None:
    shape = {"agents": 6, "capacity": 9, "lifetime": 50}
    states = []
    for copied in (False, True):
        monkeypatch.setattr(torch_networks, "TorchStack", partial(TorchStack, copied=copied))
        world, policies = settle(world=shape, **learning)
        live(world, policies, 90)
        policies.honour(1, int(world.population.living[2]))
        saved = world.state(), policies.state()
        world, policies = settle(world=shape, **learning)
        world.load_state(saved[0])
        policies.load_state(saved[1])
        live(world, policies, 60)
        states.append(policies.state())
    assert differences(*states) == []


def test_blocks_change_nothing(settle, live, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = []
    for block in (3, 128):
        monkeypatch.setattr(torch_networks, "_CPU_BLOCK", block)
        world, policies = settle(backend="torch", interval=1)
        live(world, policies, 40)
        weights.append(policies.cohorts[0].networks.own.weights)
    np.testing.assert_allclose(*weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("least", "threads"), [(0, 2), (1 << 60, 1)])
@pytest.mark.parametrize("learning", [{"backend": "torch"}, {"sharing": "shared"}, {"algorithm": "ppo"}])
def test_torch_takes_threads_where_there_is_work_for_them(
    settle, live, monkeypatch: pytest.MonkeyPatch, learning: dict, least: int, threads: int
) -> None:
    taken, step = set(), TorchNetworks._improve

    def improve(*given):
        taken.add(torch.get_num_threads())
        return step(*given)

    monkeypatch.setattr(torch_networks, "_WORTH_SHARING", least)
    monkeypatch.setattr(TorchNetworks, "_improve", improve)
    before = torch.get_num_threads()
    try:
        live(*settle(threads=2, **learning), 40)
    finally:
        torch.set_num_threads(before)
    assert taken == {threads}


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize(
    "learning", [{}, pytest.param({"algorithm": "ppo", "ppo": PpoSettings(horizon=15)}, marks=pytest.mark.slow)]
)
def test_compiled_learning_equals_eager(settle, live, learning: dict) -> None:
    populations = [settle(backend=backend, **learning) for backend in ("torch", "compiled")]
    own = [policies.cohorts[0].networks.own for _, policies in populations]
    assert (own[0].weights == own[1].weights).all()
    for world, policies in populations:
        live(world, policies, 24)
    assert own[1].updates.any()
    assert (own[0].updates == own[1].updates).all()
    np.testing.assert_allclose(own[0].weights, own[1].weights, rtol=1e-2, atol=1e-3)


def test_adam_takes_no_row_whose_gradient_or_weights_are_not_finite(config_of) -> None:
    old = Rows(*(torch.ones(4, 3) for _ in range(4)))
    old.weights[2, 1] = np.inf
    gradient = torch.ones(4, 3)
    gradient[1, 2] = np.nan
    pace = Pace(torch.ones(4, 1), torch.ones(4, 1))
    new, sound = adam(old, gradient, pace, torch.tensor([True, True, True, False]), config_of().learning)
    assert sound.tolist() == [True, False, False, False]
    kept = keep(sound, new, old)
    assert (kept.moment1[1:] == 1).all()
    assert (kept.weights[0] != 1).all()


def far_from(own_and_common, targets, batch):
    """A loss of some of the parameters: `unused` has no slope."""
    x, goal = batch
    away = (torch.tanh(x @ own_and_common["first"]) @ own_and_common["second"] - goal * targets["second"].sum()) ** 2
    return away.mean(), (away,)


@pytest.mark.parametrize("shared", [(), ("second",), ("first", "second", "unused")])
def test_gradients_have_the_same_bits_where_torch_traces_them(
    monkeypatch: pytest.MonkeyPatch, shared: tuple[str, ...]
) -> None:
    draw = torch.Generator().manual_seed(3)
    shapes = {"first": (5, 16), "second": (16,), "unused": (2,)}
    own = {name: torch.randn(8, *shape, generator=draw) for name, shape in shapes.items() if name not in shared}
    common = {name: torch.randn(shape, generator=draw) for name, shape in shapes.items() if name in shared}
    batch = torch.randn(8, 20, 5, generator=draw), torch.randn(8, 20, generator=draw)
    found = []
    for traced in (False, True):
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda traced=traced: traced)
        slopes, (losses, (away,)) = stacked_gradient(far_from)(own, common, own, common, batch)
        assert [list(each) for each in slopes] == [list(own), list(common)]
        assert not losses.requires_grad and not away.requires_grad
        found.append([*slopes[0].values(), *slopes[1].values(), losses, away])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
    assert not (slopes[0] | slopes[1])["unused"].any()


def test_learning_does_not_import_torchs_compiler() -> None:
    """It takes two seconds."""
    learn = (
        "import sys, torch; from teem.learning.torch_stack import stacked_gradient\n"
        "ones = {'a': torch.ones(2, 3)}\n"
        "stacked_gradient(lambda a, target, x: ((a['a'] * x).sum(), ()))(ones, {}, ones, {}, torch.ones(2, 3))\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", learn], check=True)
