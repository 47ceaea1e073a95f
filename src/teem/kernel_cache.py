"""Where compiled kernels are kept, so that none outlives the source it came from.

numba renews a cached kernel when the file it stands in changes, but not when a kernel it calls, in another file,
does: the old machine code would go on running. So the cache's folder carries a digest of all sources with kernels.
It lies in the user's cache, since an installed package may be read-only.
"""

from __future__ import annotations

import os
import shutil
import sys
from hashlib import blake2b
from pathlib import Path

_KEPT = 4  # folders of other versions that stay, the newest


def choose() -> None:
    """Point numba at this version's folder, unless the user set NUMBA_CACHE_DIR; to be called before numba's import."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    folder = home() / digest()
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    if not folder.exists():
        _sweep()


def home() -> Path:
    """The folder of all versions' kernels."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "teem" / "kernels"


def digest() -> str:
    """A short digest of the sources that hold kernels, so that editing others recompiles nothing."""
    here = Path(__file__).parent
    seen = blake2b(digest_size=8)
    for path in sorted(here.rglob("*.py")):
        source = path.read_bytes()
        if b"njit" in source or b"@intrinsic" in source:
            seen.update(path.relative_to(here).as_posix().encode() + source)
    return seen.hexdigest()


def _sweep() -> None:
    """Remove the folders of versions long gone; one in use or not ours to remove stays."""
    others = sorted(home().glob("*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in others[_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
