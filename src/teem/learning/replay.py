"""What agents remember: a ring a row, each entry one decision, nothing stored twice.

The state after a decision is the next entry's observation, so a transition costs one observation. They are
bfloat16, the upper half of a float32: half the memory, the same range, two to three significant digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.learning.draw import CUT, GOES_ON
from teem.learning.memory import zeros_on_a_line
from teem.learning.ring import (
    Drawn,
    Ring,
    add_entries,
    draw_rows,
    find_drawable,
    round_row,
    write_priority,
)
from teem.state import State, expect_same_shape

Rows = NDArray[np.int32] | NDArray[np.int64]
Floats = NDArray[np.float32]

MOST_ACTIONS = 64  # a mask is a bit an action


@dataclass(slots=True)
class Batch:
    """Transitions of n agents, `batch` each."""

    observation: Floats  # [n, batch, size]
    action: NDArray[np.int64]  # [n, batch], or [n, batch, branches]
    mask: NDArray[np.bool_]  # [n, batch, actions]
    reward: Floats  # [n, batch] discounted sum over the window
    next_observation: Floats  # [n, batch, size]
    next_mask: NDArray[np.bool_]  # [n, batch, actions]
    discount: Floats  # [n, batch] gamma**steps, 0 when terminated
    weight: Floats  # [n, batch] importance, 1 when drawn uniformly
    index: NDArray[np.int64]  # [n, batch] place in the ring


class Replay:
    """A ring a row. The observation of the next decision is the next entry: nothing is stored twice."""

    observation: NDArray[np.uint16]  # [rows, length, size] bfloat16 bits
    mask: NDArray[np.uint64]  # [rows, length] bit a: action a was legal; of several branches: branch a was there
    action: NDArray[np.int16]  # [rows, length x branches]
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
        branches: int = 1,
    ) -> None:
        self.rows, self.length, self.size, self.branches = rows, length, size, branches
        self.prioritised, self.alpha, self.beta = prioritised, alpha, beta
        self.actions = 0  # width of the masks added, known from the first
        self.observation = zeros_on_a_line((rows, length, size), np.uint16)
        self.mask = np.zeros((rows, length), np.uint64)
        self.action = np.zeros((rows, length * branches), np.int16)
        self.reward = np.zeros((rows, length), np.float32)
        self.end = np.zeros((rows, length), np.uint8)
        self.priority = np.zeros((rows, length if prioritised else 0), np.float32)
        self.added = np.zeros(rows, np.int64)
        self.closed = np.full(rows, -1, np.int64)
        self.peak = np.ones(rows, np.float32)
        self._ring = Ring(*(getattr(self, name) for name in Ring._fields))

    def add(
        self,
        rows: Rows,
        observation: Floats | NDArray[np.uint16],
        mask: NDArray[np.bool_],
        action: NDArray[np.int32],
        reward: Floats,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        final: Floats | None = None,
    ) -> None:
        """Add one decision a row; all but `rows` is by slot, [capacity, ...], an action or one a branch.

        An observation may have been rounded already, to the bits of bfloat16.
        A truncated decision is followed by an entry for `final`, the state it was cut off in, from which the
        windows before it bootstrap. Without `final` they bootstrap from the state the decision was made in.
        """
        if mask.shape[1] > MOST_ACTIONS:
            raise ValueError(f"replay holds at most {MOST_ACTIONS} actions, the world has {mask.shape[1]}")
        if action.size != len(action) * self.branches:
            raise ValueError(f"replay holds {self.branches} branches, the actions are {list(action.shape)}")
        self.actions = mask.shape[1]
        flat = observation.reshape(len(observation), -1)
        add_entries(
            rows.astype(np.int64, copy=False),
            flat if flat.dtype == np.float32 else np.empty((0, 0), np.float32),
            flat if flat.dtype == np.uint16 else np.empty((0, 0), np.uint16),
            mask,
            action.reshape(len(action), self.branches),
            reward,
            terminated,
            truncated,
            np.empty((0, 0), np.float32) if final is None else final.reshape(len(final), -1),
            self.ring(),
        )

    def forget(self, rows: Rows) -> None:
        """A new life begins in each of the rows: nothing is remembered."""
        self.added[rows] = 0
        self.closed[rows] = -1
        self.peak[rows] = 1

    def inherit(self, rows: Rows, parents: Rows) -> None:
        """Copy the parents' memory; what they do next is not the child's, so its copy ends in a CUT entry."""
        for name in Ring._fields:
            getattr(self, name)[rows] = getattr(self, name)[parents]
        held = rows[self.added[rows] > 0]
        newest = self.added[held] - 1
        place = newest % self.length
        self.end[held, place] = np.where(self.end[held, place] == GOES_ON, CUT, self.end[held, place])
        self.closed[held] = newest

    def drawable(self, rows: Rows, n_step: int) -> NDArray[np.bool_]:
        """Which rows have something to draw: a start whose window is complete."""
        out = np.empty(len(rows), np.bool_)
        find_drawable(rows.astype(np.int64, copy=False), self.added, self.closed, self.end, n_step, out)
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
            action=np.empty((n, batch, self.branches) if self.branches > 1 else (n, batch), np.int64),
            mask=np.empty((n, batch, self.actions), np.bool_),
            reward=np.empty((n, batch), np.float32),
            next_observation=np.empty((n, batch, self.size), np.float32),
            next_mask=np.empty((n, batch, self.actions), np.bool_),
            discount=np.empty((n, batch), np.float32),
            weight=np.empty((n, batch), np.float32),
            index=np.empty((n, batch), np.int64),
        )
        after = np.empty((n, batch), np.int64)
        drawn = Drawn(out.index, after, out.reward, out.discount, out.weight)
        slots = rows.astype(np.int64, copy=False)
        failed = draw_rows(slots, ids, seed, step, n_step, np.float32(gamma), float(self.beta), self.ring(), drawn)
        if failed >= 0:
            raise ValueError(f"replay row {int(slots[failed])} has no transition to draw: check drawable() first")
        at = slots[:, None]
        out.observation[:] = from_bfloat16(self.observation[at, out.index])
        out.next_observation[:] = from_bfloat16(self.observation[at, after])
        action = self.action.reshape(self.rows, self.length, self.branches)[at, out.index]
        out.action[:] = action.reshape(out.action.shape)
        bit = np.arange(self.actions, dtype=np.uint64)
        out.mask[:] = (self.mask[at, out.index][..., None] >> bit) & np.uint64(1)
        out.next_mask[:] = (self.mask[at, after][..., None] >> bit) & np.uint64(1)
        return out

    def set_priority(self, rows: Rows, index: NDArray[np.int64], error: Floats) -> None:
        """Give the drawn entries `index[n, batch]` the priority of their new TD errors [n, batch]."""
        if not self.prioritised:
            return
        ring = self.ring()
        for i, row in enumerate(rows):
            write_priority(row, index[i], error[i], np.float32(self.alpha), ring)

    def state(self, rows: Rows) -> State:
        """The memory of the rows given, to be saved."""
        return {
            "actions": self.actions,
            **{name: getattr(self, name)[rows] for name in Ring._fields},
        }

    def load_state(self, state: State, rows: Rows) -> None:
        """Put saved memories into rows."""
        self.actions = int(state["actions"])
        for name in Ring._fields:
            here = getattr(self, name)
            expect_same_shape(f"replay.{name}", state[name], np.empty((len(rows), *here.shape[1:]), here.dtype))
            here[rows] = state[name]

    def ring(self) -> Ring:
        """The arrays, for the kernels."""
        return self._ring


def to_bfloat16(values: Floats) -> NDArray[np.uint16]:
    """Bits of the nearest bfloat16, ties to even, any NaN to one NaN."""
    out = np.empty(values.size, np.uint16)
    round_row(np.ascontiguousarray(values).ravel(), out)
    return out.reshape(values.shape)


def from_bfloat16(values: NDArray[np.uint16]) -> Floats:
    """The float32 each bfloat16 stands for."""
    return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
