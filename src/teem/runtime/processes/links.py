"""The wiring between the processes of a run: made once, handed to each of them as descriptors."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from teem.config.settings import Config
from teem.runtime.processes.control import Control
from teem.runtime.processes.facts import Room, Size
from teem.runtime.transport.events import Bell
from teem.runtime.transport.mailbox import Mailbox
from teem.runtime.transport.ring import Ring
from teem.runtime.transport.shared import Columns, Segment

MOST_RING = 1 << 28  # bytes of a ring, unless two frames take more

Ends = tuple[int, int]
Pair = tuple[int, int]  # a cohort's own weights, and what it shares; -1: it shares nothing


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """Descriptors, and what lies behind them."""

    actors: int
    learners: int
    room: Room
    ring: int  # bytes
    control: int
    rings: tuple[int, ...]  # an actor's experience
    boxes: tuple[tuple[Pair | None, ...], ...]  # an actor's mailboxes, a cohort each; None: it has no networks
    actor_bells: tuple[Ends, ...]
    learner_bells: tuple[Ends, ...]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All of them."""
        ends = [end for bell in (*self.actor_bells, *self.learner_bells) for end in bell]
        boxes = [one for cohorts in self.boxes for pair in cohorts if pair for one in pair if one >= 0]
        return (self.control, *self.rings, *boxes, *ends)

    @property
    def readers(self) -> int:
        """Of a mailbox: its actor, and the learners where they read each other's."""
        return 1 + (self.learners if self.learners > 1 else 0)

    def own_columns(self, size: Size) -> Columns:
        """Of a cohort's mailbox of own weights; the notes are there even where no weights are."""
        return Mailbox.columns(self.room.capacity, size.own, self.readers)

    def common_columns(self, size: Size) -> Columns:
        """Of a cohort's mailbox of common weights."""
        return Mailbox.columns(1, size.common, self.readers)


class Boxes(NamedTuple):
    """The mailboxes of one cohort of an actor's agents."""

    own: Mailbox  # a row a slot, taken where somebody of the cohort lives in it
    common: Mailbox | None  # None: they share nothing


class Links:
    """The wiring, opened in one process, which reads mailboxes as `reader`."""

    def __init__(self, wiring: Wiring, reader: int = 0) -> None:
        self.wiring = wiring
        shape = wiring.actors, wiring.learners, len(wiring.room.networks)
        learners = wiring.learners
        self.control = Control(Segment(wiring.control, Control.columns(*shape)), *shape)
        ring = Ring.columns(wiring.ring, learners)
        self.rings = [Ring(Segment(descriptor, ring)) for descriptor in wiring.rings]
        self.boxes = [
            [_open(wiring, size, pair, reader) for size, pair in zip(wiring.room.networks, pairs, strict=True)]
            for pairs in wiring.boxes
        ]  # [actors][cohorts]
        self.actor_bells = [Bell(ends) for ends in wiring.actor_bells]
        self.learner_bells = [Bell(ends) for ends in wiring.learner_bells]


def _open(wiring: Wiring, size: Size | None, pair: Pair | None, reader: int) -> Boxes | None:
    if size is None or pair is None:
        return None
    own, common = pair
    return Boxes(
        Mailbox(Segment(own, wiring.own_columns(size)), reader),
        Mailbox(Segment(common, wiring.common_columns(size)), reader) if common >= 0 else None,
    )


def lay(config: Config, room: Room) -> Wiring:
    """Make everything that the processes of a run share."""
    actors, learners = config.runtime.actors, config.runtime.learners
    ring = max(3 * room.frame, min(MOST_RING, (config.runtime.policy_lag_max + 2) * room.frame))
    empty = Wiring(
        actors=actors, learners=learners, room=room, ring=ring, control=-1, rings=(), boxes=(),
        actor_bells=tuple(Bell.create().descriptors for _ in range(actors)),
        learner_bells=tuple(Bell.create().descriptors for _ in range(learners)),
    )  # fmt: skip

    def create(name: str, columns: Columns) -> int:
        return Segment.create(name, columns).descriptor

    def pair(size: Size) -> Pair:
        common = create("common", empty.common_columns(size)) if size.common else -1
        return create("weights", empty.own_columns(size)), common

    return msgspec.structs.replace(
        empty,
        control=create("control", Control.columns(actors, learners, len(room.networks))),
        rings=tuple(create("experience", Ring.columns(ring, learners)) for _ in range(actors)),
        boxes=tuple(tuple(pair(size) if size else None for size in room.networks) for _ in range(actors)),
    )
