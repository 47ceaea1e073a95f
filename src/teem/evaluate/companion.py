"""What goes along with a run, if its settings ask for it; what that takes is imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from teem.runtime.companion import Companion
    from teem.runtime.loop import Run


def companion_of(run: Run) -> Companion | None:
    """Evaluations beside a run; None where there are to be none."""
    if not run.config.evaluation.every:
        return None
    from teem.evaluate.beside import Beside

    return Beside(run)
