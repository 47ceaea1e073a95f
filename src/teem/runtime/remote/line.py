"""An actor's line to one learner: what is to be sent, what has come, and how the counts go on when one is lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.runtime.processes.links import Links
from teem.runtime.processes.stream import STEP
from teem.runtime.remote.parcels import LIFE, MOST_BYTES, News, Parcel, Post
from teem.runtime.transport.ring import Frame

_NOBODY = np.empty(0, np.int32)


class Line:
    """Over the wiring of an actor that is alone there: `pack` and `delivered` in one thread, `take_in` in another."""

    def __init__(self, links: Links, learner: int, life: int) -> None:
        self.heard = 0  # news, since the two were joined
        self.bytes_sent = self.bytes_received = 0
        self._links, self._learner = links, learner
        self._of = links.wiring.learners
        self._base = life * LIFE
        self._first = 0  # number of the first frame that is under way
        self._under_way: list[tuple[NDArray[np.uint8], bool]] = []  # contents, and whether each is a step
        self._elsewhere = _NOBODY  # whose weights go with them
        self._steps = 0  # that have arrived
        self._offset = {"updates": 0, "lost": 0}  # what earlier ones had counted, which a new one does not know
        self._met = False  # the learner knows this actor, in this life

    @staticmethod
    def start(links: Links, life: int) -> None:
        """Have an actor's counts begin with its life."""
        links.control.set_sent(0, life * LIFE)
        for learner in range(links.wiring.learners):
            links.control.set_count("saved", 0, learner, life * LIFE)

    def join(self) -> None:
        """The two have just been joined: the learner, or this actor, has only begun."""
        control = self._links.control
        learnt = max(0, control.count("learnt", 0, self._learner) - self._base)
        self._offset["updates"] = control.count("updates", 0, self._learner)
        self._offset["lost"] = control.count("lost", 0, self._learner) + self._steps - min(learnt, self._steps)
        self._first, self.heard, self._met = 0, 0, False
        for boxes in self._links.boxes[0]:
            if boxes:
                boxes.own.forget()  # it knows of nobody else's weights

    # ---- what goes out

    def pack(self) -> Parcel | None:
        """Everything that has not arrived yet, up to a size; None when there is nothing."""
        ring = self._links.rings[0]
        size = sum(len(content) for content, _ in self._under_way)
        while size < MOST_BYTES and (frame := ring.peek(self._learner)) is not None:
            self._under_way.append((frame.content.copy(), frame.kind == STEP))
            self._elsewhere = np.union1d(self._elsewhere, self._taught_elsewhere(frame)).astype(np.int32)
            size += len(frame.content)
            ring.release(self._learner)
        if not self._under_way:
            return None
        frames = np.concatenate([content for content, _ in self._under_way])
        parcel = Parcel(self._first, frames, self._letters())
        self.bytes_sent += parcel.nbytes
        return parcel

    def delivered(self, taken: int) -> bool:
        """So many frames have come since the two were joined; whether all that was packed has."""
        came = self._under_way[: taken - self._first]
        self._under_way = self._under_way[len(came) :]
        self._first += len(came)
        self._steps += sum(is_step for _, is_step in came)
        self._elsewhere = _NOBODY
        return not self._under_way

    def _taught_elsewhere(self, frame: Frame) -> NDArray[np.int32]:
        """The slots in a step whose weights the learner needs and does not have: it takes them as published."""
        if self._of == 1 or "births.parent" not in frame.columns:
            return _NOBODY
        slots = np.concatenate((frame.columns["births.parent"], frame.columns["honours"][:, 1]))
        return np.asarray(slots[(slots >= 0) & (slots % self._of != self._learner)])

    def _letters(self) -> tuple[Post, ...]:
        """What is newer in these slots, of whichever cohort; who reads it passes over what is of the dead."""
        rows = self._elsewhere
        if not len(rows):
            return ()
        boxes = self._links.boxes[0]
        return tuple(Post(index, one.own.collect(rows, len(rows))) for index, one in enumerate(boxes) if one)

    # ---- what comes in

    def take_in(self, news: News) -> None:
        """Publish here what was published there: weights first, then counts."""
        control, counts = self._links.control, news.counts
        self.heard = news.number
        self.bytes_received += news.nbytes
        if not self._met:
            if counts["learnt"] < self._base:  # of an earlier life
                self._offset["updates"] = control.count("updates", 0, self._learner) - counts["updates"]
                return
            self._met = True
        for post in news.posts:
            post.put(self._links.boxes[0])
        if news.whole:
            for name, count in counts.items():
                control.set_count(name, 0, self._learner, count + self._offset.get(name, 0))
