"""An action a joint on torch: learned as the kernels learn it, and with any module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from attending import ROWS, RULE, SEED, TOKENS, WIDTHS, Crawlers, some_observations
from numpy.typing import NDArray
from torch import Tensor

from teem.config.settings import AttentionSettings, LearningSettings
from teem.learning.algorithms.dqn import Backend
from teem.learning.branches import BranchTransitions, branching_td_loss
from teem.learning.kernel_attention import KernelAttention
from teem.learning.kernel_q import KernelQ
from teem.learning.replay import Replay
from teem.learning.sharing import Networks
from teem.learning.torch_network import q_network
from teem.learning.torch_networks import TorchNetworks
from teem.learning.torch_q import TorchQ

BINS = 3
ATTENTION = AttentionSettings(
    **msgspec.structs.asdict(AttentionSettings()) | {n: getattr(WIDTHS, n) for n in WIDTHS.__slots__}
)


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Matrices are too small to share; waiting threads would spin."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _learner(crawlers: Crawlers, settings: LearningSettings, backend: str) -> tuple[Networks, Backend]:
    """Networks, the same ones on each backend, that learn from what the crawlers remember."""
    size, branches = TOKENS.size, TOKENS.branches
    network = q_network(size, BINS, settings, branches, TOKENS)
    networks = Networks(network.layout, settings.sharing, ROWS, SEED, 0.0, network.initial, network.heads)
    networks.found(crawlers.rows, crawlers.ids)
    if backend == "torch":
        return networks, TorchQ(network, networks, settings, size)
    if settings.network == "mlp":
        return networks, KernelQ(networks.own, size, settings.hidden, BINS, settings, crawlers.threads, branches)
    return networks, KernelAttention(networks.own, TOKENS, BINS, WIDTHS, settings, crawlers.threads)


def _rule(**changed: Any) -> LearningSettings:
    return msgspec.structs.replace(RULE, hidden=(24, 17), attention=ATTENTION, **changed)


PRIORITISED = msgspec.structs.replace(RULE.replay, prioritised=True)


def _distance(settings: LearningSettings, fault: Callable[[Crawlers], None] | None = None) -> float:
    """The largest difference of any weight, loss, priority or value between torch, with its fault, and the kernels."""
    sides = []
    for backend in ("kernel", "torch"):
        crawlers = Crawlers(settings, bins=BINS, changing=True)
        if fault and backend == "torch":
            fault(crawlers)
        networks, learner = _learner(crawlers, settings, backend)
        for step in range(5):
            given = (crawlers.rows, crawlers.ids, crawlers.replay, SEED, step, crawlers.loss, crawlers.faults)
            learner.update(*given)
        assert not crawlers.faults.any()
        assert (networks.own.updates == 5).all()
        values = np.zeros((ROWS, TOKENS.branches, BINS), np.float32)
        learner.values(some_observations(np.random.default_rng(0), crawlers.bodies), crawlers.rows, values)
        values[~crawlers.bodies] = 0
        own = networks.own
        sides.append((own.weights, own.target, crawlers.loss, crawlers.replay.priority, values))
    return max(float(np.abs(ours - theirs).max(initial=0.0)) for ours, theirs in zip(*sides, strict=True))


@pytest.mark.parametrize("network", ["mlp", "attention"])
@pytest.mark.parametrize(
    "changed",
    [{}, {"double": False}, {"replay": PRIORITISED}, {"grad_clip": 0.05}],
    ids=["plain", "single", "prioritised", "tightly clipped"],
)
def test_torch_learns_as_the_kernels_do(network: str, changed: dict[str, Any]) -> None:
    assert _distance(_rule(network=network, **changed)) < 2e-4


def _every_branch_is_there(crawlers: Crawlers) -> None:
    crawlers.replay.mask[:] = ~np.uint64(0)


def _another_bin_was_taken(crawlers: Crawlers) -> None:
    crawlers.replay.action[:, ::4] = (crawlers.replay.action[:, ::4] + 1) % BINS


@pytest.mark.parametrize("network", ["mlp", "attention"])
@pytest.mark.parametrize("fault", [_every_branch_is_there, _another_bin_was_taken])
def test_the_comparison_sees_a_planted_fault(network: str, fault: Callable[[Crawlers], None]) -> None:
    assert _distance(_rule(network=network), fault) > 1e-3


def _some_batch(random: np.random.Generator, batch: int = 9, branches: int = 4) -> BranchTransitions:
    parts = {
        "observation": random.standard_normal((batch, 3)).astype(np.float32),
        "action": random.integers(0, BINS, (batch, branches)),
        "mask": random.random((batch, branches)) < 0.6,
        "reward": (random.standard_normal(batch) * 2).astype(np.float32),
        "next_observation": random.standard_normal((batch, 3)).astype(np.float32),
        "next_mask": random.random((batch, branches)) < 0.6,
        "discount": random.choice(np.array([0, 0.9], np.float32), batch),
        "weight": random.random(batch).astype(np.float32),
    }
    parts["mask"][0] = parts["next_mask"][1] = False  # nothing that acts, nothing that acts next
    return BranchTransitions(**{name: torch.from_numpy(each) for name, each in parts.items()})


def _values(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    return (x @ parameters["w"]).unflatten(-1, (-1, BINS)) + parameters["b"]


def _plain_loss(q: NDArray, q_next: NDArray, q_target: NDArray, batch: BranchTransitions, double: bool) -> float:
    """The mean Huber loss, transition by transition, branch by branch: the specification."""
    read, losses = {name: each.numpy() for name, each in batch._asdict().items()}, []
    for b in range(len(q)):
        judge = q_next[b] if double else q_target[b]
        there, then = np.flatnonzero(read["mask"][b]), np.flatnonzero(read["next_mask"][b])
        expected = np.mean([q_target[b, d, judge[d].argmax()] for d in then]) if len(then) else 0.0
        goal = read["reward"][b] + read["discount"][b] * expected
        errors = [abs(q[b, d, read["action"][b, d]] - goal) for d in there]
        each = [0.5 * e**2 if e < 1 else e - 0.5 for e in errors]
        losses.append(read["weight"][b] * np.mean(each) if each else 0.0)
    return float(np.mean(losses))


@pytest.mark.parametrize("double", [True, False])
def test_the_loss_is_the_plain_one_and_what_a_body_lacks_counts_nothing(double: bool) -> None:
    random = np.random.default_rng(2)
    batch = _some_batch(random)
    online, target = (
        {"w": torch.from_numpy(random.standard_normal((3, 12)).astype(np.float32)), "b": torch.zeros(9, 4, 1)}
        for _ in range(2)
    )
    q, q_next, q_target = (
        _values(parameters, x).numpy()
        for parameters, x in (
            (online, batch.observation),
            (online, batch.next_observation),
            (target, batch.next_observation),
        )
    )
    loss, size = branching_td_loss(_values, online, target, batch, double)
    assert float(loss) == pytest.approx(_plain_loss(q, q_next, q_target, batch, double), rel=1e-5)
    assert float(size[0]) == 0
    absent = ~(batch.mask | batch.next_mask)[..., None]
    assert absent.any()
    strange = [{**each, "b": torch.where(absent, 50.0, each["b"])} for each in (online, target)]
    same, _ = branching_td_loss(_values, *strange, batch, double)
    assert float(same) == pytest.approx(float(loss), rel=1e-6)
    for planted in ({"mask": torch.ones_like(batch.mask)}, {"next_mask": torch.ones_like(batch.mask)}):
        other, _ = branching_td_loss(_values, *strange, batch._replace(**planted), double)
        assert abs(float(other) - float(loss)) > 0.01


def test_an_own_module_learns_what_each_joint_is_told() -> None:
    settings = _rule(network="attending:Plain", gamma=0.0, n_step=1)
    crawlers = Crawlers(settings, bins=BINS)
    replay, random = Replay(ROWS, 256, TOKENS.size, branches=TOKENS.branches), np.random.default_rng(1)
    ended, cut = np.ones(ROWS, np.bool_), np.zeros(ROWS, np.bool_)
    for _ in range(256):
        seen = some_observations(random, crawlers.bodies)
        seen[:, 0] = np.sign(seen[:, 0])
        done = random.integers(0, BINS, ROWS).astype(np.int32)
        right = np.where(seen[:, 0] > 0, 0, 2)
        action = np.repeat(done[:, None], TOKENS.branches, 1)
        replay.add(crawlers.rows, seen, crawlers.bodies, action, (done == right).astype(np.float32), ended, cut)
    _, learner = _learner(crawlers, settings, "torch")
    losses = []
    for step in range(150):
        learner.update(crawlers.rows, crawlers.ids, replay, SEED, step, crawlers.loss, crawlers.faults)
        losses.append(float(crawlers.loss.mean()))
    assert np.mean(losses[-10:]) < 0.1 * np.mean(losses[:3])
    values = np.zeros((ROWS, TOKENS.branches, BINS), np.float32)
    learner.values(seen, crawlers.rows, values)
    assert (values.argmax(-1) == right[:, None])[crawlers.bodies].all()


def test_a_step_is_compiled_for_the_batches_that_come(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, seen = _rule(network="mlp", accumulate=2), []
    crawlers = Crawlers(settings, bins=BINS)
    monkeypatch.setattr(TorchNetworks, "compile", lambda _, examples, at_once: seen.extend(examples))
    improve = TorchNetworks.improve

    def note(self: TorchNetworks, held: Any, batches: Any) -> Any:
        seen.append([type(batch)(*(each[0] for each in batch)) for batch in batches])
        return improve(self, held, batches)

    monkeypatch.setattr(TorchNetworks, "improve", note)
    network = q_network(TOKENS.size, BINS, settings, TOKENS.branches, TOKENS)
    networks = Networks(network.layout, "own", ROWS, SEED)
    learner = TorchQ(network, networks, settings, TOKENS.size, compiled=True)
    learner.update(crawlers.rows, crawlers.ids, crawlers.replay, SEED, 0, crawlers.loss, crawlers.faults)
    examples, batches = seen
    assert len(examples) == len(batches) == 2
    for example, batch in zip(examples, batches, strict=True):
        assert isinstance(example, BranchTransitions) and isinstance(batch, BranchTransitions)
        assert [(each.shape, each.dtype) for each in example] == [(each.shape, each.dtype) for each in batch]
