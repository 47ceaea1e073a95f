"""A fleet of actors and learners on a cluster: it places them, sees within seconds that one is lost, replaces it."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

from teem.config.settings import Config
from teem.errors import TeemError
from teem.record import checkpoint
from teem.record.folder import CHECKPOINTS, RunFolder
from teem.runtime import words
from teem.runtime.cluster import PAUSE_S, STORE_BYTES, Cluster, FailedError, LostError
from teem.runtime.interrupt import Stop
from teem.runtime.processes.acting import gathered
from teem.runtime.processes.facts import room_of
from teem.runtime.processes.supervise import OTHERS, RESTARTS_S, actor_folder, write_configs
from teem.runtime.progress import ProgressLine, Rate
from teem.runtime.remote.parcels import MOST_BYTES
from teem.runtime.remote.parts import Actor, Learner, Orders, Signs
from teem.version import __version__

LOOK_S = 0.5  # how often each is looked at
SILENT_S = 10.0  # how long one that has begun may give no sign of life
START_S = 600.0  # how long one may take to find a node, compile its kernels and make its world
MOST_STORE = 1 << 31  # bytes of the object store of a cluster started here; it keeps on disk what it has no room for
_CALLS = 4  # at once, besides those of actors and learners to each other


class Member:
    """An actor or a learner, as it is seen from here."""

    def __init__(self, role: str, index: int) -> None:
        self.role, self.index = role, index
        self.life = 0  # how often it was begun
        self.part: Any = None  # None: it is to begin after a pause
        self.task: Any = None  # what it does all the time
        self.asked: Any = None  # for its signs of life
        self.signs: Signs | None = None
        self.begin_at = self.seen_at = self.got_on_at = self.began_at = 0.0
        self.report: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """As it is called in the log."""
        return f"{self.role} {self.index}"

    @property
    def begun(self) -> bool:
        """Whether it does what it is there for."""
        return self.signs is not None and self.signs.begun

    def fault(self, patience_s: float) -> str | None:
        """Why it has to be replaced although it has not ended; None while it is well."""
        now = time.monotonic()
        if self.signs and self.signs.fault:
            return self.signs.fault
        if self.begun and now - self.seen_at > SILENT_S:
            return f"it gave no sign of life for {SILENT_S:g} s"
        if self.begun and now - self.got_on_at > patience_s:
            return f"it made no progress for {patience_s:g} s"
        return None


class Fleet:
    """A run of actors and learners, from the outside; create one with `create` or `go_on`, then `play` it."""

    def __init__(self, config: Config, folder: RunFolder, *, resume: bool) -> None:
        self.config, self.folder = config, folder
        self._resume, self._stopping = resume, False
        runtime = config.runtime
        self._folders = [actor_folder(folder.path.absolute(), actor) for actor in range(runtime.actors)]
        self._room = room_of(config)
        self._threads = runtime.threads or max(1, math.floor(config.ray.cpus))
        self._actors = [Member("actor", index) for index in range(runtime.actors)]
        self._learners = [Member("learner", index) for index in range(runtime.learners)]
        self._lost: list[str] = []
        self._when: deque[float] = deque()
        self._looked = time.monotonic()
        self._rate = Rate()

    @classmethod
    def create(cls, config: Config, folder: RunFolder) -> Fleet:
        """Begin a new run in a fresh folder."""
        write_configs(config, folder)
        folder.log("started", version=__version__, seed=config.seed, mode="ray", role="actors")
        return cls(config, folder, resume=False)

    @classmethod
    def go_on(cls, config: Config, folder: RunFolder) -> Fleet:
        """Go on from the newest whole checkpoint of each actor."""
        for actor in range(config.runtime.actors):
            checkpoint.latest(actor_folder(folder.path, actor) / CHECKPOINTS)
        write_configs(config, folder)
        folder.log("resumed", version=__version__, mode="ray", role="actors")
        return cls(config, folder, resume=True)

    @property
    def steps(self) -> int:
        """Steps that every actor is known to have made."""
        return min(actor.signs.step if actor.signs else 0 for actor in self._actors)

    def play(self, interrupts: Stop, *, headless: bool = False) -> dict[str, Any]:
        """Play to the end or until interrupted, and return the report; TeemError when it can't go on."""
        begun = time.perf_counter()
        members = (*self._learners, *self._actors)
        messages = 4 * len(self._actors) * len(self._learners)  # at once, and copies that are read
        store = min(STORE_BYTES + messages * max(MOST_BYTES, self._room.frame), MOST_STORE)
        self._cluster = Cluster(self.config.ray, len(members), store)
        progress = ProgressLine(self._say, headless=headless)
        try:
            for member in members:
                self._begin(member)
            while not all(actor.report for actor in self._actors):
                self._look(members)
                if interrupts.asked and not self._stopping:
                    self._stop()
                progress.show()
        except BaseException as error:
            self.folder.log("failed", error=str(error))
            raise
        finally:
            progress.close()
            for member in members:
                self._cluster.end(member.part)
            self._cluster.close()
        return self._report(time.perf_counter() - begun)

    # ---- watching

    def _look(self, members: tuple[Member, ...]) -> None:
        """Hear who has something to tell, and replace who will never tell."""
        waits: dict[Any, Member] = {}
        for member in members:
            if member.part is not None:
                member.asked = member.asked or member.part.signs.remote()
                waits |= {member.task: member, member.asked: member}
        for wait in self._cluster.ready(waits, LOOK_S, len(waits)):
            member = waits[wait]
            try:
                self._hear(member, wait, self._cluster.answer(wait))
            except (LostError, FailedError) as error:
                if member.part is not None:
                    self._replace(member, str(error))
        now = time.monotonic()
        held_up = now - self._looked if now - self._looked > 4 * LOOK_S else 0.0  # this process: it has seen nothing
        self._looked = now
        for member in members:
            member.seen_at, member.got_on_at = member.seen_at + held_up, member.got_on_at + held_up
            if member.part is not None:
                self._see(member, now)
            elif member.report is None and now >= member.begin_at:
                self._begin(member)

    def _hear(self, member: Member, wait: Any, told: Any) -> None:
        """Take in what one tells."""
        now = time.monotonic()
        if wait is member.task:
            member.report = told
            self._cluster.end(member.part)
            member.part = None
        elif wait is member.asked:
            if member.signs is None or told.progress != member.signs.progress or not member.begun:
                member.got_on_at = now
            member.asked, member.signs, member.seen_at = None, told, now

    def _see(self, member: Member, now: float) -> None:
        """Replace one that is not well; TeemError when there is no node for it."""
        if not member.begun and now - member.began_at > START_S:
            raise TeemError(
                f"{member.name} has not begun within {START_S:g} s: give the cluster a node with "
                f"{self.config.ray.cpus:g} CPUs free, or lower ray.cpus, runtime.actors or runtime.learners"
            )
        fault = member.fault(self.config.runtime.patience)
        if fault:
            self._replace(member, fault)

    def _replace(self, member: Member, fault: str) -> None:
        """Have one begin anew after a pause; TeemError when there were too many losses."""
        now = time.monotonic()
        self._cluster.end(member.part)
        member.part = None
        self._when.append(now)
        while now - self._when[0] > RESTARTS_S:
            self._when.popleft()
        self._lost.append(f"{member.name}: {fault.strip().splitlines()[-1]}")
        self.folder.log("process lost", process=member.name, fault=fault)
        restarts = self.config.runtime.restarts
        if len(self._when) > restarts:
            raise TeemError(
                f"{member.name} is lost: {fault}\n{len(self._when)} were lost within {RESTARTS_S:g} s, "
                f"runtime.restarts is {restarts}: remove the cause, then resume the run"
            )
        member.begin_at = now + PAUSE_S * len(self._when)

    # ---- beginning and ending

    def _begin(self, member: Member) -> None:
        member.life += 1
        acts = member.role == "actor"
        orders = Orders(
            index=member.index,
            life=member.life,
            folders=tuple(str(folder) for folder in self._folders),
            own=str(self.folder.path.absolute() / OTHERS / str(member.index)),
            room=self._room,
            threads=self._threads,
            resume=self._resume or member.life > 1,
        )
        calls = _CALLS + (0 if acts else 2 * len(self._actors))
        member.part = self._cluster.place(Actor if acts else Learner, orders, calls=calls, again=member.life > 1)
        member.asked = member.signs = None
        member.began_at = time.monotonic()
        if acts:
            member.task = member.part.play.remote([(learner.part, learner.life) for learner in self._learners])
            if self._stopping:
                member.part.stop.remote()
            return
        member.task = member.part.serve.remote()
        for actor in self._actors:
            if actor.part is not None:
                actor.part.meet.remote(member.index, member.part, member.life)

    def _stop(self) -> None:
        """Have the actors save and stop, those too that begin anew from now on."""
        self._stopping = True
        for actor in self._actors:
            if actor.part is not None:
                actor.part.stop.remote()

    # ---- what is said

    def _say(self) -> str:
        known = [actor.signs for actor in self._actors if actor.signs and actor.signs.begun]
        if not known:
            return f"{len(self._actors)} actors, {len(self._learners)} learners: beginning"
        whole = len(known) == len(self._actors)
        rate = self._rate.of(sum(one.agent_steps for one in known) if whole else None)
        of = f"/{self.config.steps}" if self.config.steps else ""
        return (
            f"{len(known)} of {len(self._actors)} actors at step {min(one.step for one in known)}{of}; "
            f"{words.count(sum(one.agents for one in known))} alive; {words.number(rate)} agent-steps/s; "
            f"{words.count(sum(one.updates for one in known))} updates; {len(self._lost)} restarts"
        )

    def _report(self, wall_seconds: float) -> dict[str, Any]:
        """The first actor's report, with what happened to all, kept in the folder."""
        reports = [actor.report for actor in self._actors if actor.report is not None]
        facts = {
            "role": "actors",
            "actors": len(self._actors),
            "learners": len(self._learners),
            "threads": self._threads,
            "learner_idle_s": [learner.signs.idle_s if learner.signs else None for learner in self._learners],
            "restarts": len(self._lost),
            "lost": self._lost,
        }
        report = gathered(reports, "ray", wall_seconds, facts)
        self.folder.write_report(report)
        return report
