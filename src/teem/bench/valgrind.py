"""Instructions counted by valgrind's callgrind: on a processor that it imitates, so no neighbour changes the count.

A process that runs under callgrind asks it for things by a sequence of instructions that do nothing elsewhere
(valgrind/valgrind.h, callgrind/callgrind.h). They are put into a page of memory here, so that no compiler is needed.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

_ASK = bytes.fromhex(
    "4889f8"  # mov rax, rdi: where the request's six words are
    "31d2"  # xor edx, edx: the answer if nobody listens
    "48c1c703" "48c1c70d" "48c1c73d" "48c1c733"  # rol rdi by 3, 13, 61 and 51: by 128 in all, so not at all
    "4887db"  # xchg rbx, rbx
    "4889d0"  # mov rax, rdx
    "c3"  # ret
)  # fmt: skip
_RUNNING = 0x1001
_CALLGRIND = ord("C") << 24 | ord("T") << 16
_DUMP, _ZERO, _START = _CALLGRIND, _CALLGRIND + 1, _CALLGRIND + 4


class Valgrind:
    """The valgrind under which this process runs, if it does; ask `running` first."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._page.write(_ASK)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._words = (ctypes.c_uint64 * 6)()
        self._ask: Callable[[object], int] = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(place)

    def _request(self, what: int) -> int:
        self._words[0] = what
        return self._ask(ctypes.addressof(self._words))

    @property
    def running(self) -> bool:
        """Whether there is one."""
        return self._request(_RUNNING) != 0

    def count(self, work: Callable[[], float]) -> float:
        """Do the work with every instruction counted, and have the count written to the next file; what it returns."""
        self._request(_START)
        self._request(_ZERO)
        done = work()
        self._request(_DUMP)
        return done


def refusal() -> str | None:
    """Why nothing can be counted here; None where it can."""
    if platform.machine() != "x86_64":
        return f"instructions are counted on x86_64, and this is {platform.machine()}"
    if shutil.which("valgrind") is None:
        return "valgrind is not installed: install your system's package of that name"
    if "+avx512f" in _features():
        return "kernels compiled for AVX-512 don't run under valgrind: count on a processor without it"
    return None


def _features() -> str:
    from llvmlite import binding

    return os.environ.get("NUMBA_CPU_FEATURES") or str(binding.get_host_cpu_features().flatten())


def environment() -> dict[str, str]:
    """What a counted process needs to load the kernels compiled for this processor, and to do the same every time."""
    from llvmlite import binding

    name = os.environ.get("NUMBA_CPU_NAME") or str(binding.get_host_cpu_name())
    return {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": _features(), "PYTHONHASHSEED": "0"}


def command(out: Path) -> Sequence[str]:
    """The command line that goes before Python's: counts are written to `out` with .1-01, .2-01, ... at the end.

    Only the instructions of the thread that counts: others, such as a watchdog's that looks around ten times a second,
    would come into some counts and not into others.
    """
    separate = ("--separate-threads=yes", "--instr-atstart=no")
    return ["valgrind", "--tool=callgrind", "-q", *separate, f"--callgrind-out-file={out}"]


def read_count(out: Path, number: int) -> int:
    """The instructions of the `number`-th count, from 1, by the process's first thread."""
    path = out.with_name(f"{out.name}.{number}-01")
    with path.open(encoding="ascii", errors="replace") as lines:
        found = next((line for line in lines if line.startswith("summary:")), None)
    assert found is not None, f"{path} has no summary"
    return int(found.split()[1])
