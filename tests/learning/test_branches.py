"""Several actions at once: chosen, remembered, and learned by a plain network."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.branches import BranchTransitions, branching_td_loss, choose_branches, choose_branches_plain
from teem.learning.kernel_q import KernelQ
from teem.learning.networks import BranchingMLP
from teem.learning.replay import Replay
from teem.learning.stack import Layout, Stack
from teem.rng import Stream, bits, to_unit
from teem.threads import Threads

SEED, REST = 11, 1


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """The references' matrices are too small to share; waiting threads would spin."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _draws(ids: NDArray[np.int64], step: int, branches: int) -> NDArray[np.float32]:
    words = [[bits(SEED, int(Stream.EXPLORE), step, agent, b)[:2] for b in range(branches)] for agent in ids]
    return np.array([[[to_unit(word) for word in pair] for pair in one] for one in words], np.float32)


def _chosen(
    values: NDArray[np.float32],
    mask: NDArray[np.bool_],
    epsilon: NDArray[np.float32],
    ids: NDArray[np.int64],
    order: NDArray[np.int64] | None = None,
) -> NDArray[np.int32]:
    """Actions by agent, the agents sitting in the slots `order`."""
    slots = np.arange(len(ids)) if order is None else order
    action = np.full(mask.shape, -1, np.int32)
    by_slot = [np.empty_like(each) for each in (values, mask, epsilon)]
    for placed, each in zip(by_slot, (values, mask, epsilon), strict=True):
        placed[slots] = each
    Threads(2).share(
        choose_branches, len(ids), *by_slot, ids, slots.astype(np.int32), 5, SEED, REST, action, at_least=3
    )
    return action[slots]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    agents=st.integers(1, 12),
    branches=st.integers(1, 6),
    bins=st.integers(1, 5),
    epsilon=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_branches_are_chosen_as_the_plain_twin_does(
    seed: int, agents: int, branches: int, bins: int, epsilon: float
) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(-2, 3, (agents, branches, bins)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    mask = random.random((agents, branches)) < 0.7
    ids, e = np.arange(agents) + 100, np.full(agents, epsilon, np.float32)
    expected = choose_branches_plain(values, mask, e, _draws(ids, 5, branches), REST)
    assert np.array_equal(_chosen(values, mask, e, ids), expected)
    assert np.array_equal(_chosen(values, mask, e, ids, random.permutation(agents)), expected)


def test_each_branch_tries_things_by_itself() -> None:
    agents, branches = 2000, 3
    values = np.zeros((agents, branches, 4), np.float32)
    values[..., 2] = 1
    mask, epsilon = np.ones((agents, branches), np.bool_), np.full(agents, 0.4, np.float32)
    tried = _chosen(values, mask, epsilon, np.arange(agents)) != 2  # a quarter of tries gives the best bin
    assert np.abs(tried.mean(0) - 0.3).max() < 0.05
    together = (tried[:, 0] & tried[:, 1]).mean()
    assert abs(together - 0.09) < 0.03


def _lives(replay: Replay, bodies: NDArray[np.bool_], steps: int = 40, bins: int = 3) -> list[NDArray[np.int32]]:
    """Fill a replay; the actions, as given."""
    rows, given = len(bodies), []
    random = np.random.default_rng(3)
    for _ in range(steps):
        action = random.integers(0, bins, bodies.shape).astype(np.int32)
        given.append(action)
        replay.add(
            np.arange(rows),
            random.standard_normal((rows, replay.size)).astype(np.float32),
            bodies,
            action,
            random.standard_normal(rows).astype(np.float32),
            random.random(rows) < 0.1,
            random.random(rows) < 0.1,
            random.standard_normal((rows, replay.size)).astype(np.float32),
        )
    return given


def test_a_memory_keeps_the_action_and_the_presence_of_every_branch() -> None:
    bodies = np.array([[True, False, True], [True, True, False]])
    replay = Replay(2, 64, 4, branches=3)
    given: list[NDArray[np.int32]] = []
    random = np.random.default_rng(0)
    for number in range(50):
        given.append(random.integers(0, 200, bodies.shape).astype(np.int32))
        seen, flags = np.full((2, 4), number, np.float32), np.zeros(2, np.bool_)
        cut = np.full(2, number % 7 == 6)
        replay.add(np.arange(2), seen, bodies, given[-1], np.zeros(2, np.float32), flags, cut, seen)
    batch = replay.sample(np.arange(2), np.arange(2), 1, SEED, 40, 3, 0.5)
    for agent in range(2):
        for i in range(40):
            number = int(batch.observation[agent, i, 0])
            assert batch.action[agent, i].tolist() == given[number][agent].tolist()
            assert np.array_equal(batch.mask[agent, i], bodies[agent])
            assert np.array_equal(batch.next_mask[agent, i], bodies[agent])


def test_a_memory_of_branches_is_saved_and_refuses_other_shapes() -> None:
    bodies = np.ones((2, 3), np.bool_)
    replay, other = Replay(2, 16, 4, branches=3), Replay(4, 16, 4, branches=3)
    _lives(replay, bodies)
    other.load_state(replay.state(np.array([1])), np.array([3]))
    one = replay.sample(np.array([1]), np.array([5]), 1, SEED, 8, 2, 0.5)
    two = other.sample(np.array([3]), np.array([5]), 1, SEED, 8, 2, 0.5)
    assert np.array_equal(one.action, two.action)
    with pytest.raises(ValueError, match="replay holds 1 branches"):
        _lives(Replay(2, 16, 4), bodies)


RULE = LearningSettings(batch=8, n_step=3, tau=0.1, lr=0.003)
PRIORITISED = msgspec.structs.replace(RULE.replay, prioritised=True)


@pytest.mark.parametrize(
    "rule",
    [RULE, msgspec.structs.replace(RULE, double=False), msgspec.structs.replace(RULE, replay=PRIORITISED)],
    ids=["plain", "single", "prioritised"],
)
@pytest.mark.parametrize("masked", [True, False], ids=["as it is", "with a planted fault"])
def test_a_plain_network_with_branches_learns_as_torch_does(rule: LearningSettings, masked: bool) -> None:
    worst = _distance(rule, masked=masked)
    assert worst < 2e-5 if masked else worst > 1e-3


def _distance(rule: LearningSettings, *, masked: bool) -> float:
    """The largest difference of any weight or loss from those of torch, which overlooks the mask unless `masked`."""
    rows, inputs, hidden, branches, bins = 4, 9, (24, 17), 5, 3
    bodies = np.random.default_rng(1).random((rows, branches)) < 0.5
    bodies[0] = False
    layout = Layout.mlp(inputs, hidden, 1 + branches * bins)
    stack, replay = (
        Stack(layout, rows),
        Replay(rows, 32, inputs, prioritised=rule.replay.prioritised, branches=branches),
    )
    agents = np.arange(rows)
    stack.fresh(agents, agents, SEED)
    _lives(replay, bodies)
    learner = KernelQ(stack, inputs, hidden, bins, rule, Threads(2), branches)
    module = BranchingMLP(inputs, branches, bins, hidden)
    views = stack.views(stack.weights)
    online = [
        {name: torch.tensor(view[row], requires_grad=True) for name, view in views.items()} for row in range(rows)
    ]
    target = copy.deepcopy(online)
    optimisers = [torch.optim.Adam(own.values(), lr=rule.lr, eps=1e-8) for own in online]
    loss, faults, worst = np.zeros(rows, np.float32), np.zeros(rows, np.int64), 0.0
    for step in range(4):
        drawn = replay.sample(agents, agents, step, SEED, rule.batch, rule.n_step, rule.gamma)
        learner.update(agents, agents, replay, SEED, step, loss, faults)
        for row in agents:
            batch = BranchTransitions(*(torch.from_numpy(getattr(drawn, n)[row]) for n in BranchTransitions._fields))
            if not masked:
                batch = batch._replace(mask=torch.ones_like(batch.mask), next_mask=torch.ones_like(batch.next_mask))
            expected, _ = branching_td_loss(
                lambda p, x: torch.func.functional_call(module, p, (x,)), online[row], target[row], batch, rule.double
            )
            optimisers[row].zero_grad()
            expected.backward()
            torch.nn.utils.clip_grad_norm_(online[row].values(), rule.grad_clip)
            optimisers[row].step()
            with torch.no_grad():
                for name, slow in target[row].items():
                    slow.lerp_(online[row][name], rule.tau)
            flat = torch.cat([each.detach().ravel() for each in online[row].values()]).numpy()
            worst = max(worst, float(np.abs(flat - stack.weights[row]).max()), abs(expected.item() - float(loss[row])))
    assert not faults.any()
    return worst


def test_values_of_a_plain_network_are_the_modules_branch_by_branch() -> None:
    inputs, hidden, branches, bins = 9, (24, 17), 5, 3
    stack = Stack(Layout.mlp(inputs, hidden, 1 + branches * bins), 2)
    stack.fresh(np.arange(2), np.arange(2), SEED)
    learner = KernelQ(stack, inputs, hidden, bins, RULE, Threads(1), branches)
    observation = np.random.default_rng(0).standard_normal((2, inputs)).astype(np.float32)
    out = np.zeros((2, branches, bins), np.float32)
    learner.values(observation, np.arange(2), out)
    module = BranchingMLP(inputs, branches, bins, hidden)
    for row in range(2):
        views = stack.views(stack.weights)
        module.load_state_dict({name: torch.from_numpy(view[row].copy()) for name, view in views.items()})
        expected = module(torch.from_numpy(observation[row])).detach().numpy()
        np.testing.assert_allclose(out[row], expected, atol=1e-5)
