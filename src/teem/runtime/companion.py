"""What goes along with a run that is played in this process, such as its evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Companion(Protocol):
    """Is told of every step, may end the run, and has its say in the report, on the panel and in the metrics."""

    @property
    def enough(self) -> str | None:
        """Why the run is to end; None while it isn't."""
        ...

    @property
    def said(self) -> str | None:
        """What it found last, for the panel."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """Its evaluations so far, by how they ended."""
        ...

    @property
    def result(self) -> float | None:
        """What the last of them that was done came to."""
        ...

    def on_step(self) -> None:
        """A step was made."""
        ...

    def end(self) -> dict[str, Any]:
        """The run has ended and is saved; what there is to report."""
        ...

    def close(self) -> None:
        """Let everything go, also amid the run."""
        ...
