"""What the training tools cost a training by Stable-Baselines3, and what a tracker's updates do.

    python benchmarks/training.py sb3 [--steps 200000] [--pairs 3] [--threads 1] [--ways plain teem hanging naive]
    python benchmarks/training.py tracker [--updates 10000000]

sb3: PPO learns CartPole, each way in a process of its own. `plain` has no callback; `teem` is TeemCallback, evaluating
every 5,000 steps and writing everything down; `hanging` the same with evaluations that never end; `naive` a callback as
they are often made at home: lists, four plots an evaluation, and a thread for each evaluation that goes on when it is
given up. The ways of a pair are forked of one process, and go on by turns of half a second, all of a way's processes
stopped while others have theirs. The rate is that of `learn`, from its first step to its last. torch has one thread
in training, unless `--threads` says otherwise; left to itself it takes as many as there are cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _turns import Went, by_turns, wait_for_turns

from teem.measure.machine import rss_mb

WAYS = ("plain", "teem", "hanging", "naive")
EVERY, EPISODES = 5000, 5


def make() -> Any:
    import gymnasium

    return gymnasium.make("CartPole-v1")


def hanging() -> Any:
    import gymnasium

    class Hangs(gymnasium.Wrapper):  # type: ignore[type-arg]
        def reset(self, **given: Any) -> Any:
            self.resets = getattr(self, "resets", 0) + 1
            if self.resets > 1:  # it is made and stepped once before, where training goes on
                time.sleep(3600)
            return super().reset(**given)

    return Hangs(make())


def callback_of(way: str, folder: Path) -> Any:
    from teem.evaluate.sb3 import TeemCallback

    if way == "naive":
        return naive()
    if way == "hanging":
        return TeemCallback(hanging, EVERY, folder, episodes=EPISODES, timeout_s=2.0, at_end=False)
    return TeemCallback(make, EVERY, folder, episodes=EPISODES, at_end=False)


def naive() -> Any:
    """Everything in lists, four plots an evaluation, and a thread that goes on for as long as it likes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.evaluation import evaluate_policy

    class Naive(BaseCallback):
        def _on_training_start(self) -> None:
            self.rows: list[dict[str, float]] = []
            self.results: list[float] = []

        def _on_step(self) -> bool:
            reward = float(self.locals["rewards"][0])
            self.rows.append({"step": self.num_timesteps, "reward": reward, "time": time.time()})
            if self.num_timesteps % EVERY == 0:
                thread = threading.Thread(target=self._evaluate, daemon=True)
                thread.start()
                thread.join(1.0)
                self._plot()
            return True

        def _evaluate(self) -> None:
            self.results.append(evaluate_policy(self.model, make(), EPISODES, warn=False)[0])

        def _plot(self) -> None:
            for name in ("reward", "time", "step"):
                figure = plt.figure()
                plt.plot([row["step"] for row in self.rows], [row[name] for row in self.rows])
                figure.savefig("/dev/null", format="png")
                plt.close(figure)
            figure = plt.figure()
            plt.plot(self.results)
            figure.savefig("/dev/null", format="png")
            plt.close(figure)

    return Naive()


class Moments:
    """When each rollout has been learnt from, and what there was then; a hook once in 2,048 steps."""

    def __init__(self, model: Any) -> None:
        self.times, self.cpu, self.memory = [time.perf_counter()], [time.process_time()], [0.0]
        train = model.train

        def trained() -> None:
            train()
            self.times.append(time.perf_counter())
            self.cpu.append(time.process_time())
            self.memory.append(rss_mb() or float("nan"))

        model.train = trained


def learn(way: str, steps: int, seed: int, threads: int) -> dict[str, Any]:
    """One training, in this process."""
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(threads)

    warnings.simplefilter("ignore")
    model, before = PPO("MlpPolicy", "CartPole-v1", seed=seed), threading.active_count()
    with tempfile.TemporaryDirectory() as folder:
        callback = None if way == "plain" else callback_of(way, Path(folder))
        wait_for_turns()
        moments = Moments(model)
        model.learn(steps, callback=callback)
        ended = time.perf_counter()
        children = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    told: dict[str, Any] = {
        "way": way,
        "steps": model.num_timesteps,
        "times": moments.times,
        "ended": ended,
        "cpu_us": 1e6 * (moments.cpu[-1] - moments.cpu[0]) / model.num_timesteps,
        "mb_grown": moments.memory[-1] - moments.memory[len(moments.times) // 10],  # since all has been used once
        "threads_left": threading.active_count() - before,
        "processes_left": sum(map(len, children)),
    }
    if way not in ("plain", "naive"):
        summary = callback.summary
        told |= {"evaluations": summary["evaluations"], "shares": summary["shares"]}
    return told


def rates(went: Went) -> dict[str, Any]:
    """What a training told, with its rates by the time that it had."""
    told: dict[str, Any] = went.returned
    times = np.array([went.seconds(moment) for moment in told.pop("times")])
    fps = 2048 / np.diff(times)
    return told | {
        "fps": told["steps"] / (times[-1] - times[0]),
        "fps_whole": told["steps"] / (went.seconds(told.pop("ended")) - times[0]),
        "last_over_first": float(np.median(fps[-len(fps) // 10 :]) / np.median(fps[: len(fps) // 10])),
    }


def pair(ways: list[str], steps: int, seed: int, threads: int) -> None:
    """All ways by turns; a line of each."""
    import teem.evaluate.sb3  # noqa: F401 - so that none imports anything in its turns

    for told in map(rates, by_turns([partial(learn, way, steps, seed, threads) for way in ways])):
        print(json.dumps(told))


def compare(ways: list[str], steps: int, pairs: int, threads: int) -> None:
    """A pair, and again from other seeds, each of a process of its own."""
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    huge = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # else where its pages happen to lie is worth some hundredths
    for seed in range(pairs):
        turns = ways[:: 1 if seed % 2 == 0 else -1]  # so that to be forked first favours none
        orders = ["pair", "--steps", str(steps), "--seed", str(seed), "--threads", str(threads), "--ways", *turns]
        command, env = [sys.executable, __file__, *orders], {**os.environ, **huge}
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=env)
        print(ran.stdout, end="", flush=True)
        for told in map(json.loads, ran.stdout.splitlines()):
            found[told["way"]].append(told)
    for way in ways:
        each = found[way]
        line = {name: median(one[name] for one in each) for name in each[0] if isinstance(each[0][name], int | float)}
        ratios, whole, cpu = (
            [one[name] / other[name] for one, other in zip(each, found[ways[0]], strict=True)]
            for name in ("fps", "fps_whole", "cpu_us")
        )
        print(
            f"{way:8} {line['fps']:6.0f} fps, {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) of "
            f"{ways[0]}; all of learn {median(whole):.3f}; CPU of its process {median(cpu):.3f} "
            f"({line['cpu_us']:.0f} us a step); last over first tenth {line['last_over_first']:.3f}; "
            f"{line['mb_grown']:+.1f} MB; threads and processes left {line['threads_left']:.0f}, "
            f"{line['processes_left']:.0f}"
        )


def track(updates: int) -> None:
    """Updates in batches and one by one, and memory."""
    from teem.training.tracker import PerformanceTracker

    tracker, batch = PerformanceTracker(), 1000
    values = np.random.default_rng(0).normal(size=batch)
    steps = np.arange(batch)
    tracker.extend(steps, reward=values)
    held, begun = rss_mb() or float("nan"), time.process_time()
    for turn in range(1, updates // batch):
        tracker.extend(steps + turn * batch, reward=values)
    seconds = time.process_time() - begun
    print(
        f"{updates} updates in batches of {batch}: {1e6 * seconds / updates:.4f} us CPU an update, "
        f"{(rss_mb() or float('nan')) - held:+.2f} MB"
    )
    begun = time.process_time()
    for step in range(updates, updates + 200_000):
        tracker.add("reward", step, 1.0)
    print(f"one by one: {1e6 * (time.process_time() - begun) / 200_000:.3f} us CPU an update")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("sb3", "tracker", "pair"), default="tracker")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["plain", "teem"])
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of pair")
    parser.add_argument("--threads", type=int, default=1, help="of torch, in the process that trains")
    parser.add_argument("--updates", type=int, default=10_000_000)
    given = parser.parse_args()
    if given.what == "pair":
        pair(given.ways, given.steps, given.seed, given.threads)
    elif given.what == "sb3":
        compare(given.ways, given.steps, given.pairs, given.threads)
    else:
        track(given.updates)


if __name__ == "__main__":
    main()
