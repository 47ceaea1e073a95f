"""A riddle in which attending matters: one of many rays, another one each time, tells what every joint must do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.attention_layout import Widths, attention_layout
from teem.learning.kernel_attention import KernelAttention
from teem.learning.kernel_q import KernelQ
from teem.learning.replay import Replay
from teem.learning.stack import Layout, Stack
from teem.threads import Threads
from teem.worlds.tokens import TokenKind, Tokens

AGENTS, BINS, RAYS = 6, 3, 8
TOKENS = Tokens((TokenKind("self", 1, 2), TokenKind("joint", 4, 2, optional=True), TokenKind("ray", RAYS, 1 + BINS)))
RULE = LearningSettings(gamma=0.0, n_step=1, lr=3e-3, tau=0.1)
UPDATES = 500


@dataclass
class Riddle:
    """What agents see, and the bin that is right for all joints of each."""

    observation: NDArray[np.float32]  # [agents, size]
    right: NDArray[np.int64]  # [agents]


def ask(random: np.random.Generator, bodies: NDArray[np.bool_]) -> Riddle:
    """Every ray names a bin; the one whose first feature is 1 tells the truth."""
    agents = len(bodies)
    own = random.standard_normal((agents, 2))
    joints = np.stack([bodies, random.standard_normal(bodies.shape)], -1) * bodies[..., None]
    named = random.integers(0, BINS, (agents, RAYS))
    teller = random.integers(0, RAYS, agents)
    rays = np.concatenate([(np.arange(RAYS) == teller[:, None])[..., None], np.eye(BINS)[named]], -1)
    observation = np.concatenate([part.reshape(agents, -1) for part in (own, joints, rays)], 1)
    return Riddle(observation.astype(np.float32), named[np.arange(agents), teller])


class Students:
    """Agents that remember what came of random answers, and learn from it."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(4)
        self.rows, self.ids = np.arange(AGENTS), np.arange(AGENTS) + 7
        self.bodies = np.arange(TOKENS.branches) < self.random.integers(1, TOKENS.branches + 1, AGENTS)[:, None]
        self.replay = Replay(AGENTS, 2048, TOKENS.size, branches=TOKENS.branches)
        for _ in range(2048):
            riddle = ask(self.random, self.bodies)
            answer = self.random.integers(0, BINS, self.bodies.shape).astype(np.int32)
            correct = ((answer == riddle.right[:, None]) * self.bodies).sum(1) / self.bodies.sum(1)
            every, none = np.ones(AGENTS, np.bool_), np.zeros(AGENTS, np.bool_)
            self.replay.add(self.rows, riddle.observation, self.bodies, answer, correct.astype(np.float32), every, none)

    def learn(self, learner: KernelAttention | KernelQ) -> float:
        """The share of joints that do what they are told, after some updates, in riddles never seen."""
        loss, faults = np.zeros(AGENTS, np.float32), np.zeros(AGENTS, np.int64)
        learner.stack.fresh(self.rows, self.ids, 1)
        for step in range(UPDATES):
            learner.update(self.rows, self.ids, self.replay, 1, step, loss, faults)
        assert not faults.any()
        values, correct = np.zeros((AGENTS, TOKENS.branches, BINS), np.float32), []
        for _ in range(200):
            riddle = ask(self.random, self.bodies)
            learner.values(riddle.observation, self.rows, values)
            correct.append((values.argmax(-1) == riddle.right[:, None])[self.bodies].mean())
        return float(np.mean(correct))


def test_agents_learn_to_attend_to_the_ray_that_tells_and_without_attention_they_dont() -> None:
    students, threads = Students(), Threads(1)
    widths = Widths(token=16, heads=2, head=8, context=(32,), trunk=(32,))
    layout = attention_layout(TOKENS, widths, BINS)
    attention = KernelAttention(Stack(layout, AGENTS), TOKENS, BINS, widths, RULE, threads)
    outputs = 1 + TOKENS.branches * BINS
    hidden = (44, 32)
    plain_layout = Layout.mlp(TOKENS.size, hidden, outputs)
    assert 0.9 < plain_layout.size / layout.size < 1.2
    plain = KernelQ(Stack(plain_layout, AGENTS), TOKENS.size, hidden, BINS, RULE, threads, TOKENS.branches)
    with_attention, without = students.learn(attention), students.learn(plain)
    assert with_attention > 0.97
    assert without < 0.7
    seen = ask(students.random, students.bodies)
    shares = attention.attention(seen.observation, students.rows)[..., TOKENS.count - RAYS :]
    told = seen.observation[:, -RAYS * (1 + BINS) :: 1 + BINS].argmax(1)
    of_teller = np.take_along_axis(shares[:, :, 1], told[:, None, None], 2)[..., 0]  # of the first joint, a head
    assert (of_teller.max(1) > 3 / RAYS).all()
