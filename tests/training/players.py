"""Players and environments of the tests, which other processes import."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np


class Scripted:
    """Does what the version's file says."""

    def __init__(self) -> None:
        self.said = ""

    def play(self, policy: Path) -> tuple[list[float], list[int]]:
        self.said = policy.read_text()
        what, _, value = self.said.partition(" ")
        if what == "hang":
            self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            Path(value).write_text(str(self.child.pid))
            time.sleep(600)
        if what == "spin":
            until = time.process_time() + float(value)
            while time.process_time() < until:
                pass
        if what == "fail":
            raise RuntimeError("the environment broke")
        if what == "die":
            sys.exit(3)
        return [float(value), float(value) + 2.0], [3, 5]

    def keep(self, path: Path) -> None:
        path.write_text(self.said)

    def close(self) -> None:
        Path(self.said.partition(" ")[2]).touch() if self.said.startswith("closing") else None


class Unmakeable(Scripted):
    """Can't be made where it is to play."""

    def __setstate__(self, state: object) -> None:
        raise OSError("no display")


class Line(gymnasium.Env):
    """Walk along a line: reward 1 for each step to the right, ten steps an episode."""

    observation_space = gymnasium.spaces.Box(-10, 10, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, reward: float = 1.0) -> None:
        self._reward = reward

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._at, self._steps = float(self.np_random.integers(-3, 4)), 0
        return self._seen(), {}

    def step(self, action):
        self._at += 1.0 if action else -1.0
        self._steps += 1
        return self._seen(), self._reward * float(action), self._steps == 10, False, {}

    def _seen(self):
        return np.array([np.clip(self._at, -10, 10)], np.float32)


def right(observation: object) -> int:
    """A policy."""
    return 1
