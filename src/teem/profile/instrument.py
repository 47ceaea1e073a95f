"""What a play is played under; one instrument at a time, since each disturbs the others.

`prepare` is called before the run is made, `start` after it has warmed up, `tick` after every step, `stop` after the
last; `found` then tells, in plain values, what there was to see.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from teem.measure.trace import Trace

if TYPE_CHECKING:
    from teem.profile.play import Job
    from teem.runtime.loop import Run


class Instrument:
    """Nothing but the engine's own spans."""

    def __init__(self, job: Job) -> None:
        self.out = Path(job.out)

    def prepare(self) -> None:
        """Nothing is to be done."""

    def start(self, run: Run) -> None:
        """Nothing is to be done."""

    def tick(self) -> None:
        """Nothing is to be done."""

    def stop(self) -> None:
        """Nothing is to be done."""

    def found(self, run: Run) -> dict[str, Any]:
        """Nothing beside the spans."""
        return {}


class Traced(Instrument):
    """Every single span, as a trace to look at."""

    def start(self, run: Run) -> None:
        """Have the spans traced."""
        run.spans.trace = Trace()

    def found(self, run: Run) -> dict[str, Any]:
        """Write the trace, and say what it holds."""
        trace = run.spans.trace
        assert trace is not None
        path = self.out / "trace.json"
        trace.write(path, run.spans.names)
        return {"file": path.name, "spans": trace.noted, "overwritten": trace.overwritten}
