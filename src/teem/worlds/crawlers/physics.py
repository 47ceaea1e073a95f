"""The physics of crawlers: thousands of planar bodies of rigid parts over one ground, many steps in one call.

Each creature lives alone: its path has the same bits whatever its neighbours, its slot, its block or the threads.
A step of `dt` seconds finds contacts once and then takes substeps in the manner of Box2D v3: gravity, the last
substep's impulses, constraints with a push against errors, drift, and the constraints again without that push.
Motors, limits and contacts are solved one after the other; the joints' ends are kept together exactly, all at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.lanes import LANES
from teem.state import State, load_columns
from teem.threads import Threads
from teem.worlds.crawlers import place
from teem.worlds.crawlers.blocks import BY_TORQUE, NOBODY, Blocks, blocks_of
from teem.worlds.crawlers.ground import Ground
from teem.worlds.crawlers.plan import JOINTS, PARTS, Plan
from teem.worlds.crawlers.reading import Reading, forget, read_blocks, read_slots, reading_of
from teem.worlds.crawlers.soft import CONTACT_DAMPING, CONTACT_HERTZ, LIMIT_DAMPING, LIMIT_HERTZ, softness
from teem.worlds.crawlers.step import step

DT = 1.0 / 60.0  # seconds of a step
_EXTRA = 16  # blocks more than a quarter more than whole ones for all: some are part empty
_NO_IMPULSE = np.zeros((0, PARTS, 3), np.float32)
_AT_LEAST = 4  # blocks that a thread takes at once

Slots = NDArray[np.int32]
Floats = NDArray[np.float32]


class Physics:
    """Bodies by slot, in blocks of sixteen; `command` says what each joint's motor shall do, -1 to 1.

    A command is a share of the joint's top speed, held as far as its torque allows; of creatures placed with
    `by_torque`, a share of the torque itself. Parts move at most 50 m/s along an axis and turn at most 60 rad/s.
    """

    command: Floats  # [capacity, JOINTS]
    reading: Reading  # what `read` fills in

    def __init__(self, capacity: int, threads: Threads, substeps: int = 4, dt: float = DT) -> None:
        self.capacity = capacity
        self.command = np.zeros((capacity, JOINTS), np.float32)
        self.reading = reading_of(capacity)
        self._threads = threads
        self._substeps, self._dt = substeps, np.float32(dt)
        h = dt / substeps
        self._limit_soft = softness(LIMIT_HERTZ, LIMIT_DAMPING, h)
        self._contact_soft = softness(min(CONTACT_HERTZ, 0.25 / h), CONTACT_DAMPING, h)
        self._home = np.full((capacity, 2), NOBODY, np.int32)  # a slot's block and lane
        self._blocks = blocks_of(-(-capacity * 5 // (4 * LANES)) + _EXTRA)

    def place(
        self,
        slots: Slots,
        plan: Plan,
        tile: NDArray[np.int32],
        x: Floats,
        y: Floats,
        angle: Floats,
        by_torque: NDArray[np.bool_] | None = None,
    ) -> None:
        """Put the plan's bodies into `slots`, one a row, at rest; whoever lived there is gone."""
        slots = self._checked(slots)
        bodies = place.bodies_of(plan)
        if by_torque is None:
            by_torque = np.zeros(len(slots), np.bool_)
        if any(len(column) != len(slots) for column in (*bodies, tile, x, y, angle, by_torque)):
            raise ValueError(f"place: {len(slots)} slots, but another number of bodies or places")
        forget(slots, self.reading)
        self.command[slots] = 0.0
        placed = 0
        while True:
            where = (self._home, bodies, tile, x, y, angle, by_torque)
            placed = place.place(placed, slots, *where, self._blocks)
            if placed == len(slots):
                return
            self._grow()

    def remove(self, slots: Slots) -> None:
        """Take the bodies out of `slots`."""
        slots = self._checked(slots)
        forget(slots, self.reading)
        self.command[slots] = 0.0
        place.remove(slots, self._home, self._blocks)

    def drive(self, slots: Slots, *, by_torque: bool) -> None:
        """Command the motors of those in `slots` by torque, or by speed, from now on.

        The commands are 0, by which joints hold still by speed, and swing freely by torque.
        """
        slots = self._checked(slots)
        block, lane = self._home[slots].T
        self._blocks.lives[block, BY_TORQUE, lane] = by_torque
        self.command[slots] = 0.0

    def step(self, steps: int, ground: Ground, impulse: Floats | None = None) -> None:
        """Move everybody on by `steps` steps under the commands as they stand.

        `impulse` [capacity, PARTS, 3] is given to the parts first: N s along x and y, N m s counter-clockwise.
        """
        impulse = _NO_IMPULSE if impulse is None else impulse
        how = (steps, self._substeps, self._dt, self._limit_soft, self._contact_soft)
        count = len(self._blocks.items)
        self._threads.share(step, count, *how, ground, self.command, impulse, self._blocks, at_least=_AT_LEAST)

    def read(self, slots: Slots | None = None) -> Reading:
        """Fill in and return the columns, of `slots` alone if given; they stay as they are until the next call."""
        if slots is None:
            self._threads.share(read_blocks, len(self._blocks.items), self._blocks, self.reading, at_least=_AT_LEAST)
        else:
            read_slots(self._checked(slots), self._home, self._blocks, self.reading)
        return self.reading

    def state(self, slots: int | None = None) -> State:
        """Copies of all that the next step depends on; of the first `slots` alone if nobody lives beyond."""
        some = slots is not None and slots < self.capacity
        blocks = int(np.flatnonzero(self._blocks.items)[-1:].sum()) + 1 if some else None  # those in use, and no more
        saved: State = {name: getattr(self._blocks, name)[:blocks].copy() for name in Blocks._fields}
        return {"blocks": saved, "home": self._home[:slots].copy(), "command": self.command[:slots].copy()}

    def load_state(self, state: State) -> None:
        """Take over a saved physics of the same capacity; it goes on with the same bits."""
        slots, blocks = len(state["home"]), len(state["blocks"]["items"])
        columns = {"home": self._home, "command": self.command}
        load_columns("physics", {name: column[:slots] for name, column in columns.items()}, state)
        self._home[slots:], self.command[slots:] = NOBODY, 0.0
        self._blocks = blocks_of(blocks if slots == self.capacity else max(blocks, len(self._blocks.items)))
        load_columns(
            "physics.blocks",
            {name: column[:blocks] for name, column in self._blocks._asdict().items()},
            state["blocks"],
        )

    def _checked(self, slots: Slots) -> Slots:
        """Slots as the kernels take them, which don't look whether they exist."""
        if len(slots) and not 0 <= slots.min() <= slots.max() < self.capacity:
            raise ValueError(f"slots are {slots.min()} to {slots.max()}: capacity is {self.capacity}")
        return np.ascontiguousarray(slots, np.int32)

    def _grow(self) -> None:
        """Half as many blocks again; rare, for blocks are reused."""
        old = self._blocks
        count = len(old.items)
        self._blocks = blocks_of(count + max(1, count // 2))
        for name in Blocks._fields:
            getattr(self._blocks, name)[:count] = getattr(old, name)
