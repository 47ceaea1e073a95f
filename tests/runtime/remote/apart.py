"""An actor and its learners, each with memory of its own, and lines between them that are served in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from together import Together

from teem.config.settings import Config
from teem.runtime.processes.facts import room_of
from teem.runtime.processes.links import Links, lay
from teem.runtime.processes.teaching import Teaching
from teem.runtime.remote.desk import Desk
from teem.runtime.remote.line import Line
from teem.threads import Threads


class Apart(Together):
    """As `Together`, but nothing is shared: what one side knows of the other came in messages."""

    def __init__(self, config: Config, out: Path, resume: bool = False, life: int = 1) -> None:
        self.desks: list[Desk] = []
        self.lines: list[Line] = []
        self.life = life
        super().__init__(config, out, resume)
        self.lines = [Line(Links(self.links.wiring, 1 + one), one, life) for one in range(config.runtime.learners)]
        for learner in range(config.runtime.learners):
            self.join(learner)
        with self.serving():
            self.run.policies.begin()  # type: ignore[attr-defined]

    def linked(self) -> None:
        Line.start(self.links, self.life)

    def teaching(self, config: Config, learner: int) -> Teaching:
        """A learner that begins now, elsewhere, and its desk."""
        wiring = lay(config, room_of(config))
        links = Links(wiring, 1 + learner)
        links.control.set_generation(learner, self.links.control.generation(learner))
        self.desks[learner : learner + 1] = [Desk(Links(wiring), learner)]
        return Teaching([config], links, learner, Threads(1))

    def replace(self, config: Config, learner: int) -> None:
        """A learner is lost, and its follower begins."""
        self.links.control.begin_generation(learner)
        self.learners[learner] = self.teaching(config, learner)
        self.join(learner)

    def join(self, learner: int) -> None:
        self.desks[learner].join(0, self.life)
        self.lines[learner].join()

    def carry(self, learner: int) -> None:
        """Everything that is to be sent, and everything that is new."""
        line, desk = self.lines[learner], self.desks[learner]
        while (parcel := line.pack()) is not None:
            if not line.delivered(desk.deliver(0, self.life, parcel)):
                break
        while (news := desk.news(0, self.life, line.heard, 0.0)) is not None:
            line.take_in(news)
        self.links.actor_bells[0].ring()

    def learn(self) -> None:
        """Let every learner take all that has come, and bring it back.

        All have it before any learns: a newborn inherits from a parent that has not learnt from this step yet.
        """
        for learner in range(len(self.learners)):
            self.carry(learner)
        for learner, one in enumerate(self.learners):
            while one.take(0):
                self.carry(learner)

    @contextmanager
    def serving(self) -> Iterator[None]:
        stop = threading.Event()

        def serve() -> None:
            while not stop.wait(0.005):
                self.learn()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
