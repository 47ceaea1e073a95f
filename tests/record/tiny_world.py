"""A world that is born, moves, hurts and dies at random, and a run of it that can be killed and resumed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from teem.config.settings import CheckpointSettings, Config, PopulationSettings, RecordSettings
from teem.measure.spans import Spans
from teem.population.slots import Population
from teem.record.checkpoint import Checkpointer, discard_after, latest, steps_of
from teem.record.client import Recorder
from teem.record.collect import Collector
from teem.record.schema import rewind
from teem.worlds.base import Births, Deaths, Outcome


class TinyWorld:
    name = "tiny"
    actions = ("move", "gather", "pass")
    branches = ()
    continuous = False
    causes = ("hunger", "age")
    traits = ("speed", "sight")
    kinds = ("system", "control")
    observation_shape = (1,)
    observation_names = ("nothing",)

    def __init__(self, seed: int = 7, founders: int = 5, capacity: int = 12, side: int = 40) -> None:
        self.seed = seed
        self.step_count = 0
        self.population = Population(capacity, len(self.traits))
        self.feats = np.arange(capacity, dtype=np.float32) / 2  # what who lives in a slot has achieved
        self.resources = np.random.default_rng(seed).random((side, side), np.float32)
        self._fill(self.population.spawn(founders), np.random.default_rng((seed, 0)), -1)

    def _fill(self, slots, rng, parent_slot) -> None:
        p = self.population
        p.kind[slots] = rng.integers(0, 2, len(slots))
        p.born[slots] = self.step_count
        p.energy[slots], p.health[slots] = rng.random(len(slots)) * 5, 1.0
        p.x[slots], p.y[slots] = rng.random((2, len(slots))) * 40
        p.genome[slots] = rng.random((len(slots), 2))
        if np.ndim(parent_slot):
            p.parent[slots] = p.id[parent_slot]
            p.generation[slots] = p.generation[parent_slot] + 1

    def map(self) -> dict:
        return {"resources": self.resources}

    def step(self, action=None) -> Outcome:
        p, step = self.population, self.step_count
        rng = np.random.default_rng((self.seed, 1, step))
        p.recycle()
        acted = p.living.copy()
        ids = p.id[acted].copy()
        reward = np.full(p.capacity, 99.0, np.float32)
        reward[acted] = rng.normal(size=len(acted))
        actions = np.zeros(p.capacity, np.int32)
        actions[acted] = rng.integers(0, 3, len(acted))
        target = np.full(p.capacity, -1, np.int64)
        if len(ids):
            target[acted] = np.where(rng.random(len(ids)) < 0.3, rng.choice(ids, len(ids)), -1)
        p.x[acted] += rng.normal(size=len(acted)).astype(np.float32)
        p.energy[acted] = np.maximum(p.energy[acted] + rng.normal(size=len(acted)), 0)
        p.health[acted] = np.clip(p.health[acted] + rng.choice([-0.25, 0, 0.1, 0.2], len(acted)), 0, 1)
        self.resources *= np.float32(0.99)
        dead = acted[(p.health[acted] <= 0) | (rng.random(len(acted)) < 0.03)]
        deaths = Deaths(dead, p.id[dead].copy(), rng.integers(0, 2, len(dead)).astype(np.int32))
        p.release(dead)
        parents = p.living[rng.random(len(p.living)) < 0.1][: p.room].copy()
        born = p.spawn(len(parents))
        self._fill(born, rng, parents)
        terminated = np.zeros(p.capacity, np.bool_)
        terminated[dead] = True
        self.step_count += 1
        return Outcome(
            step=step, acted=acted, id=ids, action=actions, target=target, reward=reward,
            terminated=terminated, truncated=np.zeros(p.capacity, np.bool_), deaths=deaths,
            honours=np.empty((0, 2), np.int32),
            births=Births(born, parents, np.full(len(born), -1, np.int32)),
        )  # fmt: skip

    def gauges(self) -> dict:
        p = self.population
        age = np.maximum(self.step_count - p.born, 0)
        return {
            "updates": age // 4, "loss": (1 / (1 + age)).astype(np.float32), "decisions": age,
            "epsilon": np.full(p.capacity, 0.5, np.float32), "faults": np.zeros(p.capacity, np.int64),
        }  # fmt: skip

    def state(self) -> dict:
        return {
            "population": self.population.state(),
            "resources": self.resources.copy(),
            "step": self.step_count,
        }

    def load_state(self, state: dict) -> None:
        self.population.load_state(state["population"])
        self.resources[:] = state["resources"]
        self.step_count = state["step"]


def config_of(**record) -> Config:
    return Config(
        seed=7,
        population=PopulationSettings(founders=5, capacity=12),
        record=RecordSettings(**{"every": 3, "resources_every": 5, "learning_every": 4, **record}),
        checkpoint=CheckpointSettings(every=7),
    )


def run(folder: Path, steps: int, config: Config, *, resume: bool = False, die_at: int = -1, founders: int = 5) -> None:
    """Run to `steps`, or kill -9 this very process after step `die_at`."""
    world = TinyWorld(config.seed, founders)
    database, checkpoints = folder / "run.db", folder / "checkpoints"
    saved = None
    if resume and steps_of(checkpoints):
        saved = latest(checkpoints)
        discard_after(checkpoints, saved.step)
        world.load_state(saved.state["world"])
    if resume and database.exists():
        rewind(database, saved.step - 1 if saved else -1)
    recorder = Recorder(database, config.record, Spans())
    collector = Collector(world, config, recorder)
    if saved:
        collector.load_state(saved.state["record"])
    collector.start(resumed=saved is not None)
    checkpointer = Checkpointer(checkpoints, 3, Spans())
    while world.step_count < steps:
        collector.step(world.step(), world.gauges)
        if world.step_count % config.checkpoint.every == 0:
            collector.hand_over()
            number = recorder.start_flush()
            state = {"world": world.state(), "record": collector.state()}
            checkpointer.save(world.step_count, state, {}, lambda n=number: recorder.wait_flushed(n))
        if world.step_count == die_at:
            print(recorder.pid, flush=True)
            time.sleep(0.02)
            os.kill(os.getpid(), 9)
    checkpointer.close()
    collector.hand_over()
    recorder.close()


if __name__ == "__main__":
    folder, steps, die_at, resume = sys.argv[1:]
    run(Path(folder), int(steps), config_of(), resume=resume == "resume", die_at=int(die_at))
