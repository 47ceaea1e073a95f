"""The population: columns, one row a slot, recycled through a free list."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from teem.state import Array, State, expect_same_shape, load_columns

LEAST_STEP = 64  # slots that are offered at a time at least, unless a step was asked for
SPARE = 8  # more are offered as soon as less than an eighth of them is free

COLUMNS: dict[str, type[np.generic]] = {
    "id": np.int64,
    "parent": np.int64,
    "generation": np.int32,
    "born": np.int64,
    "kind": np.int32,
    "x": np.float32,
    "y": np.float32,
    "energy": np.float32,
    "health": np.float32,
}


class Population:
    """The living and the free, one row a slot; a free slot has id -1.

    `living` lists the living slots by rising id. Rules walk it, so no life depends on which slot it sits in.
    A slot freed in a step is refilled only after the next `recycle()`, so no transition spans two lives.

    The columns are as long as `capacity` and never move, but only their first `size` rows are in use: where fewer
    slots are offered at first, more are as the free ones get few. No rule can tell: there is `room` for all that the
    capacity has room for, and slots are taken in the same order however many are offered.
    """

    size: int  # slots offered; nobody has ever lived in one beyond
    id: NDArray[np.int64]  # [capacity] never reused; -1: free
    parent: NDArray[np.int64]  # [capacity] id of the first parent; -1: a founder
    generation: NDArray[np.int32]  # [capacity] founders are 0
    born: NDArray[np.int64]  # [capacity] step of birth
    kind: NDArray[np.int32]  # [capacity]
    x: NDArray[np.float32]  # [capacity]
    y: NDArray[np.float32]  # [capacity]
    energy: NDArray[np.float32]  # [capacity] joules
    health: NDArray[np.float32]  # [capacity] 0 to 1
    genome: NDArray[np.float32]  # [capacity, traits] 0 to 1

    def __init__(self, capacity: int, traits: int, size: int = 0, step: int = 0) -> None:
        """`size` slots are offered at first, 0: all; then `step` more at a time, 0: a quarter of those there are."""
        self.capacity = capacity
        self.size = min(size, capacity) or capacity
        self.grows = self.size < capacity
        self._step = step
        self._before = self.size  # a state was loaded
        for name, dtype in COLUMNS.items():
            setattr(self, name, np.zeros(capacity, dtype))
        self.id[:] = -1
        self.genome = np.zeros((capacity, traits), np.float32)
        self.next_id = 0
        self._living = np.empty(capacity, np.int32)
        self._count = 0
        self._free = np.arange(capacity - 1, -1, -1, dtype=np.int32)  # a stack, its top at the end; never used: below
        self._free_count = capacity
        self._freed = np.empty(capacity, np.int32)  # this step's, not to be refilled yet
        self._freed_count = 0

    @property
    def living(self) -> NDArray[np.int32]:
        """Slots of the living, by rising id; a view, valid until the next `spawn` or `release`."""
        return self._living[: self._count]

    @property
    def room(self) -> int:
        """How many can be born now."""
        return self._free_count

    @property
    def room_next(self) -> int:
        """How many can be born after the next `recycle`."""
        return self._free_count + self._freed_count

    def spawn(self, count: int) -> NDArray[np.int32]:
        """Give `count` free slots new ids and return them; every other column is zeroed.

        Raises ValueError when there is no room.
        """
        if count > self._free_count:
            raise ValueError(f"no room for {count} births: {self._free_count} slots are free")
        slots = self._free[self._free_count - count : self._free_count][::-1].copy()
        self._free_count -= count
        self._offer(self.capacity - self._free_count)
        for name in COLUMNS:
            getattr(self, name)[slots] = 0
        self.genome[slots] = 0
        self.id[slots] = np.arange(self.next_id, self.next_id + count)
        self.parent[slots] = -1
        self.next_id += count
        self._living[self._count : self._count + count] = slots
        self._count += count
        return slots

    def release(self, slots: NDArray[np.int32]) -> None:
        """Free the slots of the dead; they can be refilled after the next `recycle`."""
        self.id[slots] = -1
        self._freed[self._freed_count : self._freed_count + len(slots)] = slots
        self._freed_count += len(slots)
        kept = self.living[self.id[self.living] >= 0]
        self._living[: len(kept)] = kept
        self._count = len(kept)

    def recycle(self) -> None:
        """Make the slots freed since the last call available again, and offer more if few are."""
        count = self._freed_count
        self._free[self._free_count : self._free_count + count] = self._freed[:count]
        self._free_count += count
        self._freed_count = 0
        if self._free_count - self._hidden < self.size // SPARE:
            self._offer(self.size + 1)

    def state(self) -> State:
        """Every column and list as far as slots are offered, to be saved."""
        return {
            **self.saved(self._columns()),
            "next_id": self.next_id,
            "living": self.living.copy(),
            "free": self._free[self._hidden : self._free_count].copy(),
            "freed": self._freed[: self._freed_count].copy(),
        }

    def load_state(self, state: State) -> None:
        """Take over a saved population of the same capacity and traits."""
        if not self.grows or len(state["id"]) > self.capacity:
            expect_same_shape("population.id", state["id"], self.id)
        self._before, self.size = self.size, len(state["id"])
        self.load("population", self._columns(), state)
        self.next_id = int(state["next_id"])
        self._count, self._freed_count = len(state["living"]), len(state["freed"])
        self._free_count = self._hidden + len(state["free"])
        self._living[: self._count] = state["living"]
        self._freed[: self._freed_count] = state["freed"]
        self._free[: self._hidden] = np.arange(self.capacity - 1, self.size - 1, -1)
        self._free[self._hidden : self._free_count] = state["free"]
        self.id[self.size :] = -1

    def saved(self, columns: Mapping[str, Array]) -> State:
        """Other columns by slot as far as slots are offered, to be saved."""
        return {name: column[: self.size].copy() for name, column in columns.items()}

    def load(self, path: str, columns: Mapping[str, Array], state: State) -> None:
        """Take over such columns, after the population itself; slots that are offered no more are as at first."""
        load_columns(path, {name: column[: self.size] for name, column in columns.items()}, state)
        for column in columns.values():
            column[self.size : self._before] = 0

    @property
    def _hidden(self) -> int:
        """Slots not offered yet, at the bottom of the stack."""
        return self.capacity - self.size

    def _offer(self, wanted: int) -> None:
        """Offer so many slots in all, or as many more as a step has."""
        while self.size < min(wanted, self.capacity):
            self.size = min(self.capacity, self.size + (self._step or max(LEAST_STEP, self.size // 4)))

    def _columns(self) -> dict[str, Array]:
        return {name: getattr(self, name) for name in (*COLUMNS, "genome")}
