"""The wiring between the processes of a run: made once, handed to each of them as descriptors."""

from __future__ import annotations

import msgspec

from teem.config.settings import Config
from teem.runtime.processes.control import Control
from teem.runtime.processes.facts import Room
from teem.runtime.transport.events import Bell
from teem.runtime.transport.mailbox import Mailbox
from teem.runtime.transport.ring import Ring
from teem.runtime.transport.shared import Columns, Segment

MOST_RING = 1 << 28  # bytes of a ring, unless two frames take more

Ends = tuple[int, int]


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """Descriptors, and what lies behind them."""

    actors: int
    learners: int
    room: Room
    ring: int  # bytes
    control: int
    rings: tuple[int, ...]  # an actor's experience
    own: tuple[int, ...]  # an actor's agents' own weights
    common: tuple[int, ...]  # what they share; none if nothing
    actor_bells: tuple[Ends, ...]
    learner_bells: tuple[Ends, ...]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All of them."""
        ends = [end for bell in (*self.actor_bells, *self.learner_bells) for end in bell]
        return (self.control, *self.rings, *self.own, *self.common, *ends)

    @property
    def readers(self) -> int:
        """Of a mailbox: its actor, and the learners where they read each other's."""
        return 1 + (self.learners if self.learners > 1 else 0)

    def own_columns(self) -> Columns:
        """Of the mailbox of own weights; the notes are there even where no weights are."""
        return Mailbox.columns(self.room.capacity, self.room.own, self.readers)

    def common_columns(self) -> Columns:
        """Of the mailbox of common weights."""
        return Mailbox.columns(1, self.room.common, self.readers)


class Links:
    """The wiring, opened in one process, which reads mailboxes as `reader`."""

    def __init__(self, wiring: Wiring, reader: int = 0) -> None:
        self.wiring = wiring
        actors, learners = wiring.actors, wiring.learners
        self.control = Control(Segment(wiring.control, Control.columns(actors, learners)), actors, learners)
        ring = Ring.columns(wiring.ring, learners)
        self.rings = [Ring(Segment(descriptor, ring)) for descriptor in wiring.rings]
        self.own = [Mailbox(Segment(descriptor, wiring.own_columns()), reader) for descriptor in wiring.own]
        common = wiring.common_columns()
        self.common = [Mailbox(Segment(descriptor, common), reader) for descriptor in wiring.common]
        self.actor_bells = [Bell(ends) for ends in wiring.actor_bells]
        self.learner_bells = [Bell(ends) for ends in wiring.learner_bells]


def lay(config: Config, room: Room) -> Wiring:
    """Make everything that the processes of a run share."""
    actors, learners = config.runtime.actors, config.runtime.learners
    ring = max(3 * room.frame, min(MOST_RING, (config.runtime.policy_lag_max + 2) * room.frame))
    empty = Wiring(
        actors=actors, learners=learners, room=room, ring=ring, control=-1, rings=(), own=(), common=(),
        actor_bells=tuple(Bell.create().descriptors for _ in range(actors)),
        learner_bells=tuple(Bell.create().descriptors for _ in range(learners)),
    )  # fmt: skip

    def each(name: str, columns: Columns) -> tuple[int, ...]:
        return tuple(Segment.create(name, columns).descriptor for _ in range(actors))

    return msgspec.structs.replace(
        empty,
        control=Segment.create("control", Control.columns(actors, learners)).descriptor,
        rings=each("experience", Ring.columns(ring, learners)),
        own=each("weights", empty.own_columns()),
        common=each("common", empty.common_columns()) if room.common else (),
    )
