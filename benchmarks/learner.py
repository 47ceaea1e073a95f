"""Updates and decisions a second of the fused kernels, beside a plain loop over torch modules.

    python benchmarks/learner.py [--agents 1000] [--threads 2]

Each round times both in turn, so that a busy machine slows both; the ratio is the median of the rounds'. Updates are
measured twice: as set by default, and without double Q-learning, which takes two passes forward instead of three.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np
import torch

from teem.config.settings import LearningSettings
from teem.learning.kernel_q import KernelQ
from teem.learning.networks import DuelingMLP
from teem.learning.replay import Replay
from teem.learning.stack import Layout, Stack
from teem.threads import Threads

INPUTS, HIDDEN, ACTIONS = 96, (64, 32), 14
ROUNDS = 15
LOOP_AGENTS = 20  # the loop's time is proportional to its agents


def filled_replay(agents: int) -> Replay:
    random = np.random.default_rng(0)
    replay = Replay(agents, 512, INPUTS)
    rows = np.arange(agents)
    for _ in range(520):
        replay.add(
            rows,
            random.standard_normal((agents, INPUTS), np.float32),
            np.ones((agents, ACTIONS), np.bool_),
            random.integers(0, ACTIONS, agents).astype(np.int32),
            random.standard_normal(agents, np.float32),
            random.random(agents) < 0.01,
            np.zeros(agents, np.bool_),
        )
    return replay


class ModuleLoop:
    """One module and one optimiser an agent, one after the other; the batches are drawn beforehand."""

    def __init__(self, replay: Replay, rule: LearningSettings) -> None:
        agents = np.arange(LOOP_AGENTS)
        self.online = [DuelingMLP(INPUTS, ACTIONS, HIDDEN) for _ in agents]
        self.target = [DuelingMLP(INPUTS, ACTIONS, HIDDEN) for _ in agents]
        self.optimisers = [torch.optim.Adam(module.parameters(), rule.lr) for module in self.online]
        drawn = replay.sample(agents, agents, 0, 1, rule.batch, rule.n_step, rule.gamma)
        self.batch = {name: torch.from_numpy(getattr(drawn, name)) for name in drawn.__dataclass_fields__}
        self.rule = rule

    def act(self) -> None:
        with torch.inference_mode():
            for agent, online in enumerate(self.online):
                online(self.batch["observation"][agent, 0]).argmax()

    def update(self) -> None:
        for agent, (online, target, optimiser) in enumerate(
            zip(self.online, self.target, self.optimisers, strict=True)
        ):
            own = {name: values[agent] for name, values in self.batch.items()}
            with torch.no_grad():
                values = target(own["next_observation"])
                best = online(own["next_observation"]) if self.rule.double else values
                after = values.gather(-1, best.argmax(-1, keepdim=True))[:, 0]
                wanted = own["reward"] + own["discount"] * after
            taken = online(own["observation"]).gather(-1, own["action"][:, None])[:, 0]
            optimiser.zero_grad()
            torch.nn.functional.smooth_l1_loss(taken, wanted).backward()
            torch.nn.utils.clip_grad_norm_(online.parameters(), self.rule.grad_clip)
            optimiser.step()
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
                    slow.lerp_(fast, self.rule.tau)


def seconds(call: Callable[[], None]) -> float:
    begun = perf_counter()
    call()
    return perf_counter() - begun


def compare(name: str, kernel: Callable[[], None], agents: int, loop: Callable[[], None]) -> None:
    """Print the median rate of both, a second, and the median ratio."""
    kernel()
    loop()
    rounds = [(agents / seconds(kernel), LOOP_AGENTS / seconds(loop)) for _ in range(ROUNDS)]
    ours, theirs = median(a for a, _ in rounds), median(b for _, b in rounds)
    ratio = median(a / b for a, b in rounds)
    best = max(a for a, _ in rounds)
    print(f"{name:9} {ours:>10,.0f} /s (best {best:,.0f})   module loop {theirs:>8,.0f} /s   ratio {ratio:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # the loop's matrices are too small to share
    agents, threads = asked.agents, Threads(asked.threads)
    rows = np.arange(agents)
    replay = filled_replay(agents)
    observation = np.random.default_rng(1).standard_normal((agents, INPUTS), np.float32)
    out, loss = np.zeros((agents, ACTIONS), np.float32), np.zeros(agents, np.float32)
    faults = np.zeros(agents, np.int64)
    layout = Layout.mlp(INPUTS, HIDDEN, 1 + ACTIONS)
    print(f"{agents} agents, {layout.size} parameters each, batch {LearningSettings().batch}, {asked.threads} threads")
    for name, rule in (("updates", LearningSettings()), ("no double", LearningSettings(double=False))):
        stack = Stack(layout, agents)
        stack.fresh(rows, rows, seed=1)
        learner, loop = KernelQ(stack, INPUTS, HIDDEN, ACTIONS, rule, threads), ModuleLoop(replay, rule)
        compare(name, partial(learner.update, rows, rows, replay, 1, 0, loss, faults), agents, loop.update)
    compare("values", lambda: learner.values(observation, rows, out), agents, loop.act)
    threads.close()


if __name__ == "__main__":
    main()
