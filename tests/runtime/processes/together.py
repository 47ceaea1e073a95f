"""An actor and its learners in one process, stepped in turn: what they share is the same, and nothing is by chance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from teem.config.dump import dump_config
from teem.config.load import load_config
from teem.config.settings import Config
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.processes.actor import ActingPolicies
from teem.runtime.processes.facts import room_of
from teem.runtime.processes.links import Links, lay
from teem.runtime.processes.teaching import Teaching
from teem.threads import Threads

SMALL = {
    "population.founders": 24, "population.capacity": 30, "runtime.threads": 1, "steps": 0,
    "learning.hidden": (16, 8), "learning.interval": 2, "learning.replay.length": 32, "learning.replay.warmup": 8,
    "learning.batch": 8, "learning.epsilon.decay": 20, "record.enabled": False, "checkpoint.every": 0,
    "learning.ppo.horizon": 8, "learning.ppo.minibatches": 2,
}  # fmt: skip
EAGER = {
    "world.maturity": 5, "world.breed_energy": 9.0, "world.birth_energy": 4.0, "world.energy": 10.0,
    "world.age_max": 50,
}  # fmt: skip


def config_of(world: str = "farm", **more: object) -> Config:
    """A small run; on the farm everybody breeds early and dies soon."""
    given = {**SMALL, **(EAGER if world == "farm" else {}), **more}
    return load_config(world, {name.replace("__", "."): value for name, value in given.items()})


class Together:
    """A run whose policies are learnt by `Teaching`, all in this process."""

    def __init__(self, config: Config, out: Path, resume: bool = False, groups: Sequence[Any] = ()) -> None:
        """With `groups`, a learner's place in a group each, they learn one network at the same time, in threads."""
        self.groups = groups
        self.links = Links(lay(config, room_of(config)))
        self.linked()
        folder = RunFolder.open(out) if resume else RunFolder.create(out, "run")
        if not resume:
            folder.write_config(dump_config(config))
        self.learners = []
        for learner in range(config.runtime.learners):
            self.links.control.begin_generation(learner)
            self.learners.append(self.teaching(config, learner))

        def build(config, world, threads):  # type: ignore[no-untyped-def]
            return ActingPolicies(config, world, threads, self.links, 0, folder.checkpoints)

        from teem.record import checkpoint

        self.run = Run(config, folder, checkpoint.latest(folder.checkpoints) if resume else None, build=build)

    def linked(self) -> None:
        """What is to be done before anybody begins."""

    def teaching(self, config: Config, learner: int) -> Teaching:
        """A learner that begins now."""
        group = self.groups[learner] if self.groups else None
        return Teaching([config], Links(self.links.wiring, 1 + learner), learner, Threads(1), group)

    def step(self) -> None:
        """A step, learnt from and published before the next one."""
        self.run.advance()
        self.learn()

    def learn(self) -> None:
        """Let every learner take all that has come.

        None publishes before all have learnt: a newborn inherits from a parent that has not learnt from this step yet.
        """

        def take(one: Teaching) -> None:
            while one.take(0):
                pass

        if not self.groups:
            due: list[Callable[[], None]] = []
            for one in self.learners:
                later = partial(lambda publish, *what: due.append(partial(publish, *what)), one._publish)
                with patch.object(one, "_publish", later):
                    take(one)
            for publish in due:
                publish()
            return
        with ThreadPoolExecutor(len(self.learners)) as threads:
            list(threads.map(take, self.learners))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The learners serve in threads meanwhile, for what waits for them."""
        stop = threading.Event()

        def serve(one: Teaching) -> None:
            while not stop.is_set():
                if not one.take(0):
                    self.links.learner_bells[one._learner].wait(0.01)

        threads = [threading.Thread(target=serve, args=(one,)) for one in self.learners]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def expect_begun_anew(self) -> tuple[NDArray[np.int32], Any]:
        """The learner knows what its agents act with, and remembers nothing; who lives, and their cohort there."""
        acting: Any = self.run.policies.cohorts[0]
        learning: Any = self.learners[0].pupils[0].policies.cohorts[0]
        living = self.run.world.population.living
        old = living[acting.gauges.decisions[living] > 1]
        assert np.array_equal(acting.networks.own.weights[old], learning.networks.own.weights[old])
        assert np.array_equal(acting.gauges.epsilon[living], learning.gauges.epsilon[living])
        assert (learning.replay.added[living] <= 1).all()
        return living, acting

    def end(self) -> None:
        """Save and let go."""
        with self.serving():
            self.run.finish("steps")
        self.run.folder.close()
