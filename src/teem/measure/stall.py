"""What becomes of a step that lasts too long, in seconds that its process could have used: numbers only.

First every thread's stack is written down; if it goes on, or comes again, load is shed; only after several more such
steps within a minute, or a very long one, the run is stopped; a step that never ends ends the process.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import NamedTuple

GOES_ON = 2.0  # times the limit, after which load is shed when the step ends
NORMAL = 4.0  # times what steps usually take: a run whose steps are long by nature raises no alarm
WINDOW_S = 60.0  # within which long steps count together
CALM_S = 30.0  # without a long step, after which what was shed is given back
NEVER = 1.5  # times the seconds that stop a run, after which a step will never end
HELD_UP = 2.0  # ticks; a longer one was no tick: the process was stopped, or the machine asleep


class Verdict(IntEnum):
    """What to do about the step in progress; each is said once a step."""

    NOTHING = 0
    LONG = 1  # write down what it does
    TOO_LONG = 2  # and once more: the run is to be stopped when it ends
    ENDLESS = 3  # end the process


class Limits(NamedTuple):
    """When a step is too long, in seconds, and how often is too often."""

    frame: float
    frames: int  # long steps within the window, while load is shed, that stop the run
    stop: float  # of one step; 0: nothing stops the run
    shed: bool  # whether load may be shed


class Stall:
    """Told every tick which step is in progress, it says what is to be done about it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sheds = False  # load is to be shed
        self.why = ""  # the run is to be stopped, because
        self.seconds = 0.0  # of the step in progress
        self.long = 0  # steps that were too long
        self._step = 0
        self._said = Verdict.NOTHING
        self._now = 0.0  # seconds that the process could have used, in all
        self._when: deque[float] = deque(maxlen=1024)  # of long steps, within the window
        self._in_vain = 0  # of them, while load was shed

    @property
    def lately(self) -> tuple[int, int]:
        """Long steps within the window, and how many of them are remembered."""
        return len(self._when), self._when.maxlen or 0

    def tick(self, step: int, seconds: float, usual: float | None) -> Verdict:
        """So many seconds more have passed; `step` is 0 between two steps, `usual` what steps take, None: unknown."""
        self._now += seconds
        if step != self._step or not step:
            self._step, self._said, self.seconds = step, Verdict.NOTHING, 0.0
            if self.sheds and self._now - self._when[-1] > CALM_S:
                self.sheds = False
            return Verdict.NOTHING
        self.seconds += seconds
        verdict = self._judge(max(self.limits.frame, NORMAL * (usual or 0.0)), known=usual is not None)
        if verdict <= self._said:
            return Verdict.NOTHING
        self._said = verdict
        return verdict

    def _judge(self, limit: float, known: bool) -> Verdict:
        if self.seconds < limit:
            return Verdict.NOTHING
        if self._said == Verdict.NOTHING:
            self._note(limit)
        if known and self.limits.shed and (self.seconds >= GOES_ON * limit or len(self._when) > 1):
            self.sheds = True
        stop = max(self.limits.stop, GOES_ON * limit) if self.limits.stop else float("inf")
        if self.seconds < stop:
            return Verdict.LONG
        self.why = f"a step lasted for {stop:.3g} s and more"
        return Verdict.TOO_LONG if self.seconds < NEVER * stop else Verdict.ENDLESS

    def _note(self, limit: float) -> None:
        """Another long step: of those within the window there may be too many now."""
        self.long += 1
        while self._when and self._now - self._when[0] > WINDOW_S:
            self._when.popleft()
        self._in_vain = (self._in_vain if self._when else 0) + self.sheds
        self._when.append(self._now)
        if self._in_vain >= self.limits.frames and self.limits.stop:
            self.why = f"{self._in_vain} steps within {WINDOW_S:g} s lasted for {limit:.3g} s and more"


def usable(passed: float, tick: float, waited: float, worked: float) -> float:
    """Seconds of those that passed since the last tick in which the process could have worked.

    Not those in which it was stopped or the machine asleep, so that no tick came, unless it `worked`, by its CPU time,
    and nobody else in it could; nor those that the thread of the step has `waited` for a processor.
    """
    return max(0.0, max(min(passed, HELD_UP * tick), min(passed, worked)) - waited)
