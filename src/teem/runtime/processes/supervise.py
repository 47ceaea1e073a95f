"""The supervisor of a run in processes: it starts them, sees within seconds that one is lost, and replaces it."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from teem.config.cohorts import cohorts_of, learns, shares_one
from teem.config.dump import dump_config
from teem.config.settings import Config, LearningSettings
from teem.errors import TeemError
from teem.learning.build import uses_kernels
from teem.record import checkpoint
from teem.record.disk import write_text
from teem.record.folder import CHECKPOINTS, CONFIG, DATABASE, HANDOVER_S, REPORT, RunFolder
from teem.runtime.companion import Accompany, alone
from teem.runtime.interrupt import Stop
from teem.runtime.processes.acting import gathered
from teem.runtime.processes.child import LOOK_S, Child
from teem.runtime.processes.facts import room_of
from teem.runtime.processes.links import Links, lay
from teem.runtime.processes.placing import place
from teem.runtime.processes.worker import Orders
from teem.version import __version__

END_S = 20.0  # how long a learner may take to end
RESTARTS_S = 60.0  # within which `runtime.restarts` counts
MEETING = ".learners-"  # a file in the run's folder where those who learn one network meet
OTHERS = "actors"  # the folder of the actors after the first

RECOVERED = 4  # exit code of a run that is done although a process was lost on the way


class Supervisor:
    """A run in processes, from the outside; create one with `create` or `resume`, then `play` it."""

    def __init__(self, config: Config, folder: RunFolder, *, resume: bool) -> None:
        self.config, self.folder = config, folder
        self.accompany: Accompany = alone  # makes what goes along with the first actor's run, there
        self._resume, self._headless = resume, False
        runtime = config.runtime
        self._folders = [actor_folder(folder.path, actor) for actor in range(runtime.actors)]
        processes = runtime.actors + runtime.learners
        self._threads = runtime.threads or max(1, (os.cpu_count() or 1) // processes)
        self._wiring = lay(config, room_of(config))
        self._links = Links(self._wiring)
        self._control = self._links.control
        self._lost: list[str] = []  # what happened to each that was replaced
        self._when: deque[float] = deque()
        self._actors: list[Child] = []
        self._learners: list[Child] = []
        self._together = shares_one(config.learning) and runtime.learners > 1  # learners of one network
        self._meetings = 0  # of theirs
        self._gpus = gpus_for(config.learning)
        self._places = [-1] * runtime.learners  # the GPU of each learner
        self._since = [(time.monotonic(), 0)] * runtime.learners  # when it was started, and batches learnt from by then

    @classmethod
    def create(cls, config: Config, folder: RunFolder) -> Supervisor:
        """Begin a new run in a fresh folder."""
        write_configs(config, folder)
        folder.log("started", version=__version__, seed=config.seed, mode="async")
        return cls(config, folder, resume=False)

    @classmethod
    def go_on(cls, config: Config, folder: RunFolder) -> Supervisor:
        """Go on from the newest whole checkpoint of each actor."""
        for actor in range(config.runtime.actors):
            checkpoint.latest(actor_folder(folder.path, actor) / CHECKPOINTS)
        write_configs(config, folder)
        folder.log("resumed", version=__version__, mode="async")
        return cls(config, folder, resume=True)

    @property
    def steps(self) -> int:
        """Steps that every actor has made in this process's time."""
        return min(self._control.sent(actor) for actor in range(len(self._folders)))

    def play(self, interrupts: Stop, *, headless: bool = False) -> dict[str, Any]:
        """Play to the end or until interrupted, and return the report; TeemError when it can't go on."""
        begun = time.perf_counter()
        self._headless = headless
        try:
            self._learners = self._start_learners(range(self.config.runtime.learners))
            for actor in range(self.config.runtime.actors):
                self._actors.append(self._start_actor(actor, self._resume))
            while not all(child.done for child in self._actors):
                if interrupts.asked:
                    self._control.stop()
                self._look_after()
                time.sleep(LOOK_S)
            self._end_learners()
        except BaseException as error:
            self.folder.log("failed", error=str(error))
            raise
        finally:
            for child in (*self._actors, *self._learners):
                child.kill()
                child.close()
            self._clear_meetings()
        return self._report(time.perf_counter() - begun)

    def _look_after(self) -> None:
        """Replace whoever is lost."""
        for index, fault in self._faults(self._actors):
            child = self._actors[index]
            child.kill()
            self._note(child, fault)
            self._actors[index] = self._start_actor_again(index)
            child.close()
        faults = self._faults(self._learners)
        if not faults:
            return
        if self._together:  # none can go on without the others: all are lost with whom they miss
            faults = [min(faults, key=lambda one: self._learners[one[0]].left_alone)]
        for index, fault in faults:
            self._note(self._learners[index], fault)
        lost = range(len(self._learners)) if self._together else [index for index, _ in faults]
        before = [self._learners[index] for index in lost]
        for child in before:
            child.kill()
        for index, child in zip(lost, self._start_learners(lost), strict=True):
            self._learners[index] = child
        for child in before:
            child.close()

    def _faults(self, children: list[Child]) -> list[tuple[int, str]]:
        """Who of them has to be replaced, and why."""
        found = [(index, child.fault(self.config.runtime.patience)) for index, child in enumerate(children)]
        return [(index, fault) for index, fault in found if fault is not None]

    def _note(self, child: Child, fault: str) -> None:
        """Log a loss; TeemError when there were too many, or when it would only happen again."""
        now = time.monotonic()
        self._when.append(now)
        while now - self._when[0] > RESTARTS_S:
            self._when.popleft()
        self._lost.append(f"{child.name}: {fault.splitlines()[0]}")
        self.folder.log("process lost", process=child.name, fault=fault)
        if len(self._when) > self.config.runtime.restarts:
            raise TeemError(
                f"{child.name} is lost: {fault}\n{len(self._when)} processes were lost within {RESTARTS_S:g} s, "
                f"runtime.restarts is {self.config.runtime.restarts}: remove the cause, then resume the run"
            )

    def _start_learners(self, indices: Sequence[int]) -> list[Child]:
        self._clear_meetings()
        self._meetings += 1
        self._place(set(indices))
        for index in indices:
            self._control.begin_generation(index)
        children = [Child(self._orders("learner", index, resume=False), self._control) for index in indices]
        for bell in self._links.actor_bells:
            bell.ring()  # whoever waits for the ones before meets these
        return children

    def _place(self, beginning: set[int]) -> None:
        """Choose a GPU for each learner that is about to begin, by what all have been measured to do."""
        now = time.monotonic()
        batches = [
            sum(self._control.batches(actor, learner) for actor in range(len(self._folders)))
            for learner in range(len(self._places))
        ]
        if self._gpus:
            rates = [
                (done - before) / max(now - then, 1.0)
                for done, (then, before) in zip(batches, self._since, strict=True)
            ]
            staying = {one: gpu for one, gpu in enumerate(self._places) if one not in beginning}
            self._places = place(rates, staying, self._gpus)
        for learner in beginning:
            self._since[learner] = (now, batches[learner])

    def _clear_meetings(self) -> None:
        for file in self.folder.path.glob(f"{MEETING}*"):
            file.unlink(missing_ok=True)

    def _start_actor(self, index: int, resume: bool) -> Child:
        return Child(self._orders("actor", index, resume=resume), self._control)

    def _start_actor_again(self, index: int) -> Child:
        """From its newest checkpoint, or from the beginning; its record's writer has written all it was given."""
        self._wait_for_writer(self._control.writer(index))
        folder = self._folders[index]
        resume = bool(checkpoint.steps_of(folder / CHECKPOINTS))
        if not resume:
            for file in folder.glob(f"{DATABASE}*"):
                file.unlink()
        return self._start_actor(index, resume)

    def _wait_for_writer(self, writer: int) -> None:
        deadline = time.monotonic() + HANDOVER_S
        while writer and time.monotonic() < deadline:
            try:
                if ") Z" in Path(f"/proc/{writer}/stat").read_text():
                    return
            except OSError:
                return
            time.sleep(0.02)

    def _orders(self, role: Any, index: int, *, resume: bool) -> Orders:
        return Orders(
            role=role,
            index=index,
            wiring=self._wiring,
            threads=self._threads,
            parent=os.getpid(),
            words=-1,
            folders=tuple(str(folder) for folder in self._folders),
            lock=self.folder.lock,
            resume=resume,
            headless=self._headless,
            accompany=self._accompany_name if (role, index) == ("actor", 0) else "",
            gpu=self._places[index] if role == "learner" else -1,
            meeting=str(self.folder.path / f"{MEETING}{self._meetings}") if self._together else "",
        )

    @property
    def _accompany_name(self) -> str:
        return f"{self.accompany.__module__}:{self.accompany.__qualname__}"

    def _end_learners(self) -> None:
        self._control.end()
        for bell in self._links.learner_bells:
            bell.ring()
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline and not all(child.over for child in self._learners):
            time.sleep(0.02)

    def _report(self, wall_seconds: float) -> dict[str, Any]:
        """The first actor's report, with what happened to all, kept in the folder."""
        reports = [json.loads((folder / REPORT).read_text("utf-8")) for folder in self._folders]
        learners = range(self.config.runtime.learners)
        facts = {
            "actors": len(self._folders),
            "learners": len(learners),
            "threads": self._threads,
            "learner_idle_s": [self._control.idle_s(learner) for learner in learners],
            "restarts": len(self._lost),
            "lost": self._lost,
        }
        if self._together:
            compared = [self._control.compared(learner) for learner in learners]
            facts["weights_compared"] = min(compared)  # and equal, each time, in all learners
        if self._gpus:
            facts["learner_gpu"] = self._places
        report = gathered(reports, "async", wall_seconds, facts)
        self.folder.write_report(report)
        return report


def gpus_for(learning: LearningSettings) -> int:
    """How many GPUs there are for networks that would live on one."""
    if all(one.device == "cpu" or not learns(one) or uses_kernels(one) for one in cohorts_of(learning)):
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def actor_folder(path: Path, actor: int) -> Path:
    """Where an actor's run lies: the first one's in the run's folder itself."""
    return path if actor == 0 else path / OTHERS / str(actor)


def write_configs(config: Config, folder: RunFolder) -> None:
    """Each actor's settings: the run's, with a seed of its own."""
    for actor in range(config.runtime.actors):
        path = actor_folder(folder.path, actor)
        path.mkdir(parents=True, exist_ok=True)
        write_text(path / CONFIG, dump_config(msgspec.structs.replace(config, seed=config.seed + actor)))
