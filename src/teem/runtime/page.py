"""What is shown of a run while it goes on: the page of metrics, of one process or of all that play it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teem.errors import UsageError
from teem.measure.endpoint import Endpoint, Families, Told, families
from teem.measure.metrics import CONTAINERS as OF_CONTAINERS
from teem.measure.metrics import Metric, Registry
from teem.measure.process import PROCESS
from teem.measure.sinks import expect_sinks
from teem.runtime.beside import FILE, LEARNERS
from teem.runtime.islands.archipelago import ISLANDS
from teem.runtime.loop import Run
from teem.runtime.measured import APART, HOUSEHOLD, HOUSEHOLD_CONTAINERS, METRICS
from teem.runtime.processes.measured import LEARNING
from teem.runtime.processes.supervise import OTHERS
from teem.runtime.watch import OWN

if TYPE_CHECKING:
    from teem.config.settings import Config


def expect_page(config: Config) -> None:
    """UsageError with everything that can't be shown as `metrics` asks, before anything is written."""
    faults = []
    try:
        expect_sinks(config.metrics.sinks)
    except UsageError as error:
        faults += error.faults
    try:
        if config.metrics.port:
            Endpoint(config.metrics.port, lambda: ()).close()
    except UsageError as error:
        faults += error.faults
    if faults:
        raise UsageError(faults)


@contextmanager
def shown(run: Any) -> Iterator[Endpoint | None]:
    """Serve the page of a run as long as it is played, if there is to be one."""
    port = run.config.metrics.port
    page = Endpoint(port, lambda: page_of(run)) if port else None
    try:
        yield page
    finally:
        if page is not None:
            page.close()


def page_of(run: Any) -> Families:
    """Everything that is known of a run now."""
    if isinstance(run, Run):
        latest = run.watch.latest
        if latest is None:
            return []
        told = latest.as_dict()
        return families(run.watch.described, [Told(told["values"], told["spans"], _alarms(told), "")])
    described = (*METRICS, *APART, *LEARNING, *PROCESS, *OWN, *OF_CONTAINERS, *HOUSEHOLD)
    return families(_once(described), [*_parts(run.folder.path), Told(household(run).read(), {}, [], "main")])


def household(run: Any) -> Registry:
    """What the process knows whose run is played by others."""
    return Registry(run, (*HOUSEHOLD, *PROCESS), HOUSEHOLD_CONTAINERS)


def keep(run: Any) -> None:
    """Leave metrics.json in the folder of a run of islands, which write theirs into their own."""
    path: Path = run.folder.path / FILE
    if run.config.metrics.enabled and (run.folder.path / ISLANDS).exists():
        path.write_text(json.dumps({"values": household(run).read(), "spans": {}, "forecasts": []}), encoding="utf-8")


def _parts(folder: Path) -> Iterator[Told]:
    """What each of those who play a run has measured last; part 0 writes into the run's own folder."""
    for place in (f"{ISLANDS}/*/",) if (folder / ISLANDS).exists() else ("", f"{OTHERS}/*/", f"{LEARNERS}/*/"):
        for file in sorted(folder.glob(place + FILE)):
            with suppress(OSError, ValueError, KeyError):  # it may be gone, or not be there yet
                told = json.loads(file.read_text("utf-8"))
                part = "0" if file.parent == folder else file.parent.name
                part = f"learner {part}" if file.parent.parent.name == LEARNERS else part
                yield Told(told["values"], told["spans"], _alarms(told), part)


def _alarms(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in told["forecasts"] if one["alarm"]]


def _once(described: tuple[Metric, ...]) -> list[Metric]:
    return list({metric.name: metric for metric in described}.values())
