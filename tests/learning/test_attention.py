"""The attention kernels against one plain torch module and optimiser an agent."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import torch
from attending import ROWS, RULE, SEED, TOKENS, WIDTHS, Crawlers, some_observations
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.attention import AttentionQ
from teem.learning.attention_layout import Widths, attention_layout
from teem.learning.branches import BranchTransitions, branching_td_loss
from teem.learning.kernel_attention import KernelAttention
from teem.learning.replay import Batch
from teem.worlds.tokens import TokenKind, Tokens


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """The references' matrices are too small to share; waiting threads would spin."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Reference:
    """One agent, as a reader of the papers would write it."""

    def __init__(self, crawlers: Crawlers, agent: int, *, frozen_target: bool = True, masked: bool = True) -> None:
        self.rule, self.frozen_target, self.masked = crawlers.rule, frozen_target, masked
        self.online = crawlers.module(agent)
        self.target = copy.deepcopy(self.online)
        self.optimiser = torch.optim.Adam(self.online.parameters(), lr=crawlers.rule.lr, eps=1e-8)

    def update(self, batch: BranchTransitions) -> tuple[float, torch.Tensor]:
        online, rule = self.online, self.rule
        target = self.target if self.frozen_target else online
        if not self.masked:
            batch = batch._replace(mask=torch.ones_like(batch.mask), next_mask=torch.ones_like(batch.next_mask))

        def network(parameters: dict[str, torch.Tensor], observation: torch.Tensor) -> torch.Tensor:
            return torch.func.functional_call(online, parameters, (observation,))

        parameters = dict(online.named_parameters())
        loss, error = branching_td_loss(network, parameters, dict(target.named_parameters()), batch, rule.double)
        self.optimiser.zero_grad()
        loss.backward()
        if rule.grad_clip:
            torch.nn.utils.clip_grad_norm_(online.parameters(), rule.grad_clip)
        self.optimiser.step()
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), online.parameters(), strict=True):
                slow.lerp_(fast, rule.tau)
        return loss.item(), error

    def flat(self) -> NDArray[np.float32]:
        return torch.cat([p.detach().ravel() for p in self.online.parameters()]).numpy()

    def flat_target(self) -> NDArray[np.float32]:
        return torch.cat([p.detach().ravel() for p in self.target.parameters()]).numpy()


def _tensors(crawlers: Crawlers, drawn: Batch, agent: int) -> BranchTransitions:
    """One agent's part of a batch; a branch is there where its token is."""
    parts = {name: getattr(drawn, name)[agent] for name in BranchTransitions._fields}
    parts["action"] = parts["action"].reshape(len(parts["action"]), -1)  # one branch has no axis of its own
    parts["mask"] = crawlers.tokens.branches_present(parts["observation"])
    parts["next_mask"] = crawlers.tokens.branches_present(parts["next_observation"])
    return BranchTransitions(*(torch.from_numpy(part) for part in parts.values()))


def _distance(crawlers: Crawlers, updates: int = 5, **planted: bool) -> float:
    """The largest difference of any weight, target weight, loss or priority from the references'."""
    references = [Reference(crawlers, agent, **planted) for agent in range(len(crawlers.rows))]
    rule, replay, worst = crawlers.rule, crawlers.replay, 0.0
    for step in range(updates):
        drawn = replay.sample(crawlers.rows, crawlers.ids, step, SEED, rule.batch, rule.n_step, rule.gamma)
        crawlers.update(step)
        for agent, (row, reference) in enumerate(zip(crawlers.rows, references, strict=True)):
            loss, error = reference.update(_tensors(crawlers, drawn, agent))
            worst = max(worst, abs(loss - float(crawlers.loss[row])))
            worst = max(worst, float(np.abs(reference.flat() - crawlers.stack.weights[row]).max()))
            worst = max(worst, float(np.abs(reference.flat_target() - crawlers.stack.target[row]).max()))
            if replay.prioritised:
                expected = (error.abs().numpy() + 1e-6) ** replay.alpha
                worst = max(worst, float(np.abs(expected - replay.priority[row, drawn.index[agent]]).max()))
    assert crawlers.faults.sum() == 0
    assert (crawlers.stack.updates == updates).all()
    return worst


def _rule(**changed: object) -> LearningSettings:
    return msgspec.structs.replace(RULE, **changed)


PRIORITISED = msgspec.structs.replace(RULE.replay, prioritised=True)


@pytest.mark.parametrize(
    ("rule", "how"),
    [
        (RULE, {}),
        (_rule(double=False), {}),
        (_rule(n_step=1, batch=33), {}),
        (_rule(batch=32), {"widths": Widths()}),
        (_rule(grad_clip=0.0), {"changing": True}),
        (_rule(grad_clip=0.05), {}),
        (_rule(batch=1), {}),
        (_rule(replay=PRIORITISED), {"changing": True}),
    ],
    ids=[
        "plain",
        "single",
        "one step, odd batch",
        "the default network",
        "unclipped, other branches at every step",
        "tightly clipped",
        "one transition",
        "prioritised",
    ],
)
def test_an_update_equals_a_plain_torch_agents(rule: LearningSettings, how: dict[str, object]) -> None:
    assert _distance(Crawlers(rule, **how)) < 1e-4  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
    widths=st.builds(
        Widths,
        token=st.integers(1, 40),
        heads=st.integers(1, 3),
        head=st.integers(1, 9),
        context=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
        trunk=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
    ),
    bins=st.integers(1, 6),
    batch=st.integers(1, 20),
)
@example([(1, 1, False), (1, 1, True), (1, 2, False)], Widths(2, 1, 1, (1,), (1,)), 1, 1)  # a kind that nobody has
def test_any_shape_of_network_has_the_right_gradient(
    counts: list[tuple[int, int, bool]], widths: Widths, bins: int, batch: int
) -> None:
    kinds = [TokenKind(str(k), count, features, optional) for k, (count, features, optional) in enumerate(counts)]
    tokens = Tokens((TokenKind("self", 1, 3), *kinds))
    rule = _rule(batch=batch, grad_clip=0.0)
    bodies = np.ones((2, tokens.branches), np.bool_)
    bodies[1] = np.arange(tokens.branches) % 2 == 0
    crawlers = Crawlers(rule, tokens=tokens, widths=widths, bins=bins, rows=2, bodies=bodies)
    references = [Reference(crawlers, agent) for agent in range(2)]
    drawn = crawlers.replay.sample(crawlers.rows, crawlers.ids, 0, SEED, batch, rule.n_step, rule.gamma)
    crawlers.update(0)
    for agent, reference in enumerate(references):
        reference.update(_tensors(crawlers, drawn, agent))
        gradient = torch.cat([p.grad.ravel() for p in reference.online.parameters()]).numpy()
        # Adam's first moment is a tenth of the first gradient, and the step scales nothing up
        np.testing.assert_allclose(crawlers.stack.moment1[agent] * 10, gradient, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("reference_rule", "planted"),
    [
        (RULE, {"frozen_target": False}),
        (RULE, {"masked": False}),
        (_rule(double=False), {}),
        (_rule(grad_clip=0.05), {}),
        (_rule(gamma=0.5), {}),
    ],
    ids=["no target network", "absent branches count", "not double", "clipped", "another discount"],
)
def test_the_comparison_sees_a_planted_fault(reference_rule: LearningSettings, planted: dict[str, bool]) -> None:
    crawlers = Crawlers()
    crawlers.rule = reference_rule
    assert _distance(crawlers, **planted) > 1e-3


def test_values_are_the_modules_and_only_of_the_rows_asked_for() -> None:
    crawlers = Crawlers()
    observation = some_observations(np.random.default_rng(0), crawlers.bodies)
    out = np.full((ROWS, TOKENS.branches, crawlers.bins), np.nan, np.float32)
    asked = np.array([4, 1], np.int32)
    crawlers.learner.values(observation, asked, out)
    for row in asked:
        expected = crawlers.module(row)(torch.from_numpy(observation[row])).detach().numpy()
        there = crawlers.bodies[row]
        np.testing.assert_allclose(out[row, there], expected[there], atol=1e-5)
        assert not out[row, ~there].any()
    assert np.isnan(out[[0, 2, 3]]).all()


def test_attention_can_be_read_out_and_what_is_absent_gets_none() -> None:
    crawlers = Crawlers()
    observation = some_observations(np.random.default_rng(0), crawlers.bodies)
    rows = np.array([3, 0, 2])
    shares = crawlers.learner.attention(observation, rows)
    assert shares.shape == (3, WIDTHS.heads, TOKENS.queries, TOKENS.count)
    for share, row in zip(shares, rows, strict=True):
        there = TOKENS.present(observation[row])
        asking = there[: TOKENS.queries]
        assert not share[:, :, ~there].any()
        assert not share[:, ~asking].any()
        np.testing.assert_allclose(share[:, asking].sum(-1), 1, atol=1e-6)
        expected = crawlers.module(row).attention(torch.from_numpy(observation[row])).detach().numpy()
        np.testing.assert_allclose(share[:, asking], expected[:, asking], atol=1e-6)


def test_a_stack_of_another_shape_is_refused() -> None:
    crawlers = Crawlers()
    with pytest.raises(ValueError, match="not laid out for"):
        KernelAttention(crawlers.stack, TOKENS, 4, WIDTHS, RULE, crawlers.threads)
    crawlers.replay.forget(np.array([3]))
    with pytest.raises(ValueError, match="row 3 has no transition"):
        crawlers.update(0)


def test_the_module_and_the_kernels_lay_weights_out_alike() -> None:
    module = AttentionQ(TOKENS, 3, WIDTHS)
    layout = attention_layout(TOKENS, WIDTHS, 3)
    shapes = dict(zip(layout.names, layout.shapes, strict=True))
    assert {name: tuple(each.shape) for name, each in module.named_parameters()} == shapes
    assert list(shapes) == [name for name, _ in module.named_parameters()]
