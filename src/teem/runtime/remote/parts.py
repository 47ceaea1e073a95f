"""What is placed on a cluster: an actor with its world, and a learner with its desk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from teem.config.settings import Config
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.beside import learner_folder
from teem.runtime.loop import Run
from teem.runtime.processes.acting import act
from teem.runtime.processes.facts import Room
from teem.runtime.processes.links import Links, lay
from teem.runtime.processes.teaching import Teaching
from teem.runtime.processes.worker import config_of
from teem.runtime.remote.courier import Courier
from teem.runtime.remote.desk import Desk
from teem.runtime.remote.line import Line
from teem.runtime.remote.parcels import News, Parcel
from teem.runtime.warmup import is_warm, warm
from teem.threads import Threads

LEAVE_S = 60.0  # how long whoever was this actor before may take to let go of its folder


@dataclass(frozen=True, slots=True)
class Orders:
    """What a part is to do."""

    index: int  # among those of its role
    life: int  # how often it was begun
    folders: tuple[str, ...]  # the actors' runs
    own: str  # where an actor's lock and log lie
    room: Room
    threads: int
    resume: bool  # an actor goes on from its newest checkpoint, if it has one


@dataclass(frozen=True, slots=True)
class Signs:
    """That a part lives, and how it stands."""

    begun: bool
    progress: int  # rises as long as it gets on
    fault: str = ""  # why it can't go on
    step: int = 0
    agents: int = 0
    agent_steps: int = 0
    updates: int = 0
    idle_s: float = 0.0


class Actor:
    """A world whose agents act with what learners elsewhere have come to; nobody else is in its wiring."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        config = self._config = config_of(Path(orders.folders[orders.index]), orders.threads)
        alone = msgspec.structs.replace(config, runtime=msgspec.structs.replace(config.runtime, actors=1))
        self._links = Links(lay(alone, orders.room))
        Line.start(self._links, orders.life)
        wiring, learners = self._links.wiring, range(config.runtime.learners)
        self._lines = [Line(Links(wiring, 1 + learner), learner, orders.life) for learner in learners]
        self._couriers: list[Courier | None] = [None for _ in learners]
        self._run: Run | None = None

    def play(self, desks: Sequence[tuple[Any, int]]) -> dict[str, Any]:
        """Play to the end or until told to stop, and return the report; `desks` are the learners and their lives.

        One that is None was lost: its follower is met later.
        """
        orders = self._orders
        warmed(self._config)
        for learner, (desk, life) in enumerate(desks):
            if desk is not None:
                self.meet(learner, desk, life)
        folder = RunFolder.open_part(Path(orders.folders[orders.index]), Path(orders.own), LEAVE_S)
        resumed = None
        if orders.resume and checkpoint.steps_of(folder.checkpoints):
            resumed = checkpoint.latest(folder.checkpoints)
            folder.log("resumed", step=resumed.step)
        else:
            folder.clear_record()
        try:
            report = act(self._config, folder, self._links, 0, resumed, self._laying_out, self._watched)
        finally:
            for courier in self._couriers:
                if courier:
                    courier.close()
        report["ray"] |= {
            "bytes_sent": sum(line.bytes_sent for line in self._lines),
            "bytes_received": sum(line.bytes_received for line in self._lines),
        }
        folder.write_report(report)
        folder.close()
        return report

    def meet(self, learner: int, desk: Any, life: int) -> None:
        """A learner has begun: from now on what is sent goes to it."""
        if life <= self._links.control.generation(learner):
            return
        before = self._couriers[learner]
        if before:
            before.close()
        courier = self._couriers[learner] = Courier(self._links, learner, self._lines[learner], before)
        self._links.control.set_generation(learner, life)
        courier.start(desk, self._orders.index, self._orders.life)
        self._links.actor_bells[0].ring()

    def stop(self) -> None:
        """Have it save and stop."""
        self._links.control.stop()

    def signs(self) -> Signs:
        """How it stands."""
        fault = next((courier.fault for courier in self._couriers if courier and courier.fault), "")
        run, progress = self._run, self._links.control.signs(0)[1]
        if run is None:
            return Signs(False, progress, fault)
        totals = run.totals
        agents = len(run.world.population.living)
        return Signs(True, progress, fault, run.step, agents, totals.agent_steps, totals.updates)

    def _laying_out(self, done: int, of: int) -> None:
        self._links.control.get_on(0)

    def _watched(self, run: Run) -> None:
        self._run = run


class Learner:
    """A learner of every actor's agents, those in its share of the slots, and the desk where they are served."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._configs = [config_of(Path(folder), orders.threads) for folder in orders.folders]
        wiring = lay(self._configs[0], orders.room)
        self._links = Links(wiring, 1 + orders.index)
        self._links.control.set_generation(orders.index, orders.life)
        self._desk = Desk(Links(wiring), orders.index)
        self._begun = False

    def serve(self) -> None:
        """Learn until told to end."""
        warmed(self._configs[0])
        threads = Threads(self._orders.threads)
        run = Path(self._orders.folders[0])
        folder = learner_folder(run, self._orders.index, os.open(run, os.O_RDONLY))
        teaching = Teaching(self._configs, self._links, self._orders.index, threads, folder=folder)
        self._begun = True
        teaching.serve()
        teaching.close()
        folder.close()
        threads.close()

    def join(self, actor: int, life: int) -> None:
        """As `Desk.join`."""
        self._desk.join(actor, life)

    def deliver(self, actor: int, life: int, parcel: Parcel) -> int:
        """As `Desk.deliver`."""
        return self._desk.deliver(actor, life, parcel)

    def news(self, actor: int, life: int, heard: int, wait_s: float) -> News | None:
        """As `Desk.news`."""
        return self._desk.news(actor, life, heard, wait_s)

    def signs(self) -> Signs:
        """How it stands."""
        control, wiring = self._links.control, self._links.wiring
        _, progress = control.signs(wiring.actors + self._orders.index)
        return Signs(self._begun, progress, idle_s=control.idle_s(self._orders.index))


def warmed(config: Config) -> None:
    """Have this node's kernels compiled."""
    if not is_warm(config):
        warm(config, lambda what, done, of: None)
