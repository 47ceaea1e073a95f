"""The fused kernels against one plain torch module and optimiser an agent."""

from __future__ import annotations

import copy
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.kernel_q import KernelQ
from teem.learning.networks import DuelingMLP
from teem.learning.replay import Batch, Replay
from teem.learning.stack import Layout, Stack
from teem.threads import Threads

ROWS = 6
SEED = 11
RULE = LearningSettings(batch=8, n_step=3, tau=0.1, lr=0.01)


class Farm:
    """A few agents with filled memories, and what learns from them."""

    def __init__(
        self,
        rule: LearningSettings = RULE,
        *,
        inputs: int = 7,
        hidden: tuple[int, ...] = (24, 9),
        actions: int = 5,
        rows: int = ROWS,
        threads: int = 1,
        order: NDArray[np.int64] | None = None,
        shared: bool = False,
        reward: float = 1.0,
    ) -> None:
        self.rule, self.hidden, self.actions = rule, hidden, actions
        slots = np.arange(rows) if order is None else order
        self.rows, self.ids = slots.astype(np.int32), np.arange(rows) + 40
        self.stack = Stack(Layout.mlp(inputs, hidden, 1 + actions), 1 if shared else rows)
        self.replay = Replay(rows, 32, inputs, prioritised=rule.replay.prioritised)
        if shared:
            self.stack.fresh(np.zeros(1, np.int32), self.ids[:1], SEED)
        else:
            self.stack.fresh(self.rows, self.ids, SEED)
        random = np.random.default_rng(3)
        for _ in range(40):
            lives = {
                "observation": random.standard_normal((rows, inputs)).astype(np.float32),
                "mask": random.random((rows, actions)) < 0.7,
                "action": random.integers(0, actions, rows).astype(np.int32),
                "reward": (random.standard_normal(rows) * reward).astype(np.float32),
                "terminated": random.random(rows) < 0.1,
                "truncated": random.random(rows) < 0.1,
                "final": random.standard_normal((rows, inputs)).astype(np.float32),
            }
            lives["mask"][:, -1] = True
            self.replay.add(self.rows, **{name: _placed(values, self.rows) for name, values in lives.items()})
        self.threads = Threads(threads)
        self.learner = KernelQ(self.stack, inputs, hidden, actions, rule, self.threads)
        self.loss = np.zeros(rows, np.float32)
        self.faults = np.zeros(rows, np.int64)

    def update(self, step: int) -> None:
        self.learner.update(self.rows, self.ids, self.replay, SEED, step, self.loss, self.faults)


def _placed(values: NDArray[np.generic], rows: NDArray[np.int32]) -> NDArray[np.generic]:
    """The values by slot, given by agent."""
    out = np.zeros_like(values)
    out[rows] = values
    return out


class Reference:
    """One agent, as a reader of the papers would write it."""

    def __init__(self, farm: Farm, agent: int, *, frozen_target: bool = True) -> None:
        self.rule, self.frozen_target = farm.rule, frozen_target
        self.online = DuelingMLP(farm.replay.size, farm.actions, farm.hidden)
        views = farm.stack.views(farm.stack.weights)
        own = {name: torch.from_numpy(view[farm.rows[agent]].copy()) for name, view in views.items()}
        self.online.load_state_dict(own)
        self.target = copy.deepcopy(self.online)
        self.optimiser = torch.optim.Adam(self.online.parameters(), lr=farm.rule.lr, eps=1e-8)

    def update(self, batch: dict[str, torch.Tensor]) -> tuple[float, torch.Tensor]:
        online, rule = self.online, self.rule
        target = self.target if self.frozen_target else online
        taken = online(batch["observation"]).gather(-1, batch["action"][:, None])[:, 0]
        with torch.no_grad():
            values = target(batch["next_observation"])
            judge = online(batch["next_observation"]) if rule.double else values
            best = judge.masked_fill(~batch["next_mask"], -torch.inf).argmax(-1, keepdim=True)
            wanted = batch["reward"] + batch["discount"] * values.gather(-1, best)[:, 0]
        losses = torch.nn.functional.smooth_l1_loss(taken, wanted, reduction="none")
        loss = (batch["weight"] * losses).mean()
        self.optimiser.zero_grad()
        loss.backward()
        if rule.grad_clip:
            torch.nn.utils.clip_grad_norm_(online.parameters(), rule.grad_clip)
        self.optimiser.step()
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), online.parameters(), strict=True):
                slow.lerp_(fast, rule.tau)
        return loss.item(), (taken - wanted).detach()

    def flat(self) -> NDArray[np.float32]:
        return torch.cat([p.detach().ravel() for p in self.online.parameters()]).numpy()

    def flat_target(self) -> NDArray[np.float32]:
        return torch.cat([p.detach().ravel() for p in self.target.parameters()]).numpy()


def _tensors(drawn: Batch, agent: int) -> dict[str, torch.Tensor]:
    """One agent's part of a batch."""
    return {name: torch.from_numpy(getattr(drawn, name)[agent]) for name in Batch.__dataclass_fields__}


def _distance(farm: Farm, updates: int = 6, **planted: bool) -> float:
    """The largest difference of any weight, target weight or loss from the references'."""
    references = [Reference(farm, agent, **planted) for agent in range(len(farm.rows))]
    rule, worst = farm.rule, 0.0
    for step in range(updates):
        drawn = farm.replay.sample(farm.rows, farm.ids, step, SEED, rule.batch, rule.n_step, rule.gamma)
        farm.update(step)
        for agent, (row, reference) in enumerate(zip(farm.rows, references, strict=True)):
            loss, error = reference.update(_tensors(drawn, agent))
            worst = max(worst, abs(loss - float(farm.loss[row])))
            worst = max(worst, float(np.abs(reference.flat() - farm.stack.weights[row]).max()))
            worst = max(worst, float(np.abs(reference.flat_target() - farm.stack.target[row]).max()))
            if farm.replay.prioritised:
                expected = (error.abs().numpy() + 1e-6) ** farm.replay.alpha
                written = farm.replay.priority[row, drawn.index[agent]]
                worst = max(worst, float(np.abs(expected - written).max()))
    assert farm.faults.sum() == 0
    assert (farm.stack.updates == updates).all()
    return worst


def _rule(**changed: object) -> LearningSettings:
    return msgspec.structs.replace(RULE, **changed)


PRIORITISED = msgspec.structs.replace(RULE.replay, prioritised=True)


@pytest.mark.parametrize(
    "rule",
    [
        RULE,
        _rule(double=False),
        _rule(n_step=1, batch=33),
        _rule(grad_clip=0.0),
        _rule(grad_clip=0.05),
        _rule(batch=3),
        _rule(replay=PRIORITISED),
    ],
    ids=[
        "plain",
        "single",
        "one step, odd batch",
        "unclipped",
        "tightly clipped",
        "tiny batch",
        "prioritised",
    ],
)
def test_an_update_equals_a_plain_torch_agents(rule: LearningSettings) -> None:
    assert _distance(Farm(rule)) < 2e-5


@settings(max_examples=20, deadline=None)
@given(
    inputs=st.integers(1, 40),
    hidden=st.lists(st.integers(1, 70), min_size=1, max_size=4).map(tuple),
    actions=st.integers(1, 20),
    batch=st.integers(1, 20),
)
def test_any_shape_of_network_has_the_right_gradient(
    inputs: int, hidden: tuple[int, ...], actions: int, batch: int
) -> None:
    rule = _rule(batch=batch, grad_clip=0.0)
    farm = Farm(rule, inputs=inputs, hidden=hidden, actions=actions, rows=2)
    references = [Reference(farm, agent) for agent in range(2)]
    drawn = farm.replay.sample(farm.rows, farm.ids, 0, SEED, batch, rule.n_step, rule.gamma)
    farm.update(0)
    for agent, reference in enumerate(references):
        reference.update(_tensors(drawn, agent))
        gradient = torch.cat([p.grad.ravel() for p in reference.online.parameters()]).numpy()
        # Adam's first moment is a tenth of the first gradient, and the step scales nothing up
        np.testing.assert_allclose(farm.stack.moment1[farm.rows[agent]] * 10, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kept", [[5], [0, 3, 4, 19], [1, 2, 3, 5, 8, 10, 11, 13, 17]])
def test_inputs_that_are_zero_in_all_of_a_batch_are_passed_over_and_change_no_bit_of_the_rest(kept: list[int]) -> None:
    """Beside networks without these inputs, whose memory holds everything else alike."""
    rule = _rule(grad_clip=0.0)  # a norm is summed by place
    wide, narrow = Farm(rule, inputs=20), Farm(rule, inputs=len(kept))
    absent = np.setdiff1d(np.arange(20), kept)
    wide.replay.observation[1:, :, absent] = 0  # the first agent's are all there
    for name in ("mask", "action", "reward", "end", "added", "closed"):
        getattr(narrow.replay, name)[:] = getattr(wide.replay, name)
    narrow.replay.observation[:] = wide.replay.observation[..., kept]

    def tensors(farm: Farm) -> list[NDArray[np.float32]]:
        stack = farm.stack
        first, *rest = stack.layout.names
        arrays = (stack.weights, stack.target, stack.moment1, stack.moment2)
        found = [stack.views(array) for array in arrays]
        return [views[first][1:, kept if farm is wide else slice(None)] for views in found] + [
            views[name][1:] for views in found for name in rest
        ]

    before = wide.stack.views(wide.stack.weights)["layers.0.weight"][1:, absent].copy()
    for here, there in zip(tensors(narrow), tensors(wide), strict=True):
        here[...] = there
    for step in range(3):
        wide.update(step)
        narrow.update(step)
    for here, there in zip([*tensors(narrow), narrow.loss[1:]], [*tensors(wide), wide.loss[1:]], strict=True):
        assert np.array_equal(here, there)
    assert np.array_equal(wide.stack.views(wide.stack.weights)["layers.0.weight"][1:, absent], before)
    assert not wide.stack.views(wide.stack.moment2)["layers.0.weight"][1:, absent].any()


def test_sixty_four_actions_are_told_apart() -> None:
    assert _distance(Farm(actions=64), updates=2) < 2e-5


@pytest.mark.parametrize(
    ("reference_rule", "planted"),
    [
        (RULE, {"frozen_target": False}),
        (_rule(double=False), {}),
        (_rule(grad_clip=0.05), {}),
        (_rule(gamma=0.5), {}),
    ],
    ids=["no target network", "not double", "clipped", "another discount"],
)
def test_the_comparison_sees_a_planted_fault(reference_rule: LearningSettings, planted: dict[str, bool]) -> None:
    farm = Farm()
    farm.rule = reference_rule
    assert _distance(farm, **planted) > 1e-3


def test_values_are_the_modules_and_only_of_the_rows_asked_for() -> None:
    farm = Farm()
    observation = np.random.default_rng(0).standard_normal((ROWS, 7)).astype(np.float32)
    out = np.full((ROWS, farm.actions), np.nan, np.float32)
    asked = np.array([4, 1], np.int32)
    farm.learner.values(observation, asked, out)
    for row in asked:
        expected = Reference(farm, row).online(torch.from_numpy(observation[row])).detach().numpy()
        np.testing.assert_allclose(out[row], expected, atol=1e-5)
    assert np.isnan(out[[0, 2, 3, 5]]).all()


def _trained(**how: object) -> tuple[NDArray[np.float32], ...]:
    """Weights, target, moments and losses by agent after some updates."""
    farm = Farm(**how)  # type: ignore[arg-type]
    for step in range(3):
        farm.update(step)
    arrays = (farm.stack.weights, farm.stack.target, farm.stack.moment1, farm.stack.moment2, farm.loss)
    return tuple(array[farm.rows] for array in arrays)


@pytest.mark.parametrize(
    "other",
    [{"threads": 2}, {"threads": 3}, {"order": np.random.default_rng(5).permutation(40)}],
    ids=["two threads", "three threads", "rows shuffled"],
)
def test_bits_do_not_depend_on_threads_or_on_the_row_an_agent_sits_in(other: dict[str, object]) -> None:
    for one, two in zip(_trained(rows=40), _trained(rows=40, **other), strict=True):
        assert np.array_equal(one.view(np.uint32), two.view(np.uint32))


@pytest.mark.parametrize("where", ["weights", "target", "memory"])
def test_only_the_agent_that_failed_keeps_its_weights(where: str) -> None:
    sound, broken = Farm(), Farm()
    bad = 2
    if where == "memory":
        broken.replay.reward[bad] = np.nan
    else:
        getattr(broken.stack, where)[bad, 3] = np.nan
    before = broken.stack.weights[bad].copy()
    sound.update(0)
    broken.update(0)
    others = np.arange(ROWS) != bad
    assert broken.faults.tolist() == [0, 0, 1, 0, 0, 0]
    assert np.array_equal(broken.stack.weights[bad], before, equal_nan=True)
    assert broken.stack.updates[bad] == 0
    assert not broken.stack.moment1[bad].any()
    assert np.array_equal(broken.stack.weights[others], sound.stack.weights[others])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_weight_that_relu_hides_is_found(value: float) -> None:
    farm = Farm()
    farm.stack.views(farm.stack.weights)["layers.0.bias"][1, 0] = value
    farm.update(0)
    assert farm.faults[1] == 1


def test_a_shared_network_is_updated_by_one_agent_after_the_other() -> None:
    shared, alone = Farm(shared=True, threads=2), Farm(shared=True)
    shared.update(0)
    for agent in range(ROWS):
        rows, ids = alone.rows[agent : agent + 1], alone.ids[agent : agent + 1]
        alone.learner.update(rows, ids, alone.replay, SEED, 0, alone.loss, alone.faults)
    assert shared.stack.updates.tolist() == [ROWS]
    assert np.array_equal(shared.stack.weights, alone.stack.weights)


def test_a_shared_network_values_each_observation_as_its_own() -> None:
    farm = Farm(shared=True, rows=40)
    observation = np.random.default_rng(0).standard_normal((40, 7)).astype(np.float32)
    together, single = np.zeros((40, farm.actions), np.float32), np.zeros((40, farm.actions), np.float32)
    farm.learner.values(observation, farm.rows, together)
    for row in farm.rows:
        farm.learner.values(observation, np.array([row]), single)
    assert np.array_equal(together, single)


def _raises(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_a_row_without_a_transition_is_refused_by_name() -> None:
    farm = Farm()
    farm.replay.forget(np.array([3]))
    _raises(lambda: farm.update(0), "row 3")


def test_a_stack_of_another_shape_is_refused() -> None:
    farm = Farm()
    _raises(lambda: KernelQ(farm.stack, 8, (24, 9), 5, RULE, farm.threads), "not laid out for 8 inputs")
    stack = Stack(Layout.mlp(2, (3,), 66), 1)
    _raises(lambda: KernelQ(stack, 2, (3,), 65, RULE, farm.threads), "at most 64")
