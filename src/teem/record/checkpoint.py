"""Saving a whole run so that it can go on as if it had never stopped, and finding the newest whole save.

A checkpoint is a folder `step-000005000` of three files: `arrays.safetensors`, `state.json` (everything else,
in its nesting) and `manifest.json` with the size and SHA-256 of both. It is written under another name, the
manifest last, synced and renamed: a folder with the right name is whole, or was damaged later and its sums
show it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teem.errors import TeemError
from teem.measure.spans import Spans
from teem.pool import Pool, Task
from teem.record import archive
from teem.record.disk import sync
from teem.state import State

PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved run, verified."""

    step: int  # steps made
    state: State
    meta: dict[str, Any]
    faults: tuple[str, ...]  # what is wrong with newer checkpoints that were passed over


class Checkpointer:
    """Writes checkpoints in the background, by a pool or a thread of its own, one at a time, and keeps the last `keep`.

    What is passed to `save` must be copies: parts' `state()` gives them. Saving while one is in flight waits
    for it, as span `checkpoint.wait`; what failed is raised by the next `save`, `expect_success` or `close`.
    """

    saved: int  # checkpoints written
    last_step: int | None  # of the newest one on the disk
    last_asked: int | None  # of the newest that was asked for
    last_seconds: float  # that writing it took
    last_bytes: int

    def __init__(self, folder: Path, keep: int, spans: Spans, pool: Pool | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.saved = 0
        self.last_step = self.last_asked = max(steps_of(folder), default=None)
        self.last_seconds = 0.0
        self.last_bytes = 0
        self._folder = folder
        self._keep = keep
        self._spans = spans
        self._own = pool is None
        self._pool = Pool("checkpoint", 1) if pool is None else pool
        self._flying: Task | None = None
        sweep(folder)

    @property
    def under_way(self) -> bool:
        """Whether one is being written."""
        return self._flying is not None and not self._flying.settled

    def save(self, step: int, state: State, meta: dict[str, Any], before: Callable[[], None] | None = None) -> None:
        """Begin to write a checkpoint; it counts only once `before`, called in the background, has returned.

        `before` waits until the record of every step so far is on the disk. Raises TypeError, naming the
        path, for a leaf that can't be saved, and TeemError when the checkpoint before has failed.
        """
        self._land()
        packed = archive.pack(state)
        self.last_asked = step
        self._flying = self._pool.submit(lambda: self._write(step, packed, meta, before))
        if self._flying is None:
            raise TeemError(f"checkpoint at step {step} in {self._folder}: the pool {self._pool.name} takes no more")

    def expect_success(self) -> None:
        """Raise TeemError when the last checkpoint has failed; never waits."""
        if self._flying is not None and self._flying.settled:
            self._land()

    def close(self) -> None:
        """Wait for the checkpoint in flight; raises TeemError when it failed."""
        try:
            self._land()
        finally:
            if self._own:
                self._pool.close()

    def _land(self) -> None:
        if self._flying is None:
            return
        flying, self._flying = self._flying, None
        if flying.settled:
            flying.result()
            return
        with self._spans("checkpoint.wait"):
            flying.result()

    def _write(
        self, step: int, packed: archive.Packed, meta: dict[str, Any], before: Callable[[], None] | None
    ) -> None:
        def wait() -> None:
            if before is not None:
                with self._pool.away():
                    before()

        begun = time.perf_counter()
        try:
            self.last_bytes = write(self._folder, step, packed, meta, wait)
            for old in steps_of(self._folder)[: -self._keep]:
                discard(folder_of(self._folder, old))
        except OSError as error:
            raise TeemError(f"checkpoint at step {step} in {self._folder} failed: {error}") from error
        self.saved += 1
        self.last_step = step
        self.last_seconds = time.perf_counter() - begun


def write(
    folder: Path,
    step: int,
    packed: archive.Packed,
    meta: dict[str, Any],
    before: Callable[[], None] | None = None,
) -> int:
    """Write one checkpoint, whole or not at all; returns its bytes."""
    final = folder_of(folder, step)
    partial = final.with_name(final.name + PARTIAL)
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        size = archive.write(partial, step, packed, meta)
        sync(partial)
        if before is not None:
            before()
        if final.exists():
            discard(final)
        partial.rename(final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(folder)
    return size


def latest(folder: Path) -> Checkpoint:
    """The newest checkpoint that is whole; raises TeemError naming the fault of each when none is."""
    faults: list[str] = []
    for step in reversed(steps_of(folder)):
        try:
            state, meta = archive.read(folder_of(folder, step), step)
        except (OSError, ValueError) as error:
            faults.append(f"{folder_of(folder, step)}: {error}")
            continue
        return Checkpoint(step, state, meta, tuple(faults))
    if not faults:
        raise TeemError(f"{folder} holds no checkpoint: run the world again")
    raise TeemError("\n".join([f"{folder} holds no whole checkpoint:", *faults]))


def discard_after(folder: Path, step: int) -> None:
    """Remove the checkpoints of later steps: the run goes on from `step`, and may go another way."""
    for later in steps_of(folder):
        if later > step:
            discard(folder_of(folder, later))


def discard(checkpoint: Path) -> None:
    """Remove a checkpoint; one that is half removed no longer has a checkpoint's name."""
    doomed = checkpoint.with_name(checkpoint.name + PARTIAL + "-old")
    if doomed.exists():
        shutil.rmtree(doomed)
    checkpoint.rename(doomed)
    shutil.rmtree(doomed)


def sweep(folder: Path) -> None:
    """Remove what an interrupted run left half written; nobody else may be writing here."""
    for leftover in folder.glob(f"step-*{PARTIAL}*"):
        shutil.rmtree(leftover)


def folder_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:09d}"


def steps_of(folder: Path) -> list[int]:
    """The steps there are checkpoints of, rising, whole or not."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name[5:]) for entry in folder.glob("step-*") if entry.name[5:].isdecimal())
