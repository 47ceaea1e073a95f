"""What each kind of environment costs over the arrays of its world.

    python benchmarks/envs.py [--agents 100 300 1000] [--steps 200] [--rounds 7]

A farm where nobody dies, its actions drawn beforehand, is played by its arrays, as Gymnasium's VectorEnv, as
Stable-Baselines3's VecEnv, as PettingZoo's ParallelEnv, with the dictionary of actions that has to be made, and as
Gymnasium's Env of one agent among others who rest. All take turns, a piece each, in this process with one thread.
Figures are medians over the rounds: agent-steps a second by the wall, CPU microseconds an agent-step, and how many
times the arrays' CPU that is, piece by piece.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

NOBODY_DIES = {
    "world.upkeep": 0.0, "world.move_cost": 0.0, "world.attack_damage": 0.0, "world.age_max": 10**9,
    "world.breed_energy": 40.0, "world.maturity": 10**9, "steps": 0,
}  # fmt: skip
Piece = Callable[[], None]


def arrays(agents: int, actions: Any) -> Piece:
    """The world alone."""
    import teem
    from teem.measure.spans import Spans
    from teem.threads import Threads
    from teem.worlds.catalogue import make_world

    world = make_world(teem.load_config("farm", {"population.founders": agents, **NOBODY_DIES}), Threads(1), Spans(1))

    def play() -> None:
        for action in actions:
            world.observe()
            world.step(action)

    return play


def vector(agents: int, actions: Any, kind: str = "vector") -> Piece:
    """Rows, of Gymnasium or Stable-Baselines3."""
    import teem

    env: Any = teem.make_env("farm", kind, agents=agents, **NOBODY_DIES)
    env.reset()

    def play() -> None:
        for action in actions:
            env.step(action)

    return play


def sb3(agents: int, actions: Any) -> Piece:
    return vector(agents, actions, "sb3")


def parallel(agents: int, actions: Any) -> Piece:
    """Dictionaries by name."""
    import teem

    env = teem.make_env("farm", agents=agents, **NOBODY_DIES)
    env.reset()

    def play() -> None:
        for action in actions:
            env.step(dict(zip(env.agents, action.tolist(), strict=True)))

    return play


def single(agents: int, actions: Any) -> Piece:
    """One agent among others who rest."""
    import teem

    env = teem.make_env("farm", "single", agents=agents, others="resting", **NOBODY_DIES)
    env.reset()

    def play() -> None:
        for action in actions[:, 0]:
            env.step(action)

    return play


KINDS = {"arrays": arrays, "vector": vector, "sb3": sb3, "parallel": parallel, "single": single}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    for agents in asked.agents:
        actions = np.random.default_rng(0).integers(0, 15, (asked.steps, agents), np.int32)
        pieces = {name: make(agents, actions) for name, make in KINDS.items()}
        wall, cpu = ({name: [] for name in KINDS} for _ in range(2))
        for number in range(asked.rounds + 1):
            for name in [*KINDS][:: 1 if number % 2 else -1]:
                begun, used = time.perf_counter(), time.process_time()
                pieces[name]()
                if number:  # the first round warms up
                    wall[name].append(time.perf_counter() - begun)
                    cpu[name].append(time.process_time() - used)
        done = asked.steps * agents
        for name in KINDS:
            rate, cost = done / np.median(wall[name]), np.median(cpu[name]) / done * 1e6
            times = np.median(np.divide(cpu[name], cpu["arrays"]))
            print(f"{agents} agents, {name}: {rate:,.0f} agent-steps/s, {cost:.2f} us CPU, {times:.2f} x", flush=True)


if __name__ == "__main__":
    main()
