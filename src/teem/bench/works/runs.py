"""Runs, parts of a run, worlds alone, and whole commands."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teem.bench.works import Settings, Work, take
from teem.config.load import load_config
from teem.errors import TeemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from teem.config.settings import Config
    from teem.runtime.loop import Run
    from teem.threads import Threads
    from teem.worlds.base import World

UNSAVED = {"checkpoint.every": 0, "checkpoint.at_end": False}
QUIET = {"record.enabled": False, **UNSAVED}
ONE_THREAD = {"runtime.threads": 1}
DRAWN = 64  # steps whose random actions are drawn beforehand


def run(settings: Settings) -> Work:
    """A run played on: a call is `piece` steps, after `warm` of them. The unit is an agent-step.

    It is recorded only if `record` says so; what its writer process takes counts too.
    """
    begun, folder = _begin(settings)
    piece = settings["piece"]

    def call() -> float:
        before = begun.totals.agent_steps
        for _ in range(piece):
            begun.advance()
        return begun.totals.agent_steps - before

    def close() -> None:
        begun.finish("steps")
        begun.folder.close()
        folder.cleanup()

    recorder = begun.recorder
    return Work(call, close, (lambda: _cpu_of(recorder.pid)) if recorder else lambda: 0.0)


def _begin(settings: Settings) -> tuple[Run, tempfile.TemporaryDirectory[str]]:
    """A run in a folder of its own that goes with it; `piece` stays in the settings."""
    from teem.record.folder import RunFolder
    from teem.runtime.loop import Run

    name, warm, record = take(settings, world="farm", warm=50, record=False)
    given = {key: value for key, value in settings.items() if key != "piece"}
    settings.setdefault("piece", 10)
    config = load_config(name, {**ONE_THREAD, **(UNSAVED if record else QUIET), **given})
    folder = tempfile.TemporaryDirectory(prefix="teem-bench-")
    begun = Run.create(config, RunFolder.create(Path(folder.name) / "run", "bench"))
    for _ in range(warm):
        begun.advance()
    return begun, folder


def _cpu_of(pid: int) -> float:
    """CPU seconds that another process has used, by clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def part(settings: Settings) -> Work:
    """One part of a warmed world's step, called `piece` times: `observe`, `act`, `remember`, or `learn`.

    The unit is an agent; of `learn`, an update.
    """
    from teem.learning.build import build_policies

    name, warm, piece = take(settings, part="act", warm=50, piece=10)
    made, config, threads, close = _world(settings)
    policies = build_policies(config, made, threads)
    for _ in range(warm):
        observation = made.observe()
        outcome = made.step(policies.act(observation))
        policies.remember(observation, outcome)
        policies.inherit(outcome.births)
        policies.learn()
    observation = made.observe()
    agents = len(observation.living)
    met = made.step(policies.act(observation)) if name == "remember" else None

    def learn() -> float:
        made.step_count += 1  # others' turn, and other transitions drawn
        return policies.learn()

    def remember() -> float:
        assert met is not None
        policies.remember(observation, met)
        return agents

    def act() -> float:
        policies.act(observation)
        return agents

    def observe() -> float:
        return len(made.observe().living)

    parts = {"observe": observe, "act": act, "remember": remember, "learn": learn}
    if name not in parts:
        raise TeemError(f"{name} is no part of a step that can be measured alone: give one of {', '.join(parts)}")
    one = parts[name]
    return Work(lambda: sum(one() for _ in range(piece)), close)


def world(settings: Settings) -> Work:
    """A world alone with random actions, drawn before: `piece` times observe and step. The unit is an agent-step."""
    warm, piece = take(settings, warm=20, piece=10)
    made, _, _, close = _world(settings)
    actions = _random_actions(made)
    steps = 0

    def step() -> int:
        nonlocal steps
        agents = len(made.observe().living)
        made.step(actions[steps % DRAWN])
        steps += 1
        return agents

    for _ in range(warm):
        step()
    return Work(lambda: sum(step() for _ in range(piece)), close)


def _world(settings: Settings) -> tuple[World, Config, Threads, Callable[[], None]]:
    """A world without a run, what it was made of, and how to let it go."""
    from teem.measure.spans import Spans
    from teem.threads import Threads
    from teem.worlds.catalogue import make_world

    [name] = take(settings, world="farm")
    config = load_config(name, {**ONE_THREAD, **QUIET, **settings})
    threads = Threads(config.runtime.threads or 1)
    folder = tempfile.TemporaryDirectory(prefix="teem-bench-")  # of a map that is kept in a file
    made = make_world(config, threads, Spans(), Path(folder.name))

    def close() -> None:
        threads.close()
        folder.cleanup()

    return made, config, threads, close


def _random_actions(made: World) -> Any:
    """`[DRAWN, capacity]` or `[DRAWN, capacity, branches]` actions."""
    capacity, draws = made.population.capacity, np.random.default_rng(7)
    shape = (DRAWN, capacity, len(made.branches)) if made.branches else (DRAWN, capacity)
    return draws.integers(0, len(made.actions), shape).astype(np.int32)


def command(settings: Settings) -> Work:
    """A whole `teem run`, begun, played and ended in a process of its own: a call is a run. The unit is an agent-step.

    What counts is everything, start and end included, in all its processes; so give enough steps.
    """
    [name] = take(settings, world="farm")
    options = {**UNSAVED, **settings}
    load_config(name, options)  # or say what is wrong with the settings
    given = [f"--{key}={json.dumps(value) if isinstance(value, bool) else value}" for key, value in options.items()]
    spent = 0.0

    def call() -> float:
        nonlocal spent
        before = _cpu_of_children()
        with tempfile.TemporaryDirectory(prefix="teem-bench-") as folder:
            where = ["--out", f"{folder}/run", "--headless", "--json"]
            asked = [sys.executable, "-m", "teem", "run", name, *where, *given]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TeemError(f"teem run {name} ended with exit code {done.returncode}: {done.stderr.strip()[-500:]}")
        spent += _cpu_of_children() - before
        return float(json.loads(done.stdout.splitlines()[-1])["agent_steps"])

    return Work(call, cpu=lambda: spent)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
