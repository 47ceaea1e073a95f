"""Shared memory and bells: seen by whoever is given the descriptor, gone with the last of them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from teem.errors import TeemError
from teem.runtime.transport.atomics import add, load, store
from teem.runtime.transport.events import Bell
from teem.runtime.transport.shared import LINE, Segment, size_of

COLUMNS = {"flag": (np.bool_, (3,)), "weights": (np.float32, (2, 5)), "count": (np.int64, (4,))}
SHM = Path("/dev/shm")


def test_a_child_sees_what_is_written_and_its_killing_leaves_nothing() -> None:
    before = set(SHM.glob("*"))
    segment = Segment.create("test", COLUMNS)
    segment.columns["count"][1] = 7
    code = f"""
import os, sys, numpy as np
from teem.runtime.transport.shared import Segment
from teem.runtime.transport.atomics import load, store
columns = {{"flag": (np.bool_, (3,)), "weights": (np.float32, (2, 5)), "count": (np.int64, (4,))}}
segment = Segment({segment.descriptor}, columns)
assert load(segment.columns["count"], 1) == 7
segment.columns["weights"][:] = 1.5
store(segment.columns["count"], 2, 8)
os.kill(os.getpid(), 9)
"""
    child = subprocess.run([sys.executable, "-c", code], pass_fds=(segment.descriptor,), timeout=60)
    assert child.returncode == -9
    assert load(segment.columns["count"], 2) == 8
    assert (segment.columns["weights"] == 1.5).all()
    segment.close()
    assert (set(SHM.glob("*"))) <= before


def test_columns_begin_at_cache_lines_and_are_zero() -> None:
    segment = Segment.create("test", COLUMNS)
    assert size_of(COLUMNS) == 3 * LINE
    for column in segment.columns.values():
        assert column.ctypes.data % LINE == 0
        assert not column.any()
    segment.close()


def test_memory_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(TeemError, match="MB of shared memory for test can't be had"):
        Segment.create("test", {"weights": (np.float32, (1 << 46,))})


def test_cells_are_stored_loaded_and_raised() -> None:
    cells = np.zeros(3, np.int64)
    store(cells, 1, -5)
    add(cells, 1, 7)
    assert cells.tolist() == [0, 2, 0]
    assert load(cells, 1) == 2


def test_a_bell_wakes_remembers_and_has_a_deadline() -> None:
    bell = Bell.create()
    assert not bell.wait(0.001)
    for _ in range(100_000):  # more than a pipe holds: nobody waits
        bell.ring()
    assert bell.wait(60)
    while bell.wait(0):
        pass
    cpu = time.thread_time()
    assert not bell.wait(0.3)
    assert time.thread_time() - cpu < 0.006  # 2% of it: it sleeps
    bell.close()
