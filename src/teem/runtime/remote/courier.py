"""A courier goes between an actor and a learner on a cluster, with at most one call under way in each direction."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from teem.runtime.processes.links import Links
from teem.runtime.remote.line import Line

WAKE_S = 0.5  # how long a call waits at most for news, and how long anybody sleeps before looking around
AGAIN_S = 0.5  # before a call is made again that was not answered


class _OverError(Exception):
    """There is nobody to carry for any more."""


class Courier:
    """Threads in the actor's process that serve its line to one learner, until that one is lost or the actor ends."""

    def __init__(self, links: Links, learner: int, line: Line, before: Courier | None) -> None:
        self.fault = ""  # why it can't go on
        self._bell, self._actor_bell = links.learner_bells[learner], links.actor_bells[0]
        self._line, self._before = line, before
        self._news = threading.Event()
        self._over = False
        self._threads: list[threading.Thread] = []

    def start(self, desk: Any, actor: int, life: int) -> None:
        """Carry between the line and a learner's desk."""
        self._desk, self._caller = desk, (actor, life)
        self._go(self._send)

    def close(self) -> None:
        """Carry no more; what is under way is not waited for."""
        self._over = True
        self._bell.ring()
        self._news.set()

    def _go(self, does: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._do, args=(does,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _do(self, does: Callable[[], None]) -> None:
        try:
            does()
        except _OverError:
            pass
        except BaseException:  # it is the actor's fault now, and told with its signs of life
            self.fault = traceback.format_exc()

    def _send(self) -> None:
        if self._before:  # it may be using the line yet
            for thread in self._before._threads:
                thread.join()
            self._before = None
        self._ask(self._desk.join)
        self._line.join()
        self._go(self._listen)
        while not self._over:
            parcel = self._line.pack()
            if parcel is None:
                self._bell.wait(WAKE_S)
            elif not self._line.delivered(self._ask(self._desk.deliver, parcel)):
                self._news.wait(WAKE_S)  # it has no room before it has learnt something
                self._news.clear()

    def _listen(self) -> None:
        while not self._over:
            news = self._ask(self._desk.news, self._line.heard, WAKE_S)
            if news is not None:
                self._line.take_in(news)
                self._news.set()
                self._actor_bell.ring()

    def _ask(self, call: Any, *words: Any) -> Any:
        """The answer; asked again where nobody answers, since all that is asked may be asked twice."""
        import ray

        while True:
            try:
                wait = call.remote(*self._caller, *words)
                while not self._over:
                    try:
                        return ray.get(wait, timeout=WAKE_S)
                    except ray.exceptions.GetTimeoutError:
                        continue
            except ray.exceptions.RayActorError:  # lost, or out of reach for a while
                time.sleep(AGAIN_S)
            if self._over:
                raise _OverError
