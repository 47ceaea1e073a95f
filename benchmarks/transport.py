"""What the transport between processes carries: experience through a ring into replays, and weights by mailbox.

    python benchmarks/transport.py [ring] [mailbox] [--seconds 10]

ring: another process writes steps of 1,000 agents as fast as it can (16 numbers observed, 10 actions); this one takes
them into replays and draws batches of 32 from those, as many rows as came in. mailbox: another process publishes a
network of 80 KB as fast as it can, this one reads as fast as it can and looks whether it is whole.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from time import perf_counter, process_time

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.learning.replay import Replay
from teem.learning.ring import draw_row, room_to_draw, widen_row
from teem.runtime.transport.events import Bell
from teem.runtime.transport.mailbox import NOTES, Mailbox
from teem.runtime.transport.ring import Ring
from teem.runtime.transport.shared import Segment

AGENTS, INPUTS, ACTIONS, LENGTH, BATCH = 1000, 16, 10, 256, 32
RING = 1 << 23
WEIGHTS = 20_000  # 80 KB
AT_ONCE = 4  # networks
LEARN = 32  # agents that draw a batch in a step, so that as many rows are drawn as come in


def write_steps(descriptor: int, read: int, write: int) -> None:
    """Write steps until the ring's reader ends."""
    ring, room = Ring(Segment(descriptor, Ring.columns(RING, 1))), Bell((read, write))
    draws = np.random.default_rng(0)
    step = {
        "observation": draws.standard_normal((AGENTS, INPUTS), np.float32),
        "mask": np.ones((AGENTS, ACTIONS), np.bool_),
        "action": draws.integers(0, ACTIONS, AGENTS).astype(np.int32),
        "reward": draws.standard_normal(AGENTS, np.float32),
        "terminated": draws.random(AGENTS) < 0.01,
        "truncated": np.zeros(AGENTS, np.bool_),
    }
    while True:
        while not ring.put("step", {}, step):
            room.wait(0.5)


def measure_ring(seconds: float) -> None:
    segment, room = Segment.create("ring", Ring.columns(RING, 1)), Bell.create()
    ring, replay = Ring(segment), Replay(AGENTS, LENGTH, INPUTS)
    rows = np.arange(AGENTS)
    given = (segment.descriptor, *room.descriptors)
    writer = start("write_steps", given)
    names = ("observation", "mask", "action", "reward", "terminated", "truncated")

    def take() -> bool:
        frame = ring.peek()
        if frame is None:
            return False
        replay.add(rows, *(frame.columns[name] for name in names))
        ring.release()
        room.ring()
        return True

    while replay.added[0] < 2 * LENGTH:  # full, and everything compiled
        take()
    sampled, took, cpu = sample_rate(replay, rows), 0, process_time()
    begun = perf_counter()
    while perf_counter() - begun < seconds:
        took += take()
    alone = took * AGENTS / (perf_counter() - begun)
    of_cpu = took * AGENTS / (process_time() - cpu)
    took, begun, drawn = 0, perf_counter(), 0
    states = np.empty((2, INPUTS), np.uint32)
    while perf_counter() - begun < seconds:
        if take():
            took += 1
            drawn += gather(rows[:LEARN], took, replay.ring(), states)
    both = perf_counter() - begun
    writer.kill()
    print(f"ring: {alone / 1e6:.2f}M rows/s in, {of_cpu / 1e6:.2f}M a CPU second of the reader (must 4, aim 7)")
    print(f"ring: {sampled / 1e6:.2f}M rows a CPU second sampled, both states read (must 3, aim 4.5)")
    print(f"ring: at once {took * AGENTS / both / 1e6:.2f}M in and {drawn / both / 1e6:.2f}M sampled a second")


@njit(nogil=True)
def gather(rows, step, ring, states):  # type: ignore[no-untyped-def]
    """Draw a batch of each of the rows and read both states of each entry, as the update kernels do; how many."""
    mass, drawn = np.empty(0, np.float64), room_to_draw(BATCH)
    for row in rows:
        draw_row(row, row, 1, step, 1, np.float32(0.95), 0.4, ring, mass, drawn)
        for i in range(BATCH):
            widen_row(ring.observation[row, drawn.before[i]], states[0])
            widen_row(ring.observation[row, drawn.after[i]], states[1])
    return len(rows) * BATCH


def sample_rate(replay: Replay, rows: NDArray[np.int64]) -> float:
    """Rows a CPU second that are drawn and read, both states of each."""
    states = np.empty((2, INPUTS), np.uint32)
    gather(rows, 0, replay.ring(), states)
    begun, cpu, drawn = perf_counter(), process_time(), 0
    while perf_counter() - begun < 2:
        drawn += gather(rows, drawn, replay.ring(), states)
    return drawn / (process_time() - cpu)


def publish(descriptor: int) -> None:
    """Publish until killed."""
    box = Mailbox(Segment(descriptor, Mailbox.columns(1, WEIGHTS)))
    weights, row, notes = np.empty((1, WEIGHTS), np.float32), np.zeros(1, np.int32), np.zeros((1, NOTES), np.int64)
    number = 0
    while True:
        number = number % 1_000_000 + 1
        weights[:] = number
        box.publish(row, weights, notes)


def measure_mailbox(seconds: float, reads_wanted: int = 1_000_000) -> None:
    segment = Segment.create("mailbox", Mailbox.columns(1, WEIGHTS))
    box, row, owner = Mailbox(segment), np.zeros(1, np.int32), np.zeros(1, np.int64)
    out = np.zeros((1, WEIGHTS), np.float32)
    box.publish(row, out, np.zeros((1, NOTES), np.int64))
    box.take(row, owner, out)
    alone, together = read_cost(1), read_cost(AT_ONCE)
    begun = perf_counter()
    writer = start("publish", (segment.descriptor,))
    reads = torn = 0
    while reads < reads_wanted and perf_counter() - begun < 60 * seconds:
        if not len(box.take(row, owner, out)):
            box.forget()
            box.take(row, owner, out)
        reads += 1
        torn += int(out[0, 0] != out[0, -1] or out[0, 0] != out[0, WEIGHTS // 2] or (reads % 16 == 0 and np.ptp(out)))
    versions = int(box.versions(row)[0])
    writer.kill()
    print(f"mailbox: {torn} torn in {reads:,} reads while {versions:,} versions were published (must 0 in 1,000,000)")
    each = f"{together:.1f} each of {AT_ONCE} taken at once, as an actor does"
    print(f"mailbox: {alone:.1f} us CPU a read of 80 KB, {each} (must 5, aim 2)")


def read_cost(rows: int, seconds: float = 1.5) -> float:
    """Microseconds of CPU a network, when so many are read at once and nobody writes; the best of ten tries."""
    segment = Segment.create("mailbox", Mailbox.columns(rows, WEIGHTS))
    box, row, owner = Mailbox(segment), np.arange(rows, dtype=np.int32), np.zeros(rows, np.int64)
    out = np.zeros((rows, WEIGHTS), np.float32)
    box.publish(row, out, np.zeros((rows, NOTES), np.int64))
    costs = []
    for _ in range(10):
        begun, cpu, reads = perf_counter(), process_time(), 0
        while perf_counter() - begun < seconds / 10:
            box.forget()
            reads += len(box.take(row, owner, out))
        costs.append((process_time() - cpu) / reads * 1e6)
    return min(costs)


def start(function: str, descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Run one of the functions in a process of its own."""
    return subprocess.Popen(
        [sys.executable, __file__, "--alone", function, *map(str, descriptors)], pass_fds=descriptors
    )


def main() -> None:
    if sys.argv[1:2] == ["--alone"]:
        {"write_steps": write_steps, "publish": publish}[sys.argv[2]](*map(int, sys.argv[3:]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["ring", "mailbox"])
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    for what in asked.what:
        {"ring": measure_ring, "mailbox": measure_mailbox}[what](asked.seconds)


if __name__ == "__main__":
    main()
