"""Governing a run: what is turned between two steps so that it holds its rate, recorded, told, and made again.

A governed run does not follow from its seed alone, since what it sheds depends on how fast the machine was. Whatever
is turned stands in the table `governor` of run.db with its step, so the run can be made again: `governor.replay`.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from teem.config.cohorts import VALUED, learns
from teem.config.settings import Config
from teem.errors import UsageError
from teem.learning.schedule import pace_of
from teem.measure.governor import Controls, Governor
from teem.record.collect import flat_settings
from teem.record.folder import DATABASE
from teem.record.schema import connect_to_read, expect_run_database
from teem.runtime.cohorts import members
from teem.state import State
from teem.worlds.turns import Stretchable

if TYPE_CHECKING:
    from teem.runtime.loop import Run

SAME = ("seed", "imports", "world.", "population.", "learning.", "record.")  # settings that a replay must share


class Change(NamedTuple):
    """What holds from before a step on, and why."""

    controls: Controls
    why: str


class Governing:
    """Turns the controls of a run before a step, as its governor says, or as they were turned in the run replayed."""

    def __init__(self, run: Run) -> None:
        settings = run.config.governor
        self._run = run
        self._bounds = bounds_of(run)
        self._governor = Governor(settings.target_ms, self._bounds) if settings.target_ms else None
        self._again = recorded(Path(settings.replay)) if settings.replay else None
        self._waited_s = run.policies.waited_s  # before the last step
        self._lately: deque[tuple[float, float]] = deque(maxlen=run.policies.waited_at_once)  # as `measure` has it
        self._long = False  # the watchdog wanted to have load shed
        self.controls = Controls()
        self.changes = 0
        self.steps_shed = 0  # made with anything shed
        self.most = Controls()  # that was ever shed

    @property
    def target_ms(self) -> float | None:
        """Milliseconds that 95% of the steps are to stay below; None where there is no governor."""
        return self._governor.target_ms if self._governor else None

    @property
    def p95_ms(self) -> float | None:
        """What 95% of the steps took at the governor's last look."""
        return self._governor.p95_ms if self._governor else None

    def measure(self) -> tuple[float, float]:
        """Milliseconds that the last step took, and of them, learning: here, or while it waited for learners.

        Steps that are waited for together count as the mean of them: one of them has the wait of all.
        """
        spans, waited_s = self._run.spans, self._run.policies.waited_s
        waited_ms, self._waited_s = 1000 * (waited_s - self._waited_s), waited_s
        self._lately.append((spans.last_ms("step"), spans.last_ms("learn") + waited_ms))
        return fmean(ms for ms, _ in self._lately), fmean(ms for _, ms in self._lately)

    def before_step(self) -> None:
        """Take in how long the last step took, and turn what has to be turned for the next one."""
        step = self._run.step
        if self._again is not None:
            if change := self._again.get(step):
                self._turn(*change)
        else:
            self._listen()
        self.steps_shed += self.controls != Controls()

    def _listen(self) -> None:
        """Do as the governor says, and shed what may be shed while the watchdog wants it."""
        governor, long = self._governor, self._run.watchdog.stall.sheds
        wanted = Controls()
        if governor is not None:
            if self._run.spans.steps:
                governor.frame(*self.measure())
            wanted = governor.controls
        if long:
            wanted = wanted.and_also(self._bounds._replace(decision=1))
        if wanted != self.controls:
            sheds = wanted.and_also(self.controls) == wanted
            if long == self._long:
                self._turn(wanted, "shed" if sheds else "given back")
            else:
                self._turn(wanted, "long step" if long else "long step over")
        self._long = long

    def _turn(self, controls: Controls, why: str) -> None:
        self.controls, self.most = controls, self.most.and_also(controls)
        self.changes += 1
        self._apply()
        self.record(why)
        times = {"p95_ms": self.p95_ms, "target_ms": self.target_ms} if self._governor else {}
        self._run.folder.log("governor", step=self._run.step, **controls._asdict(), why=why, **times)

    def record(self, why: str) -> None:
        """Write down what holds from the next step on."""
        if self._run.recorder:
            self._run.recorder.write("governor", step=self._run.step, **self.controls._asdict(), why=why)

    def _apply(self) -> None:
        run, controls = self._run, self.controls
        run.policies.learn_part(Fraction(round(1000 * controls.learning), 1000))
        if isinstance(run.world, Stretchable):
            run.policies.retime(run.world.stretch(controls.decision))
        if run.collector:
            run.collector.stretch(controls.snapshots)

    def state(self) -> State:
        """What holds, and what was done so far."""
        return {
            "controls": self.controls._asdict(),
            "most": self.most._asdict(),
            "changes": self.changes,
            "steps_shed": self.steps_shed,
        }

    def load_state(self, state: State) -> None:
        """Go on from a saved state; the governor looks anew."""
        self.controls, self.most = Controls(**state["controls"]), Controls(**state["most"])
        self.changes, self.steps_shed = int(state["changes"]), int(state["steps_shed"])
        self._apply()
        if self._governor:
            self._governor.start_from(self.controls)

    def report(self) -> dict[str, Any] | None:
        """What was shed, for the report; None where nothing governs and nothing was turned."""
        if not self.changes and self._governor is None and self._again is None:
            return None
        return {
            "target_ms": self.target_ms,
            "p95_ms": self.p95_ms,
            "changes": self.changes,
            "steps_shed": self.steps_shed,
            "now": self.controls._asdict(),
            "most": self.most._asdict(),
            "replay_ratios": replay_ratios(self._run),
            "repeatable": self._run.policies.repeatable,
            "replays": self._run.config.governor.replay or None,
        }


def bounds_of(run: Run) -> Controls:
    """How far a run can be turned: not what it hasn't got."""
    settings = run.config.governor
    return Controls(
        settings.learning if any(learns(cohort) for _, cohort, _ in members(run)) else 1.0,
        settings.decision if isinstance(run.world, Stretchable) else 1,
        settings.snapshots,
    )


def replay_ratios(run: Run) -> dict[str, dict[str, float | None]]:
    """Of each cohort that learns from replays: transitions trained on for each decision, as asked for and as done.

    What was done is that of the living, over their lives.
    """
    gauges, ratios = run.policies.gauges, {}
    for _, cohort, rows in members(run):
        if cohort.algorithm in VALUED and cohort.enabled:
            decisions = int(gauges.decisions[rows].sum())
            done = int(gauges.updates[rows].sum()) * cohort.transitions / decisions if decisions else None
            ratios[cohort.name] = {"asked": float(pace_of(cohort) * cohort.transitions), "done": done}
    return ratios


def recorded(run: Path) -> dict[int, Change]:
    """What was turned before which step of a recorded run; UsageError where that can't be read."""
    expect_run_database(run / DATABASE)
    connection = connect_to_read(run / DATABASE)
    try:
        rows = connection.execute("SELECT step, learning, decision, snapshots, why FROM governor").fetchall()
    finally:
        connection.close()
    return {step: Change(Controls(*controls), why) for step, *controls, why in rows}


def expect_replayable(config: Config) -> None:
    """UsageError unless the run that is to be made again is one of the same settings."""
    if not config.governor.replay:
        return
    path = Path(config.governor.replay) / DATABASE
    try:
        expect_run_database(path)
    except UsageError as error:
        raise UsageError([f"governor.replay is {config.governor.replay}: {fault}" for fault in error.faults]) from None
    connection = connect_to_read(path)
    try:
        there = dict(connection.execute("SELECT key, value FROM config"))
    finally:
        connection.close()
    raise_if_different(config, {key: (there.get(key), value) for key, value in flat_settings(config)})


def raise_if_different(config: Config, settings: dict[str, tuple[Any, Any]]) -> None:
    """UsageError with every setting (there, here) that the replayed run has otherwise."""
    faults = [
        f"{key} is {here} but was {there} in {config.governor.replay}, which governor.replay makes again: give {there}"
        for key, (there, here) in settings.items()
        if key.startswith(SAME) and there != here
    ]
    if faults:
        raise UsageError(faults)
