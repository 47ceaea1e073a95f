"""What goes along with a run in the process that plays it, such as its evaluations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from teem.runtime.loop import Run


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


Accompany = Callable[["Run"], Companion | None]
"""Makes what goes along with a run, if its settings ask for it."""


def alone(run: Run) -> None:
    """Nothing goes along."""


@contextmanager
def accompanied(run: Run, accompany: Accompany) -> Iterator[None]:
    """Have something go along with a run, if it is to, and let it go in the end."""
    run.companion = accompany(run)
    try:
        yield
    finally:
        if run.companion:
            run.companion.close()
