"""Rings: what is read is what was written, in order and whole; a writer that is no good is caught."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.runtime.transport.ring import Ring, contents
from teem.runtime.transport.shared import Segment

SIZE = 4096


def ring_of(size: int = SIZE, readers: int = 1) -> tuple[Ring, Ring]:
    """The writer's and the readers' end."""
    segment = Segment.create("test", Ring.columns(size, readers))
    return Ring(segment), Ring(Segment(segment.descriptor, Ring.columns(size, readers)))


def columns_of(number: int, rows: int) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "id": np.arange(rows, dtype=np.int64) + number,
        "observation": np.full((rows, 3), number, np.float32),
        "done": np.arange(rows) % 2 == 0,
    }


@given(st.lists(st.one_of(st.integers(0, 60), st.sampled_from(["first", "second"])), max_size=80))
@settings(max_examples=60, deadline=None)
def test_each_reader_reads_every_frame_in_order_and_whole(does: list[Any]) -> None:
    writer, reader = ring_of(readers=2)
    names = ["first", "second"]
    waiting: list[deque[tuple[int, int]]] = [deque(), deque()]  # the reference: what each has still to read
    held = 0
    for number, what in enumerate(does):
        if isinstance(what, int):
            if writer.put("step", {"number": number}, columns_of(number, what)):
                for queue in waiting:
                    queue.append((number, what))
                held += 1
            else:
                assert max(map(len, waiting)) > 0  # it refuses only while somebody holds something
            continue
        which = names.index(what)
        frame = reader.peek(which)
        assert (frame is None) == (not waiting[which])
        if frame is not None:
            expected, rows = waiting[which].popleft()
            assert frame.kind == "step"
            assert frame.constants == {"number": expected}
            for name, column in columns_of(expected, rows).items():
                assert np.array_equal(frame.columns[name], column)
                assert frame.columns[name].dtype == column.dtype
            reader.release(which)


@given(st.lists(st.one_of(st.integers(0, 60), st.sampled_from(["carry", "read"])), max_size=80))
@settings(max_examples=40, deadline=None)
def test_frames_that_are_carried_to_another_ring_are_the_same_there(does: list[Any]) -> None:
    """Several at once, as contents one after the other; a reader that has left holds nobody up."""
    near, _ = ring_of(2 * SIZE)
    far, reader = ring_of(readers=2)
    far.leave(1)
    waiting: deque[tuple[int, int]] = deque()
    under_way: list[np.ndarray[Any, Any]] = []
    for number, what in enumerate([*does, *["carry", "read"] * 80]):
        if isinstance(what, int):
            if near.put("step", {"number": number}, columns_of(number, what)):
                waiting.append((number, what))
        elif what == "carry":
            while (frame := near.peek()) is not None:
                under_way.append(frame.content.copy())
                near.release()
            parcel = np.concatenate(under_way) if under_way else np.empty(0, np.uint8)
            arrived = 0
            for content in contents(parcel):
                if not far.put_content(content):
                    break
                arrived += 1
            under_way = under_way[arrived:]
        elif (frame := reader.peek()) is not None:
            expected, rows = waiting.popleft()
            assert (frame.kind, frame.constants) == ("step", {"number": expected})
            for name, column in columns_of(expected, rows).items():
                assert np.array_equal(frame.columns[name], column)
            reader.release()
    assert not waiting


def test_a_frame_is_not_seen_before_it_is_committed() -> None:
    writer, reader = ring_of()
    views = writer.begin("step", {}, {"id": (np.int64, (4,))})
    assert views is not None
    views["id"][:] = 7
    assert reader.peek() is None
    writer.commit()
    frame = reader.peek()
    assert frame is not None
    assert (frame.columns["id"] == 7).all()


def test_a_writer_that_commits_before_it_writes_is_caught() -> None:
    """The planted fault: what the test above relies on is told apart from its opposite."""
    writer, reader = ring_of()
    views = writer.begin("step", {}, {"id": (np.int64, (4,))})
    assert views is not None
    writer.commit()
    frame = reader.peek()
    assert frame is not None
    assert not (frame.columns["id"] == 7).any()


def test_a_frame_held_is_never_overwritten() -> None:
    writer, reader = ring_of()
    assert writer.put("step", {}, columns_of(1, 20))
    frame = reader.peek()
    assert frame is not None
    while writer.put("step", {}, columns_of(2, 20)):
        pass
    assert np.array_equal(frame.columns["id"], columns_of(1, 20)["id"])
    reader.release()
    assert writer.put("step", {}, columns_of(2, 20))


def test_a_frame_that_could_never_be_held_is_refused() -> None:
    writer, _ = ring_of()
    with pytest.raises(ValueError, match="in a ring of 4096"):
        writer.put("step", {}, columns_of(1, 200))


READER = """
import sys, time
import numpy as np
from teem.runtime.transport.events import Bell
from teem.runtime.transport.ring import Ring, contents
from teem.runtime.transport.shared import Segment
ring = Ring(Segment(int(sys.argv[1]), Ring.columns({size}, 1)))
bell = Bell((int(sys.argv[2]), int(sys.argv[3])))
expected = 0
deadline = time.monotonic() + 60
while expected < {frames} and time.monotonic() < deadline:
    frame = ring.peek()
    if frame is None:
        bell.wait(0.2)
        continue
    number = frame.constants["number"]
    rows = 1 + number * 7 % 50
    whole = number == expected and (frame.columns["id"] == np.arange(rows) + number).all()
    if not (whole and (frame.columns["observation"] == number).all()):
        sys.exit(f"frame {{expected}} came as {{number}}, or not whole")
    ring.release()
    expected += 1
print(expected)
"""


def test_another_process_reads_every_frame_whole() -> None:
    frames, size = 1000, 1 << 14
    writer, _ = ring_of(size)
    from teem.runtime.transport.events import Bell

    bell = Bell.create()
    given_on = (writer.segment.descriptor, *bell.descriptors)
    reading = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(READER.format(size=size, frames=frames)), *map(str, given_on)],
        pass_fds=given_on, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    number = 0
    while number < frames and reading.poll() is None:
        if writer.put("step", {"number": number}, columns_of(number, 1 + number * 7 % 50)):
            number += 1
            bell.ring()
        else:
            bell.wait(0.0005)  # somebody else's room: any short sleep would do
    assert reading.communicate(timeout=60)[0] == f"{frames}\n"
    assert reading.returncode == 0
