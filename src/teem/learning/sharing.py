"""Whose weights are whose: each its own network, one for all, or one encoder for all with own heads."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from teem.learning.group import Alone, Group
from teem.learning.stack import Layout, Stack
from teem.state import State

Sharing = Literal["own", "shared", "encoder"]
Initial = Callable[[int, int], dict[str, NDArray[np.float32]]]
"""(seed, id) -> the tensors by name of a network that initialises itself."""

SHARED_ID = 2**44 - 1  # the key of the draws for what all share: no agent gets this far
THE_ROW = np.zeros(1, np.int32)


class DeviceCopy(Protocol):
    """A stack's rows on a device, to be brought there and back."""

    def push(self, rows: NDArray[np.int32]) -> None:
        """The stack's rows were written."""
        ...

    def pull(self, rows: NDArray[np.int32]) -> None:
        """The stack's rows will be read."""
        ...


def part_of(layout: Layout, names: tuple[str, ...]) -> Layout:
    """The layout of some of the tensors, in their order; of size 0 if there are none."""
    kept = [i for i, name in enumerate(layout.names) if name in names]
    sizes = [prod(layout.shapes[i]) for i in kept]
    return Layout(
        names=tuple(layout.names[i] for i in kept),
        shapes=tuple(layout.shapes[i] for i in kept),
        offsets=tuple(sum(sizes[:i]) for i in range(len(sizes))),
        fans=tuple(layout.fans[i] for i in kept),
        size=sum(sizes),
    )


def shared_names(layout: Layout, sharing: Sharing, heads: int = 1) -> tuple[str, ...]:
    """The tensors that all agents share: none, all, or all but those of the last modules, the `heads`."""
    if sharing == "own":
        return ()
    if sharing == "shared":
        return layout.names
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in layout.names))
    return tuple(name for name in layout.names if name.rpartition(".")[0] not in modules[-heads:])


class Networks:
    """A cohort's weights: `own` has a row an agent, `common` one row that all share; either may be empty."""

    def __init__(
        self,
        layout: Layout,
        sharing: Sharing,
        capacity: int,
        seed: int,
        mutation: float = 0.0,
        initial: Initial | None = None,
        heads: int = 1,
    ) -> None:
        names = shared_names(layout, sharing, heads)
        self.own = Stack(part_of(layout, tuple(name for name in layout.names if name not in names)), capacity)
        self.common = Stack(part_of(layout, names), 1)
        self.group: Group = Alone()  # with whom the common weights are learnt
        self.joined = False  # the common weights are those of other agents too
        self.own_copy: DeviceCopy | None = None
        self.common_copy: DeviceCopy | None = None
        self._seed = seed
        self._mutation = mutation
        self._initial = initial
        self._fresh(self.common, THE_ROW, np.array([SHARED_ID], np.int64))

    def _fresh(self, stack: Stack, rows: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        if self._initial is None:
            stack.fresh(rows, ids, self._seed)
            return
        weights = np.empty((len(rows), stack.layout.size), np.float32)
        for i, agent in enumerate(ids):
            tensors = self._initial(self._seed, int(agent))
            for name, values in stack.views(weights[i : i + 1]).items():
                values[0] = tensors[name]
        stack.adopt(rows, weights)

    def join(self, others: Networks) -> None:
        """Share the common weights with agents of another world too, from here on: theirs, not those of here."""
        self.common, self.common_copy, self.joined = others.common, others.common_copy, True

    def found(self, rows: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """Fresh networks; what is shared stays as it is."""
        self._fresh(self.own, rows, ids)
        self.written(rows)

    def inherit(self, rows: NDArray[np.int32], parents: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> None:
        """Copies of the parents' own weights, mutated."""
        self.read(parents)
        self.own.inherit(rows, parents, ids, self._seed, step, self._mutation)
        self.written(rows)

    def inherit_weights(
        self,
        rows: NDArray[np.int32],
        weights: NDArray[np.float32],
        ids: NDArray[np.int64],
        step: int,
        *,
        exact: bool = False,
    ) -> None:
        """Copies of the weights [n, size] given, mutated unless they shall be exact."""
        self.own.inherit_from(rows, weights, ids, self._seed, step, 0.0 if exact else self._mutation)
        self.written(rows)

    def weights_of(self, row: int) -> NDArray[np.float32] | None:
        """A copy of the row's own weights; None where all are shared."""
        if not self.own.layout.size:
            return None
        self.read(np.array([row], np.int32))
        weights: NDArray[np.float32] = self.own.weights[row].copy()
        return weights

    def state(self, rows: NDArray[np.int32]) -> State:
        """The rows' own weights, and what is shared."""
        self.read(rows)
        self.read_common()
        return {"own": self.own.state(rows), "common": self.common.state(THE_ROW)}

    def load_state(self, state: State, rows: NDArray[np.int32]) -> None:
        """Take over saved weights; of what others learn too, only if more was learnt of it than is here."""
        self.own.load_state(state["own"], rows)
        self.written(rows)
        if not self.joined or state["common"]["updates"][0] > self.common.updates[0]:
            self.common.load_state(state["common"], THE_ROW)
            self.written_common()

    def read(self, rows: NDArray[np.int32]) -> None:
        """The rows' own weights will be read from the stack."""
        if self.own_copy:
            self.own_copy.pull(rows)

    def written(self, rows: NDArray[np.int32]) -> None:
        """The rows' own weights were written to the stack."""
        if self.own_copy:
            self.own_copy.push(rows)

    def read_common(self) -> None:
        """The common weights will be read from the stack."""
        if self.common_copy:
            self.common_copy.pull(THE_ROW)

    def written_common(self) -> None:
        """The common weights were written to the stack."""
        if self.common_copy:
            self.common_copy.push(THE_ROW)
