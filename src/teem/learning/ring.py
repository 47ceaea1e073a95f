"""The replay's ring as the kernels see it: adding, drawing and reading back entries, row by row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.fetch import fetch
from teem.inner import INNER
from teem.learning.draw import CUT, GOES_ON, TERMINATED, draw_prioritised, draw_uniform, starts, window

Floats = NDArray[np.float32]

_AHEAD = 6  # rows whose places are sent for before they are written
_WORDS = 32  # bfloat16 in a cache line


class Ring(NamedTuple):
    """The arrays of a Replay."""

    observation: NDArray[np.uint16]  # [rows, length, size] bfloat16 bits
    mask: NDArray[np.uint64]  # [rows, length] bit a: action a was legal
    action: NDArray[np.int16]  # [rows, length x branches]
    reward: Floats  # [rows, length]
    end: NDArray[np.uint8]  # [rows, length] see draw.py
    priority: Floats  # [rows, length], or [rows, 0] unless prioritised
    added: NDArray[np.int64]  # [rows]
    closed: NDArray[np.int64]  # [rows]
    peak: Floats  # [rows]


class Drawn(NamedTuple):
    """A row's batch: which entries, and what the window after each brought."""

    before: NDArray[np.int64]  # [batch] place of the state
    after: NDArray[np.int64]  # [batch] place of the state the window leads to
    reward: Floats  # [batch] discounted sum
    discount: Floats  # [batch] gamma**steps, 0 when terminated
    weight: Floats  # [batch] importance


@njit(**INNER)
def room_to_draw(batch):  # type: ignore[no-untyped-def]
    """An empty batch."""
    return Drawn(
        np.empty(batch, np.int64),
        np.empty(batch, np.int64),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
    )


@njit(nogil=True, cache=True)
def round_row(values, out):  # type: ignore[no-untyped-def]
    """Round float32 to the bits of the nearest bfloat16, ties to even, any NaN to one NaN."""
    raw = values.view(np.uint32)
    for j in range(values.shape[0]):
        word = raw[j]
        rounded = (word + np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        is_nan = (word & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
        out[j] = np.uint16(0x7FC0) if is_nan else np.uint16(rounded)


@njit(nogil=True, cache=True)
def round_rows(values, rows, out):  # type: ignore[no-untyped-def]
    """out[n] = the rows of the values [capacity, size], rounded."""
    for i in range(rows.shape[0]):
        round_row(values[rows[i]], out[i])


@njit(**INNER)
def widen_row(values, out):  # type: ignore[no-untyped-def]
    """Widen bfloat16 bits into the bits of float32, `out` uint32."""
    for j in range(values.shape[0]):
        out[j] = np.uint32(values[j]) << np.uint32(16)


@njit(nogil=True, cache=True)
def add_entries(rows, observation, rounded, mask, action, reward, terminated, truncated, final, ring):  # type: ignore[no-untyped-def]
    """Write each row's entry, and the CUT entry of the truncated; `final` [0, 0]: not known.

    observation [capacity, size], unless it is given as bits of bfloat16, `rounded`; the other is [0, 0].
    action [capacity, branches]. With one branch the mask says which actions are legal, with more which branches
    there are: those of a body, which does not change.
    """
    length, branches = ring.end.shape[1], action.shape[1]
    for i in range(rows.shape[0]):
        if i + _AHEAD < rows.shape[0]:
            _fetch_next(rows[i + _AHEAD], ring)
        row = rows[i]
        entry = ring.added[row]
        place = entry % length
        if rounded.shape[0] > 0:
            _copy_row(rounded[row], ring.observation[row, place])
        else:
            round_row(observation[row], ring.observation[row, place])
        ring.mask[row, place] = _legal(mask[row])
        for b in range(branches):
            ring.action[row, place * branches + b] = action[row, b]
        ring.reward[row, place] = reward[row]
        ring.end[row, place] = GOES_ON
        if ring.priority.shape[1] > 0:
            ring.priority[row, place] = ring.peak[row]
        if terminated[row]:
            ring.end[row, place] = TERMINATED
            ring.closed[row] = entry
        elif truncated[row]:
            if final.shape[0] > 0:
                entry += 1
                round_row(final[row], ring.observation[row, entry % length])
                # what was legal there isn't known
                ring.mask[row, entry % length] = ~np.uint64(0) if branches == 1 else ring.mask[row, place]
            _cut(row, entry, ring)
        ring.added[row] = entry + 1


@njit(**INNER)
def _fetch_next(row, ring):  # type: ignore[no-untyped-def]
    """Send for the place where the row's next entry goes."""
    length, size = ring.observation.shape[1:]
    place = row * length + ring.added[row] % length
    for j in range(0, size, _WORDS):
        fetch(ring.observation, place * size + j)
    fetch(ring.mask, place)
    fetch(ring.action, place * (ring.action.shape[1] // length))
    fetch(ring.reward, place)
    fetch(ring.end, place)


@njit(**INNER)
def _copy_row(values, out):  # type: ignore[no-untyped-def]
    """A loop becomes vector moves, an assignment of slices does not."""
    for j in range(values.shape[0]):
        out[j] = values[j]


@njit(nogil=True, cache=True)
def _legal(mask):  # type: ignore[no-untyped-def]
    """A bit an action."""
    legal = np.uint64(0)
    for a in range(mask.shape[0]):
        legal |= np.uint64(mask[a]) << np.uint64(a)
    return legal


@njit(nogil=True, cache=True)
def _cut(row, entry, ring):  # type: ignore[no-untyped-def]
    """Make of an entry a mere state."""
    length = ring.end.shape[1]
    place, branches = entry % length, ring.action.shape[1] // length
    ring.action[row, place * branches : (place + 1) * branches] = 0
    ring.reward[row, place] = np.float32(0)
    ring.end[row, place] = CUT
    ring.closed[row] = entry
    if ring.priority.shape[1] > 0:
        ring.priority[row, place] = np.float32(0)


@njit(nogil=True, cache=True)
def find_drawable(rows, added, closed, end, n_step, out):  # type: ignore[no-untyped-def]
    """out[n] = whether any start of each row has its window complete; entries that are mere states are rare."""
    length = end.shape[1]
    for i in range(rows.shape[0]):
        row = rows[i]
        first, count = starts(added[row], closed[row], length, n_step)
        out[i] = False
        for entry in range(first, first + count):
            if end[row, entry % length] != CUT:
                out[i] = True
                break


@njit(**INNER)
def draw_row(row, agent, seed, step, n_step, gamma, beta, ring, mass, drawn):  # type: ignore[no-untyped-def]
    """Draw one row's batch into `drawn`; False when there is nothing to draw. `mass[length]` is scratch."""
    length = ring.end.shape[1]
    end = ring.end[row]
    first, count = starts(ring.added[row], ring.closed[row], length, n_step)
    start = drawn.before
    if count == 0:
        return False
    if ring.priority.shape[1] > 0:
        chances = ring.priority[row]
        found = draw_prioritised(end, chances, first, count, beta, seed, step, agent, mass, start, drawn.weight)
    else:
        found = draw_uniform(end, first, count, seed, step, agent, start)
        drawn.weight[:] = np.float32(1)
    if not found:
        return False
    for i in range(start.shape[0]):
        drawn.reward[i], drawn.after[i], drawn.discount[i] = window(end, ring.reward[row], start[i], n_step, gamma)
        start[i] %= length
    return True


@njit(nogil=True, cache=True)
def draw_rows(rows, ids, seed, step, n_step, gamma, beta, ring, drawn):  # type: ignore[no-untyped-def]
    """Draw every row's batch into `drawn`, [n, batch] each; the first of `rows` without any, or -1."""
    mass = np.empty(ring.priority.shape[1], np.float64)
    for i in range(rows.shape[0]):
        own = Drawn(drawn.before[i], drawn.after[i], drawn.reward[i], drawn.discount[i], drawn.weight[i])
        if not draw_row(rows[i], ids[i], seed, step, n_step, gamma, beta, ring, mass, own):
            return i
    return -1


@njit(nogil=True, cache=True)
def write_priority(row, start, error, alpha, ring):  # type: ignore[no-untyped-def]
    """priority[start] = (|error| + a millionth)^alpha, and the row's peak follows."""
    for i in range(start.shape[0]):
        priority = (abs(error[i]) + np.float32(1e-6)) ** alpha
        ring.priority[row, start[i]] = priority
        ring.peak[row] = max(ring.peak[row], priority)
