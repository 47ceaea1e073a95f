"""The three files of a checkpoint, written with their sums and read only when these are right. No pickle.

Arrays are written from where they lie and read by mapping their file, so that a state larger than memory can be
saved and loaded too.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from teem.state import Array, State
from teem.version import __version__

FORMAT = 1
ARRAYS, STATE, MANIFEST = "arrays.safetensors", "state.json", "manifest.json"
_PIECE = 1 << 22  # bytes that are summed and written at once
DTYPES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "float16": "F16",
    "uint32": "U32", "int32": "I32", "float32": "F32", "uint64": "U64", "int64": "I64", "float64": "F64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packed:
    """A state taken apart: its nesting, and its arrays by path."""

    tree: dict[str, Any]  # as the state; an array is a list of one, its path: ["world/energy"]
    arrays: dict[str, Array]


def pack(state: State) -> Packed:
    """Take a state apart, without copying; raises TypeError naming the path of what can't be saved."""
    arrays: dict[str, Array] = {}
    return Packed(_pack_dict("", state, arrays), arrays)


def _pack_dict(prefix: str, state: State, arrays: dict[str, Array]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in state.items():
        path = f"{prefix}{key}"
        if not isinstance(key, str):
            raise TypeError(f"state {path}: names are texts, not {type(key).__name__}")
        if isinstance(value, dict):
            tree[key] = _pack_dict(f"{path}/", value, arrays)
        elif isinstance(value, np.ndarray):
            tree[key] = [_place(path, value, arrays)]
        elif isinstance(value, np.generic):
            tree[key] = value.item()
        elif value is None or isinstance(value, (bool, int, float, str)):
            tree[key] = value
        else:
            raise TypeError(f"state {path}: a {type(value).__name__} can't be saved; use arrays and plain values")
    return tree


def _place(path: str, array: Array, arrays: dict[str, Array]) -> str:
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        raise TypeError(f"state {path}: arrays of {array.dtype} can't be saved, only {', '.join(DTYPES)}")
    while path in arrays or path == "__metadata__":  # names with a slash of their own
        path += "'"
    arrays[path] = array
    return path


def digest(state: State) -> dict[str, str]:
    """A hash of each array of a state by its path, and one of all other values."""
    packed = pack(state)
    hashes = {
        path: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for path, array in packed.arrays.items()
    }
    return hashes | {"plain values": hashlib.sha256(repr(packed.tree).encode()).hexdigest()}


def unpack(tree: dict[str, Any], arrays: dict[str, Array]) -> State:
    """Put a state together again."""
    state: State = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            state[key] = unpack(value, arrays)
        else:
            state[key] = arrays[value[0]] if isinstance(value, list) else value
    return state


def write(folder: Path, step: int, packed: Packed, meta: dict[str, Any]) -> int:
    """Write and sync the files of a checkpoint, the manifest last; returns their bytes."""
    content = {"version": __version__, "meta": meta, "state": packed.tree}
    files = {
        ARRAYS: _write_file(folder / ARRAYS, _safetensors(packed.arrays)),
        STATE: _write_file(folder / STATE, [json.dumps(content, indent=1).encode()]),
    }
    _write_file(folder / MANIFEST, [_manifest(step, files).encode()])
    return sum(size for size, _ in files.values())


def read(folder: Path, step: int) -> tuple[State, dict[str, Any]]:
    """The state and meta of a checkpoint; raises ValueError or OSError, saying what is wrong with it.

    Its arrays are read-only views of the file, which may be removed but not written to while they are used.
    """
    manifest = (folder / MANIFEST).read_text("utf-8")
    files = {name: _sum_file(folder / name) for name in (ARRAYS, STATE)}
    if manifest != _manifest(step, files):
        raise ValueError(_difference(manifest, step, files))
    content = json.loads((folder / STATE).read_bytes())
    return unpack(content["state"], _arrays(folder / ARRAYS)), content["meta"]


def _manifest(step: int, files: dict[str, tuple[int, str]]) -> str:
    """The manifest's text follows from the files alone, so that reading is comparing."""
    sums = {name: {"bytes": size, "sha256": sha256} for name, (size, sha256) in files.items()}
    return json.dumps({"format": FORMAT, "step": step, "files": sums}, indent=1) + "\n"


def _difference(manifest: str, step: int, files: dict[str, tuple[int, str]]) -> str:
    try:
        said = json.loads(manifest)
        if said["format"] > FORMAT:
            return f"format {said['format']}, this teem knows {FORMAT}: install a newer teem"
        if said["step"] != step:
            return f"{MANIFEST} speaks of step {said['step']}"
        for name, (size, sha256) in files.items():
            if said["files"][name] != {"bytes": size, "sha256": sha256}:
                return f"{name} is damaged: {size} bytes with sum {sha256[:12]}, not as {MANIFEST} says"
    except (ValueError, KeyError, TypeError):
        return f"{MANIFEST} is damaged"
    return f"{MANIFEST} is damaged"


def _safetensors(arrays: dict[str, Array]) -> Iterable[bytes | memoryview]:
    """The parts of a safetensors file (https://huggingface.co/docs/safetensors), arrays uncopied.

    Wide types come first, so every array lies aligned.
    """
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    header: dict[str, Any] = {}
    start = 0
    for name, array in ordered:
        stop = start + array.nbytes
        header[name] = {
            "dtype": DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for _, array in ordered:
        if array.nbytes:
            yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _arrays(path: Path) -> dict[str, Array]:
    """The arrays of a safetensors file, mapped: the system reads what is looked at, and holds it as long as it likes.

    They can't be written to, since the system would have to promise memory for all that might be.
    """
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = 8 + int.from_bytes(content[:8], "little")
    names = {short: name for name, short in DTYPES.items()}
    arrays: dict[str, Array] = {}
    for name, entry in json.loads(content[8:start]).items():
        shape = entry["shape"]
        flat = np.frombuffer(content, names[entry["dtype"]], math.prod(shape), start + entry["data_offsets"][0])
        arrays[name] = flat.reshape(shape)
    return arrays


def _sum_file(path: Path) -> tuple[int, str]:
    """A file's bytes and SHA-256."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _write_file(path: Path, parts: Iterable[bytes | memoryview]) -> tuple[int, str]:
    """Write and sync a file; returns its bytes and SHA-256."""
    digest = hashlib.sha256()
    size = 0
    with path.open("wb", buffering=0) as file:
        for piece in _pieces(parts):
            digest.update(piece)
            size += len(piece)
            while piece:
                piece = piece[file.write(piece) :]
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _pieces(parts: Iterable[bytes | memoryview]) -> Iterable[memoryview]:
    """The same bytes in pieces that are still in the processor's or at least in memory when they are written."""
    for part in parts:
        whole = memoryview(part)
        for first in range(0, len(whole), _PIECE):
            yield whole[first : first + _PIECE]
