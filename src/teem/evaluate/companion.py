"""What goes along with a run, if its settings ask for it; what that takes is imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from teem.runtime.companion import Companion
    from teem.runtime.loop import Run
    from teem.runtime.session import Apart


def companion_of(run: Run | Apart) -> Companion | None:
    """Evaluations beside a run that is played in this process; None where there are to be none."""
    if not run.config.evaluation.every:
        return None
    from teem.evaluate.beside import Beside
    from teem.runtime.loop import Run

    return Beside(run) if isinstance(run, Run) else None
