"""A channel to a thread of its own: whoever puts something in never waits, and what finds it full is dropped."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

FAULTS_MOST = 5  # failures in a row after which nothing is taken any more


class Channel(Generic[T]):
    """At most `most` items on their way to `take`, which is given all that wait at once, in a thread of its own.

    The thread begins with the first item. What `take` raises is counted, and the items it was given are lost.
    """

    def __init__(self, name: str, take: Callable[[Sequence[T]], None], most: int = 16) -> None:
        self.name, self.most = name, most
        self.dropped = 0  # items that found it full, or came too late
        self.failed = 0  # calls of `take` that raised
        self.fault: str | None = None  # what the last of them raised
        self._take = take
        self._items: deque[T] = deque()
        self._in_a_row = 0  # failures
        self._busy = self._closing = False
        self._news = threading.Condition()  # held for as long as it takes to move items, never while they are taken
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def given_up(self) -> bool:
        """Whether nothing is taken any more, after too many failures in a row."""
        return self._in_a_row >= FAULTS_MOST

    def put(self, item: T) -> bool:
        """Send an item; False where it was dropped."""
        with self._news:
            if len(self._items) >= self.most or self._closing or self.given_up:
                self.dropped += 1
                return False
            self._items.append(item)
            self._news.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self.name, daemon=True)
            self._thread.start()
        return True

    def close(self, deadline_s: float) -> bool:
        """Let it take what it was sent, for so long, and nothing after that; whether it took everything."""
        with self._news:
            done = self._news.wait_for(lambda: not self._items and not self._busy, deadline_s)
            self._closing = True
            self.dropped += len(self._items)
            self._items.clear()
            self._news.notify_all()
        if done and self._thread is not None:
            self._thread.join(deadline_s)
        return done

    def _serve(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._items or self._closing)
                if self._closing:
                    return
                items = list(self._items)
                self._items.clear()
                self._busy = True
            try:
                self._take(items)
                self._in_a_row = 0
            except Exception as error:  # whatever it is: who sends must go on
                self.failed += 1
                self._in_a_row += 1
                self.fault = f"{type(error).__name__}: {error}"
            with self._news:
                self._busy = False
                if self.given_up:
                    self.dropped += len(self._items)
                    self._items.clear()
                self._news.notify_all()
