"""PPO's stacked learning equals one module an agent, advantages are the textbook's, and it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from teem.config.settings import PpoSettings
from teem.learning.algorithms.ppo import normalise, orders
from teem.learning.draw import CUT, TERMINATED
from teem.learning.networks import ActorCriticMLP
from teem.learning.rollout import estimate_advantage


def _plain_advantage(reward, value, end, bootstrap, gamma, lam):
    """Each advantage as the discounted sum of all later one-step errors: the specification, O(n^2)."""
    count = len(reward)
    values = [*value, bootstrap]
    advantage = np.zeros(count)
    for t in range(count):
        if end[t] == CUT:
            continue
        factor = 1.0
        for later in range(t, count):
            if end[later] == CUT:
                break
            goes_on = end[later] != TERMINATED
            advantage[t] += factor * (reward[later] + gamma * goes_on * values[later + 1] - values[later])
            factor *= gamma * lam
            if not goes_on:
                break
    return advantage


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_advantages_are_the_plain_ones(seed: int, filled: int) -> None:
    rng = np.random.default_rng(seed)
    reward, value = rng.standard_normal((2, 1, 12)).astype(np.float32)
    end = rng.choice(np.array([0, 0, 0, TERMINATED, CUT], np.uint8), (1, 12))
    bootstrap = rng.standard_normal(1).astype(np.float32)
    out, weight = np.zeros((1, 12), np.float32), np.zeros((1, 12), np.float32)
    factors = np.float32(0.9), np.float32(0.8)
    estimate_advantage(reward, value, end, np.array([filled]), bootstrap, *factors, out, weight)
    expected = _plain_advantage(reward[0, :filled], value[0], end[0], bootstrap[0], 0.9, 0.8)
    if filled < 12:  # the value after the last is the bootstrap, not what lies in the column
        value[0, filled] = bootstrap[0]
        expected = _plain_advantage(reward[0, :filled], value[0, :filled], end[0], bootstrap[0], 0.9, 0.8)
    np.testing.assert_allclose(out[0, :filled], expected, rtol=1e-4, atol=1e-5)
    assert (weight[0, :filled] == (end[0, :filled] != CUT)).all()
    assert not weight[0, filled:].any()


def test_normalised_advantages_have_mean_0_and_deviation_1_where_they_count() -> None:
    rng = np.random.default_rng(2)
    advantage, weight = rng.standard_normal((3, 40)).astype(np.float32) * 9 + 4, np.ones((3, 40), np.float32)
    weight[:, 30:] = 0
    for axis, parts in ((1, 3), (None, 1)):
        out = normalise(advantage, weight, axis)
        assert not out[:, 30:].any()
        counted = out[:, :30].reshape(parts, -1)
        np.testing.assert_allclose(counted.mean(1), 0, atol=1e-5)
        np.testing.assert_allclose(counted.std(1, ddof=1), 1, rtol=1e-4)


def test_orders_are_permutations_keyed_by_id() -> None:
    ids = np.array([3, 8, 9])
    together = list(orders(7, 5, ids, 2, 10))
    assert len(together) == 2
    for order in together:
        assert (np.sort(order, 1) == np.arange(10)).all()
    alone = list(orders(7, 5, ids[1:2], 2, 10))
    assert all((a[0] == t[1]).all() for a, t in zip(alone, together, strict=True))
    assert (together[0] != together[1]).any()


def _one_agent(module: nn.Module, rollout: dict, config, order: list[np.ndarray]) -> None:
    """CleanRL's update of one agent, in its own words."""
    ppo = config.ppo
    optimiser = torch.optim.Adam(module.parameters(), lr=config.lr)
    obs, mask, actions = (torch.from_numpy(rollout[name]) for name in ("observation", "mask", "action"))
    logprobs, values = torch.from_numpy(rollout["log_probability"]), rollout["value"]
    advantages = np.zeros_like(values)
    lastgaelam = 0.0
    for t in reversed(range(len(values))):
        nextnonterminal = 1.0 - (rollout["end"][t] == TERMINATED)
        nextvalues = rollout["bootstrap"] if t == len(values) - 1 else values[t + 1]
        delta = rollout["reward"][t] + config.gamma * nextvalues * nextnonterminal - values[t]
        advantages[t] = lastgaelam = delta + config.gamma * ppo.gae_lambda * nextnonterminal * lastgaelam
    returns, advantages = torch.from_numpy(advantages + values), torch.from_numpy(advantages)
    for epoch in order:
        for part in np.array_split(epoch, ppo.minibatches):
            mb_inds = torch.from_numpy(part)
            logits, newvalue = module(obs[mb_inds])
            probs = torch.distributions.Categorical(logits=torch.where(mask[mb_inds], logits, torch.tensor(-1e8)))
            logratio = probs.log_prob(actions[mb_inds].long()) - logprobs[mb_inds]
            ratio = logratio.exp()
            mb_advantages = advantages[mb_inds]
            mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + 1e-8)
            pg_loss1 = -mb_advantages * ratio
            pg_loss2 = -mb_advantages * torch.clamp(ratio, 1 - ppo.clip, 1 + ppo.clip)
            pg_loss = torch.max(pg_loss1, pg_loss2).mean()
            v_loss = 0.5 * ((newvalue - returns[mb_inds]) ** 2).mean()
            loss = pg_loss - ppo.entropy * probs.entropy().mean() + v_loss * ppo.value
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), config.grad_clip)
            optimiser.step()


def test_stacked_learning_equals_a_module_an_agent(settle, config_of) -> None:
    chosen = {
        "algorithm": "ppo",
        "grad_clip": 0.5,
        "lr": 0.02,
        "ppo": PpoSettings(horizon=15, epochs=3, minibatches=2),
    }
    world, policies = settle(**chosen)
    cohort, config = policies.cohorts[0], config_of(**chosen).learning
    stack, rollouts = cohort.networks.own, cohort.rollouts
    while not rollouts.ready.all():
        observation = world.observe()
        policies.remember(observation, world.step(policies.act(observation)))
    rng = np.random.default_rng(1)
    rollouts.reward += rng.standard_normal(rollouts.reward.shape).astype(np.float32)
    rollouts.end[:, 6] = TERMINATED  # as if a life had ended there
    rows, ids = world.population.living.copy(), world.population.id.copy()
    order = list(orders(7, 99, ids, 3, 15))
    plain = []
    for i, row in enumerate(rows):
        module = ActorCriticMLP(5, 4, config.hidden)
        views = stack.views(stack.weights)
        module.load_state_dict({name: torch.from_numpy(each[row].copy()) for name, each in views.items()})
        _one_agent(module, rollouts.state(row), config, [epoch[i] for epoch in order])
        plain.append(module)
    before = stack.weights.copy()
    assert cohort.learn(rows, ids, 99) == 8
    assert abs(stack.weights - before).max() > 1e-3
    for row, module in zip(rows, plain, strict=True):
        for name, value in module.named_parameters():
            here = stack.views(stack.weights)[name][row]
            np.testing.assert_allclose(here, value.detach().numpy(), rtol=1e-3, atol=2e-5)
    assert (stack.updates[rows] == 6).all()


@pytest.mark.parametrize(
    ("learning", "steps"), [({}, 600), ({"sharing": "shared"}, 300), ({"sharing": "encoder"}, 600)]
)
def test_ppo_learns_the_line(settle, live, learning: dict, steps: int) -> None:
    world, policies = settle(algorithm="ppo", ppo=PpoSettings(horizon=16), **learning)
    live(world, policies, steps)
    assert live(world, policies, 100) > 0.1  # 0.2 is the best
    assert live(*settle(algorithm="random"), 300) < 0.03


def test_rollouts_are_not_all_ready_at_once(settle, live) -> None:
    world, policies = settle(algorithm="ppo", world={"agents": 33})
    live(world, policies, 33)
    made = []
    for _ in range(66):
        before = policies.gauges.updates.sum()
        live(world, policies, 1)
        made.append(int(policies.gauges.updates.sum() - before))
    assert set(made) == {1}


def test_a_rollout_bootstraps_from_the_value_of_what_is_seen_after_it(settle) -> None:
    world, policies = settle(algorithm="ppo", world={"agents": 1}, ppo=PpoSettings(horizon=4))
    cohort = policies.cohorts[0]
    for step in range(5):
        observation = world.observe()
        assert cohort.rollouts.filled[0] == step
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
    module = ActorCriticMLP(5, 4, (16, 8))
    views = cohort.networks.own.views(cohort.networks.own.weights)
    module.load_state_dict({name: torch.from_numpy(each[0]) for name, each in views.items()})
    value = module(torch.from_numpy(observation.values[:1]))[1]
    assert cohort.rollouts.ready[0]
    assert cohort.rollouts.bootstrap[0] == pytest.approx(float(value.detach()), rel=1e-5)


def test_what_all_share_learns_from_the_last_decision_of_the_dead(settle) -> None:
    world, policies = settle(algorithm="ppo", sharing="shared", world={"agents": 1, "lifetime": 6})
    common = policies.cohorts[0].networks.common
    before = common.weights.copy()
    for _ in range(6):
        observation = world.observe()
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
        policies.inherit(outcome.births)
        if len(outcome.deaths.slot):
            rows, ids = outcome.deaths.slot[:0], outcome.deaths.id[:0]
            assert policies.cohorts[0].learn(rows, ids, world.step_count) == 1
    assert (common.weights != before).any()
