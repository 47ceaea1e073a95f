"""What others do, by their own interfaces, so that it can be measured beside ours; each needs its package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from teem.bench.works import Settings, Work, expect_nothing, take, wanted

ACTIONS = 10


def mesa(settings: Settings) -> Work:
    """Mesa's own wolf-sheep model on a torus, stepped; the unit is an agent-step."""
    [sheep, wolves, side] = take(settings, sheep=400, wolves=100, side=80)
    expect_nothing(settings, "mesa")
    module = wanted("mesa.examples.advanced.wolf_sheep.model", "mesa")

    devs = wanted("mesa.experimental.devs", "mesa")

    def begin() -> Any:
        given = {"width": side, "height": side, "initial_sheep": sheep, "initial_wolves": wolves}
        return module.WolfSheep(simulator=devs.ABMSimulator(), seed=7, **given)

    model, steps = begin(), 0

    def call() -> float:
        nonlocal model, steps
        if steps == 50:  # before either kind dies out
            model, steps = begin(), 0
        steps += 1
        agents = sum(len(model.agents_by_type[kind]) for kind in model.agent_types if kind.__name__ != "GrassPatch")
        model.step()
        return agents

    return Work(call)


def magent2(settings: Settings) -> Work:
    """MAgent2's battle, observations of everybody read, random actions; the unit is an agent-step."""
    [agents, side] = take(settings, agents=1000, side=100)
    expect_nothing(settings, "magent2")
    env = wanted("magent2.gridworld", "magent2").GridWorld("battle", map_size=side)
    draws = np.random.default_rng(7)

    def begin() -> None:
        env.reset()
        for handle in env.get_handles():
            env.add_agents(handle, method="random", n=agents // 2)

    begin()

    def call() -> float:
        alive = 0
        for handle in env.get_handles():
            here = env.get_num(handle)
            alive += here
            env.get_observation(handle)
            env.set_action(handle, draws.integers(0, env.get_action_space(handle)[0], here).astype(np.int32))
        env.step()
        env.clear_dead()
        if alive < agents // 2:
            begin()
        return alive

    return Work(call)


def pettingzoo(settings: Settings) -> Work:
    """PettingZoo's pursuit, random actions; the unit is an agent-step."""
    [agents] = take(settings, agents=8)
    expect_nothing(settings, "pettingzoo")
    env = wanted("pettingzoo.sisl.pursuit_v5", "'pettingzoo[sisl]'").parallel_env(n_pursuers=agents)
    draws = np.random.default_rng(7)
    env.reset(seed=7)

    def call() -> float:
        if not env.agents:
            env.reset(seed=7)
        here = env.agents
        env.step(dict(zip(here, draws.integers(0, 5, len(here)).tolist(), strict=True)))
        return len(here)

    return Work(call, env.close)


def envpool(settings: Settings) -> Work:
    """EnvPool's CartPole in a batch on one thread, random actions; the unit is an agent-step."""
    [envs] = take(settings, envs=64)
    expect_nothing(settings, "envpool")
    pool = wanted("envpool", "envpool").make_gymnasium("CartPole-v1", num_envs=envs, num_threads=1)
    actions = np.random.default_rng(7).integers(0, 2, (64, envs)).astype(np.int32)
    pool.reset()
    steps = 0

    def call() -> float:
        nonlocal steps
        pool.step(actions[steps % len(actions)])
        steps += 1
        return float(envs)

    return Work(call, pool.close)


def cpprb(settings: Settings) -> Work:
    """cpprb's replay buffer: `add` a decision of everybody at once, or `sample` batches; the unit is a transition."""
    asked = _Replay.of(settings, "cpprb")
    size, rows = asked.size, _rows(asked.agents, asked.size)
    shapes = {"obs": {"shape": size}, "act": {}, "rew": {}, "next_obs": {"shape": size}, "done": {}}
    buffer = wanted("cpprb", "cpprb").ReplayBuffer(asked.agents * asked.length, shapes)
    decisions = dict(zip(("obs", "act", "rew", "next_obs", "done"), rows, strict=True))
    return asked.work(lambda: buffer.add(**decisions), lambda: buffer.sample(asked.batch))


def sb3_replay(settings: Settings) -> Work:
    """Stable-Baselines3's replay buffer, asked the same as cpprb's."""
    asked = _Replay.of(settings, "sb3_replay")
    buffers = wanted("stable_baselines3.common.buffers", "stable-baselines3")
    spaces = wanted("gymnasium.spaces", "gymnasium")
    box, rows = spaces.Box(-np.inf, np.inf, (asked.size,), np.float32), _rows(asked.agents, asked.size)
    buffer = buffers.ReplayBuffer(
        asked.agents * asked.length, box, spaces.Discrete(ACTIONS), device="cpu", n_envs=asked.agents
    )
    decisions: tuple[Any, ...] = (rows[0], rows[3], rows[1], rows[2], rows[4], [{} for _ in range(asked.agents)])
    return asked.work(lambda: buffer.add(*decisions), lambda: buffer.sample(asked.batch))


class _Replay(NamedTuple):
    """What is asked of one buffer for all agents."""

    question: str
    agents: int
    length: int
    size: int
    batch: int

    @classmethod
    def of(cls, settings: Settings, work: str) -> _Replay:
        one = cls(*take(settings, question="add", agents=1000, length=256, size=96, batch=32))
        expect_nothing(settings, work)
        return one

    def work(self, add: Callable[[], Any], sample: Callable[[], Any]) -> Work:
        """Adding to a full buffer, or drawing a batch for each agent from it."""
        for _ in range(self.length):
            add()

        def call() -> float:
            for _ in range(self.agents):
                sample()
            return self.agents * self.batch

        def put() -> float:
            add()
            return self.agents

        return Work(put if self.question == "add" else call)


def sb3_learn(settings: Settings) -> Work:
    """Stable-Baselines3's DQN learning from batches of 32 with a network of 64 and 32; the unit is an update."""
    [size, batch] = take(settings, size=96, batch=32)
    expect_nothing(settings, "sb3_learn")
    sb3, gymnasium = wanted("stable_baselines3", "stable-baselines3"), wanted("gymnasium", "gymnasium")
    spaces = wanted("gymnasium.spaces", "gymnasium")

    class Nowhere(gymnasium.Env):  # type: ignore[misc, name-defined]
        """An environment that is only asked for its spaces."""

        observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        action_space = spaces.Discrete(ACTIONS)

    model = sb3.DQN(
        "MlpPolicy", Nowhere(), policy_kwargs={"net_arch": [64, 32]}, buffer_size=512, batch_size=batch, device="cpu"
    )
    model.set_logger(wanted("stable_baselines3.common.logger", "stable-baselines3").Logger(None, []))
    rows = _rows(512, size)
    for k in range(512):
        model.replay_buffer.add(*(rows[i][k : k + 1] for i in (0, 3, 1, 2, 4)), [{}])

    def call() -> float:
        model.train(gradient_steps=1, batch_size=batch)
        return 1.0

    return Work(call)


def _rows(count: int, size: int) -> tuple[np.ndarray, ...]:
    """Transitions drawn at random: observation, action, reward, next observation, end."""
    draws = np.random.default_rng(7)
    return (
        draws.standard_normal((count, size), np.float32),
        draws.integers(0, ACTIONS, count),
        draws.standard_normal(count, np.float32),
        draws.standard_normal((count, size), np.float32),
        (draws.random(count) < 0.01).astype(np.float32),
    )
