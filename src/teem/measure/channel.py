"""A channel to a thread of its own or a pool: whoever puts something in never waits, what finds it full is dropped."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from teem.pool import Pool, Task

T = TypeVar("T")

FAULTS_MOST = 5  # failures in a row after which nothing is taken any more


class Channel(Generic[T]):
    """At most `most` items on their way to `take`, which is given all that wait at once.

    It is called in a thread of its own, which begins with the first item, or by a pool, for so many seconds at most
    from when an item came; one call at a time. What `take` raises is counted, and the items it was given are lost.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[Sequence[T]], None],
        most: int = 16,
        pool: Pool | None = None,
        deadline_s: float = 60.0,
    ) -> None:
        self.name, self.most = name, most
        self._pool, self._deadline_s = pool, deadline_s
        self._task: Task | None = None  # the pool's that was asked last
        self._asked = False  # whether it will look at what is here
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
            if self._pool is not None:
                return self._ask(self._pool)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self.name, daemon=True)
            self._thread.start()
        return True

    def _ask(self, pool: Pool) -> bool:
        """Have the pool take what is here, unless it is about to; False where it takes no more."""
        if self._asked and self._task is not None and not self._task.settled:
            return True
        self._task = pool.submit(self._take_once, self._deadline_s)
        self._asked = self._task is not None
        if not self._asked:
            self._items.pop()
            self.dropped += 1
        return self._asked

    def close(self, deadline_s: float) -> bool:
        """Let it take what it was sent, for so long, and nothing after that; whether it took everything."""
        with self._news:
            if self._pool is not None and self._items:
                self._ask(self._pool)  # who was asked before may have been too late
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
            self._take_waiting()

    def _take_once(self) -> None:
        """A pool's task: take what is here, and what comes meanwhile; raises what the last call raised."""
        error = None
        while True:
            with self._news:
                if not self._items or error is not None:
                    self._asked = False
                    break
            error = self._take_waiting()
        if error is not None:
            raise error

    def _take_waiting(self) -> Exception | None:
        """Take everything that is here now; what that raised."""
        fault = None
        with self._news:
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
            fault = error
        with self._news:
            self._busy = False
            if self.given_up:
                self.dropped += len(self._items)
                self._items.clear()
            self._news.notify_all()
        return fault
