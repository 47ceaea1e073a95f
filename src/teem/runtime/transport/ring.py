"""Experience on its way: frames of columns in shared memory, from one writer to a few readers, in order.

A frame is written first and committed then, so nobody sees half of one; its room is taken again only when every
reader has released it. Positions count bytes since the beginning and never wrap; a frame never does either: one that
does not fit before the end of the memory begins at its start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.runtime.transport.atomics import load, store
from teem.runtime.transport.shared import LINE, Columns, Segment

_SKIP = -1  # instead of a length: the next frame lies at the start
_NEVER = 1 << 62  # a position that no writer comes to
_CELLS = LINE // 8  # from one process's cell to the next one's

Shapes = Mapping[str, tuple[Any, tuple[int, ...]]]
"""Type and shape of each column of a frame, by name."""


class _Head(msgspec.Struct, array_like=True):
    """How a frame's columns lie, before them."""

    kind: str
    constants: dict[str, Any]
    columns: list[tuple[str, str, list[int], int]]  # name, type, shape, place after the frame's begin


class Frame:
    """A kind, a few constants and columns; the columns are views of shared memory, as is its whole `content`."""

    def __init__(
        self, kind: str, constants: dict[str, Any], columns: dict[str, NDArray[Any]], content: NDArray[np.uint8]
    ) -> None:
        self.kind = kind
        self.constants = constants
        self.columns = columns
        self.content = content


class Ring:
    """One process writes (`begin`, `commit`), each reader takes in turn (`peek`, `release`); none of them waits."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self._position = segment.columns["position"].reshape(-1)  # the writer's, then each reader's
        self._data = segment.columns["data"]
        self._size = len(self._data)
        self._lengths = self._data.view(np.int64)
        self._readers = len(self._position) // _CELLS - 1
        self._begun = 0  # where the frame that is being written ends
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(_Head).decode

    @staticmethod
    def columns(size: int, readers: int) -> Columns:
        """What its segment holds, for at least so many bytes of frames."""
        padded = -(-size // LINE) * LINE
        return {"position": (np.int64, (1 + readers, _CELLS)), "data": (np.uint8, (padded,))}

    def begin(self, kind: str, constants: dict[str, Any], shapes: Shapes) -> dict[str, NDArray[Any]] | None:
        """Room for a frame's columns, to be filled and committed; None while readers hold it.

        Raises ValueError for a frame that could never be held.
        """
        head, length, places = self._lay_out(kind, constants, shapes)
        place = self._make_room(length)
        if place < 0:
            return None
        self._lengths[place // 8] = length
        self._lengths[place // 8 + 1] = len(head)
        self._data[place + 16 : place + 16 + len(head)] = np.frombuffer(head, np.uint8)
        return {
            name: _view(self._data, place + places[name], np.dtype(kind_), shape)
            for name, (kind_, shape) in shapes.items()
        }

    def _make_room(self, length: int) -> int:
        """Where a frame of so many bytes is to be written; -1 while readers hold its room."""
        if 2 * length > self._size:  # wherever the next one begins, it must fit before or after
            raise ValueError(f"a frame of {length} bytes in a ring of {self._size}: give it twice as much at least")
        position = int(self._position[0])
        place = position % self._size
        skip = self._size - place if place + length > self._size else 0
        oldest = min(load(self._position, _CELLS * (1 + reader)) for reader in range(self._readers))
        if position + skip + length - oldest > self._size:
            return -1
        self._begun = position + skip + length
        if skip:
            self._lengths[place // 8] = _SKIP
            return 0
        return place

    @property
    def held(self) -> int:
        """Bytes that not every reader has released."""
        released = [int(load(self._position, _CELLS * (1 + reader))) for reader in range(self._readers)]
        return max(0, int(self._position[0]) - min(released))

    def commit(self) -> None:
        """Show the frame that was begun to the readers."""
        store(self._position, 0, self._begun)

    def put(self, kind: str, constants: dict[str, Any], columns: Mapping[str, NDArray[Any]]) -> bool:
        """Write a whole frame; False while there is no room."""
        views = self.begin(kind, constants, {name: (column.dtype, column.shape) for name, column in columns.items()})
        if views is None:
            return False
        for name, column in columns.items():
            views[name][...] = column
        self.commit()
        return True

    def put_content(self, content: NDArray[np.uint8]) -> bool:
        """Write a frame as another ring has held it; False while there is no room."""
        place = self._make_room(len(content))
        if place < 0:
            return False
        self._data[place : place + len(content)] = content
        self.commit()
        return True

    def leave(self, reader: int) -> None:
        """This reader will never read: no room is kept for it."""
        store(self._position, _CELLS * (1 + reader), _NEVER)

    def peek(self, reader: int = 0) -> Frame | None:
        """The oldest frame that this reader has not released, valid until it is; None when there is none."""
        cell = _CELLS * (1 + reader)
        position, written = int(self._position[cell]), load(self._position, 0)
        if position == written:
            return None
        place = position % self._size
        if self._lengths[place // 8] == _SKIP:
            position += self._size - place
            store(self._position, cell, position)
            place = 0
        head = self._decode(self._data[place + 16 : place + 16 + int(self._lengths[place // 8 + 1])].data)
        columns = {
            name: _view(self._data, place + at, np.dtype(kind), tuple(shape)) for name, kind, shape, at in head.columns
        }
        content = self._data[place : place + int(self._lengths[place // 8])]
        return Frame(head.kind, head.constants, columns, content)

    def release(self, reader: int = 0) -> None:
        """Give the oldest frame's room back."""
        cell = _CELLS * (1 + reader)
        position = int(self._position[cell])
        store(self._position, cell, position + int(self._lengths[position % self._size // 8]))

    def _lay_out(self, kind: str, constants: dict[str, Any], shapes: Shapes) -> tuple[bytes, int, dict[str, int]]:
        """The head of a frame, the frame's length, and where its columns lie."""
        kinds = {name: np.dtype(dtype) for name, (dtype, _) in shapes.items()}
        sizes = {name: prod(shape) * kinds[name].itemsize for name, (_, shape) in shapes.items()}
        room, head = 8 * LINE, b""  # enough for most
        while True:  # the head says where the columns lie, which is after the head
            places, place = {}, room
            for name, size in sizes.items():
                places[name] = place
                place += -(-size // LINE) * LINE
            rows = [(name, kinds[name].str, list(shape), places[name]) for name, (_, shape) in shapes.items()]
            head = self._encode(_Head(kind, constants, rows))
            if 16 + len(head) <= room:
                return head, place, places
            room = -(-(16 + len(head) + LINE // 2) // LINE) * LINE


def contents(frames: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The frames of which the contents lie here, one after the other."""
    place = 0
    while place < len(frames):
        length = int(frames[place : place + 8].view(np.int64)[0])
        yield frames[place : place + length]
        place += length


def _view(data: NDArray[np.uint8], place: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return np.ndarray(shape, dtype, data, place)
