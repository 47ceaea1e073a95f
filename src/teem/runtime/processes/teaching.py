"""A learner's loop: take what has come, learn from it, publish, and sleep until more comes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from teem.config.settings import Config
from teem.errors import GroupError
from teem.learning.sharing import Networks
from teem.measure.spans import Spans
from teem.measure.trace import Trace
from teem.runtime.processes.control import Control, batches_of
from teem.runtime.processes.links import Links
from teem.runtime.processes.measured import HELD, LEARNING, Lent
from teem.runtime.processes.pupils import Pupils
from teem.runtime.processes.stream import ROLL, SAVE, STEP, at_once
from teem.runtime.transport.ring import Frame
from teem.runtime.watch import WAIT, Watch
from teem.threads import Threads

if TYPE_CHECKING:
    from teem.learning.torch_group import TorchGroup
    from teem.record.folder import RunFolder

WAKE_S = 0.5  # how long it sleeps at most before it looks around


class Teaching:
    """One learner's part in a run: the pupils of every actor, served in turn."""

    folder: RunFolder  # where what it does is kept, if it is measured
    watch: Watch | None

    def __init__(
        self,
        configs: list[Config],
        links: Links,
        learner: int,
        threads: Threads,
        group: TorchGroup | None = None,
        folder: RunFolder | None = None,
    ) -> None:
        """With a `group`, all of it learn one network together: they take the same steps in the same order.

        With a `folder`, what it does is measured, and kept there.
        """
        self.config = configs[0]
        self.step = 0  # steps learnt from, of all actors
        self.spans = Spans(trace=Trace() if self.config.metrics.trace else None)
        self.idle_s = 0.0
        self._group, self._compared = group, 0
        self._links, self._learner = links, learner
        self._control: Control = links.control
        self._generation = links.control.generation(learner)
        self._me = links.wiring.actors + learner
        self._most = at_once(configs[0])  # steps between two publications
        of = links.wiring.learners
        commons: dict[int, Networks] = {}
        self.pupils = [
            Pupils(config, threads, boxes, learner, of, group, self.spans, commons)
            for config, boxes in zip(configs, links.boxes, strict=True)
        ]
        self.watch = None
        self.memory = Lent(self)
        if folder is not None:
            self.folder = folder
            self.watch = Watch(self, LEARNING, HELD, f"learner {learner}")

    def serve(self) -> None:
        """Learn until told to end; GroupError when another one of the group is lost before."""
        while not self._control.ending:
            try:
                took = [self.take(actor) for actor in range(len(self.pupils))]
            except GroupError:
                if self._control.ending:  # the other one has ended as it should
                    return
                raise
            self._control.get_on(self._me)
            if self.watch:
                self.watch.on_step()
            if not any(took):
                begun = time.monotonic()
                with self.spans(WAIT):
                    self._links.learner_bells[self._learner].wait(WAKE_S)
                self.idle_s += time.monotonic() - begun if all(one.known for one in self.pupils) else 0.0
                self._control.set_idle(self._learner, self.idle_s)

    def close(self) -> None:
        """Leave what was measured."""
        if self.watch:
            self.watch.close()
            self.spans.leave_trace(self.folder.path)

    def take(self, actor: int) -> bool:
        """Learn from the steps that have come from an actor, a few at once, and publish; whether any had."""
        ring, taken, came = self._links.rings[actor], 0, False
        while taken < self._most and (frame := ring.peek(self._learner)) is not None:
            came = True
            if frame.kind == STEP:
                if self.pupils[actor].known:
                    with self.spans("step"):
                        made, batches = self.pupils[actor].follow(frame)
                    self._control.raise_count("updates", actor, self._learner, made)
                    for cohort, count in enumerate(batches):
                        self._control.raise_count(batches_of(cohort), actor, self._learner, count)
                    taken += 1
                    self.step += 1
                    self.spans.close_step()
                else:
                    self._control.raise_count("lost", actor, self._learner, 1)
                    self._control.raise_count("learnt", actor, self._learner, 1)
            elif self._other(actor, frame):
                taken = 0
            ring.release(self._learner)
        if came:
            self._publish(actor, taken)
        return came

    def _publish(self, actor: int, taken: int) -> None:
        """First the weights, then how far they have got: so nobody takes older ones for these."""
        if self.pupils[actor].known:
            with self.spans("step"):
                self.pupils[actor].publish()
        if self._group:
            self._control.compare(self._learner, self._group.compared - self._compared)
            self._compared = self._group.compared
        self._control.raise_count("learnt", actor, self._learner, taken)
        self._links.actor_bells[actor].ring()

    def _other(self, actor: int, frame: Frame) -> bool:
        """What is no step; whether its pupils begin anew with it."""
        constants, pupils = frame.constants, self.pupils[actor]
        if frame.kind == ROLL:
            if constants["learner"] == self._learner and constants["generation"] == self._generation:
                pupils.meet(frame)
                # whoever died may have taken steps, or sent one, without counting it
                self._control.set_count("learnt", actor, self._learner, constants["sent"])
                self._control.set_count("met", actor, self._learner, self._generation)
                return True
        elif frame.kind == SAVE and pupils.known:
            pupils.save(Path(constants["folders"][self._learner]))
            pupils.publish()  # who saves then knows the newest of everybody
            self._control.set_count("saved", actor, self._learner, constants["number"])
        return False
