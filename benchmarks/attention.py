"""Updates and decisions a second of attention networks on fused kernels, beside the same networks in torch.

    python benchmarks/attention.py [--agents 300] [--threads 2] [--no-torch]

Bodies have 2 to 8 joints, of 28 there may be. Rounds take turns, so that a busy machine slows all; rates are medians,
against the wall and against the CPU time used. Torch's rows are stacked on the agent axis (torch.func), eager.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.attention_layout import Widths, attention_layout
from teem.learning.kernel_attention import KernelAttention
from teem.learning.replay import Replay
from teem.learning.sharing import Networks
from teem.threads import Threads
from teem.worlds.tokens import TokenKind, Tokens

TOKENS = Tokens(
    (
        TokenKind("self", 1, 12),
        TokenKind("joint", 28, 8, optional=True),
        TokenKind("ray", 5, 6),
        TokenKind("food", 3, 4, optional=True),
    )
)
WIDTHS, BINS = Widths(), 3
JOINTS = (2, 3, 3, 3, 4, 4, 4, 5, 5, 8)  # 4.1 on average
LOOK_EVERY = 6  # frames of 60 a second
LEARN_EVERY = 4  # decisions
ROUNDS = 15


def observe(random: np.random.Generator, bodies: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Every token's features, 0 where it is absent; all food is in sight."""
    parts = []
    for k, kind in enumerate(TOKENS.kinds):
        features = random.standard_normal((len(bodies), kind.count, kind.features), np.float32)
        if kind.optional:
            features[..., 0] = 1
        if k == 1:
            features[~bodies] = 0
        parts.append(features.reshape(len(bodies), -1))
    return np.concatenate(parts, 1)


@dataclass
class Crawlers:
    """A population with filled memories."""

    agents: int
    threads: int
    rule: LearningSettings = field(default_factory=lambda: LearningSettings(network="attention"))

    def __post_init__(self) -> None:
        random = np.random.default_rng(0)
        self.rows = np.arange(self.agents, dtype=np.int32)
        self.ids = self.rows.astype(np.int64)
        joints = np.array(JOINTS)[self.rows % len(JOINTS)]
        self.bodies = np.arange(TOKENS.branches) < joints[:, None]
        self.replay = Replay(self.agents, 512, TOKENS.size, branches=TOKENS.branches)
        for _ in range(520):
            self.observation = observe(random, self.bodies)
            self.replay.add(
                self.rows,
                self.observation,
                self.bodies,
                random.integers(0, BINS, self.bodies.shape).astype(np.int32),
                random.standard_normal(self.agents, np.float32),
                random.random(self.agents) < 0.01,
                np.zeros(self.agents, np.bool_),
            )
        self.networks = Networks(attention_layout(TOKENS, WIDTHS, BINS), "own", self.agents, 1)
        self.networks.found(self.rows, self.ids)
        self.pool = Threads(self.threads)
        self.kernel = KernelAttention(self.networks.own, TOKENS, BINS, WIDTHS, self.rule, self.pool)
        self.values = np.zeros((self.agents, TOKENS.branches, BINS), np.float32)
        self.loss = np.zeros(self.agents, np.float32)
        self.faults = np.zeros(self.agents, np.int64)

    def update(self) -> None:
        self.kernel.update(self.rows, self.ids, self.replay, 1, 0, self.loss, self.faults)

    def act(self) -> None:
        self.kernel.values(self.observation, self.rows, self.values)

    def frame(self, number: int) -> None:
        """What one frame of 60 a second asks of the population's networks; decisions and updates are staggered."""
        looking = self.rows[number % LOOK_EVERY :: LOOK_EVERY]
        learning = self.rows[number % (LOOK_EVERY * LEARN_EVERY) :: LOOK_EVERY * LEARN_EVERY]
        self.kernel.values(self.observation, looking, self.values)
        if len(learning):
            self.kernel.update(learning, self.ids[learning], self.replay, 1, number, self.loss, self.faults)


def timed(call: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the wall and of the CPU."""
    wall, cpu = perf_counter(), process_time()
    call()
    return perf_counter() - wall, process_time() - cpu


def measure(calls: dict[str, tuple[int, Callable[[], None]]]) -> None:
    """Print each call's rate, (how many things it does, the call) by name."""
    for _, call in calls.values():
        call()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, (_, call) in calls.items():
            taken[name].append(timed(call))
    for name, (count, _) in calls.items():
        wall, cpu = median(w for w, _ in taken[name]), median(c for _, c in taken[name])
        best = min(w for w, _ in taken[name])
        print(
            f"{name:<28} {count / wall:>10,.0f} /s (best {count / best:,.0f})   {wall * 1e3:8.3f} ms wall   "
            f"{cpu / count * 1e6:7.1f} us CPU each"
        )


def measure_frames(crawlers: Crawlers, name: str, frames: int = 480) -> None:
    """Print what a frame costs."""
    taken = []
    for number in range(frames):
        begun = perf_counter()
        crawlers.frame(number)
        taken.append((perf_counter() - begun) * 1e3)
    p50, p99 = np.percentile(taken, [50, 99])
    print(f"{name:<28} a frame's mean {np.mean(taken):.3f} ms, p50 {p50:.3f}, p99 {p99:.3f}, of 16.7 there are")


def torch_update(crawlers: Crawlers) -> Callable[[], None]:
    """The same update on stacked torch modules."""
    import torch

    from teem.learning.torch_network import q_network
    from teem.learning.torch_q import TorchQ

    network = q_network(TOKENS.size, BINS, crawlers.rule, TOKENS.branches, TOKENS)
    learner = TorchQ(network, crawlers.networks, crawlers.rule, TOKENS.size)
    torch.set_num_threads(crawlers.threads)
    return lambda: learner.update(crawlers.rows, crawlers.ids, crawlers.replay, 1, 0, crawlers.loss, crawlers.faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-torch", action="store_true", help="leave out torch, which takes a while")
    asked = parser.parse_args()
    many, few = Crawlers(asked.agents, asked.threads), Crawlers(30, asked.threads)
    size = many.networks.own.layout.size
    print(f"{asked.agents} agents, {size} parameters each, batch {many.rule.batch}, {asked.threads} threads")
    calls: dict[str, tuple[int, Callable[[], None]]] = {
        "updates": (many.agents, many.update),
        "values": (many.agents, many.act),
        "values of 30": (30, few.act),
    }
    if not asked.no_torch:
        stacked = Crawlers(32, asked.threads)
        calls["updates, stacked torch"] = (stacked.agents, torch_update(stacked))
    measure(calls)
    measure_frames(few, "30 creatures")
    measure_frames(many, f"{many.agents} creatures")


if __name__ == "__main__":
    main()
