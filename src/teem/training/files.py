"""Files and folders that models are kept in: put in place whole, and held under two names."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from teem.offspring import lives

_SCRATCH = ".evaluating-"  # and the number of the process whose it is

Snapshot = Callable[[Path], None]
"""Writes a policy as it is now to a path."""


def put(path: Path, write: Snapshot) -> None:
    """Have a file or a folder written beside, and then in the place of what was there; what another left is removed."""
    partial, old = (path.with_name(f"{what}-{path.name}") for what in ("partial", "old"))
    remove(partial)
    write(partial)
    if path.is_dir():
        remove(old)
        path.rename(old)
    partial.replace(path)
    remove(old)


def scratch_in(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder there that goes with this process; those of processes that were killed are removed."""
    for left in folder.glob(f"{_SCRATCH}*"):
        owner = left.name.removeprefix(_SCRATCH).split("-")[0]
        if owner.isdecimal() and not lives(int(owner)):
            remove(left)
    return tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-", dir=folder)


def link(path: Path, to: Path) -> None:
    """Have the same files under another name too; what is written to the first later is another file."""
    if path.is_dir():
        shutil.copytree(path, to, copy_function=_link_file)
    else:
        _link_file(path, to)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link_file(path: str | Path, to: str | Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # a file system without them
        shutil.copyfile(path, to)
