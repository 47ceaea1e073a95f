"""The farm's map: planes over the cells, in memory or in a file, some of which fade.

A fading plane is kept divided by its fading so far, so that a step costs one multiplication a plane instead of
one a cell: `value = stored * scale`, and a deposit adds `amount / scale`. When the scale gets small it is folded
back into the plane.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from teem.state import State, expect_same_shape

RESOURCES, ROCK, TERRAIN = 0, 1, 2  # planes that every farm has
_SMALLEST_SCALE = 1e-12


def empty_map(shape: tuple[int, ...], storage: str, folder: Path | None = None) -> NDArray[np.float32]:
    """Zeros of `shape`: an array, or a map of a nameless file (`storage` mapped) that ends with the process."""
    if storage == "memory":
        return np.zeros(shape, np.float32)
    with TemporaryFile(dir=folder) as file:
        file.truncate(4 * int(np.prod(shape)))
        return np.memmap(file, np.float32, "r+", shape=shape)


def _copy(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    if not isinstance(plane, np.memmap):
        return plane.copy()
    copy = empty_map(plane.shape, "mapped")
    copy[:] = plane
    return copy


@dataclass(slots=True)
class Fields:
    """Planes of float32 over the cells, channel-last, so that one cell's values lie together."""

    names: tuple[str, ...]
    planes: NDArray[np.float32]  # [side, side, len(names)] stored values
    decay: NDArray[np.float32]  # [len(names)] what a step leaves; 1: persistent
    capacity: NDArray[np.float32]  # [side, side] most joules of each cell
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
        for plane in np.flatnonzero(self.scale < _SMALLEST_SCALE):
            self.planes[:, :, plane] *= self.scale[plane]
            self.scale[plane] = 1.0

    def values(self, name: str) -> NDArray[np.float32]:
        """A plane as it is now, `[side, side]`; a copy if it fades."""
        plane = self.index(name)
        stored = self.planes[:, :, plane]
        return stored if self.scale[plane] == 1.0 else stored * self.scale[plane]

    def state(self) -> State:
        """Planes, capacities and scales; a map that lies in a file is copied into another."""
        return {name: _copy(getattr(self, name)) for name in ("planes", "capacity", "scale")}

    def load_state(self, state: State) -> None:
        """Take over saved planes of the same shape."""
        for name in ("planes", "capacity", "scale"):
            here = getattr(self, name)
            expect_same_shape(f"world.{name}", state[name], here)
            here[:] = state[name]
