"""The watch over a run, or over what a process does for one: a sample now and then, which no step waits for.

Between two steps its own counts are read, some microseconds every few seconds. A pool, or a thread, adds
what the process takes, keeps the history, looks ahead, writes metrics.json and sends samples on.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from teem.measure.channel import Channel
from teem.measure.culprits import OUTSIDE, SPAN
from teem.measure.forecast import Forecast, Forecaster, Target, in_words
from teem.measure.heap import Heap
from teem.measure.history import History
from teem.measure.limits import THREADS_MOST, FirstFrames
from teem.measure.metrics import CONTAINERS as OF_CONTAINERS
from teem.measure.metrics import Container, Metric, Registry, Value, Values, container, counter, gauge, rates
from teem.measure.process import PROCESS, files_most, memory_most_mb
from teem.measure.sinks import Outlet, numbers_of
from teem.runtime import words
from teem.runtime.beside import FILE, alarms_beside
from teem.runtime.measured import CORE_WAIT

if TYPE_CHECKING:
    from teem.config.settings import Config
    from teem.measure.spans import Spans
    from teem.pool import Pool
    from teem.record.folder import RunFolder

WAIT = "wait"  # the span in which a process waits for others: no part of what it takes itself
FILLED = "filled_megabytes"
CLOSE_S = 5.0  # how long the last samples may take to be dealt with


@dataclass(frozen=True, slots=True)
class Sample:
    """What was read between two steps."""

    time: float  # seconds, of a clock that only rises
    step: int
    values: Values
    spans_ns: dict[str, int]  # in all, of each name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is known at a moment; what is shown anywhere is one of these."""

    step: int
    values: Values
    rates: dict[str, float]  # of each counter, a second
    spans: dict[str, dict[str, float]]  # percentiles of each over its window, seconds in all
    forecasts: tuple[Forecast, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As metrics.json has it."""
        return {
            "time": time.time(),
            "step": self.step,
            "values": self.values,
            "rates": self.rates,
            "spans": self.spans,
            "forecasts": [one.as_dict() for one in self.forecasts],
        }


class Lent(Protocol):
    """What knows how much of arrays the system has lent."""

    @property
    def megabytes(self) -> float:
        """As much as now."""
        ...


class Watched(Protocol):
    """What is watched: it makes steps, times them, and has a folder."""

    config: Config
    folder: RunFolder
    spans: Spans

    @property
    def step(self) -> int:
        """Steps so far."""
        ...

    @property
    def memory(self) -> Lent:
        """Its arrays."""
        ...


class Watch:
    """Samples a run and keeps what came of it in `latest`; `on_step` after every step, `close` at the end.

    Learners' processes that leave what they measured beside it are heard for what will be too much of theirs.
    """

    latest: Snapshot | None  # None before the first sample

    def __init__(
        self,
        run: Watched,
        metrics: Sequence[Metric],
        containers: Sequence[Container] = (),
        process: str = "",
        pool: Pool | None = None,
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        """`process` is what it is called in the log, where several write there; `asked` looks for what is asked of it.

        Samples are dealt with by the pool, or by a thread of its own.
        """
        settings = run.config.metrics
        self.latest = None
        self.history = History()
        self._run, self._every = run, settings.every
        self.metrics, self._process = metrics, {"process": process} if process else {}
        self.registry = Registry(run, metrics, containers)
        self._beside: list[dict[str, Any]] = []  # alarms of learners' processes, as they told them last
        self._channel: Channel[Sample] = Channel("watch", self._take, pool=pool)
        self._own = Registry(self, (*PROCESS, *OWN), (*HELD,))
        self._outlets = [Outlet(name, run.folder.path) for name in settings.sinks]
        self._asked = asked
        self._before: Sample | None = None
        self._rates: dict[str, float] = {}
        self._next = time.perf_counter() + settings.every if settings.enabled else float("inf")
        self._forecaster = Forecaster(self._targets(), 3600 * run.config.forecast.horizon, Heap().name)
        self._look_every = run.config.forecast.every if run.config.forecast.enabled else float("inf")
        self._look_at = time.perf_counter() + self._look_every

    @property
    def described(self) -> tuple[Metric, ...]:
        """Every metric there is."""
        return (*self.metrics, *PROCESS, *OWN, *OF_CONTAINERS)

    @property
    def covered(self) -> set[str]:
        """The attributes that are spoken for, as "Class.attribute"."""
        return self.registry.covered | self._own.covered

    @property
    def alarms(self) -> tuple[Forecast, ...]:
        """What will run out before long."""
        return self._forecaster.alarms

    def all_alarms(self) -> list[dict[str, Any]]:
        """The alarms, and those of learners' processes, which say so under `process`."""
        return [*(one.as_dict() for one in self.alarms), *self._beside]

    def warnings(self) -> list[str]:
        """All alarms, a line each."""
        return [in_words(one, words.number, words.duration) for one in self.all_alarms()]

    def on_step(self) -> None:
        """Take a sample if it is time; almost always it isn't."""
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + self._every
            self._channel.put(self._sample(now))

    def close(self) -> None:
        """Take a last sample, and end the thread."""
        if self._next == float("inf"):
            return
        self._channel.close(CLOSE_S)
        self._look_at = float("inf")  # there is nothing more to look ahead to
        try:
            self._take([self._sample(time.perf_counter())])
        except Exception as error:  # such as a full disk: the run is over, and its report is to be written
            self._channel.failed += 1
            self._channel.fault = f"{type(error).__name__}: {error}"
        for outlet in self._outlets:
            outlet.close()
        channels: list[Channel[Any]] = [self._channel, *(outlet.channel for outlet in self._outlets)]
        for channel in channels:
            if channel.fault is not None:
                self._run.folder.log(
                    "measuring failed", what=channel.name, fault=channel.fault, times=channel.failed, **self._process
                )
        for name, fault in self.registry.failed.items():
            self._run.folder.log("measuring failed", what=name, fault=fault, **self._process)

    def _sample(self, now: float) -> Sample:
        run = self._run
        return Sample(now, run.step, self.registry.read(), run.spans.totals())

    # ---- in the thread

    def _take(self, samples: Sequence[Sample]) -> None:
        """Deal with samples: those that had to wait are only remembered."""
        for sample in samples:
            own = self._own.read()
            self._remember(sample, own)
        self._asked()
        now = time.perf_counter()
        if now >= self._look_at:
            self._look_at = now + self._look_every
            self._look()
        values, forecasts = _joined(sample.values, own), self._forecaster.found
        if self._run.config.runtime.mode != "lockstep":
            self._beside = alarms_beside(self._run.folder.path)
        self.latest = Snapshot(sample.step, values, self._rates, self._run.spans.summary(), forecasts)
        self._write(self.latest)
        for outlet in self._outlets:
            outlet.channel.put((sample.step, numbers_of(self.latest.as_dict())))

    def _remember(self, sample: Sample, own: Values) -> None:
        """Put a sample into the history, with the rates since the one before."""
        before, self._before = self._before, sample
        if before is None or sample.step <= before.step:
            return
        seconds, steps = sample.time - before.time, sample.step - before.step
        spans = {name: (total - before.spans_ns.get(name, 0)) / 1e6 / steps for name, total in sample.spans_ns.items()}
        frame = max(0.0, 1000 * seconds / steps - spans.pop(WAIT, 0.0))
        curves = {SPAN + name: each for name, each in spans.items() if name != "step"}
        curves |= {"frame": frame, OUTSIDE: max(0.0, frame - spans.get("step", 0.0))}
        held_up = _number(sample.values[CORE_WAIT.name]) - _number(before.values[CORE_WAIT.name])
        curves["core_wait"] = 1000 * max(0.0, held_up) / steps if held_up == held_up else held_up
        curves |= {name: _number(own.get(name)) for name in ("threads", "open_files", "python_blocks")}
        curves["memory"] = _number(own.get("memory_megabytes")) - _number(own.get(FILLED))
        curves["allocated"] = _number(own.get("allocated_megabytes"))
        curves["disk"] = self._disk_mb()
        if isinstance(alive := sample.values["alive"], Mapping):
            curves["alive"] = sum((_number(count) for count in alive.values()), 0.0)
        self.history.add(float(sample.step), curves)
        self._rates = rates(before.values, sample.values, seconds, self.metrics)

    def _look(self) -> None:
        for alarm in self._forecaster.look(self.history):
            self._run.folder.log("alarm", **alarm.as_dict(), **self._process)

    def _write(self, snapshot: Snapshot) -> None:
        """Replace metrics.json at once, without waiting for the disk."""
        path = self._run.folder.path / FILE
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(snapshot.as_dict()), encoding="utf-8")
        partial.replace(path)

    def _disk_mb(self) -> float:
        """What the record takes."""
        sizes = []
        for file in self._run.folder.path.glob("run.db*"):
            with suppress(OSError):
                sizes.append(file.stat().st_size)
        return sum(sizes) / 1e6

    def _targets(self) -> list[Target]:
        forecast, folder = self._run.config.forecast, self._run.folder.path
        room = memory_most_mb()  # when the run begins; what others take later is not this run's doing
        first = FirstFrames()

        return [
            Target("memory", "MB", lambda history: forecast.memory_limit or room),
            Target("frame", "ms", lambda history: forecast.frame_limit or first(history)),
            Target("disk", "MB", lambda history: self._disk_mb() + shutil.disk_usage(folder).free / 1e6),
            Target("threads", "threads", lambda history: THREADS_MOST),
            Target("open_files", "files", lambda history: files_most()),
        ]


def _of_sinks(name: str) -> Callable[[Watch], Value]:
    return lambda watch: {outlet.name: getattr(outlet.channel, name) for outlet in watch._outlets}


OWN: tuple[Metric, ...] = (
    gauge(
        FILLED,
        "memory of the run's arrays that the system has lent so far, since something was written there",
        lambda watch: watch._run.memory.megabytes,
    ),
    counter(
        "samples_dropped",
        "samples for which there was no room",
        lambda watch: watch._channel.dropped,
        "measure.channel:Channel.dropped",
    ),
    counter(
        "samples_failed",
        "samples that could not be dealt with",
        lambda watch: watch._channel.failed,
        "measure.channel:Channel.failed",
    ),
    counter(
        "metrics_failed", "metrics that could not be read", lambda watch: len(watch.registry.failed), "Registry.failed"
    ),
    counter("sink_dropped", "samples for which a sink had no room", _of_sinks("dropped"), label="sink"),
    counter("sink_failed", "times that a sink failed", _of_sinks("failed"), label="sink"),
    counter("curves_refused", "numbers for which the history had no room", "history.refused", "History.refused"),
)
HELD = (
    container(
        "samples",
        "samples under way to the thread that watches",
        lambda watch: (len(watch._channel), watch._channel.most),
        "measure.channel:Channel._items",
    ),
    container(
        "history", "points of the history", lambda watch: (len(watch.history), watch.history.most), "History._row"
    ),
)


def _joined(first: Values, second: Values) -> Values:
    """Both, and what they hold together where both have containers."""
    joined = first | second
    for name in (one.name for one in OF_CONTAINERS):
        joined[name] = {**(first.get(name) or {}), **(second.get(name) or {})}  # type: ignore[dict-item]
    return joined


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
