"""What agents remember: a ring a row, each entry one decision, nothing stored twice.

The state after a decision is the next entry's observation, so a transition costs one observation. Observations
are kept as bfloat16, the upper half of a float32: half the memory, the same range, three significant digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.learning.draw import CUT, GOES_ON, TERMINATED, draw_prioritised, draw_uniform, starts, window
from teem.state import State, expect_same_shape

Rows = NDArray[np.int32] | NDArray[np.int64]
Floats = NDArray[np.float32]

MOST_ACTIONS = 64  # a mask is a bit an action
_RING = ("observation", "mask", "action", "reward", "end", "priority")
_TOTALS = ("added", "closed", "peak")


@dataclass(slots=True)
class Batch:
    """Transitions of n agents, `batch` each."""

    observation: Floats  # [n, batch, size]
    action: NDArray[np.int64]  # [n, batch]
    reward: Floats  # [n, batch] discounted sum over the window
    next_observation: Floats  # [n, batch, size]
    next_mask: NDArray[np.bool_]  # [n, batch, actions]
    discount: Floats  # [n, batch] gamma**steps, 0 when terminated
    weight: Floats  # [n, batch] importance, 1 when drawn uniformly
    index: NDArray[np.int64]  # [n, batch] place in the ring


class Replay:
    """A ring a row. The observation of the next decision is the next entry: nothing is stored twice."""

    observation: NDArray[np.uint16]  # [rows, length, size] bfloat16 bits
    mask: NDArray[np.uint64]  # [rows, length] bit a: action a was legal
    action: NDArray[np.int16]  # [rows, length]
    reward: Floats  # [rows, length]
    end: NDArray[np.uint8]  # [rows, length] see draw.py
    priority: Floats  # [rows, length] already to the power alpha; [rows, 0] unless prioritised
    added: NDArray[np.int64]  # [rows] entries ever added in this life; the next goes to added % length
    closed: NDArray[np.int64]  # [rows] newest entry that ended something; -1: none
    peak: Floats  # [rows] largest priority so far, given to new entries

    def __init__(
        self,
        rows: int,
        length: int,
        size: int,
        *,
        prioritised: bool = False,
        alpha: float = 0.6,
        beta: float = 0.4,
    ) -> None:
        self.rows, self.length, self.size = rows, length, size
        self.prioritised, self.alpha, self.beta = prioritised, alpha, beta
        self.actions = 0  # width of the masks added, known from the first
        self.observation = np.zeros((rows, length, size), np.uint16)
        self.mask = np.zeros((rows, length), np.uint64)
        self.action = np.zeros((rows, length), np.int16)
        self.reward = np.zeros((rows, length), np.float32)
        self.end = np.zeros((rows, length), np.uint8)
        self.priority = np.zeros((rows, length if prioritised else 0), np.float32)
        self.added = np.zeros(rows, np.int64)
        self.closed = np.full(rows, -1, np.int64)
        self.peak = np.ones(rows, np.float32)

    def add(
        self,
        rows: Rows,
        observation: Floats,
        mask: NDArray[np.bool_],
        action: NDArray[np.int32],
        reward: Floats,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        final: Floats | None = None,
    ) -> None:
        """Add one decision a row; all but `rows` is by slot, [capacity, ...].

        A truncated decision is followed by an entry for `final`, the state it was cut off in, from which the
        windows before it bootstrap. Without `final` they bootstrap from the state the decision was made in.
        """
        if mask.shape[1] > MOST_ACTIONS:
            raise ValueError(f"replay holds at most {MOST_ACTIONS} actions, the world has {mask.shape[1]}")
        self.actions = mask.shape[1]
        _add(
            rows.astype(np.int64, copy=False),
            observation.reshape(len(observation), -1),
            mask,
            action,
            reward,
            terminated,
            truncated,
            np.empty((0, 0), np.float32) if final is None else final.reshape(len(final), -1),
            self.columns(),
        )

    def forget(self, rows: Rows) -> None:
        """A new life begins in each of the rows: nothing is remembered."""
        self.added[rows] = 0
        self.closed[rows] = -1
        self.peak[rows] = 1

    def inherit(self, rows: Rows, parents: Rows) -> None:
        """Copy the parents' memory; what they do next is not the child's, so its copy ends in a CUT entry."""
        for name in (*_RING, *_TOTALS):
            getattr(self, name)[rows] = getattr(self, name)[parents]
        held = rows[self.added[rows] > 0]
        newest = self.added[held] - 1
        place = newest % self.length
        self.end[held, place] = np.where(self.end[held, place] == GOES_ON, CUT, self.end[held, place])
        self.closed[held] = newest

    def drawable(self, rows: Rows, n_step: int) -> NDArray[np.int64]:
        """How many starts of each row have their window complete."""
        out = np.empty(len(rows), np.int64)
        _count_drawable(rows.astype(np.int64, copy=False), self.end, self.added, self.closed, n_step, out)
        return out

    def sample(
        self,
        rows: Rows,
        ids: NDArray[np.int64],
        step: int,
        seed: int,
        batch: int,
        n_step: int,
        gamma: float,
    ) -> Batch:
        """Draw `batch` transitions a row, keyed by (seed, step, id); ValueError when a row has none."""
        n = len(rows)
        out = Batch(
            observation=np.empty((n, batch, self.size), np.float32),
            action=np.empty((n, batch), np.int64),
            reward=np.empty((n, batch), np.float32),
            next_observation=np.empty((n, batch, self.size), np.float32),
            next_mask=np.empty((n, batch, self.actions), np.bool_),
            discount=np.empty((n, batch), np.float32),
            weight=np.empty((n, batch), np.float32),
            index=np.empty((n, batch), np.int64),
        )
        places = np.empty((n, batch), np.int64)
        keys = (rows.astype(np.int64, copy=False), ids, seed, step)
        failed = _draw_rows(
            *keys, n_step, np.float32(gamma), self.columns(), self.beta,
            out.index, places, out.reward, out.discount, out.weight,
        )  # fmt: skip
        if failed >= 0:
            raise ValueError(
                f"replay row {int(rows[failed])} has no transition to draw: check drawable() first"
            )
        at = np.asarray(rows)[:, None]
        out.observation[:] = from_bfloat16(self.observation[at, out.index])
        out.next_observation[:] = from_bfloat16(self.observation[at, places])
        out.action[:] = self.action[at, out.index]
        bit = np.arange(self.actions, dtype=np.uint64)
        out.next_mask[:] = (self.mask[at, places][..., None] >> bit) & np.uint64(1)
        return out

    def set_priority(self, rows: Rows, index: NDArray[np.int64], error: Floats) -> None:
        """Give the drawn entries `index[n, batch]` the priority of their new TD errors [n, batch]."""
        if not self.prioritised:
            return
        n = rows.astype(np.int64, copy=False)
        for i in range(len(n)):
            write_priority(self.priority[n[i]], self.peak, n[i], index[i], error[i], np.float32(self.alpha))

    def state(self, rows: Rows) -> State:
        """The memory of the rows given, to be saved."""
        return {
            "actions": self.actions,
            **{name: getattr(self, name)[rows] for name in (*_RING, *_TOTALS)},
        }

    def load_state(self, state: State, rows: Rows) -> None:
        """Put saved memories into rows."""
        self.actions = int(state["actions"])
        for name in (*_RING, *_TOTALS):
            here = getattr(self, name)
            expect_same_shape(
                f"replay.{name}", state[name], np.empty((len(rows), *here.shape[1:]), here.dtype)
            )
            here[rows] = state[name]

    def columns(self) -> tuple[NDArray[np.generic], ...]:
        """Every array, in the order the kernels take them apart."""
        return tuple(getattr(self, name) for name in (*_RING, *_TOTALS))


def to_bfloat16(values: Floats) -> NDArray[np.uint16]:
    """Bits of the nearest bfloat16, ties to even, any NaN to one NaN."""
    out = np.empty(values.size, np.uint16)
    _round_row(np.ascontiguousarray(values).ravel(), out)
    return out.reshape(values.shape)


def from_bfloat16(values: NDArray[np.uint16]) -> Floats:
    """The float32 each bfloat16 stands for."""
    return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)


@njit(nogil=True, cache=True)
def _round_row(values, out):  # type: ignore[no-untyped-def]
    raw = values.view(np.uint32)
    for j in range(values.shape[0]):
        word = raw[j]
        rounded = (word + np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        is_nan = (word & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
        out[j] = np.uint16(0x7FC0) if is_nan else np.uint16(rounded)


@njit(nogil=True, cache=True)
def load_row(values, out):  # type: ignore[no-untyped-def]
    """Widen one observation of bfloat16 bits into the bits of float32, `out[size]` uint32."""
    for j in range(values.shape[0]):
        out[j] = np.uint32(values[j]) << np.uint32(16)


@njit(nogil=True, cache=True)
def _add(rows, observation, mask, action, reward, terminated, truncated, final, columns):  # type: ignore[no-untyped-def]
    """Write each row's entry, and the CUT entry of the truncated."""
    ring, masks, actions, rewards, ends, priority, added, closed, peak = columns
    length = ring.shape[1]
    for i in range(rows.shape[0]):
        row = rows[i]
        entry = added[row]
        place = entry % length
        _round_row(observation[row], ring[row, place])
        legal = np.uint64(0)
        for a in range(mask.shape[1]):
            legal |= np.uint64(mask[row, a]) << np.uint64(a)
        masks[row, place] = legal
        actions[row, place] = action[row]
        rewards[row, place] = reward[row]
        ends[row, place] = GOES_ON
        if priority.shape[1] > 0:
            priority[row, place] = peak[row]
        if terminated[row]:
            ends[row, place] = TERMINATED
            closed[row] = entry
        elif truncated[row]:
            if final.shape[0] > 0:
                entry += 1
                place = entry % length
                _round_row(final[row], ring[row, place])
                masks[row, place] = ~np.uint64(0)  # what was legal there isn't known
                actions[row, place] = 0
                rewards[row, place] = np.float32(0)
            if priority.shape[1] > 0:
                priority[row, place] = np.float32(0)
            ends[row, place] = CUT
            closed[row] = entry
        added[row] = entry + 1


@njit(nogil=True, cache=True)
def _count_drawable(rows, end, added, closed, n_step, out):  # type: ignore[no-untyped-def]
    length = end.shape[1]
    for i in range(rows.shape[0]):
        row = rows[i]
        first, count = starts(added[row], closed[row], length, n_step)
        out[i] = count
        if closed[row] >= first:  # else nothing in the ring was ended
            for entry in range(first, first + count):
                if end[row, entry % length] == CUT:
                    out[i] -= 1


@njit(nogil=True, cache=True)
def draw_row(
    row, agent, seed, step, n_step, gamma, columns, beta, mass, start, after, reward, discount, weight
):  # type: ignore[no-untyped-def]
    """Draw one row's batch: places of the states before and after, reward, discount and weight, all [batch]."""
    _, _, _, rewards, ends, priority, added, closed, _ = columns
    length = ends.shape[1]
    end = ends[row]
    first, count = starts(added[row], closed[row], length, n_step)
    if count == 0:
        return False
    if priority.shape[1] > 0:
        found = draw_prioritised(
            end, priority[row], first, count, beta, seed, step, agent, mass, start, weight
        )
    else:
        found = draw_uniform(end, first, count, seed, step, agent, start)
        weight[:] = np.float32(1)
    if not found:
        return False
    for i in range(start.shape[0]):
        reward[i], after[i], discount[i] = window(end, rewards[row], start[i], n_step, gamma)
        start[i] %= length
    return True


@njit(nogil=True, cache=True)
def _draw_rows(rows, ids, seed, step, n_step, gamma, columns, beta, start, after, reward, discount, weight):  # type: ignore[no-untyped-def]
    """Draw every row's batch; the first of `rows` that has nothing to draw, or -1."""
    mass = np.empty(columns[5].shape[1], np.float64)
    for i in range(rows.shape[0]):
        if not draw_row(
            rows[i], ids[i], seed, step, n_step, gamma, columns, beta, mass,
            start[i], after[i], reward[i], discount[i], weight[i],
        ):  # fmt: skip
            return i
    return -1


@njit(nogil=True, cache=True)
def write_priority(priority, peak, row, start, error, alpha):  # type: ignore[no-untyped-def]
    """priority[start] = (|error| + a millionth)^alpha, and the row's peak follows."""
    for i in range(start.shape[0]):
        priority[start[i]] = (abs(error[i]) + np.float32(1e-6)) ** alpha
        peak[row] = max(peak[row], priority[start[i]])
