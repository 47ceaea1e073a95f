"""DQN's loss is the textbook's, stacked learning equals one module an agent, and it learns what is best."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from teem.config.settings import EpsilonSettings, ReplaySettings
from teem.learning.algorithms.dqn import Transitions, td_loss
from teem.learning.networks import DuelingMLP


def _plain_loss(q, q_next, q_target, batch: dict, double: bool) -> float:
    """The mean Huber loss, transition by transition: the specification."""
    losses = []
    for b in range(len(q)):
        judge = q_next[b] if double else q_target[b]
        legal = np.flatnonzero(batch["next_mask"][b])
        best = legal[np.argmax(judge[legal])] if len(legal) else 0
        goal = batch["reward"][b] + batch["discount"][b] * q_target[b, best]
        error = abs(q[b, batch["action"][b]] - goal)
        losses.append(batch["weight"][b] * (0.5 * error**2 if error < 1 else error - 0.5))
    return float(np.mean(losses))


@pytest.mark.parametrize("double", [True, False])
def test_the_loss_is_the_plain_one(double: bool) -> None:
    rng = np.random.default_rng(1)
    batch = {
        "observation": rng.standard_normal((12, 3)).astype(np.float32),
        "action": rng.integers(0, 4, 12),
        "reward": (rng.standard_normal(12) * 3).astype(np.float32),
        "next_observation": rng.standard_normal((12, 3)).astype(np.float32),
        "next_mask": rng.random((12, 4)) < 0.5,
        "discount": rng.choice(np.array([0, 0.9], np.float32), 12),
        "weight": rng.random(12).astype(np.float32),
    }
    batch["next_mask"][0] = False  # the end of a life may leave nothing legal
    batch["discount"][0] = 0
    online, target = (rng.standard_normal((3, 4)).astype(np.float32) for _ in range(2))
    loss, size = td_loss(
        lambda parameters, x: x @ parameters["w"],
        {"w": torch.from_numpy(online)},
        {"w": torch.from_numpy(target)},
        Transitions(**{name: torch.from_numpy(each) for name, each in batch.items()}),
        double,
    )
    values = (
        batch["observation"] @ online,
        batch["next_observation"] @ online,
        batch["next_observation"] @ target,
    )
    assert float(loss) == pytest.approx(_plain_loss(*values, batch, double), rel=1e-5)
    assert size.shape == (12,)


class _OneAgent:
    """One module, one optimiser, one loop: how it is usually written."""

    def __init__(self, weights: dict[str, np.ndarray], inputs: int, actions: int, settings) -> None:
        self.online, self.target = (DuelingMLP(inputs, actions, settings.hidden) for _ in range(2))
        for module in (self.online, self.target):
            module.load_state_dict({name: torch.from_numpy(each.copy()) for name, each in weights.items()})
        self.optimiser = torch.optim.Adam(self.online.parameters(), lr=settings.lr)
        self.settings = settings

    def update(self, batch) -> float:
        read = partial(lambda name: torch.from_numpy(getattr(batch, name)[0]))
        with torch.no_grad():
            best = self.online(read("next_observation")).masked_fill(~read("next_mask"), -np.inf).argmax(1)
            after = self.target(read("next_observation")).gather(1, best[:, None])[:, 0]
            goal = read("reward") + read("discount") * after
        value = self.online(read("observation")).gather(1, read("action")[:, None])[:, 0]
        loss = (read("weight") * nn.functional.smooth_l1_loss(value, goal, reduction="none")).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.online.parameters(), self.settings.grad_clip)
        self.optimiser.step()
        with torch.no_grad():
            for old, new in zip(self.target.parameters(), self.online.parameters(), strict=True):
                old.lerp_(new, self.settings.tau)
        return float(loss.detach())


@pytest.mark.parametrize("backend", ["kernel", "torch"])
@pytest.mark.parametrize("prioritised", [False, True])
def test_stacked_learning_equals_a_module_an_agent(settle, config_of, live, backend: str, prioritised: bool) -> None:
    replay = ReplaySettings(length=64, warmup=8, prioritised=prioritised, alpha=0.9, beta=0.7)
    chosen = {"backend": backend, "replay": replay, "grad_clip": 0.05, "n_step": 3, "tau": 0.1}
    world, policies = settle(**chosen, enabled=True, interval=1000)  # remembers, and is not updated meanwhile
    live(world, policies, 40)
    settings, cohort = config_of(**chosen).learning, policies.cohorts[0]
    cohort.replay.reward += 0.2 * np.sin(np.arange(64))  # so that everybody has something to learn
    stack, memory = cohort.networks.own, cohort.replay
    rows, ids = world.population.living.copy(), world.population.id.copy()
    views = stack.views(stack.weights)
    plain = [_OneAgent({n: v[row] for n, v in views.items()}, 5, 4, settings) for row in rows]
    loss, faults = np.zeros(8, np.float32), np.zeros(8, np.int64)
    for step in range(6):
        drawn = [memory.sample(rows[i : i + 1], ids[i : i + 1], step, 7, 16, 3, 0.9) for i in range(8)]
        cohort.backend.update(rows, ids, memory, 7, step, loss, faults)
        expected = [agent.update(batch) for agent, batch in zip(plain, drawn, strict=True)]
        np.testing.assert_allclose(loss[rows], expected, rtol=2e-3, atol=1e-6)
    for row, agent in zip(rows, plain, strict=True):
        for saved, module in ((stack.weights, agent.online), (stack.target, agent.target)):
            for name, value in module.named_parameters():
                here = stack.views(saved)[name][row]
                np.testing.assert_allclose(here, value.detach().numpy(), rtol=1e-3, atol=2e-5)
    assert (stack.updates[rows] == 6).all()
    assert not faults.any()


@pytest.mark.parametrize("backend", ["kernel", "torch"])
def test_the_replay_takes_its_settings(settle, backend: str) -> None:
    _, policies = settle(backend=backend, replay=ReplaySettings(length=40, prioritised=True, alpha=0.9, beta=0.7))
    replay = policies.cohorts[0].replay
    assert (replay.alpha, replay.beta, replay.prioritised) == (0.9, 0.7, True)


@pytest.mark.parametrize("learning", [{}, {"backend": "torch"}, {"sharing": "shared"}, {"sharing": "encoder"}])
def test_dqn_learns_the_line(settle, live, learning: dict) -> None:
    world, policies = settle(**learning)
    live(world, policies, 500)
    learnt = live(world, policies, 100)
    chance = live(*settle(algorithm="random"), 300)
    assert chance < 0.03
    assert learnt > 0.1  # 0.2 is the best; not every agent happens on the food while it explores


def test_epsilon_falls_by_each_agents_own_decisions_to_its_end(settle, live) -> None:
    world, policies = settle(
        epsilon=EpsilonSettings(start=1, newborn=0.3, end=0.1, decay=50),
        world={"agents": 3, "capacity": 4, "lifetime": 30},
    )
    live(world, policies, 10)
    gauges = policies.gauges
    founders = world.population.living[:3]
    np.testing.assert_allclose(gauges.epsilon[founders], 1 - 10 * 0.9 / 50, rtol=1e-5)
    child = world.population.living[3]
    np.testing.assert_allclose(gauges.epsilon[child], 0.3 - gauges.decisions[child] * 0.9 / 50, rtol=1e-5)
    live(world, policies, 15)
    np.testing.assert_allclose(gauges.epsilon[child], 0.1, rtol=1e-6)


def test_no_network_is_asked_what_to_do_by_those_who_try_something(settle, monkeypatch) -> None:
    world, policies = settle(epsilon=EpsilonSettings(start=0.5, end=0.5), world={"agents": 40})
    cohort = policies.cohorts[0]
    values, asked = cohort.backend.values, []
    monkeypatch.setattr(cohort.backend, "values", lambda x, rows, out: (asked.append(len(rows)), values(x, rows, out)))
    for greedy in (False, True):
        policies.act(world.observe(), greedy=greedy)
    assert 8 < asked[0] < 32
    assert asked[1] == 40


def test_the_decision_that_an_agent_died_of_is_remembered(settle) -> None:
    world, policies = settle(world={"agents": 2, "lifetime": 5})
    ended = []
    for _ in range(6):
        observation = world.observe()
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
        ended += outcome.deaths.slot.tolist()
        for slot in outcome.deaths.slot:
            replay = policies.cohorts[0].replay
            newest = (replay.added[slot] - 1) % replay.length
            assert replay.end[slot, newest] == 1
            assert replay.reward[slot, newest] == outcome.reward[slot] <= 0
        policies.inherit(outcome.births)
    assert len(ended) == 2


def test_a_budget_is_kept_and_leaves_nobody_behind(settle, live) -> None:
    world, policies = settle(budget=1, interval=1)
    made = []
    for _ in range(100):
        live(world, policies, 1)
        made.append(int(policies.gauges.updates.sum()))
    assert max(np.diff(made)) == 1
    assert np.ptp(policies.gauges.updates) <= 1


def test_nothing_is_learned_or_remembered_when_learning_is_off(settle, live) -> None:
    world, policies = settle(enabled=False)
    before = policies.cohorts[0].networks.own.weights.copy()
    live(world, policies, 30)
    assert (policies.cohorts[0].networks.own.weights == before).all()
    assert not policies.cohorts[0].replay.added.any()
    assert (policies.gauges.decisions == 30).all()


@pytest.mark.parametrize(
    "learning",
    [
        {},
        {"backend": "torch"},
        {"sharing": "shared"},
        {"sharing": "encoder"},
        {"algorithm": "ppo"},
        {"algorithm": "iqn"},
        {"algorithm": "qrdqn", "backend": "torch"},
    ],
)
def test_what_is_not_finite_stays_with_its_agent(settle, live, learning: dict) -> None:
    world, policies = settle(**learning)
    live(world, policies, 40)
    cohort = policies.cohorts[0]
    own, common = cohort.networks.own, cohort.networks.common
    memory = cohort.replay if "replay" in dir(cohort) else cohort.rollouts
    memory.reward[3] = np.nan
    sick, updates, shared = own.weights[3].copy(), policies.gauges.updates.copy(), common.weights.copy()
    for _ in range(80):
        memory.reward[3] = np.nan
        live(world, policies, 1)
    assert policies.gauges.faults[3] > 0
    assert (np.delete(policies.gauges.faults, 3) == 0).all()
    assert (own.weights[3] == sick).all()
    assert np.isfinite(own.weights).all() and np.isfinite(common.weights).all()
    assert (np.delete(policies.gauges.updates - updates, 3) > 0).all()
    assert not common.weights.size or (common.weights != shared).any()


@pytest.mark.parametrize(
    "learning",
    [
        {},
        {"backend": "torch"},
        {"algorithm": "ppo"},
        {"algorithm": "iqn"},
        {"algorithm": "qrdqn"},
        {"algorithm": "iqn", "backend": "torch"},
    ],
)
def test_no_life_depends_on_its_slot(settle, live, learning: dict) -> None:
    lives = []
    for reverse in (False, True):
        world, policies = settle(**learning, world={"agents": 6, "capacity": 9, "lifetime": 40, "reverse": reverse})
        live(world, policies, 90)
        living = world.population.living
        own = policies.cohorts[0].networks.own
        lives.append((world.population.id[living], world.population.x[living], own.weights[living]))
    for here, there in zip(*lives, strict=True):
        assert (here == there).all()


@pytest.mark.parametrize(
    "learning",
    [
        {},
        {"backend": "torch"},
        {"sharing": "shared"},
        {"algorithm": "ppo"},
        {"algorithm": "iqn"},
        {"algorithm": "qrdqn"},
        {"algorithm": "iqn", "backend": "torch"},
    ],
)
def test_one_thread_and_two_give_the_same_bits(settle, live, differences, learning: dict) -> None:
    states = []
    for threads in (1, 2):
        world, policies = settle(**learning, threads=threads, world={"agents": 140})
        live(world, policies, 45)
        states.append(policies.state())
    assert differences(*states) == []
