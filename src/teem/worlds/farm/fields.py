"""The farm's map: planes over the cells, in memory or in a file, some of which fade.

A fading plane is kept divided by its fading so far, so that a step costs one multiplication a plane instead of
one a cell: `value = stored * scale`, and a deposit adds `amount / scale`. When the scale gets small it is folded
back into the plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from teem.state import Array, State, load_columns
from teem.worlds.farm.mapfile import mapped
from teem.worlds.farm.tiles import Tiles, fold_traces

RESOURCES, ROCK, TERRAIN = 0, 1, 2  # planes that every farm has
TRACES = ("damage_heat", "trails")  # fading planes that only the farm's own rules write, where somebody is
_SMALLEST_SCALE = 1e-12
_AT_ONCE = 1 << 20  # cells that are drawn, searched or copied at once


def empty_map(shape: tuple[int, ...], storage: str, folder: Path | None = None) -> NDArray[np.float32]:
    """Zeros of `shape`: an array, or a map in a file (`storage` mapped) that ends with the process."""
    return np.zeros(shape, np.float32) if storage == "memory" else mapped(shape, folder)


def bands(side: int) -> Iterator[slice]:
    """The rows of a map, as many at once as make a fair piece of work and no more memory on a larger map."""
    rows = max(1, _AT_ONCE // side)
    return (slice(first, min(first + rows, side)) for first in range(0, side, rows))


@dataclass(slots=True)
class Fields:
    """Planes of float32 over the cells, channel-last, so that one cell's values lie together."""

    names: tuple[str, ...]
    planes: NDArray[np.float32]  # [side, side, len(names)] stored values
    decay: NDArray[np.float32]  # [len(names)] what a step leaves; 1: persistent
    capacity: NDArray[np.float32]  # [side, side] most joules of each cell
    tiles: Tiles | None = None  # of a large map
    folder: Path | None = None  # where the files of a mapped one lie
    scale: NDArray[np.float32] = field(init=False)  # [len(names)]

    def __post_init__(self) -> None:
        self.scale = np.ones(len(self.names), np.float32)

    @property
    def side(self) -> int:
        """Cells along an edge."""
        return len(self.planes)

    def index(self, name: str) -> int:
        """The plane's number; -1 when the farm doesn't keep it."""
        return self.names.index(name) if name in self.names else -1

    def fade(self) -> None:
        """Let every fading plane lose a step's part; changes `scale`, and rarely `planes`."""
        self.scale *= self.decay
        due = np.flatnonzero(self.scale < _SMALLEST_SCALE)
        if len(due):
            self._fold(due)

    def _fold(self, due: NDArray[np.intp]) -> None:
        """Fold scales back into their planes; a large map's own traces only where there are any."""
        traces = [plane for plane in due if self.tiles and self.names[plane] in TRACES]
        if self.tiles and traces:
            fold_traces(self.planes, np.array(traces), self.scale[traces], self.tiles)
        for plane in due:
            if plane not in traces:
                self.planes[:, :, plane] *= self.scale[plane]
        self.scale[due] = 1.0

    def values(self, name: str) -> NDArray[np.float32]:
        """A plane as it is now, `[side, side]`; a copy if it fades."""
        plane = self.index(name)
        stored = self.planes[:, :, plane]
        return stored if self.scale[plane] == 1.0 else stored * self.scale[plane]

    def state(self) -> State:
        """Planes, capacities, scales and what is known of tiles; a map in a file is copied into another."""
        return {name: self._copy(array) for name, array in self._saved().items()}

    def load_state(self, state: State) -> None:
        """Take over saved planes of the same shape."""
        load_columns("world", self._saved(), state)

    def _saved(self) -> dict[str, Array]:
        """Everything that a later step depends on, as it lies here."""
        map_ = {"planes": self.planes, "capacity": self.capacity, "scale": self.scale}
        return map_ | (self.tiles._asdict() if self.tiles else {})

    def _copy(self, array: Array) -> Array:
        if not isinstance(array, np.memmap):
            return array.copy()
        copy = mapped(array.shape, self.folder)
        copy[:] = array
        return copy
