"""IQN and QR-DQN learn as their papers say, on either backend: against one agent written in the papers' words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from teem.config.settings import LearningSettings, QuantileSettings, ReplaySettings
from teem.learning import torch_networks, torch_quantiles
from teem.learning.algorithms.quantiles import Draw, QuantileTransitions, quantile_loss
from teem.learning.draw import GOES_ON
from teem.learning.kernel_quantiles import KernelQuantiles
from teem.learning.quantile_draws import fractions, noise
from teem.learning.quantile_layout import Widths, first_weights, quantile_layout, widths_of
from teem.learning.quantile_networks import Quantiles, midpoints
from teem.learning.replay import Replay
from teem.learning.sharing import Networks
from teem.learning.torch_quantiles import TorchQuantiles, quantile_network
from teem.rng import Stream
from teem.threads import Threads

SEED, AGENTS, INPUTS = 7, 3, 9
RULE = LearningSettings(
    hidden=(24, 17), batch=12, n_step=3, gamma=0.9, lr=0.01, tau=0.1, grad_clip=0.3,
    replay=ReplaySettings(length=40, warmup=8),
    quantiles=QuantileSettings(online=5, target=7, acting=3, cosines=6, kappa=0.7, sigma=0.5),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Matrices are too small to share; waiting threads would spin."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _lived(settings: LearningSettings, branches: int, actions: int, inputs: int = INPUTS, zeros: float = 0.0) -> Replay:
    """What agents remember of 60 decisions, with a few ends and cuts, and masks that differ."""
    random, replay = np.random.default_rng(3), settings.replay
    memory = Replay(
        AGENTS, replay.length, inputs, prioritised=replay.prioritised, alpha=replay.alpha, beta=replay.beta,
        branches=branches,
    )  # fmt: skip
    marks = branches if branches > 1 else actions
    for _ in range(60):
        mask = random.random((AGENTS, marks)) < 0.7
        mask[:, 0] = True
        seen = random.standard_normal((AGENTS, inputs), np.float32)
        seen[random.random(seen.shape) < zeros] = 0
        taken = random.integers(0, actions, (AGENTS, branches)).astype(np.int32)
        reward = random.standard_normal(AGENTS, np.float32)
        ended = random.random(AGENTS) < 0.1
        cut = ~ended & (random.random(AGENTS) < 0.1)
        memory.add(np.arange(AGENTS), seen, mask, taken.squeeze(1) if branches == 1 else taken, reward, ended, cut)
    return memory


class _OneAgent:
    """One network, its target and Adam, a transition, a quantile and a difference at a time."""

    def __init__(self, weights: dict[str, np.ndarray], widths: Widths, settings: LearningSettings) -> None:
        self.online = {name: torch.tensor(each.copy(), requires_grad=True) for name, each in weights.items()}
        self.target = {name: torch.tensor(each.copy()) for name, each in weights.items()}
        self.optimiser = torch.optim.Adam(self.online.values(), lr=settings.lr)
        self.widths, self.settings = widths, settings

    def quantiles(self, w: dict[str, Tensor], x: Tensor, taus: Tensor, eps: Tensor) -> list[Tensor]:
        """Z_tau(x, .) of each tau, [branches, actions] each."""
        widths, at = self.widths, 0
        for k in range(len(widths.psi)):
            x = torch.relu(x @ w[f"psi.layers.{k}.weight"] + w[f"psi.layers.{k}.bias"])
        noisy = dict(w)
        for name, (p, q) in zip([*(f"f.{k}" for k in range(len(widths.f))), "head"], widths.noisy_layers, strict=False):
            eps_in, eps_out = eps[at : at + p], eps[at + p : at + p + q]
            noisy[f"{name}.weight"] = w[f"{name}.weight"] + w[f"{name}.weight_sigma"] * torch.outer(eps_in, eps_out)
            noisy[f"{name}.bias"] = w[f"{name}.bias"] + w[f"{name}.bias_sigma"] * eps_out
            at += p + q
        if not widths.cosines:
            rows = self._f(noisy, x).reshape(widths.quantiles, widths.outputs)
            return [self._duel(row) for row in rows]
        made = []
        for tau in taus:
            phi = torch.stack([torch.cos(torch.pi * i * tau) for i in range(widths.cosines)])
            phi = torch.relu(phi @ w["embed.weight"] + w["embed.bias"])
            made.append(self._duel(self._f(noisy, x * phi)))
        return made

    def _f(self, w: dict[str, Tensor], x: Tensor) -> Tensor:
        for k in range(len(self.widths.f)):
            x = torch.relu(x @ w[f"f.{k}.weight"] + w[f"f.{k}.bias"])
        return x @ w["head.weight"] + w["head.bias"]

    def _duel(self, out: Tensor) -> Tensor:
        advantage = out[1:].reshape(self.widths.branches, self.widths.actions)
        return out[0] + advantage - advantage.mean(1, keepdim=True)

    def update(self, drawn: Any, taus: Tensor, next_taus: Tensor, eps: Tensor) -> tuple[float, list[float]]:
        """One step of gradient descent; the loss, and how far each expected return was from its goal."""
        settings, losses, sizes = self.settings, [], []
        for b in range(settings.batch):
            loss, size = self._loss(drawn, b, taus[b], next_taus[b], eps)
            losses.append(loss * float(drawn.weight[0, b]))
            sizes.append(size)
        loss = torch.stack(losses).mean()
        self.optimiser.zero_grad()
        loss.backward()
        if settings.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.online.values(), settings.grad_clip)
        self.optimiser.step()
        with torch.no_grad():
            for name, slow in self.target.items():
                slow.lerp_(self.online[name], settings.tau)
        return float(loss.detach()), sizes

    def _loss(self, drawn: Any, b: int, taus: Tensor, next_taus: Tensor, eps: Tensor) -> tuple[Tensor, float]:
        kappa, branches = self.settings.quantiles.kappa, self.widths.branches
        here, after = (torch.from_numpy(each[0, b].copy()) for each in (drawn.observation, drawn.next_observation))
        taken, there = drawn.action[0, b].reshape(-1), drawn.mask[0, b] if branches > 1 else [True]
        goals = self._goals(drawn, b, after, next_taus, eps)
        of_branches, distances = [], []
        for branch in np.flatnonzero(there):
            z = [each[branch, taken[branch]] for each in self.quantiles(self.online, here, taus, eps[0])]
            total = torch.zeros(())
            for tau, value in zip(taus, z, strict=True):
                expected = torch.zeros(())
                for goal in goals:
                    delta = goal - value
                    huber = 0.5 * delta**2 if abs(delta) <= kappa else kappa * (abs(delta) - 0.5 * kappa)
                    expected = expected + abs(tau - float(delta < 0)) * huber / kappa
                total = total + expected / len(goals)
            of_branches.append(total)
            distances.append(float(abs(torch.stack(goals).mean() - torch.stack(z).mean().detach())))
        if not of_branches:
            return torch.zeros((), requires_grad=True), 0.0
        return torch.stack(of_branches).mean(), float(np.mean(distances))

    def _goals(self, drawn: Any, b: int, after: Tensor, next_taus: Tensor, eps: Tensor) -> list[Tensor]:
        """T Z_tau' of each tau', the mean over the branches that are there."""
        settings, widths = self.settings, self.widths
        middles = (torch.arange(settings.quantiles.acting) + 0.5) / settings.quantiles.acting
        with torch.no_grad():
            chooser = (self.online, eps[2]) if settings.double else (self.target, eps[1])
            judged = torch.stack(self.quantiles(chooser[0], after, middles, chooser[1])).mean(0)
            z = self.quantiles(self.target, after, next_taus, eps[1])
            best = {}
            for branch in range(widths.branches):
                legal = (
                    drawn.next_mask[0, b] if widths.branches == 1 else [drawn.next_mask[0, b, branch]] * widths.actions
                )
                allowed = [a for a in range(widths.actions) if legal[a]]
                if allowed:
                    best[branch] = max(allowed, key=lambda a, branch=branch: float(judged[branch, a]))
            goals = []
            for each in z:
                following = [each[branch, a] for branch, a in best.items()]
                mean = torch.stack(following).mean() if following else torch.zeros(())
                goals.append(float(drawn.reward[0, b]) + float(drawn.discount[0, b]) * mean)
        return goals


def _learner(backend: str, algorithm: str, settings: LearningSettings, branches: int, actions: int, inputs: int) -> Any:
    widths = widths_of(algorithm, inputs, branches, actions, settings)
    network = quantile_network(widths, settings)
    networks = Networks(network.layout, "own", AGENTS, SEED, 0.0, network.initial, network.heads)
    networks.found(np.arange(AGENTS, dtype=np.int32), np.arange(AGENTS) + 20)
    if backend == "kernel":
        return networks, KernelQuantiles(networks.own, widths, settings, Threads(1)), widths
    return networks, TorchQuantiles(network, networks, settings), widths


Fault = Callable[[Any, Replay], None]


def _distance(
    backend: str,
    algorithm: str,
    settings: LearningSettings,
    branches: int = 1,
    inputs: int = INPUTS,
    zeros: float = 0.0,
    steps: int = 3,
    fault: Callable[[pytest.MonkeyPatch, Replay], LearningSettings | None] | None = None,
) -> float:
    """The largest difference of a weight, a target's, a loss or a priority between the learner and plain agents."""
    actions = 3 if branches > 1 else 4
    memory, theirs = (_lived(settings, branches, actions, inputs, zeros) for _ in range(2))
    rows, ids = np.arange(AGENTS, dtype=np.int32), np.arange(AGENTS) + 20
    loss, faults = np.zeros(AGENTS, np.float32), np.zeros(AGENTS, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        changed = (fault(patch, memory) if fault else None) or settings
        networks, learner, widths = _learner(backend, algorithm, changed, branches, actions, inputs)
        stack = networks.own
        plain = [
            _OneAgent({n: v[row] for n, v in stack.views(stack.weights).items()}, widths, settings) for row in rows
        ]
        worst = 0.0
        for step in range(steps):
            draws = [_draw(theirs, i, ids, step, widths, settings) for i in range(AGENTS)]
            learner.update(rows, ids, memory, SEED, step, loss, faults)
            assert not faults.any()
            for i, (agent, (drawn, *given)) in enumerate(zip(plain, draws, strict=True)):
                expected, sizes = agent.update(drawn, *given)
                theirs.set_priority(rows[i : i + 1], drawn.index, np.array([sizes], np.float32))
                worst = max(worst, abs(expected - float(loss[i])) / max(1.0, abs(expected)))
        worst = max(worst, float(np.abs(memory.priority - theirs.priority).max(initial=0.0)))
    for row, agent in enumerate(plain):
        for saved, weights in ((stack.weights, agent.online), (stack.target, agent.target)):
            for name, values in stack.views(saved).items():
                worst = max(worst, float(np.abs(values[row] - weights[name].detach().numpy()).max()))
    return worst


def _draw(memory: Replay, i: int, ids: np.ndarray, step: int, widths: Widths, settings: LearningSettings) -> tuple:
    """One agent's batch, its fractions and its noise."""
    one = ids[i : i + 1]
    drawn = memory.sample(np.array([i]), one, step, SEED, settings.batch, settings.n_step, settings.gamma)
    quantiles, batch = settings.quantiles, settings.batch
    eps = torch.from_numpy(noise(SEED, Stream.NOISE, step, one, 3 * widths.noise)).reshape(3, -1)
    if not widths.cosines:
        fixed = ((torch.arange(widths.quantiles) + 0.5) / widths.quantiles).expand(batch, -1)
        return drawn, fixed, fixed, eps
    taus = torch.from_numpy(fractions(SEED, step, one, batch * (quantiles.online + quantiles.target)))[0]
    here, after = taus.split([batch * quantiles.online, batch * quantiles.target])
    return drawn, here.reshape(batch, -1), after.reshape(batch, -1), eps


def _rule(settings: LearningSettings = RULE, **changed: Any) -> LearningSettings:
    quantiles = {name: changed.pop(name) for name in list(changed) if name in QuantileSettings.__struct_fields__}
    return msgspec.structs.replace(
        settings, quantiles=msgspec.structs.replace(settings.quantiles, **quantiles), **changed
    )


PRIORITISED = ReplaySettings(length=40, warmup=8, prioritised=True, alpha=0.9, beta=0.7)


@pytest.mark.parametrize("backend", ["kernel", "torch"])
@pytest.mark.parametrize("algorithm", ["iqn", "qrdqn"])
@pytest.mark.parametrize(
    ("rule", "how"),
    [
        (RULE, {}),
        (_rule(double=False, noisy=False, hidden=(20,)), {}),
        (_rule(replay=PRIORITISED, hidden=(12, 20, 9), grad_clip=0.0), {"zeros": 0.9, "inputs": 40}),
        (_rule(replay=PRIORITISED), {"branches": 3}),
    ],
    ids=["plain", "single, epsilon, one layer", "prioritised, sparse, deep, unclipped", "branches"],
)
def test_stacked_learning_equals_an_agent_in_the_papers_words(
    backend: str, algorithm: str, rule: LearningSettings, how: dict
) -> None:
    assert _distance(backend, algorithm, rule, **how) < 1e-4


@pytest.mark.parametrize("algorithm", ["iqn", "qrdqn"])
@pytest.mark.parametrize("zeros", [0.0, 0.9])
def test_kernels_equal_torch_where_products_are_deep(algorithm: str, zeros: float) -> None:
    rule, sides = _rule(hidden=(50, 40), batch=64, online=6, target=5), []
    for backend in ("kernel", "torch"):
        networks, learner, _ = _learner(backend, algorithm, rule, 1, 4, 300)
        memory, rows = _lived(rule, 1, 4, 300, zeros), np.arange(AGENTS, dtype=np.int32)
        loss, faults = np.zeros(AGENTS, np.float32), np.zeros(AGENTS, np.int64)
        learner.update(rows, rows + 20, memory, SEED, 0, loss, faults)
        assert not faults.any()
        moments = networks.own.moment1 / np.abs(networks.own.moment1).max()  # the gradient, before Adam evens it out
        values = np.zeros((AGENTS, 4), np.float32)
        seen = memory.sample(rows, rows, 0, SEED, 1, 1, 0.9).observation[:, 0]
        learner.values(seen, rows, values, Draw(rows + 20, SEED, 5))
        sides.append((moments, loss, values))
    for ours, theirs in zip(*sides, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3 if ours.shape == (AGENTS, 4) else 1e-4)


# ---- classic defects, planted: each is found by the same comparison


def _twice_softly(patch: pytest.MonkeyPatch, memory: Replay) -> LearningSettings:
    return _rule(tau=1 - (1 - RULE.tau) ** 2)


def _unclipped(patch: pytest.MonkeyPatch, memory: Replay) -> LearningSettings:
    return _rule(grad_clip=0.0)


def _scaled(patch: pytest.MonkeyPatch, memory: Replay) -> None:
    def scaled(*given: Any) -> tuple[Tensor, Tensor]:
        loss, size = quantile_loss(*given)
        return loss / 12, size

    patch.setattr(torch_quantiles, "quantile_loss", scaled)


def _stale(patch: pytest.MonkeyPatch, memory: Replay) -> None:
    def stale(rows: Any, *given: Any) -> Any:
        new, sound = torch_networks_adam(rows, *given)
        return new._replace(target=rows.target), sound

    torch_networks_adam = torch_networks.adam
    patch.setattr(torch_networks, "adam", stale)


def _one_step_early(patch: pytest.MonkeyPatch, memory: Replay) -> None:
    sample = Replay.sample

    def early(self: Replay, *given: Any) -> Any:
        batch = sample(self, *given)
        if self is memory:
            before = sample(self, *given[:-2], RULE.n_step - 1, RULE.gamma)
            batch.next_observation, batch.next_mask = before.next_observation, before.next_mask
        return batch

    patch.setattr(Replay, "sample", early)


def _across_an_end(patch: pytest.MonkeyPatch, memory: Replay) -> None:
    memory.end[:] = GOES_ON


def _one_noise(patch: pytest.MonkeyPatch, memory: Replay) -> None:
    def alike(*given: Any) -> np.ndarray:
        drawn = noise(*given).reshape(AGENTS, 3, -1)
        return np.repeat(drawn[:, :1], 3, axis=1).reshape(AGENTS, -1)

    patch.setattr(torch_quantiles, "noise", alike)


@pytest.mark.parametrize(
    "fault", [_twice_softly, _unclipped, _scaled, _stale, _one_step_early, _across_an_end, _one_noise]
)
def test_a_planted_fault_is_seen(fault: Any) -> None:
    assert _distance("torch", "iqn", RULE, steps=2) < 1e-4
    assert _distance("torch", "iqn", RULE, steps=2, fault=fault) > 1e-3


@pytest.mark.parametrize("fault", [_twice_softly, _unclipped, _across_an_end])
def test_a_fault_planted_in_the_kernels_is_seen(fault: Any) -> None:
    assert _distance("kernel", "iqn", RULE, steps=2, fault=fault) > 1e-3


# ---- what is drawn, and how networks begin


def test_fractions_are_uniform_and_noise_is_bent_normal() -> None:
    ids = np.arange(50)
    taus = fractions(SEED, 3, ids, 401)
    assert ((taus >= 0) & (taus < 1)).all()
    assert abs(taus.mean() - 0.5) < 0.01
    drawn = noise(SEED, Stream.NOISE, 3, ids, 402)
    normal = np.sign(drawn) * drawn**2
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03
    for made in (partial(fractions, SEED), partial(noise, SEED, Stream.NOISE)):
        assert (made(3, ids[::-1], 9)[::-1] == made(3, ids, 9)).all()  # whoever else there is
        assert (made(4, ids, 9) != made(3, ids, 9)).mean() > 0.99


@pytest.mark.parametrize("algorithm", ["iqn", "qrdqn"])
@pytest.mark.parametrize("changed", [{}, {"noisy": False, "hidden": (8,)}])
def test_modules_are_laid_out_as_the_kernels_take_them(algorithm: str, changed: dict) -> None:
    widths = widths_of(algorithm, INPUTS, 2, 3, _rule(**changed))
    named = [(name, tuple(each.shape)) for name, each in Quantiles(widths).named_parameters()]
    layout = quantile_layout(widths)
    assert named == list(zip(layout.names, layout.shapes, strict=True))


def test_deviations_of_the_noise_begin_alike() -> None:
    widths = widths_of("iqn", INPUTS, 1, 4, RULE)
    made = first_weights(quantile_layout(widths), 0.5)(SEED, 3)
    assert np.allclose(made["head.weight_sigma"], 0.5 / np.sqrt(17))
    assert np.allclose(made["f.0.bias_sigma"], 0.5 / np.sqrt(24))
    assert 0.5 / np.sqrt(24) < np.abs(made["f.0.weight"]).max() <= 1 / np.sqrt(24)


@pytest.mark.parametrize("backend", ["kernel", "torch"])
def test_noise_moves_values_and_a_greedy_agent_has_none(backend: str) -> None:
    _, learner, _ = _learner(backend, "iqn", RULE, 1, 4, INPUTS)
    rows, seen = np.arange(AGENTS, dtype=np.int32), np.ones((AGENTS, INPUTS), np.float32)

    def values(draw: Draw | None) -> np.ndarray:
        out = np.zeros((AGENTS, 4), np.float32)
        learner.values(seen, rows, out, draw)
        return out

    ids = rows + 20
    first = values(Draw(ids, SEED, 1))
    assert (values(Draw(ids, SEED, 1)) == first).all()
    assert (values(Draw(ids, SEED, 2)) != first).all()
    assert (values(None) == values(None)).all()
    assert (values(None) != first).all()


# ---- what is learnt


@pytest.mark.parametrize("algorithm", ["iqn", "qrdqn"])
def test_the_distribution_of_a_bimodal_reward_is_learnt(algorithm: str) -> None:
    """A bandit whose first action gives about -1 or about 1; the second a little, always."""
    rule = _rule(
        hidden=(32, 32), batch=64, n_step=1, lr=3e-3, kappa=0.02, noisy=False, online=16, target=16, cosines=16,
        grad_clip=10.0, replay=ReplaySettings(length=1024, warmup=8),
    )  # fmt: skip
    networks, learner, widths = _learner("kernel", algorithm, rule, 1, 2, 1)
    memory, random = Replay(AGENTS, 1024, 1), np.random.default_rng(5)
    seen, legal = np.ones((AGENTS, 1), np.float32), np.ones((AGENTS, 2), np.bool_)
    for k in range(1024):
        action = np.full(AGENTS, k % 2, np.int32)
        reward = random.choice([-1.0, 1.0], AGENTS, p=[0.4, 0.6]) + 0.1 * random.standard_normal(AGENTS)
        reward = np.where(action == 0, reward, 0.3).astype(np.float32)
        memory.add(np.arange(AGENTS), seen, legal, action, reward, np.ones(AGENTS, bool), np.zeros(AGENTS, bool))
    rows, loss, faults = np.arange(AGENTS, dtype=np.int32), np.zeros(AGENTS, np.float32), np.zeros(AGENTS, np.int64)
    for step in range(800):
        learner.update(rows[:1], rows[:1] + 20, memory, SEED, step, loss, faults)
    module = Quantiles(widths)
    weights = {name: torch.tensor(each[0]) for name, each in networks.own.views(networks.own.weights).items()}
    taus = midpoints(16)
    with torch.no_grad():
        z = torch.func.functional_call(module, weights, (torch.ones(1, 1), taus[None], torch.zeros(0)))[0, :, 0]
    true = np.quantile(memory.reward[0, ::2], taus.numpy())
    apart = np.abs(taus.numpy() - 0.4) > 0.1  # at the jump a network cuts the corner
    np.testing.assert_allclose(z[:, 0].numpy()[apart], true[apart], atol=0.2)
    np.testing.assert_allclose(z[:, 1].numpy(), 0.3, atol=0.1)
    assert z[apart, 0].max() - z[apart, 0].min() > 1.8


@pytest.mark.parametrize(
    "learning",
    [
        {"algorithm": "iqn"},
        {"algorithm": "qrdqn"},
        {"algorithm": "iqn", "quantiles": QuantileSettings(noisy=False)},
    ],
)
def test_they_learn_the_line(settle, live, learning: dict) -> None:
    world, policies = settle(**learning)
    live(world, policies, 700)
    assert live(world, policies, 100) > 0.1  # 0.2 is the best, chance is 0.02


def test_no_illegal_action_is_ever_taken_or_bootstrapped_from(settle, live) -> None:
    world, policies = settle(algorithm="iqn")
    live(world, policies, 5)
    head = policies.cohorts[0].networks.own
    head.views(head.weights)["head.bias"][:, 1] = 100.0  # left looks best by far, wherever it is legal
    for _ in range(20):
        observation = world.observe()
        action = policies.act(observation)
        assert observation.mask[np.arange(8), action].all()
        assert (action[observation.mask[:, 0]] == 0).all()
        world.step(action)


def test_a_value_of_what_is_illegal_is_not_bootstrapped_from() -> None:
    """One transition to where only action 1 is legal, though action 0 is worth more."""
    worth = torch.tensor([[5.0, 1.0]])

    def network(parameters: dict[str, Tensor], x: Tensor, tau: Tensor, eps: Tensor) -> Tensor:
        return (worth + 0 * parameters["w"]).expand(len(x), tau.shape[1], 1, 2)

    def target(legal: list[bool]) -> float:
        one = torch.ones(1)
        batch = QuantileTransitions(
            torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.int64), torch.ones(1, 1, dtype=torch.bool), one * 0,
            torch.zeros(1, 1), torch.tensor([[legal]]), one, one, torch.full((1, 1), 0.5), torch.full((1, 4), 0.5),
            torch.zeros(3, 0),
        )  # fmt: skip
        loss, size = quantile_loss(network, {"w": one}, {"w": one}, batch, midpoints(3), True, 1.0)
        assert float(loss) == pytest.approx(0.5 * max(0.0, float(size) - 0.5))
        return float(size)

    assert target([False, True]) == 0.0  # 1 - 1
    assert target([True, True]) == 4.0  # 5 - 1


def test_noisy_agents_need_no_epsilon_and_others_have_it(settle, live) -> None:
    for noisy, epsilon in ((True, 0.0), (False, 1.0)):
        world, policies = settle(algorithm="iqn", quantiles=QuantileSettings(noisy=noisy))
        assert (policies.gauges.epsilon == np.float32(epsilon)).all()
        live(world, policies, 30)
        assert (policies.gauges.epsilon == 0).all() == noisy


@pytest.mark.parametrize("backend", ["kernel", "torch"])
def test_noisy_agents_may_explore_by_epsilon_and_then_act_without_noise(settle, live, backend: str) -> None:
    world, policies = settle(algorithm="iqn", backend=backend, quantiles=QuantileSettings(explore="epsilon"))
    assert (policies.gauges.epsilon == 1).all()
    live(world, policies, 30)
    cohort, living, seen = policies.cohorts[0], world.population.living, world.observe().values
    told = np.zeros((3, len(policies.cohort_of), len(world.actions)), np.float32)
    for step, values in enumerate(told):
        cohort.value(seen, living, world.population.id[living], step, values, greedy=step == 2)
    assert (told[0] == told[1]).all() and (told[1] == told[2]).all()
    assert cohort.batches > 0


def test_two_neighbours_learn_in_the_same_step(settle, live) -> None:
    world, policies = settle(algorithm="iqn", interval=6, world={"agents": 4}, replay=ReplaySettings(warmup=1))
    live(world, policies, 20)
    made = []
    for _ in range(6):
        before = policies.gauges.updates[world.population.living].copy()
        live(world, policies, 1)
        made.append((policies.gauges.updates[world.population.living] - before).tolist())
    assert np.sum(made, axis=0).tolist() == [1, 1, 1, 1]
    assert sorted(np.sum(made, axis=1)) == [0, 0, 0, 0, 2, 2]


class Trunk(torch.nn.Module):
    """A module of a user's own, in psi's place."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.only = torch.nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.only(x).tanh()


@pytest.mark.parametrize("algorithm", ["iqn", "qrdqn"])
def test_a_module_of_ones_own_takes_the_place_of_psi(settle, live, algorithm: str) -> None:
    world, policies = settle(algorithm=algorithm, network=f"{__name__}:Trunk")
    own = policies.cohorts[0].networks.own
    assert own.views(own.weights)["psi.only.weight"].shape == (8, 16, 5)
    before = own.weights.copy()
    live(world, policies, 40)
    assert (own.weights != before).any(1).all()
