"""Agents that learn by an implicit quantile network each, in a stand-in of Sorrel's treasure hunt.

    python benchmarks/quantiles.py [--backend kernel|torch] [--steps 1000] [--threads 2] [--view 5] [--always]

The network and its training are Sorrel's (sorrel/models/pytorch/iqn.py, examples/treasurehunt_mp run sequentially): 5
stacked frames of a view of 5 x 5 cells, one of 5 entities in each, 625 inputs; 250 features, 64 cosines, a noisy layer
of 250, noisy dueling heads; 12 quantiles, batch 64, double, 3-step returns; noise while learning, and while acting an
epsilon of 0.7 instead; two agents with networks of their own, both updated after every 100 decisions of each. `--view
9` widens the view to 9 x 9 cells, 2,025 inputs; with `--always` every decision is the network's, with its noise. The
world itself is left out: what is seen and gained is drawn beforehand, so that only deciding, remembering and learning
are measured.
"""

from __future__ import annotations

import argparse
import time
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from teem.config.settings import Config, EpsilonSettings, LearningSettings, QuantileSettings, ReplaySettings
from teem.learning.build import build_policies
from teem.learning.policies import Policies
from teem.learning.quantile_layout import widths_of
from teem.learning.quantile_networks import Quantiles
from teem.population.slots import Population
from teem.threads import Threads
from teem.worlds.base import Births, Deaths, Observation, Outcome
from teem.worlds.turns import Turns

AGENTS, ENTITIES, FRAMES = 2, 5, 5
EPSILON = 0.7
PIECES = 9
ROUNDS = 20
FILM = 512  # frames drawn beforehand


class StandIn:
    """What policies need of a world, and no more: the film of each agent's frames goes round."""

    name, branches, turns, continuous, tokens = "stand-in", (), Turns(), False, None
    actions = ("up", "down", "left", "right")
    rest = 0

    def __init__(self, view: int = 5) -> None:
        cells = view * view
        self._frame = cells * ENTITIES
        self.observation_shape = (FRAMES * self._frame,)
        random = np.random.default_rng(0)
        self.population = Population(AGENTS, 1)
        self.population.spawn(AGENTS)
        self.step_count = 0
        film = np.eye(ENTITIES, dtype=np.float32)[random.integers(0, ENTITIES, (AGENTS, FILM + FRAMES, cells))]
        self._film = film.reshape(AGENTS, -1)
        self._reward = random.standard_normal((FILM, AGENTS), np.float32)
        self._values = np.zeros((AGENTS, *self.observation_shape), np.float32)
        self._mask = np.ones((AGENTS, len(self.actions)), np.bool_)
        self._never = np.zeros(AGENTS, np.bool_)
        nobody = np.empty(0, np.int32)
        self._births = Births(nobody, nobody, nobody)
        self._deaths = Deaths(nobody, np.empty(0, np.int64), nobody)

    def observe(self) -> Observation:
        begin = self.step_count % FILM * self._frame
        self._values[:] = self._film[:, begin : begin + self._values.shape[1]]
        return Observation(self.population.living, self._values, self._mask)

    def step(self, action: np.ndarray) -> Outcome:
        living = self.population.living
        outcome = Outcome(
            self.step_count, living, self.population.id[living], action, self.population.id,
            self._reward[self.step_count % FILM], self._never, self._never, self._births, self._deaths,
            np.empty((0, 2), np.int32),
        )  # fmt: skip
        self.step_count += 1
        return outcome


def settings(backend: str, algorithm: str = "iqn", interval: int = 100, *, always: bool = False) -> Config:
    explore: Literal["noise", "epsilon"] = "noise" if always else "epsilon"
    return Config(
        seed=7,
        learning=LearningSettings(
            algorithm=algorithm, backend=backend, hidden=(250, 250), batch=64, n_step=3, interval=interval, lr=1e-3,
            replay=ReplaySettings(length=1024, warmup=200),
            epsilon=EpsilonSettings(start=EPSILON, end=EPSILON),
            quantiles=QuantileSettings(online=12, target=12, acting=12, cosines=64, explore=explore),
        ),
    )  # fmt: skip


def live(world: StandIn, policies: Policies, steps: int) -> int:
    """The loop of a learning population; how many updates were made."""
    updates = 0
    for _ in range(steps):
        observation = world.observe()
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
        updates += policies.learn()
    return updates


class Modules:
    """The same learning as it is mostly written: a torch module and an optimiser an agent, one after the other."""

    def __init__(self, world: StandIn, policies: Policies) -> None:
        cohort = policies.cohorts[0]
        self._replay, self._seen = cohort.replay, torch.from_numpy(world.observe().values)
        settings = policies.cohorts[0].settings
        self._widths = widths_of("iqn", world.observation_shape[0], 1, len(world.actions), settings)
        self._agents = [(Quantiles(self._widths), Quantiles(self._widths)) for _ in range(AGENTS)]
        self._optimisers = [torch.optim.Adam(online.parameters()) for online, _ in self._agents]

    def _noise(self) -> torch.Tensor:
        drawn = torch.randn(self._widths.noise)
        return drawn.sign() * drawn.abs().sqrt()

    def act(self) -> None:
        for agent, (online, _) in enumerate(self._agents):
            with torch.no_grad():
                online(self._seen[agent : agent + 1], torch.rand(1, 12), self._noise()).mean(1).argmax()

    def update(self, step: int) -> None:
        for agent, (online, target) in enumerate(self._agents):
            one = np.array([agent])
            drawn = self._replay.sample(one, one, step, 7, 64, 3, 0.95)
            own = {name: torch.from_numpy(getattr(drawn, name)[0]) for name in drawn.__dataclass_fields__}
            with torch.no_grad():
                best = online(own["next_observation"], torch.rand(64, 12), self._noise()).mean(1).argmax(-1)
                after = target(own["next_observation"], torch.rand(64, 12), self._noise())
                after = after[:, :, 0].gather(-1, best[:, None].expand(-1, 12, 1))[..., 0]
                goal = own["reward"][:, None] + own["discount"][:, None] * after
            tau = torch.rand(64, 12)
            value = online(own["observation"], tau, self._noise())[:, :, 0]
            value = value.gather(-1, own["action"][:, None, None].expand(-1, 12, 1))
            delta = goal[:, None] - value
            huber = torch.nn.functional.huber_loss(
                value.expand_as(delta), goal[:, None].expand_as(delta), reduction="none"
            )
            loss = ((tau[..., None] - (delta < 0).float()).abs() * huber).mean(2).sum(1).mean()
            self._optimisers[agent].zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(online.parameters(), 10.0)
            self._optimisers[agent].step()
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
                    slow.lerp_(fast, 0.02)


def measure(world: StandIn, policies: Policies, steps: int) -> tuple[float, float, float]:
    """Agent-steps a second by the wall and by the CPU, and updates a second by the wall."""
    begun, cpu = time.perf_counter(), time.process_time()
    updates = live(world, policies, steps)
    wall, spent = time.perf_counter() - begun, time.process_time() - cpu
    return AGENTS * steps / wall, AGENTS * steps / spent, updates / wall


def cost(world: StandIn, policies: Policies, always: bool) -> NDArray[np.float64]:
    """CPU milliseconds of a decision and of an update of one agent, here and by modules, in turn; medians."""
    cohort, modules = policies.cohorts[0], Modules(world, policies)
    living, ids = world.population.living, world.population.id[world.population.living]
    action = np.zeros(AGENTS, np.int32)
    loss, faults = np.zeros(AGENTS, np.float32), np.zeros(AGENTS, np.int64)

    def act(step: int) -> None:  # for both, whatever epsilon is
        world.step_count = 7 * step  # something else is seen each time, so other weights are needed
        cohort.act(world.observe(), living, ids, step, action, greedy=not always)

    def ours(step: int) -> None:
        cohort.backend.update(living, ids, cohort.replay, 7, step, loss, faults)

    calls = (act, ours, lambda _: modules.act(), modules.update)
    rounds = []
    for step in range(ROUNDS):
        spent = []
        for call in calls:
            begun = time.process_time()
            for again in range(8):
                call(8 * step + again)
            spent.append(1e3 * (time.process_time() - begun) / (8 * AGENTS))
        rounds.append(spent)
    assert not faults.any()
    return np.median(rounds[1:], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="kernel")
    parser.add_argument("--algorithm", default="iqn")
    parser.add_argument("--steps", type=int, default=1000, help="in each of 9 pieces, whose median is told")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--view", type=int, default=5, help="cells along a side of what an agent sees")
    parser.add_argument("--always", action="store_true", help="every decision is the network's")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads if asked.backend == "torch" else 1)  # idle threads of torch's take turns, too
    threads, world = Threads(asked.threads), StandIn(asked.view)
    chosen = settings(asked.backend, asked.algorithm, always=asked.always)
    policies = build_policies(chosen, world, threads)
    live(world, policies, 400)
    rates = np.median([measure(world, policies, asked.steps) for _ in range(PIECES)], axis=0)
    wall, cpu, updates = rates
    decision, update, their_decision, their_update = cost(world, policies, asked.always)
    print(
        f"{asked.algorithm} on {asked.backend}, {asked.threads} threads: {wall:,.0f} agent-steps/s with "
        f"{updates:.1f} updates/s by the wall, {cpu:,.0f} agent-steps a CPU second; "
        f"a network's decision {decision:.3f} ms, an update {update:.1f} ms of CPU; "
        f"of a torch module an agent {their_decision:.3f} and {their_update:.1f} ms: a hundred decisions and an update "
        f"{(100 * their_decision + their_update) / (100 * decision + update):.1f} times as much"
    )
    threads.close()


if __name__ == "__main__":
    main()
