"""What is asked of a run while it goes on: a word in a file of its folder, looked at with every sample."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from teem.execution import EXECUTIONS

if TYPE_CHECKING:
    from teem.runtime.loop import Run

FILE = "execution"
LONGEST = 32  # characters of a word


class Asked:
    """The execution that was asked for last."""

    def __init__(self, run: Run) -> None:
        self._run, self._last = run, ""

    def look(self) -> None:
        """Switch the run to what the file says, if that is new; what is no execution stands in the log."""
        text = self._last
        with suppress(OSError, UnicodeDecodeError), (self._run.folder.path / FILE).open(encoding="utf-8") as file:
            text = file.read(LONGEST).strip()
        if text == self._last:
            return
        self._last = text
        for execution in EXECUTIONS:
            if text == execution:
                self._run.switch(execution)
                return
        self._run.folder.log("execution unknown", asked=text, known=EXECUTIONS)
