"""An actor's part in a run: it plays as ever, with policies that are learnt elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from teem.config.settings import Config
from teem.learning.policies import Policies
from teem.record.checkpoint import Checkpoint
from teem.record.folder import RunFolder
from teem.runtime.companion import Accompany, accompanied, alone
from teem.runtime.loop import Run
from teem.runtime.present import View
from teem.runtime.processes.actor import ActingPolicies
from teem.runtime.processes.control import Control
from teem.runtime.processes.links import Links
from teem.runtime.report import build_report, finite
from teem.threads import Threads
from teem.worlds.base import Outcome, Progress, World


def act(
    config: Config,
    folder: RunFolder,
    links: Links,
    actor: int,
    resumed: Checkpoint | None,
    laying_out: Progress,
    choose: Callable[[Run], View | None],
    accompany: Accompany = alone,
) -> dict[str, Any]:
    """Play to the end or until told to stop, save, and return the report, kept in the folder.

    `choose` says who watches, `accompany` makes what goes along; when that has enough, all actors stop.
    """
    control, begun = links.control, time.perf_counter()

    def build(config: Config, world: World, threads: Threads) -> Policies:
        return ActingPolicies(config, world, threads, links, actor, folder.checkpoints)

    run = Run(config, folder, resumed, laying_out, build)
    if run.recorder:
        control.set_writer(actor, run.recorder.pid)
    policies = run.policies
    assert isinstance(policies, ActingPolicies)
    policies.begin()
    with accompanied(run, accompany):
        reason = _play(run, control, actor, choose(run))
        if reason == "enough":
            control.stop()
        run.finish(reason)
        with control.getting_on(actor):  # it waits for an evaluation, which has a limit of its own
            evaluated = run.companion.end() if run.companion else None
    report = build_report(run, reason, time.perf_counter() - begun) | {"evaluations": finite(evaluated)}
    report[config.runtime.mode] = policies.report()
    folder.write_report(report)
    return report


def _play(run: Run, control: Control, actor: int, view: View | None) -> str:
    def on_step(run: Run, outcome: Outcome) -> None:
        control.get_on(actor)
        if view:
            view.on_step(run, outcome)

    try:
        return run.play(on_step, lambda: control.stopping)
    finally:
        if view:
            view.close()


def gathered(
    reports: Sequence[dict[str, Any]], mode: str, wall_seconds: float, facts: dict[str, Any]
) -> dict[str, Any]:
    """The first actor's report, with facts of all and the others' figures under the mode's name."""
    first, *rest = reports
    told = ("steps", "agent_steps", "agents", "learning", "cohorts", mode)
    others = [{name: other[name] for name in told} for other in rest]
    alarms = [{**one, "process": f"actor {actor}"} for actor, other in enumerate(rest, 1) for one in other["alarms"]]
    told_of_all = {"wall_seconds": wall_seconds, "alarms": [*first["alarms"], *alarms]}
    return {**first, **told_of_all, mode: {**first[mode], **facts, "others": others}}
