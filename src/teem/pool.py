"""A pool: so many threads that take tasks from one bounded queue, and the budget of cores that pools share.

Whoever hands a task over never waits: a queue that is full refuses it. A task may have a deadline. One that has not
begun by then is dropped, one that still runs is counted and left alone, since no thread can be stopped from outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from time import perf_counter, sleep

AWAKE_S = 2e-4  # that who waits for a helper stays awake: waking up takes half as long
WINDOW_S = 1.0  # that utilisation is of, at least


class Cores:
    """So many tokens; a thread beside the caller's runs only with one, so no more threads run than there are cores."""

    def __init__(self, count: int) -> None:
        self.count = self._free = count
        self._wanted = 0  # tasks that wait for a token
        self._news = threading.Condition()

    def take(self, most: int) -> int:
        """Take up to so many tokens if they are free, for helpers; how many. None while a task waits for one."""
        if self._free <= 0 or self._wanted:  # a look without the lock: almost always right, and free
            return 0
        with self._news:
            taken = 0 if self._wanted else min(most, self._free)
            self._free -= taken
            return taken

    def wait(self, until: float = float("inf")) -> bool:
        """Take a token as soon as one is free; False where none was until then, by `perf_counter`."""
        with self._news:
            self._wanted += 1
            free = self._news.wait_for(lambda: self._free > 0, _left(until))
            self._wanted -= 1
            self._free -= free
            return free

    def give(self, count: int = 1) -> None:
        """Give tokens back."""
        with self._news:
            self._free += count
            if self._wanted:
                self._news.notify_all()


def _left(until: float) -> float | None:
    """The seconds until then, as the standard library's locks take them."""
    return None if until == float("inf") else max(0.0, until - perf_counter())


class Task:
    """Work that a pool was given; `settled` once it is over, was cancelled, or was dropped at its deadline."""

    __slots__ = ("_ended", "_taken", "begun", "deadline", "error", "held", "late", "pool", "settled", "work")

    def __init__(self, pool: Pool, work: Callable[[], object], deadline: float, *, held: bool) -> None:
        self.pool, self.work, self.deadline, self.held = pool, work, deadline, held
        self.begun: float | None = None
        self.error: BaseException | None = None
        self.late = self.settled = False
        self._taken, self._ended = threading.Lock(), threading.Lock()
        self._ended.acquire()

    def take(self) -> bool:
        """Whether the caller is the one who decides what becomes of it: to run, to cancel, or to drop it."""
        return self._taken.acquire(blocking=False)

    def end(self) -> None:
        """It is over."""
        self.settled, self.work = True, _nothing  # what it held goes now, however long somebody keeps the task
        self._ended.release()

    def result(self) -> None:
        """Wait until it is over, at most until its deadline; raises what it raised, or TimeoutError."""
        if not self.settled:
            left = _left(self.deadline)
            if not self._ended.acquire(timeout=-1 if left is None else left):
                self.pool.note_late(self)
                raise TimeoutError(f"a task of the pool {self.pool.name} is past its deadline")
            self._ended.release()  # for whoever else waits
        if self.error is not None:
            raise self.error
        if self.late and self.begun is None:
            raise TimeoutError(f"a task of the pool {self.pool.name} had not begun by its deadline")


def _nothing() -> None:
    """What there is to do once a task is over."""


class Pool:
    """At most `threads` threads, begun when they are first needed, and at most `most` tasks that wait for them."""

    def __init__(self, name: str, threads: int, most: int = 64, cores: Cores | None = None) -> None:
        self.name, self.threads, self.most = name, threads, most
        self.done = 0  # tasks that ran to their end, helpers' included
        self.failed = 0  # tasks that raised
        self.late = 0  # tasks that were not over at their deadline
        self.refused = 0  # tasks for which there was no room
        self.fault: str | None = None  # what the last one raised
        self.cores = cores or Cores(threads)
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._waiting = 0  # tasks that have not begun, and were not taken back
        self._free = 0  # threads that wait for a task
        self._running: dict[int, Task] = {}  # by thread
        self._begun: list[threading.Thread] = []
        self._busy_s = 0.0  # of all threads, in tasks that are over
        self._seen = (perf_counter(), 0.0, 0.0)  # when utilisation was told last, busy seconds then, and what was told
        self._closing = False
        self._lock = threading.Lock()

    # ---- who hands over

    def submit(self, work: Callable[[], object], deadline_s: float = float("inf")) -> Task | None:
        """Hand a task over, to be done within so many seconds; None where it was refused."""
        return self._put(Task(self, work, perf_counter() + deadline_s, held=False))

    def help(self, work: Callable[[], object]) -> Task | None:
        """Hand work over for which the caller holds a token, which goes back when it is over; None: refused."""
        return self._put(Task(self, work, float("inf"), held=True))

    def lend(self, most: int, work: Callable[[], object]) -> list[Task]:
        """Have up to so many threads help with `work`; as many as there are tokens for."""
        tokens = self.cores.take(most)
        helpers = [task for _ in range(tokens) if (task := self.help(work))]
        if len(helpers) < tokens:
            self.cores.give(tokens - len(helpers))
        return helpers

    def cancel(self, task: Task) -> bool:
        """Take a task back that has not begun; whether it hadn't."""
        if not task.take():
            return False
        with self._lock:
            self._waiting -= 1
        if task.held:
            self.cores.give()
        task.end()
        return True

    @contextmanager
    def away(self) -> Iterator[None]:
        """For a task that waits for a disk or another process: its token is somebody else's for so long."""
        self.cores.give()
        try:
            yield
        finally:
            self.cores.wait()

    def _put(self, task: Task) -> Task | None:
        with self._lock:
            if self._closing or self._queue.qsize() >= self.most:  # those taken back are in it until they are seen
                self.refused += 1
                return None
            self._waiting += 1
            alone = self._waiting > self._free and len(self._begun) < self.threads
            if alone:
                thread = threading.Thread(target=self._serve, name=f"{self.name} {len(self._begun)}", daemon=True)
                self._begun.append(thread)
        self._queue.put(task)
        if alone:
            thread.start()
        return task

    # ---- what is known of it

    def __len__(self) -> int:
        return self._waiting

    @property
    def free(self) -> int:
        """Threads that would take a task at once."""
        return self.threads - len(self._running) - self._waiting

    @property
    def busy_s(self) -> float:
        """Seconds that its threads have spent in tasks, those under way included."""
        now = perf_counter()
        with self._lock:
            return self._busy_s + sum(now - task.begun for task in self._running.values() if task.begun)

    @property
    def utilisation(self) -> float:
        """The part of its threads' time that went to tasks, since it was told last, or a second ago at least."""
        now, busy = perf_counter(), self.busy_s
        then, was, told = self._seen
        if now - then >= WINDOW_S:
            told = max(0.0, busy - was) / (self.threads * (now - then))
            self._seen = (now, busy, told)
        return told

    def count_late(self) -> int:
        """Tasks that were not over at their deadline so far; looks at those that run now."""
        for task in tuple(self._running.values()):
            if perf_counter() > task.deadline:
                self.note_late(task)
        return self.late

    def note_late(self, task: Task) -> None:
        """Count a task that is past its deadline, once."""
        with self._lock:
            if not task.late:
                task.late = True
                self.late += 1

    def close(self, limit_s: float = 10.0) -> bool:
        """End its threads when the tasks that it has are over, within so many seconds; whether all have ended.

        What has not begun by then never will. A thread that is held up ends with the process at the latest.
        """
        until = perf_counter() + limit_s
        with self._lock:
            self._closing = True
        for _ in self._begun:
            self._queue.put(None)
        for thread in self._begun:
            thread.join(max(0.0, until - perf_counter()))
        self._drop_all()
        return not any(thread.is_alive() for thread in self._begun)

    def _drop_all(self) -> None:
        """Nobody takes what is in the queue any more."""
        kept: list[None] = []
        while not self._queue.empty():
            task = self._queue.get()
            if task is None:
                kept.append(task)
            elif task.take():
                self._drop(task)
        for none in kept:
            self._queue.put(none)

    # ---- in its threads

    def _serve(self) -> None:
        me = threading.get_ident()
        while True:
            with self._lock:
                self._free += 1
            task = self._queue.get()
            with self._lock:
                self._free -= 1
            if task is None:
                return
            if task.take():
                self._do(task, me)

    def _do(self, task: Task, me: int) -> None:
        """Run a task with a token, or drop it where it is too late."""
        if not task.held and (perf_counter() > task.deadline or not self.cores.wait(task.deadline)):
            self._drop(task)
            return
        task.begun = perf_counter()
        with self._lock:
            self._waiting -= 1
            self._running[me] = task
        try:
            task.work()
        except BaseException as error:  # whatever it is: who handed it over is told, and the thread goes on
            task.error = error
        self.cores.give()
        now = perf_counter()
        if now > task.deadline:
            self.note_late(task)
        with self._lock:
            del self._running[me]
            self._busy_s += now - task.begun
            self.done += 1
            if task.error is not None:
                self.failed += 1
                self.fault = f"{type(task.error).__name__}: {task.error}"
        task.end()

    def _drop(self, task: Task) -> None:
        """It has not begun, and never will."""
        with self._lock:
            self._waiting -= 1
        if task.held:
            self.cores.give()
        else:
            self.note_late(task)
        task.end()


def wait_awake(task: Task) -> None:
    """Return, or raise, when the task is over: it will be in a moment."""
    until = perf_counter() + AWAKE_S
    while not task.settled and perf_counter() < until:
        sleep(0)
    task.result()
