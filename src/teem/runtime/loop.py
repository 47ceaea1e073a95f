"""The loop: one step as a list of what happens, and a run from its first step to its report."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter_ns
from typing import Any

import msgspec
from numpy.typing import NDArray

from teem.config.dump import dump_config
from teem.config.settings import Config
from teem.errors import TeemError
from teem.execution import Execution
from teem.learning.build import build_policies
from teem.learning.policies import Policies
from teem.measure.garbage import Garbage
from teem.measure.spans import Spans
from teem.measure.trace import Trace
from teem.record import checkpoint
from teem.record.checkpoint import Checkpoint, Checkpointer
from teem.record.client import Recorder
from teem.record.collect import Collector
from teem.record.folder import RunFolder
from teem.record.schema import rewind
from teem.runtime.asked import Asked
from teem.runtime.cohorts import least_trained, standings
from teem.runtime.companion import Companion
from teem.runtime.governing import Governing
from teem.runtime.measured import CONTAINERS, metrics_of
from teem.runtime.memory import Memory
from teem.runtime.pools import Pools
from teem.runtime.watch import Watch
from teem.runtime.watchdog import Watchdog
from teem.state import State
from teem.threads import Threads
from teem.version import __version__
from teem.worlds.base import Outcome, Progress, World, silent
from teem.worlds.catalogue import make_world


@dataclass(slots=True)
class Totals:
    """What has happened since the run's first step, whatever process it happened in."""

    agent_steps: int = 0
    updates: int = 0
    born: int = 0
    died: int = 0
    seconds: float = 0.0  # in steps, all processes together


class Run:
    """A world, its policies and its record, driven a step at a time. Create one with `create` or `resume`."""

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        resumed: Checkpoint | None = None,
        progress: Progress = silent,
        build: Callable[[Config, World, Threads], Policies] = build_policies,
    ) -> None:
        self.config = config
        self.folder = folder
        self.spans = Spans(trace=Trace() if config.metrics.trace else None)
        self.totals = Totals()
        self.pools = Pools(config.runtime.threads or os.cpu_count() or 1, config.runtime.execution)
        self.world = make_world(config, self.pools.physics, self.spans, folder.path, progress)
        self.policies = build(config, self.world, self.pools.ai)
        self.memory = Memory(self)
        self.garbage = Garbage(config.runtime.collect)
        background = self.pools["background"]
        self.checkpointer = Checkpointer(folder.checkpoints, config.checkpoint.keep, self.spans, background)
        if resumed:
            if config.record.enabled:
                rewind(folder.database, resumed.step - 1)
            checkpoint.discard_after(folder.checkpoints, resumed.step)
        self.recorder = (
            Recorder(folder.database, config.record, self.spans, [folder.lock]) if config.record.enabled else None
        )
        cohort_of = self.policies.cohort_of
        self.collector = Collector(self.world, config, self.recorder, cohort_of) if self.recorder else None
        self.watchdog = Watchdog(self)
        self.governing = Governing(self)
        if resumed:
            self._go_on_from(resumed)
        if self.collector:
            self.collector.start(resumed=resumed is not None)
        self.memory.begin(self)
        self.companion: Companion | None = None  # while it is played with one
        self.watch = Watch(self, metrics_of(self), CONTAINERS, pool=self.pools["statistics"], asked=Asked(self).look)

    @classmethod
    def create(cls, config: Config, folder: RunFolder, progress: Progress = silent) -> Run:
        """Begin a new run in a fresh folder; `progress` hears of a world that takes long to make."""
        folder.write_config(dump_config(config))
        folder.log("started", version=__version__, seed=config.seed)
        return cls(config, folder, None, progress)

    @classmethod
    def resume(cls, config: Config, folder: RunFolder, progress: Progress = silent) -> Run:
        """Go on from the newest whole checkpoint, bit for bit; TeemError when there is none."""
        found = checkpoint.latest(folder.checkpoints)
        for fault in found.faults:
            folder.log("checkpoint passed over", fault=fault)
        folder.log("resumed", version=__version__, step=found.step)
        return cls(config, folder, found, progress)

    @classmethod
    def branch(cls, config: Config, folder: RunFolder, saved: Checkpoint, progress: Progress = silent) -> Run:
        """Go on from what another run saved, in a fresh folder: its record begins here, the other stays as it is."""
        run = cls.create(config, folder, progress)
        run._go_on_from(saved)
        if run.governing.changes:
            run.governing.record("branched")
        run.memory.begin(run)
        return run

    @property
    def step(self) -> int:
        """Steps made since the world began."""
        return self.world.step_count

    def advance(self) -> Outcome:
        """Make one step."""
        self.governing.before_step()
        with self.watchdog:  # sees a step that doesn't end
            return self._make_step()

    def _make_step(self) -> Outcome:
        begun = perf_counter_ns()
        spans, policies = self.spans, self.policies
        with spans("observe"):
            observation = self.world.observe()  # every agent, one batch
        with spans("act"):
            action = policies.act(observation)  # every network, stacked
        with spans("world"):
            outcome = self.world.step(action)  # every rule, compiled
        with spans("remember"):
            policies.remember(observation, outcome)  # every replay, one write
        with spans("inherit"):
            for entry, slot in outcome.honours:
                policies.honour(int(entry), int(slot))  # the famous dead leave their networks
            policies.inherit(outcome.births)  # newborns get theirs
        with spans("learn"):
            updates = policies.learn()  # some agents, evenly staggered
        with spans("record"):
            self._record(outcome)  # handed over
        self._count(outcome, updates)
        self._save_when_due()
        self.memory.on_step()
        with spans("collect"):
            self.garbage.on_step((perf_counter_ns() - begun) / 1e9)  # between steps, and little at a time
        self._clock(begun)
        self.watch.on_step()
        return outcome

    def play(self, on_step: Callable[[Run, Outcome], None], stop: Callable[[], bool]) -> str:
        """Step until done: "steps", "interrupted" (`stop` said so), "enough" (its companion did), "stalled" (the
        watchdog did) or "extinct".

        It is extinct when nobody is left, and none is reseeded.
        """
        with self.watchdog.playing(), self.garbage:
            while not self.config.steps or self.step < self.config.steps:
                if stop():
                    return "interrupted"
                if self.companion and self.companion.enough:
                    return "enough"
                if self.watchdog.stall.why:
                    return "stalled"
                if not len(self.world.population.living) and self.config.population.extinction == "stop":
                    return "extinct"
                on_step(self, self.advance())
                if self.companion:
                    self.companion.on_step()
        return "steps"

    def save(self) -> None:
        """Begin a checkpoint of this moment; it is written in the background."""
        with self.spans("checkpoint"):
            before = None
            if self.recorder and self.collector:
                self.collector.hand_over()
                recorder, number = self.recorder, self.recorder.start_flush()

                def before() -> None:
                    recorder.wait_flushed(number)

            self.checkpointer.save(self.step, self._state(), {"version": __version__}, before)

    def switch(self, execution: Execution) -> None:
        """Share the agents' work in another way from the next call of a kernel on; it changes no bit."""
        self.pools.execution = execution
        self.folder.log("execution switched", step=self.step, execution=execution)

    def finish(self, reason: str) -> None:
        """Save, write everything and let the parts go; the folder stays held for the report."""
        if self.config.checkpoint.at_end and self.checkpointer.last_step != self.step:
            self.save()
        self.checkpointer.close()
        if self.recorder and self.collector:
            self.collector.hand_over()
            self.recorder.close()
        self.watch.close()
        self.spans.leave_trace(self.folder.path)
        self.watchdog.close()
        self.memory.close()
        for name, fault in self.pools.close().items():
            self.folder.log("pool failed", pool=name, fault=fault)
        self.folder.log("ended", step=self.step, reason=reason)

    def _record(self, outcome: Outcome) -> None:
        if self.collector:
            self.collector.step(outcome, self._gauges)

    def _gauges(self) -> dict[str, NDArray[Any]]:
        gauges = self.policies.gauges
        return {name: getattr(gauges, name) for name in gauges.__slots__}

    def _count(self, outcome: Outcome, updates: int) -> None:
        totals = self.totals
        totals.agent_steps += outcome.agents
        totals.updates += updates
        totals.born += len(outcome.births.slot)
        totals.died += len(outcome.deaths.slot)

    def _clock(self, begun: int) -> None:
        nanoseconds = perf_counter_ns() - begun
        self.totals.seconds += nanoseconds / 1e9
        self.spans.add("step", nanoseconds, begun)
        self.spans.close_step()

    def _save_when_due(self) -> None:
        self.checkpointer.expect_success()
        every = self.config.checkpoint.every * self.governing.controls.snapshots
        if every and self.step % every == 0:
            self.save()

    def _state(self) -> State:
        policies = self.policies.state()
        self.totals.updates += self.policies.told_late()
        state = {
            "world": self.world.state(),
            "policies": policies,
            "totals": asdict(self.totals),
            "governing": self.governing.state(),
        }
        return state | ({"record": self.collector.state()} if self.collector else {})

    def _go_on_from(self, saved: Checkpoint) -> None:
        try:
            self._load_state(saved.state)
        except (KeyError, ValueError) as error:
            version = saved.meta.get("version", "unknown")
            raise TeemError(
                f"{self.folder.checkpoints}: the checkpoint of step {saved.step}, saved by teem {version}, does not "
                f"fit teem {__version__} with these settings ({error}): resume it with the version it was saved by"
            ) from error

    def _load_state(self, state: State) -> None:
        self.world.load_state(state["world"])
        self.policies.load_state(state["policies"])
        self.totals = msgspec.convert(state["totals"], Totals)
        self.governing.load_state(state["governing"])
        if self.collector and "record" in state:
            self.collector.load_state(state["record"])


def summary(run: Run) -> dict[str, Any]:
    """Counts of agents and of learning, for the report and the panel."""
    totals = run.totals
    rate = totals.updates / totals.seconds if totals.seconds else None
    return {
        "agents": {"alive": len(run.world.population.living), "born": totals.born, "died": totals.died},
        "learning": {
            "updates": totals.updates,
            "updates_per_s": rate,
            "least_trained_updates": least_trained(run),
        },
        "cohorts": standings(run),
    }
