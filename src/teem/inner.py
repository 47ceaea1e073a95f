"""How kernels are compiled that only other kernels call: without what lets Python call them.

To take a kernel's arguments from Python and to hand them to C, numba writes a function each beside it; for one that
is handed many arrays these are a third of its compilation. Python must not call such a kernel: nothing would stop it
from jumping to where nothing is.
"""

from __future__ import annotations

from typing import Any

INNER: dict[str, Any] = {"nogil": True, "cache": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
