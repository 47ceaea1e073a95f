"""Which transitions an update learns from: drawn by one device function, whatever the backend.

An entry of a ring is a decision: what was seen, done and gained. A start's window is the `n_step` decisions
from it on; it is complete when the state after them is known, or when the life or the episode ended in it.
Entries are counted from the life's first: entry `i` of a row lies at place `i % length`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.rng import Stream, bits, to_unit

GOES_ON = np.uint8(0)
TERMINATED = np.uint8(1)  # the life ended with this decision
CUT = np.uint8(2)  # only a state: seen last, nothing known of what was done in it

_REPLAY = int(Stream.REPLAY)
_TRIES = 32


@njit(nogil=True, cache=True, inline="always")
def starts(added, closed, length, n_step):  # type: ignore[no-untyped-def]
    """The oldest entry and how many from it on have complete windows (some of them may be CUT).

    `closed` is the newest entry that ended something, -1 if none: windows up to it need nothing that follows.
    """
    first = max(0, added - length)
    last = max(added - 1 - n_step, closed)
    return first, max(0, last - first + 1)


@njit(**INNER)
def draw_uniform(end, first, count, seed, step, agent, start):  # type: ignore[no-untyped-def]
    """Draw `start[batch]`, entries of equal chance that aren't CUT; False when there is none to draw."""
    length = end.shape[0]
    batch = start.shape[0]
    words = bits(seed, _REPLAY, step, agent, 0)
    for i in range(batch):
        if i % 4 == 0:  # a block of bits is four words
            words = bits(seed, _REPLAY, step, agent, i // 4)
        entry = first + _below(words[i % 4], count)
        for again in range(1, _TRIES):
            if end[entry % length] != CUT:
                break
            entry = first + _below(bits(seed, _REPLAY, step, agent, again * batch + i)[0], count)
        for _ in range(count):  # a ring almost all CUT: the next one that isn't
            if end[entry % length] != CUT:
                break
            entry = entry + 1 if entry + 1 < first + count else first
        if end[entry % length] == CUT:
            return False
        start[i] = entry
    return True


@njit(nogil=True, cache=True, inline="always")
def _below(word, count):  # type: ignore[no-untyped-def]
    """An integer in [0, count) from one word."""
    return np.int64((np.uint64(word) * np.uint64(count)) >> np.uint64(32))


@njit(**INNER)
def draw_prioritised(end, priority, first, count, beta, seed, step, agent, mass, start, weight):  # type: ignore[no-untyped-def]
    """Draw `start[batch]` in proportion to priority, one from each equal part of the total, and weigh them.

    Weights are (count x chance)^-beta over the batch's largest (Schaul et al. 2016, section 3.4,
    https://arxiv.org/abs/1511.05952). `mass[length]` is scratch. False when nothing has a priority.
    """
    length = end.shape[0]
    batch = start.shape[0]
    total = 0.0
    drawable = 0
    for i in range(count):
        place = (first + i) % length
        if end[place] != CUT:
            total += np.float64(priority[place])
            drawable += 1
        mass[i] = total
    if not total > 0.0:
        return False
    largest = np.float32(0)
    for i in range(batch):
        unit = np.float64(to_unit(bits(seed, _REPLAY, step, agent, i)[0]))
        found = np.searchsorted(mass[:count], (i + unit) / batch * total, side="right")
        found = _last_with_mass(mass, min(found, count - 1))
        start[i] = first + found
        chance = np.float64(priority[start[i] % length]) / total
        weight[i] = np.float32((drawable * chance) ** -beta)
        largest = max(largest, weight[i])
    for i in range(batch):
        weight[i] /= largest
    return True


@njit(nogil=True, cache=True, inline="always")
def _last_with_mass(mass, entry):  # type: ignore[no-untyped-def]
    """`entry`, or the nearest one before it that adds to the running sum."""
    while entry > 0 and mass[entry] == mass[entry - 1]:
        entry -= 1
    return entry


@njit(nogil=True, cache=True, inline="always")
def window(end, reward, entry, n_step, gamma):  # type: ignore[no-untyped-def]
    """Discounted reward, the place of the state after, and its discount (0: the life ended).

    When the life ended no state follows, and its last one stands in: it is read, and counts nothing.
    """
    length = end.shape[0]
    gained = np.float32(0)
    discount = np.float32(1)
    place = entry % length
    for k in range(n_step):
        place = (entry + k) % length
        if end[place] == CUT:
            return gained, place, discount
        gained += discount * reward[place]
        if end[place] == TERMINATED:
            return gained, place, np.float32(0)
        discount *= gamma
    return gained, (entry + n_step) % length, discount
