"""Every instrument, by name."""

from __future__ import annotations

from collections.abc import Callable

from teem.profile.allocations import Memray, Tracemalloc
from teem.profile.functions import Functions, LineByLine
from teem.profile.instrument import Instrument, Traced
from teem.profile.play import Job
from teem.profile.waits import Waits

INSTRUMENTS: dict[str, Callable[[Job], Instrument]] = {
    "nothing": Instrument,
    "spans": Traced,
    "cprofile": Functions,
    "line_profiler": LineByLine,
    "tracemalloc": Tracemalloc,
    "memray": Memray,
    "yappi": Waits,
}
