"""A learner's desk: where it takes in the steps of actors elsewhere, and tells them what it has come to."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from teem.learning.sharing import THE_ROW
from teem.runtime.processes.links import Boxes, Links
from teem.runtime.remote.parcels import MOST_BYTES, LifeOverError, News, Parcel, Post
from teem.runtime.transport.ring import contents


class _Seat:
    """An actor as it is known here."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.life = 0  # it is in; calls of earlier ones are refused
        self.taken = 0  # frames, since it has joined
        self.told = 0  # news, since then
        self.counts: dict[str, int] = {}  # as told last


class Desk:
    """Beside `Teaching`, over the same wiring, in any thread; it reads mailboxes as the actors would."""

    def __init__(self, links: Links, learner: int) -> None:
        self._links, self._learner = links, learner
        wiring = links.wiring
        for ring in links.rings:
            for other in range(wiring.learners):
                if other != learner:
                    ring.leave(other)
        self._seats = [_Seat() for _ in range(wiring.actors)]
        self._rows = np.arange(learner, wiring.room.capacity, wiring.learners, dtype=np.int32)
        self._most_bytes = MOST_BYTES  # of a message, unless a single network of each cohort takes more

    def join(self, actor: int, life: int) -> None:
        """An actor begins, or meets this learner for the first time; what was published so far is not for it."""
        seat = self._seats[actor]
        with seat.lock:
            if life < seat.life:
                raise LifeOverError
            seat.life, seat.taken, seat.told, seat.counts = life, 0, 0, {}
            for boxes in self._links.boxes[actor]:
                if boxes:
                    boxes.own.pass_over()

    def deliver(self, actor: int, life: int, parcel: Parcel) -> int:
        """Take in what there is room for and was not taken before; how many frames have come since it joined."""
        seat, ring = self._seats[actor], self._links.rings[actor]
        with seat.lock:
            self._expect(actor, life)
            for post in parcel.letters:
                post.put(self._links.boxes[actor])
            for number, content in enumerate(contents(parcel.frames), parcel.first):
                if number == seat.taken:
                    if not ring.put_content(content):
                        break
                    seat.taken += 1
            taken = seat.taken
        self._links.learner_bells[self._learner].ring()
        return taken

    def news(self, actor: int, life: int, heard: int, wait_s: float) -> News | None:
        """What is new since the `heard`-th news; sleeps until there is something, or for so long."""
        bell = self._links.actor_bells[actor]
        told = self._tell(actor, life, heard)
        if told is None:
            bell.wait(wait_s)
            told = self._tell(actor, life, heard)
        return told

    def _tell(self, actor: int, life: int, heard: int) -> News | None:
        """None when there is nothing."""
        seat, links = self._seats[actor], self._links
        with seat.lock:
            self._expect(actor, life)
            if heard != seat.told:  # the last one has not arrived
                self._forget(actor)
                seat.told = heard
            counts = self._counts(actor)  # before the weights, which are at least as new
            posts, whole = self._collect(links.boxes[actor])
            if not posts and counts == seat.counts:
                return None
            seat.told += 1
            if whole:
                seat.counts = counts
            return News(seat.told, counts, whole, posts)

    def _collect(self, boxes: Sequence[Boxes | None]) -> tuple[tuple[Post, ...], bool]:
        """What is newer of each cohort, up to a message's size, and whether that is all."""
        posts, whole, left = [], True, self._most_bytes
        for index, one in enumerate(boxes):
            if one is None:
                continue
            most = max(1, left // (4 * one.own.size + 64))
            own = one.own.collect(self._rows, most)
            common = one.common.collect(THE_ROW, 1) if one.common else None
            whole &= len(own.rows) < most
            if len(own.rows) or (common and len(common.rows)):
                posts.append(Post(index, own, common))
                left -= posts[-1].nbytes
        return tuple(posts), whole

    def _counts(self, actor: int) -> dict[str, int]:
        control = self._links.control
        return {name: control.count(name, actor, self._learner) for name in control.counts}

    def _forget(self, actor: int) -> None:
        seat, links = self._seats[actor], self._links
        for boxes in links.boxes[actor]:
            if boxes:
                boxes.own.forget()
                if boxes.common:
                    boxes.common.forget()
        seat.told, seat.counts = 0, {}

    def _expect(self, actor: int, life: int) -> None:
        if self._seats[actor].life != life:
            raise LifeOverError
