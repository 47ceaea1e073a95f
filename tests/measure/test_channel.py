"""Whoever puts something into a channel goes on at once, whatever becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from teem.measure.channel import FAULTS_MOST, Channel

PATIENCE_S = 20.0


def test_everything_arrives_in_order() -> None:
    got: list[int] = []
    channel: Channel[int] = Channel("test", got.extend, most=1000)
    assert all(channel.put(item) for item in range(1000))
    assert channel.close(PATIENCE_S)
    assert got == list(range(1000))
    assert (channel.dropped, channel.failed) == (0, 0)


def test_a_full_channel_drops_and_counts_and_what_waits_is_taken_together() -> None:
    begun, go_on = threading.Event(), threading.Event()
    batches: list[list[int]] = []

    def take(items: Sequence[int]) -> None:
        batches.append(list(items))
        begun.set()
        go_on.wait(PATIENCE_S)

    channel = Channel("test", take, most=3)
    assert channel.put(0)
    assert begun.wait(PATIENCE_S)  # it is stuck now, and nobody who puts waits for it
    assert [channel.put(item) for item in range(1, 6)] == [True, True, True, False, False]
    assert channel.dropped == 2
    go_on.set()
    assert channel.close(PATIENCE_S)
    assert batches == [[0], [1, 2, 3]]
    assert not channel.put(6)  # nothing is taken after the end
    assert channel.dropped == 3


def test_what_fails_is_counted_and_given_up_after_some_failures_in_a_row() -> None:
    calls = []

    def take(items: Sequence[int]) -> None:
        calls.extend(items)
        raise OSError("the disk is full")

    channel = Channel("test", take, most=1)
    for item in range(2 * FAULTS_MOST):
        channel.put(item)
        with channel._news:
            channel._news.wait_for(lambda: not channel._items and not channel._busy, PATIENCE_S)
    assert channel.given_up
    assert channel.fault == "OSError: the disk is full"
    assert (channel.failed, channel.dropped, len(calls)) == (FAULTS_MOST, FAULTS_MOST, FAULTS_MOST)
    assert channel.close(PATIENCE_S)


def test_one_that_is_stuck_is_left_behind_at_the_end() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def take(items: Sequence[int]) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    channel = Channel("test", take)
    channel.put(1)
    begun.wait(PATIENCE_S)
    channel.put(2)
    assert not channel.close(0.01)
    assert channel.dropped == 1
    go_on.set()


def test_one_that_was_never_used_has_no_thread() -> None:
    before = threading.active_count()
    assert Channel("test", lambda items: None).close(0.0)
    assert threading.active_count() == before
