"""Mailboxes: the newest weights, never torn, never lost, never somebody else's."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.runtime.transport.mailbox import NOTES, Mailbox
from teem.runtime.transport.shared import Segment

ROWS, SIZE = 4, 6
EVERYONE = np.arange(ROWS, dtype=np.int32)


def mailbox_of(rows: int = ROWS, size: int = SIZE) -> tuple[Mailbox, Mailbox]:
    """The writer's and a reader's end."""
    segment = Segment.create("test", Mailbox.columns(rows, size))
    return Mailbox(segment), Mailbox(Segment(segment.descriptor, Mailbox.columns(rows, size)))


def notes_of(owners: Any, updates: Any) -> np.ndarray[Any, Any]:
    notes = np.zeros((len(owners), NOTES), np.int64)
    notes[:, 0], notes[:, 1] = owners, updates
    return notes


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, ROWS - 1), unique=True, max_size=ROWS)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_the_newest_of_each_row_and_only_what_changed(does: list[tuple[bool, list[int]]]) -> None:
    writer, reader = mailbox_of()
    published = np.zeros((ROWS, SIZE), np.float32)
    read = np.zeros((ROWS, SIZE + 2), np.float32)
    pending: set[int] = set()
    for number, (writes, some) in enumerate(does, 1):
        rows = np.array(sorted(some), np.int32)
        if writes:
            published[rows] = number + rows[:, None] / 10
            writer.publish(rows, published, notes_of(10 + rows, np.full(len(rows), number)))
            pending |= set(some)
            continue
        changed = reader.take(rows, 10 + rows.astype(np.int64), read)
        assert set(changed.tolist()) == pending & set(some)
        pending -= set(some)
        assert np.array_equal(read[rows, :SIZE], published[rows])
        assert (read[:, SIZE:] == 0).all()


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, ROWS - 1), unique=True, max_size=ROWS)), max_size=40))
@settings(max_examples=40, deadline=None)
def test_what_is_collected_and_posted_elsewhere_is_what_was_published(does: list[tuple[bool, list[int]]]) -> None:
    """A few networks a letter, whoever's they are; what is told is the newest, and told once."""
    (writer, here), (there, reader) = mailbox_of(), mailbox_of()
    published, read = np.zeros((ROWS, SIZE), np.float32), np.zeros((ROWS, SIZE), np.float32)
    pending: set[int] = set()
    for number, (writes, some) in enumerate([*does, *[(False, [])] * ROWS], 1):
        rows = np.array(sorted(some), np.int32)
        if writes:
            published[rows] = number + rows[:, None] / 10
            writer.publish(rows, published, notes_of(10 + rows, np.full(len(rows), number)))
            pending |= set(some)
            continue
        letters = here.collect(EVERYONE, 2)
        assert len(letters.rows) == min(2, len(pending))
        assert set(letters.rows.tolist()) <= pending
        pending -= set(letters.rows.tolist())
        assert np.array_equal(letters.weights, published[letters.rows])
        for column in letters:
            column.flags.writeable = False  # as what comes by message
        there.post(letters)
        reader.take(letters.rows, 10 + letters.rows.astype(np.int64), read)
        assert np.array_equal(reader.notes(letters.rows), letters.notes)
    assert np.array_equal(read, published)
    writer.publish(EVERYONE, published, notes_of(EVERYONE, EVERYONE))
    here.pass_over()
    assert not len(here.collect(EVERYONE, ROWS).rows)
    here.forget()
    assert len(here.collect(EVERYONE, ROWS).rows) == ROWS


def test_weights_of_somebody_long_dead_are_passed_over_and_the_next_ones_are_not() -> None:
    writer, reader = mailbox_of()
    row, weights = EVERYONE[:1], np.ones((ROWS, SIZE), np.float32)
    writer.publish(row, weights, notes_of([5], [1]))
    read = np.zeros((ROWS, SIZE), np.float32)
    assert not len(reader.take(row, np.array([6]), read))  # 6 lives in the row now
    assert (read == 0).all()
    writer.publish(row, 2 * weights, notes_of([6], [3]))
    assert reader.take(row, np.array([6]), read).tolist() == [0]
    assert (read[0] == 2).all()
    assert reader.notes(row)[0].tolist()[:2] == [6, 3]


WRITER = """
import sys
import numpy as np
from teem.runtime.transport.mailbox import NOTES, Mailbox
from teem.runtime.transport.shared import Segment
slots, size = int(sys.argv[2]), {size}
segment = Segment(int(sys.argv[1]), {{**Mailbox.columns(1, size), "told": (np.int64, (2, 8))}})
box, told = Mailbox(segment), segment.columns["told"]
weights, row, notes = np.empty((1, size), np.float32), np.zeros(1, np.int32), np.zeros((1, NOTES), np.int64)
while not told[0, 0]:
    told[1, 0] += 1
    weights[:] = told[1, 0]
    notes[:, 1] = told[1, 0]
    if slots == 1:  # the planted fault: all in one slot, and no version
        box._weights[0, 0] = told[1, 0]
    else:
        box.publish(row, weights, notes)
"""


def torn_reads(slots: int, size: int = 20_000, enough: int = 1000) -> tuple[int, int]:
    """(reads, torn ones) while another process publishes as fast as it can.

    Until there are enough of both; where there is but one slot, until a read was torn.
    """
    columns = {**Mailbox.columns(1, size), "told": (np.int64, (2, 8))}
    segment = Segment.create("test", columns)
    reader, told, descriptor = Mailbox(segment), segment.columns["told"], segment.descriptor
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER.format(size=size), str(descriptor), str(slots)], pass_fds=(descriptor,)
    )
    row, owner, read = EVERYONE[:1], np.zeros(1, np.int64), np.zeros((1, size), np.float32)
    reads = torn = 0
    newest, deadline = np.float32(0), time.monotonic() + 120
    while not (torn if slots == 1 else min(reads, told[1, 0]) >= enough) and time.monotonic() < deadline:
        if slots == 1:  # read as one would without versions
            read[0] = reader._weights[0, 0]
            reads += 1
        else:
            reads += len(reader.take(row, owner, read))
        torn += int(read[0].min() != read[0].max())
        assert slots == 1 or read[0, 0] >= newest  # never back to older ones
        newest = read[0, 0]
    told[0, 0] = 1
    assert process.wait(timeout=60) == 0
    if slots == 3:
        reader.take(row, owner, read)
        assert read[0, 0] == told[1, 0]  # the last ones are not lost
    return reads, torn


def test_no_read_is_torn_while_another_process_writes_as_fast_as_it_can() -> None:
    reads, torn = torn_reads(3)
    assert reads >= 1000
    assert torn == 0


def test_a_mailbox_of_a_single_slot_without_versions_tears() -> None:
    """The planted fault: the test above can fail."""
    assert torn_reads(1)[1] > 0


def test_a_writer_that_dies_in_the_middle_has_published_nothing() -> None:
    writer, reader = mailbox_of()
    row = EVERYONE[:1]
    writer.publish(row, np.ones((ROWS, SIZE), np.float32), notes_of([1], [1]))
    read = np.zeros((ROWS, SIZE), np.float32)
    assert reader.take(row, np.ones(1, np.int64), read).tolist() == [0]
    slots, held = writer.segment.columns["weights"], int(writer.segment.columns["newest"][0, 0]) & 15
    for slot in {0, 1, 2} - {held}:
        slots[0, slot, :3] = 99  # half of what would have been next
    reader.forget()
    assert reader.take(row, np.ones(1, np.int64), read).tolist() == [0]
    assert (read[0] == 1).all()


def test_what_a_reader_holds_is_not_written_to_however_much_is_published() -> None:
    writer, reader = mailbox_of()
    row, weights = EVERYONE[:1], np.ones((ROWS, SIZE), np.float32)
    writer.publish(row, weights, notes_of([1], [1]))
    reader.take(row, np.ones(1, np.int64), np.zeros((ROWS, SIZE), np.float32))
    held = int(reader._seen[0]) & 15
    for number in range(2, 9):
        writer.publish(row, number * weights, notes_of([1], [number]))
        assert (writer.segment.columns["weights"][0, held] == 1).all()
    assert reader.notes(row)[0, 1] == 1  # of what was taken, not of the newest
