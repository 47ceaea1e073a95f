"""Weights on their way: for each network three slots and a version, from one writer to one reader.

The writer fills a slot that is neither the newest nor the one that the reader has claimed, and then publishes it. The
reader claims the newest, and looks whether it still is (a hazard pointer: Michael 2004,
https://doi.org/10.1109/TPDS.2004.8): from there on nobody writes to it. So neither waits for the other, however fast
either is, and no read is torn. Who dies while writing has published nothing; who dies while reading holds one slot,
and that is what the third is for. Each further reader takes one more. Only what changed is written, and only what is
newer is read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.runtime.transport.atomics import fence, load_acquire, store_release
from teem.runtime.transport.shared import Columns, Segment

MOST_READERS = 7  # a claim each, in one cache line with the newest
NOTES = 4  # int64 that travel with a network
OWNER, UPDATES, LOSS, FAULTS = range(NOTES)  # LOSS: the bits of a float64

_LINE = 8  # int64 in a cache line
_SHIFT = 4  # the newest is its version above, its slot in the lowest bits

Floats = NDArray[np.float32]


class Letters(NamedTuple):
    """Published weights on their way from one mailbox to another."""

    rows: NDArray[np.int32]  # [n]
    notes: NDArray[np.int64]  # [n, NOTES]
    weights: Floats  # [n, size]

    @property
    def nbytes(self) -> int:
        """Bytes of the columns."""
        return sum(column.nbytes for column in self)


class Mailbox:
    """The newest published weights of `rows` networks of one size, each with its notes."""

    def __init__(self, segment: Segment, reader: int = 0) -> None:
        self.segment = segment
        self._reader = reader
        self._newest = segment.columns["newest"]
        self._weights = segment.columns["weights"]
        self._notes = segment.columns["notes"]
        self.rows, _, self.size = self._weights.shape
        self._seen = np.zeros(self.rows, np.int64)  # the newest read here, and its slot

    @staticmethod
    def columns(rows: int, size: int, readers: int = 1) -> Columns:
        """What its segment holds: the newest and the claims, and the slots."""
        return {
            "newest": (np.int64, (rows, _LINE)),
            "notes": (np.int64, (rows, readers + 2, _LINE)),
            "weights": (np.float32, (rows, readers + 2, size)),
        }

    def publish(self, rows: NDArray[np.int32], weights: Floats, notes: NDArray[np.int64]) -> None:
        """Publish the rows' weights `[capacity, size or more]` with their notes `[n, NOTES]`; a row has one writer."""
        _publish(rows, rows, weights, notes, self._newest, self._weights, self._notes)

    def post(self, letters: Letters) -> None:
        """Publish what another mailbox has collected."""
        rows, notes, weights = (np.require(column, requirements="W") for column in letters)  # one kernel for all
        _publish(rows, np.arange(len(rows), dtype=np.int32), weights, notes, self._newest, self._weights, self._notes)

    def collect(self, rows: NDArray[np.int32], most: int) -> Letters:
        """Copies of what is newer of the rows, whoever's it is, of at most so many."""
        changed = np.empty(min(most, len(rows)), np.int32)
        newer = changed[: _claim_newer(rows, self._reader, self._newest, self._seen, changed)]
        slots = self._seen[newer] & (1 << _SHIFT) - 1
        return Letters(newer, self._notes[newer, slots, :NOTES], self._weights[newer, slots])

    def take(self, rows: NDArray[np.int32], owners: NDArray[np.int64], weights: Floats) -> NDArray[np.int32]:
        """Copy what is newer and of these owners `[n]` into `weights[row]`; returns the rows it was copied to.

        What is of another owner, one long dead, is passed over for good.
        """
        changed = np.empty(len(rows), np.int32)
        count = _take(
            rows, owners, weights, self._reader, self._newest, self._weights, self._notes, self._seen, changed
        )
        return changed[:count]

    def notes(self, rows: NDArray[np.int32]) -> NDArray[np.int64]:
        """The notes `[n, NOTES]` that came with what was taken last for each of the rows."""
        found: NDArray[np.int64] = self._notes[rows, self._seen[rows] & (1 << _SHIFT) - 1, :NOTES]
        return found

    def versions(self, rows: NDArray[np.int32]) -> NDArray[np.int64]:
        """How often each of the rows was published."""
        return np.asarray(self._newest[rows, 0] >> _SHIFT)

    def pass_over(self) -> None:
        """Take nothing of what is published now."""
        self._seen[:] = self._newest[:, 0]

    def forget(self) -> None:
        """Take everything anew, as a reader that has just come."""
        self._seen[:] = 0


@njit(nogil=True, cache=True)
def _copy(source, target, size):  # type: ignore[no-untyped-def]
    """target[:size] = source[:size]; a loop becomes vector moves, an assignment of slices does not."""
    for j in range(size):
        target[j] = source[j]


@njit(**INNER)
def _free_slot(cells, slots):  # type: ignore[no-untyped-def]
    """A slot that is neither the newest nor claimed."""
    newest = cells[0] & ((1 << _SHIFT) - 1)
    for slot in range(slots):
        claimed = slot == newest and cells[0] > 0
        for reader in range(slots - 2):
            claimed |= load_acquire(cells, 1 + reader) == slot + 1
        if not claimed:
            return slot
    return -1  # can't be: there are two slots more than readers


@njit(nogil=True, cache=True)
def _publish(rows, sources, weights, notes, newest, slots, slot_notes):  # type: ignore[no-untyped-def]
    """Fill a free slot of each row from its row of the weights, then say that it is the newest."""
    for i in range(rows.shape[0]):
        row = rows[i]
        cells = newest[row]
        fence()  # the newest is out before the claims are looked at
        slot = _free_slot(cells, slots.shape[1])
        _copy(weights[sources[i]], slots[row, slot], slots.shape[2])
        for j in range(notes.shape[1]):
            slot_notes[row, slot, j] = notes[i, j]
        store_release(cells, 0, ((cells[0] >> _SHIFT) + 1) << _SHIFT | slot)


@njit(**INNER)
def _claim(cells, reader):  # type: ignore[no-untyped-def]
    """The newest, which nobody will write to until this reader claims another."""
    while True:
        newest = load_acquire(cells, 0)
        store_release(cells, 1 + reader, (newest & ((1 << _SHIFT) - 1)) + 1)
        fence()  # the claim is out before the newest is looked at again
        if load_acquire(cells, 0) == newest:
            return newest


@njit(nogil=True, cache=True)
def _claim_newer(rows, reader, newest, seen, changed):  # type: ignore[no-untyped-def]
    """Claim each row that is newer, as long as there is room for it in `changed`; how many were."""
    count = 0
    for i in range(rows.shape[0]):
        if count == changed.shape[0]:
            break
        row = rows[i]
        if load_acquire(newest[row], 0) != seen[row]:
            seen[row] = _claim(newest[row], reader)
            changed[count] = row
            count += 1
    return count


@njit(nogil=True, cache=True)
def _take(rows, owners, weights, reader, newest, slots, slot_notes, seen, changed):  # type: ignore[no-untyped-def]
    """Copy each row that is newer; how many were."""
    count = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        if load_acquire(newest[row], 0) == seen[row]:
            continue
        seen[row] = _claim(newest[row], reader)
        slot = seen[row] & ((1 << _SHIFT) - 1)
        if slot_notes[row, slot, OWNER] == owners[i]:
            _copy(slots[row, slot], weights[row], slots.shape[2])
            changed[count] = row
            count += 1
    return count
