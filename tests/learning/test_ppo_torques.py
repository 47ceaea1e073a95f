"""PPO with a number a joint: its stacked learning equals one module an agent, it learns, and goes on bit for bit."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from teem.config.settings import Config, LearningSettings, PpoSettings
from teem.errors import UsageError
from teem.learning.algorithms.ppo import orders
from teem.learning.build import build_policies
from teem.learning.draw import TERMINATED
from teem.learning.networks import GaussianMLP
from teem.learning.policies import Policies
from teem.population.slots import Population
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Action, Births, Deaths, Observation, Outcome
from teem.worlds.turns import Turns

NOBODY = np.empty(0, np.int32)


class ReachWorld:
    """Each agent sees where its arms should be and says where they go; near is worth most, an arm less is no matter.

    Agents decide every `decision` steps, those of neighbouring ids in neighbouring steps. Odd ids lack the last arm.
    """

    name, kinds, causes, traits, feat = "reach", ("reacher",), ("age",), ("none",), "rewards"
    continuous, actions, rest = True, (), 0
    tokens = None

    def __init__(self, agents: int = 8, arms: int = 3, decision: int = 3) -> None:
        self.population = Population(agents, 1)
        self.population.spawn(agents)
        self.branches = tuple(f"arm{arm}" for arm in range(arms))
        self.turns = Turns(decision, decision)
        self.step_count = 0
        self.observation_shape = (arms,)
        self.observation_names = self.branches
        self._values = np.zeros((agents, arms), np.float32)
        self._mask = np.ones((agents, arms), np.bool_)
        self._mask[self.population.id % 2 == 1, -1] = False
        self.taken = np.zeros((agents, arms), np.float32)
        self._begun = np.zeros(agents, np.bool_)

    def _due(self, step: int) -> NDArray[np.bool_]:
        return self.turns.due(self.population.id, step)

    def observe(self) -> Observation:
        rows = np.flatnonzero(self._due(self.step_count)).astype(np.int32)
        wave = self.population.id[rows, None] * 0.7 + self.step_count * 0.3 + np.arange(len(self.branches))
        self._values[rows] = 0.5 * np.sin(wave)
        return Observation(rows, self._values, self._mask)

    def step(self, action: Action) -> Outcome:
        rows, n = self.observe().living, len(self._begun)
        self.taken[rows] = np.where(self._mask[rows], np.clip(action[rows], -1, 1), 0)
        self._begun[rows] = True
        acted = np.flatnonzero(self._due(self.step_count + 1) & self._begun).astype(np.int32)
        off = np.where(self._mask, self.taken - self._values, 0)
        never = np.zeros(n, np.bool_)
        self.step_count += 1
        return Outcome(
            step=self.step_count - 1, acted=acted, id=self.population.id[acted], action=self.taken.copy(),
            target=np.full(n, -1), reward=-(off**2).sum(1).astype(np.float32), terminated=never,
            truncated=never.copy(), births=Births(NOBODY, NOBODY, NOBODY),
            deaths=Deaths(NOBODY, np.empty(0, np.int64), NOBODY), honours=np.empty((0, 2), np.int32),
        )  # fmt: skip

    def state(self) -> State:
        return {"step": self.step_count, "values": self._values.copy(), "taken": self.taken.copy()}

    def load_state(self, state: State) -> None:
        self.step_count = state["step"]
        self._values[:], self.taken[:] = state["values"], state["taken"]
        self._begun[:] = self.step_count >= self.turns.every


def config_of(**learning: object) -> Config:
    """Settings that suit the reach: small networks, quick to learn."""
    ppo = PpoSettings(horizon=16, entropy=0.0)
    quick = {"algorithm": "ppo", "hidden": (16, 8), "lr": 0.01, "gamma": 0.1, "ppo": ppo}
    return Config(learning=LearningSettings(**{**quick, **learning}))


def settle(threads: int = 1, world: dict[str, int] | None = None, **learning: object) -> tuple[ReachWorld, Policies]:
    reach = ReachWorld(**(world or {}))
    return reach, build_policies(config_of(**learning), reach, Threads(threads))


def live(world: ReachWorld, policies: Policies, steps: int, *, learn: bool = True, greedy: bool = False) -> float:
    """The mean reward a decision."""
    rewards = []
    for _ in range(steps):
        observation = world.observe()
        outcome = world.step(policies.act(observation, greedy=greedy))
        policies.remember(observation, outcome)
        if learn:
            policies.learn()
        rewards += outcome.reward[outcome.acted].tolist()
    return float(np.mean(rewards)) if rewards else float("nan")


def _module(policies: Policies, row: int) -> tuple[GaussianMLP, nn.Parameter]:
    """A row's network as a plain module, and its log deviations."""
    stack = policies.cohorts[0].networks.own
    views = {name: torch.from_numpy(each[row].copy()) for name, each in stack.views(stack.weights).items()}
    log_std = views.pop("actor.layers.2.log_deviation") + np.log(0.5)
    module = GaussianMLP(3, 3, (16, 8))
    module.load_state_dict(views)
    return module, nn.Parameter(log_std)


def _one_agent(module: GaussianMLP, log_std: nn.Parameter, rollout: State, config, order: list[np.ndarray]) -> None:
    """CleanRL's update of one agent with continuous actions, in its own words."""
    ppo = config.ppo
    parameters = [*module.parameters(), log_std]
    optimiser = torch.optim.Adam(parameters, lr=config.lr)
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
            action_mean, newvalue = module(obs[mb_inds])
            probs = torch.distributions.Normal(action_mean.tanh(), log_std.exp().expand_as(action_mean))
            here = mask[mb_inds]
            logratio = (probs.log_prob(actions[mb_inds]) * here).sum(1) - logprobs[mb_inds]
            ratio = logratio.exp()
            mb_advantages = advantages[mb_inds]
            mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + 1e-8)
            pg_loss1 = -mb_advantages * ratio
            pg_loss2 = -mb_advantages * torch.clamp(ratio, 1 - ppo.clip, 1 + ppo.clip)
            pg_loss = torch.max(pg_loss1, pg_loss2).mean()
            v_loss = 0.5 * ((newvalue - returns[mb_inds]) ** 2).mean()
            loss = pg_loss - ppo.entropy * (probs.entropy() * here).sum(1).mean() + v_loss * ppo.value
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, config.grad_clip)
            optimiser.step()


def test_stacked_learning_equals_a_module_an_agent() -> None:
    chosen = {"grad_clip": 0.5, "lr": 0.02, "ppo": PpoSettings(horizon=15, epochs=3, minibatches=2, entropy=0.01)}
    world, policies = settle(**chosen)
    cohort, config = policies.cohorts[0], config_of(**chosen).learning
    stack, rollouts = cohort.networks.own, cohort.rollouts
    while not rollouts.ready.all():
        live(world, policies, 1, learn=False)
    assert len(np.unique(rollouts.mask.sum(-1))) == 2  # bodies with an arm less
    rollouts.end[:, 6] = TERMINATED  # as if a life had ended there
    rows, ids = world.population.living.copy(), world.population.id.copy()
    order = list(orders(7, 99, ids, 3, 15))
    plain = []
    for i, row in enumerate(rows):
        module, log_std = _module(policies, row)
        rollout = {name: column.copy() for name, column in rollouts.state(row).items()}
        _one_agent(module, log_std, rollout, config, [epoch[i] for epoch in order])
        plain.append((module, log_std))
    before = stack.weights.copy()
    assert cohort.learn(rows, ids, 99) == 8
    assert abs(stack.weights - before).max() > 1e-2
    for row, (module, log_std) in zip(rows, plain, strict=True):
        learnt, learnt_std = _module(policies, row)
        for ours, theirs in zip((*learnt.parameters(), learnt_std), (*module.parameters(), log_std), strict=True):
            np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=2e-3, atol=1e-4)


def test_the_deviation_of_an_absent_joint_never_changes() -> None:
    world, policies = settle()
    stack = policies.cohorts[0].networks.own
    before = stack.views(stack.weights)["actor.layers.2.log_deviation"].copy()
    live(world, policies, 240)
    changed = stack.views(stack.weights)["actor.layers.2.log_deviation"] != before
    assert (changed == world.observe().mask).all()


@pytest.mark.parametrize("sharing", ["own", "shared", "encoder"])
def test_ppo_learns_to_reach(sharing: str) -> None:
    world, policies = settle(sharing=sharing)
    first = live(world, policies, 60, greedy=True, learn=False)
    live(world, policies, 1200 if sharing == "own" else 700)
    assert live(world, policies, 60, greedy=True, learn=False) > 0.4 * first


def test_everybody_begins_whatever_the_horizon_and_the_decision() -> None:
    """A horizon whose rounds share a factor with the steps between decisions leaves nobody out."""
    for horizon in (5, 8, 11):
        world, policies = settle(world={"decision": 6, "agents": 20}, ppo=PpoSettings(horizon=horizon))
        live(world, policies, 6 * 2 * (horizon + 1) + 6)
        assert (policies.gauges.updates > 0).all()


def test_a_decision_is_judged_by_what_was_known_when_it_was_made() -> None:
    """Others decide, and even what all share is learnt, before it ends."""
    world, policies = settle(sharing="shared", world={"agents": 3, "decision": 2})
    cohort = policies.cohorts[0]
    live(world, policies, 2)
    observation = world.observe()
    rows = observation.living
    outcome = world.step(policies.act(observation))
    known = cohort._head[rows].copy(), cohort._value[rows].copy()
    policies.remember(observation, outcome)
    cohort.networks.common.weights += 0.1
    observation = world.observe()
    assert not np.isin(observation.living, rows).any()
    policies.act(observation)
    assert (cohort._head[rows] == known[0]).all() and (cohort._value[rows] == known[1]).all()


def test_reruns_and_resumes_amid_decisions_are_bit_identical(differences) -> None:
    one, two = settle(), settle(threads=2)
    for world, policies in (one, two):
        live(world, policies, 100)
    assert differences(one[1].state(), two[1].state()) == []
    world, policies = settle()
    world.load_state(one[0].state())
    policies.load_state(one[1].state())
    for each in (one, (world, policies)):
        live(*each, 100)
    assert differences(one[1].state(), policies.state()) == []
    assert (one[0].taken == world.taken).all()


def test_a_draw_beyond_the_range_is_cut_off_in_the_world_and_learnt_from_as_it_was_drawn() -> None:
    world, policies = settle(ppo=PpoSettings(horizon=16, deviation=2.0))
    live(world, policies, 40, learn=False)
    kept = policies.cohorts[0].rollouts.action
    assert np.abs(world.taken).max() == 1.0
    assert np.abs(kept).max() > 1.5


def test_who_sees_nonsense_rests_and_that_is_what_it_remembers() -> None:
    world, policies = settle(world={"decision": 1})
    live(world, policies, 14, learn=False)
    rollouts = policies.cohorts[0].rollouts
    row = int(np.flatnonzero((rollouts.filled > 0) & ~rollouts.ready)[0])
    observation = world.observe()
    observation.values[row] = np.nan
    action = policies.act(observation)
    assert (action[row] == 0).all() and action[row - 1].any()
    outcome = world.step(action)
    outcome.action[row] = 0.0
    policies.remember(observation, outcome)
    assert policies.gauges.faults[row] == 1
    assert (rollouts.action[row, rollouts.filled[row] - 1] == 0).all()


def test_the_deviation_begins_as_the_settings_say_and_is_inherited() -> None:
    world, policies = settle(ppo=PpoSettings(horizon=16, deviation=0.25))
    policies.act(world.observe())
    heads = policies.cohorts[0]._head[world.observe().living]
    np.testing.assert_allclose(np.exp(heads[:, 3:]), 0.25, rtol=1e-4)
    live(world, policies, 200)
    cohort = policies.cohorts[0]
    stack = cohort.networks.own
    child, parent = np.array([3], np.int32), np.array([2], np.int32)
    cohort.inherit(child, parent, np.array([77]), world.step_count)
    deviations = stack.views(stack.weights)["actor.layers.2.log_deviation"]
    np.testing.assert_allclose(deviations[3], deviations[2], atol=0.1)
    assert (deviations[3] != 0).all()


def test_who_share_an_encoder_have_both_heads_and_their_deviations_for_themselves() -> None:
    _, policies = settle(sharing="encoder")
    networks = policies.cohorts[0].networks
    assert {name.rpartition(".")[0] for name in networks.own.layout.names} == {"critic.layers.2", "actor.layers.2"}
    assert "actor.layers.2.log_deviation" in networks.own.layout.names
    assert set(networks.common.layout.names) == {
        f"{trunk}.layers.{layer}.{part}"
        for trunk in ("critic", "actor")
        for layer in range(2)
        for part in ("weight", "bias")
    }


class Own(nn.Module):
    """A network of a user's own: the value, then a mean a joint."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        assert outputs == 4
        self.first, self.last = nn.Linear(inputs, 8), nn.Linear(8, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x).tanh())


@pytest.mark.parametrize("sharing", ["own", "encoder"])
def test_a_network_of_ones_own_gives_value_and_means_and_gets_deviations(monkeypatch, sharing: str) -> None:
    place = types.ModuleType("own_means")
    place.Own = Own
    monkeypatch.setitem(sys.modules, "own_means", place)
    world, policies = settle(network="own_means:Own", sharing=sharing)
    assert "last.log_deviation" in policies.cohorts[0].networks.own.layout.names
    first = live(world, policies, 60, greedy=True, learn=False)
    live(world, policies, 900)
    assert live(world, policies, 60, greedy=True, learn=False) > 0.5 * first


def test_random_policies_draw_evenly_and_the_greedy_policy_repeats_itself() -> None:
    world, policies = settle(algorithm="random", world={"decision": 1})
    one = policies.act(world.observe()).copy()
    assert np.abs(one).max() <= 1 and len(np.unique(one)) > 15
    assert (one[~world.observe().mask] == 0).all()
    world, policies = settle(world={"decision": 1})
    greedy = [policies.act(world.observe(), greedy=True).copy() for _ in range(2)]
    world.step_count += 0
    assert (greedy[0] == greedy[1]).all()


def test_q_networks_are_refused_here() -> None:
    with pytest.raises(UsageError, match=r"learning.algorithm is dqn but .* torques"):
        settle(algorithm="dqn")
