"""Where code lies, as a person would say it."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

_ROOTS = [
    str(Path(__file__).resolve().parents[2]),  # where the package teem lies
    *(sysconfig.get_paths()[name] for name in ("purelib", "platlib", "stdlib")),
    str(Path.cwd()),
]


def short(file: str) -> str:
    """A file's path from the folder that it would be imported from."""
    if file == "~":
        return "built in"
    roots = [root for root in (*_ROOTS, *filter(None, sys.path)) if file.startswith(root + "/")]
    return file[max(map(len, roots)) + 1 :] if roots else file
