"""Instructions that a unit of work takes, counted under valgrind, and whether they have become more.

A count is the same, to a part in a thousand, beside whatever neighbours; so more of them than the budget allows is a
verdict at once, without statistics. What it can't see is what makes the same instructions slower, such as memory.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct

from teem.bench import valgrind
from teem.bench.regress import Verdict, word
from teem.bench.scenario import Suite, Task, counted_tasks
from teem.bench.stations import EndedError, Station, workers
from teem.bench.statistics import Interval
from teem.bench.worker import Answer, Command, Count, Counted, Failed, Prepare, Ready
from teem.errors import UsageError
from teem.measure.machine import machine

Key = tuple[str, str]  # scenario, case


class Counts(Struct, frozen=True, kw_only=True):
    """Instructions a unit, of each launch, by scenario and case, and what they depend on."""

    of: dict[str, str]
    instructions: dict[str, dict[str, tuple[float, ...]]]
    failed: dict[str, str] = {}  # "scenario: case" that went wrong, and how


def this_setting() -> dict[str, str]:
    """What counts depend on: for another processor other kernels are compiled."""
    given, packages = valgrind.environment(), machine()
    return {
        "processor": given["NUMBA_CPU_NAME"],
        "features": blake2b(given["NUMBA_CPU_FEATURES"].encode(), digest_size=4).hexdigest(),
        "valgrind": _version(),
        **{name: str(packages[name]) for name in ("python", "numpy", "numba")},
    }


def _version() -> str:
    asked = [str(shutil.which("valgrind")), "--version"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def count(suites: dict[str, Suite], launches: int, progress: Callable[[str], None]) -> Counts:
    """Count a call of every case that has a setting to be counted in, in as many launches.

    All are prepared in a plain process first, which compiles what is not in the cache: under valgrind that takes long.
    Then half of them in each of two, since starting takes most of the time.
    """
    asked = {
        (scenario.name, case): task
        for suite in suites.values()
        for scenario in suite.scenario
        for case, task in counted_tasks(scenario).items()
    }
    failed: dict[Key, str] = {}
    progress("compiling what is to be counted")
    with workers(environment=valgrind.environment()) as begin:
        _prepare(begin(), asked, failed)
    instructions: dict[str, dict[str, tuple[float, ...]]] = {}
    for launch in range(launches):
        left = [key for key in asked if key not in failed]
        progress(f"counting {len(left)} cases in two processes under valgrind, {launch + 1} of {launches}")
        middle = (len(left) + 1) // 2
        halves = [{key: asked[key] for key in some} for some in (left[:middle], left[middle:])]
        with ThreadPoolExecutor(2) as pool:
            told = [one for half in pool.map(_count_half, halves) for one in half.items()]
        for (name, case), value in told:
            if isinstance(value, str):
                failed[name, case] = value
            else:
                cases = instructions.setdefault(name, {})
                cases[case] = (*cases.get(case, ()), value)
    return Counts(
        of=this_setting(),
        instructions=instructions,
        failed={": ".join(key): why for key, why in failed.items()},
    )


def _count_half(asked: dict[Key, Task]) -> dict[Key, float | str]:
    """Instructions a unit of each, in one process, or why it could not be counted."""
    found: dict[Key, float | str] = {}
    failed: dict[Key, str] = {}
    with tempfile.TemporaryDirectory(prefix="teem-bench-") as folder:
        out = Path(folder) / "counts"
        with workers(valgrind.command(out), valgrind.environment()) as begin:
            station, file = begin(), 0
            for key in _prepare(station, asked, failed):
                answer = _ask(station, Count("/".join(key)))
                if isinstance(answer, Counted):
                    file += 1
                    found[key] = float(f"{valgrind.read_count(out, file) / answer.units:.6g}")
                else:
                    failed[key] = _why(answer)
    return found | failed


def _prepare(station: Station, asked: dict[Key, Task], failed: dict[Key, str]) -> list[Key]:
    """Prepare what has not failed; what is ready then."""
    ready = []
    for key, task in asked.items():
        if key not in failed:
            answer = _ask(station, Prepare("/".join(key), task, 0.0))
            if isinstance(answer, Ready):
                ready.append(key)
            else:
                failed[key] = _why(answer)
    return ready


def _ask(station: Station, command: Command) -> Answer:
    try:
        return station.ask(command)
    except EndedError as error:
        return Failed(str(error))


def _why(answer: Answer) -> str:
    return answer.error if isinstance(answer, Failed) else f"answered {answer}"


def judge(before: Counts, after: Counts, suites: dict[str, Suite]) -> list[Verdict]:
    """A verdict on each case that was counted before too."""
    verdicts = []
    for scenario in (one for suite in suites.values() for one in suite.scenario):
        old, new = (one.instructions.get(scenario.name, {}) for one in (before, after))
        for case in new.keys() & old.keys():
            times = median(new[case]) / median(old[case])
            changed = Interval(times, times, times)
            verdicts.append(Verdict(scenario.name, case, changed, scenario.budget, word(changed, scenario.budget)))
    return verdicts


def read(path: Path) -> list[Counts]:
    """The counts in a file, one for each setting; UsageError says what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Counts])
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}: give a file that --save-baseline wrote") from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageError(f"{path} holds no counts: {error}: give a file that --counts --save-baseline wrote") from None


def keep(path: Path, new: Counts) -> None:
    """Put counts into a file in place of those of the same setting; a scenario that was not counted stays."""
    kept = read(path) if path.exists() else []
    old = next((one for one in kept if one.of == new.of), None)
    together = Counts(of=new.of, instructions=(old.instructions if old else {}) | new.instructions)
    path.parent.mkdir(parents=True, exist_ok=True)
    written: Any = [*(one for one in kept if one.of != new.of), together]
    path.write_bytes(msgspec.json.format(msgspec.json.encode(written), indent=1) + b"\n")


def of_setting(kept: Sequence[Counts], of: dict[str, str]) -> Counts | None:
    """The counts of this very setting."""
    return next((one for one in kept if one.of == of), None)
