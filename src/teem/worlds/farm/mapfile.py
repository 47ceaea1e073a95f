"""A map in a file: for maps larger than memory, of which the system keeps in memory what is used."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

import numpy as np
from numpy.typing import NDArray

from teem.errors import TeemError

_GIB = 2**30


def mapped(shape: tuple[int, ...], folder: Path | None = None) -> NDArray[np.float32]:
    """Zeros that lie in a nameless file of `folder`, which is gone with the process, however that ends.

    Its room on the disk is taken at once, since a disk that is full later kills whoever writes to the map: raises
    TeemError when there is too little.
    """
    folder = folder or Path(gettempdir())
    size = 4 * int(np.prod(shape))
    try:
        with TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.float32, "r+", shape=shape)
    except OSError as error:
        raise TeemError(_refusal(size, folder, error)) from error


def _refusal(size: int, folder: Path, error: OSError) -> str:
    """What to say when there can't be a file of this size in this folder."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"world.storage is mapped, but {folder} can't hold the map: {error.strerror}"
    free = shutil.disk_usage(folder).free
    return (
        f"world.storage is mapped, but {folder} can't hold another {size / _GIB:.3g} GiB of the map "
        f"({free / _GIB:.3g} GiB are free): lower world.size, perceive fewer world.channels, or use another disk"
    )
