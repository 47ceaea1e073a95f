"""Lives of episodes: what is learnt from ends with each, goes on from the last view, and never spans two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from line_world import LineWorld, config_of
from numpy.typing import NDArray

from teem.config.settings import PpoSettings, ReplaySettings
from teem.learning.build import build_policies
from teem.learning.draw import CUT, GOES_ON, TERMINATED
from teem.learning.policies import Policies
from teem.learning.replay import Replay, from_bfloat16
from teem.learning.rollout import VALUED, estimate_advantage
from teem.threads import Threads
from teem.worlds.base import Outcome

N_STEP, GAMMA = 3, 0.9


class EpisodicLine(LineWorld):
    """A line whose walkers live for ever: its third place terminates an episode, and so many steps cut it off.

    Each view says which episode it is of, and how long that has lasted, so that none is like another.
    """

    episodes = True
    observation_shape = (7,)
    observation_names = (*LineWorld.observation_names, "episode", "age")

    def __init__(self, agents: int = 6, most: int = 5) -> None:
        super().__init__(agents)
        self.most = most
        self.age = np.zeros(agents, np.int64)
        self.count = np.zeros(agents, np.int64)
        self._values = np.zeros((agents, 7), np.float32)

    def observe(self) -> Any:
        observation = super().observe()
        observation.values[:, 5], observation.values[:, 6] = self.count, self.age
        return observation

    def step(self, action: NDArray[np.int32]) -> Outcome:
        outcome = super().step(action)
        self.age += 1
        outcome.terminated = self.population.x == 2
        outcome.reward[:] = 0.25 + 0.5 * outcome.terminated
        late = self.age >= self.most - (np.arange(len(self.age)) % 2)
        outcome.truncated = late & ~outcome.terminated
        outcome.final = super().observe().values.copy()
        outcome.final[:, 5], outcome.final[:, 6] = self.count, self.age
        ended = outcome.terminated | outcome.truncated
        self.population.x[ended] = 0
        self.age[ended] = 0
        self.count[ended] += 1
        return outcome


def made(**learning: Any) -> tuple[EpisodicLine, Policies]:
    world = EpisodicLine()
    quick = {"replay": ReplaySettings(length=64, warmup=8), "n_step": N_STEP, "gamma": GAMMA, "batch": 16}
    return world, build_policies(config_of(**quick | learning), world, Threads(1))


def log_of(world: EpisodicLine, policies: Policies, steps: int) -> list[dict[str, Any]]:
    """Live, and write down everything plainly."""
    log = []
    for _ in range(steps):
        observation = world.observe()
        values = observation.values.copy()
        outcome = world.step(policies.act(observation))
        shown = world._values
        shown[:] = values  # the array that policies were shown, before the next look
        policies.remember(observation, outcome)
        policies.learn()
        kept = ("reward", "terminated", "truncated", "final")
        log.append({"seen": values, **{name: getattr(outcome, name).copy() for name in kept}})
    return log


def windows(log: list[dict[str, Any]], row: int) -> dict[tuple[float, float], tuple[float, NDArray[np.float32], float]]:
    """By episode and age of its beginning, what each window brings: reward, the state after, and its discount."""
    out = {}
    for t, entry in enumerate(log):
        reward, discount, after = 0.0, 1.0, None
        for k in range(N_STEP):
            if t + k >= len(log):
                break
            step = log[t + k]
            reward += discount * step["reward"][row]
            discount *= GAMMA
            if step["terminated"][row]:
                after, discount = step["seen"][row], 0.0
                break
            if step["truncated"][row]:
                after = step["final"][row]
                break
        else:
            after = log[t + N_STEP]["seen"][row] if t + N_STEP < len(log) else None
        if after is not None:
            out[tuple(entry["seen"][row, 5:].tolist())] = reward, after, discount
    return out


def wrong_transitions(policies: Policies, log: list[dict[str, Any]]) -> int:
    """How many of the drawn transitions are not those of the plain log."""
    replay, world = policies.cohorts[0].replay, policies._world
    wrong = 0
    rows = world.population.living
    for draw in range(12):
        batch = replay.sample(rows, world.population.id[rows], draw, 5, 16, N_STEP, GAMMA)
        for row in rows:
            plain = windows(log, int(row))
            for b in range(16):
                reward, after, discount = plain[tuple(batch.observation[row, b, 5:].tolist())]
                same = np.isclose(batch.reward[row, b], reward) and np.isclose(batch.discount[row, b], discount)
                wrong += not (same and (discount == 0 or np.array_equal(batch.next_observation[row, b], after)))
    return wrong


def test_windows_end_with_their_episodes_and_go_on_from_the_last_view() -> None:
    world, policies = made()
    log = log_of(world, policies, 60)
    assert any(entry["truncated"].any() for entry in log)
    assert any(entry["terminated"].any() for entry in log)
    assert wrong_transitions(policies, log) == 0


def _leak(original: Any) -> Any:
    def add(
        self: Any, rows: Any, observation: Any, mask: Any, action: Any, reward: Any, t: Any, c: Any, f: Any
    ) -> None:
        original(self, rows, observation, mask, action, reward, t, np.zeros_like(c), f)

    return add


def _cut_instead(original: Any) -> Any:
    def add(
        self: Any, rows: Any, observation: Any, mask: Any, action: Any, reward: Any, t: Any, c: Any, f: Any
    ) -> None:
        original(self, rows, observation, mask, action, reward, np.zeros_like(t), c | t, f)

    return add


def _ended_instead(original: Any) -> Any:
    def add(
        self: Any, rows: Any, observation: Any, mask: Any, action: Any, reward: Any, t: Any, c: Any, f: Any
    ) -> None:
        original(self, rows, observation, mask, action, reward, t | c, np.zeros_like(c), f)

    return add


def _forgetting_the_last_view(original: Any) -> Any:
    def add(
        self: Any, rows: Any, observation: Any, mask: Any, action: Any, reward: Any, t: Any, c: Any, f: Any
    ) -> None:
        original(self, rows, observation, mask, action, reward, t, c, np.zeros_like(f))

    return add


@pytest.mark.parametrize("fault", [_leak, _cut_instead, _ended_instead, _forgetting_the_last_view])
def test_a_planted_fault_shows_in_the_transitions(monkeypatch: pytest.MonkeyPatch, fault: Any) -> None:
    monkeypatch.setattr(Replay, "add", fault(Replay.add))
    world, policies = made()
    log = log_of(world, policies, 60)
    assert wrong_transitions(policies, log) > 0


def test_who_lives_on_after_an_end_goes_on_learning() -> None:
    for algorithm in ("dqn", "ppo"):
        world, policies = made(algorithm=algorithm, interval=1, ppo=PpoSettings(horizon=8, minibatches=1))
        log_of(world, policies, 60)
        assert policies.gauges.updates.min() > 3
        assert (policies.gauges.decisions == 60).all()


@pytest.mark.parametrize("sharing", ["own", "shared"])
def test_a_rollout_goes_on_over_ends_and_values_what_was_cut_off(sharing: str) -> None:
    world, policies = made(algorithm="ppo", sharing=sharing, enabled=True, ppo=PpoSettings(horizon=40, minibatches=1))
    rollouts, cohort = policies.cohorts[0].rollouts, policies.cohorts[0]
    log, worth = [], []
    for _ in range(41 * 2):
        observation = world.observe()
        values = observation.values.copy()
        outcome = world.step(policies.act(observation))
        world._values[:] = values
        policies.remember(observation, outcome)
        value = np.zeros(6, np.float32)
        head = np.zeros((6, cohort._head.shape[1]), np.float32)
        cohort.backend.run(outcome.final, world.population.living, (head, value))
        worth.append(value)
        log.append({"seen": values, "reward": outcome.reward, "end": (outcome.terminated, outcome.truncated)})
        full = np.flatnonzero(rollouts.filled == 40)
        if len(full):
            break
    row = int(full[0])
    for t, (entry, beyond) in enumerate(zip(log[-40:], worth[-40:], strict=True)):
        terminated, truncated = (each[row] for each in entry["end"])
        assert np.array_equal(rollouts.observation[row, t], entry["seen"][row])
        assert rollouts.end[row, t] == (TERMINATED if terminated else VALUED if truncated else GOES_ON)
        expected = entry["reward"][row] + (np.float32(GAMMA) * beyond[row] if truncated else 0)
        np.testing.assert_allclose(rollouts.reward[row, t], expected, rtol=1e-5)
    assert {VALUED, GOES_ON} <= set(rollouts.end[row].tolist())


def test_nothing_flows_back_over_a_valued_end() -> None:
    reward = np.array([[1, 2, 3]], np.float32)
    value = np.zeros((1, 3), np.float32)
    end = np.array([[GOES_ON, VALUED, GOES_ON]], np.uint8)
    out, weight = np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)
    estimate_advantage(
        reward, value, end, np.array([3]), np.array([10], np.float32), np.float32(0.5), np.float32(1), out, weight
    )
    assert out.tolist() == [[2.0, 2.0, 8.0]]
    assert weight.all()


def test_the_view_an_episode_was_cut_off_in_is_kept_beside_its_decision() -> None:
    replay = Replay(1, 16, 1)
    row, one = np.zeros(1, np.int32), np.ones((1, 1), np.float32)
    nothing, mask = np.zeros(1, np.bool_), np.ones((1, 2), np.bool_)
    replay.add(row, one, mask, np.zeros(1, np.int32), one[0], nothing, ~nothing, 5 * one)
    assert replay.end[0, :2].tolist() == [GOES_ON, CUT]
    assert from_bfloat16(replay.observation[0, :2]).ravel().tolist() == [1.0, 5.0]
