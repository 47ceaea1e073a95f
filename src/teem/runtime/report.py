"""The report of a run: what was done, how fast, and on what machine; a number that isn't known is None."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from teem.measure.forecast import in_words as foretold
from teem.measure.machine import machine, rss_mb_peak
from teem.measure.spans import Spans
from teem.runtime import words
from teem.version import __version__
from teem.worlds.base import World

if TYPE_CHECKING:
    from teem.runtime.loop import Run


def build_report(run: Run, reason: str, wall_seconds: float) -> dict[str, Any]:
    """Return the report of a run that ended for `reason`, `wall_seconds` after this process took it up.

    `steps`, `agent_steps` and `seconds` (spent in steps) count from the run's first step, also if it was
    resumed; percentiles are over the last steps that the spans remember.
    """
    from teem.runtime.loop import summary

    totals = run.totals
    report: dict[str, Any] = finite(
        {
            "world": msgspec.to_builtins(run.config.world)["name"],
            "seed": run.config.seed,
            "version": __version__,
            "reason": reason,
            "steps": run.step,
            "seconds": totals.seconds,
            "wall_seconds": wall_seconds,
            "agent_steps": totals.agent_steps,
            "agent_steps_per_s": totals.agent_steps / totals.seconds if totals.seconds else None,
            "step_ms": step_ms(run.spans),
            "spans": span_shares(run.spans),
            **summary(run),
            "feats": {"unit": run.world.feat, **achieved(run.world)},
            "record": None
            if run.recorder is None
            else {
                "rows": run.recorder.rows,
                "dropped": run.recorder.dropped,
                "waited_s": run.recorder.waited_s,
            },
            "governor": run.governing.report(),
            "watchdog": run.watchdog.report(),
            "execution": run.pools.told(),
            "rss_mb_peak": rss_mb_peak(),
            "memory": None if run.memory.plan is None else run.memory.plan.as_dict() | {"end_mb": run.memory.lent()},
            "collector": run.garbage.as_dict(),
            "alarms": run.watch.all_alarms(),
            "machine": machine(),
        }
    )
    return report


def achieved(world: World) -> dict[str, float | None]:
    """What the living have achieved in their lives so far, the steps they have `lived`, and the ratio of the two.

    None when nobody lives.
    """
    living = world.population.living
    if not len(living):
        return dict.fromkeys(("mean", "most", "lived", "per_step"))
    feats, lived = world.feats[living], float((world.step_count - world.population.born[living]).mean())
    mean = float(feats.mean())
    return {"mean": mean, "most": float(feats.max()), "lived": lived, "per_step": mean / lived if lived else None}


def step_ms(spans: Spans) -> dict[str, float | None]:
    """The percentiles of a whole step; None before the first one."""
    if "step" not in spans.names:
        return {"p50": None, "p95": None, "p99": None}
    return {name.removesuffix("_ms"): value for name, value in spans.percentiles("step").items()}


def span_shares(spans: Spans) -> dict[str, dict[str, float | None]]:
    """Each span's share of all steps' time, and its percentiles."""
    whole = spans.total_s("step") if "step" in spans.names else 0.0
    return {
        name: {"share": spans.total_s(name) / whole if whole else None, **spans.percentiles(name)}
        for name in spans.names
        if name != "step"
    }


def finite(value: Any) -> Any:
    """The same nested value with None for every number that is not finite, so that it is JSON."""
    if isinstance(value, dict):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def in_words(report: dict[str, Any], folder: str) -> str:
    """The report as a person reads it after a run."""
    step, agents, learning, feats = (report[name] for name in ("step_ms", "agents", "learning", "feats"))
    lines = [
        ("ended", f"{_REASONS[report['reason']]} at step {words.count(report['steps'])}"),
        (
            "speed",
            f"{words.number(report['agent_steps_per_s'])} agent-steps/s; "
            f"step {words.number(step['p50'])} ms p50, {words.number(step['p95'])} ms p95",
        ),
        (
            "agents",
            f"{words.count(agents['alive'])} alive, {words.count(agents['born'])} born, "
            f"{words.count(agents['died'])} died",
        ),
        (
            feats["unit"],
            f"{words.number(feats['mean'])} a life so far, {words.number(feats['most'])} at most",
        ),
        (
            "learning",
            f"{words.count(learning['updates'])} updates, {words.number(learning['updates_per_s'])}/s; "
            f"least trained {words.count(learning['least_trained_updates'])}",
        ),
        *(("cohort", _cohort(name, told, feats["unit"])) for name, told in report["cohorts"].items()),
        *(("governor", text) for text in governed(report["governor"])),
        *(("watchdog", text) for text in stalled(report["watchdog"])),
        *(("evaluated", text) for text in evaluated(report.get("evaluations"))),
        ("memory", _memory(report)),
        *(("collector", _collector(told)) for told in (report["collector"],) if told),
        *(("alarm", foretold(alarm, words.number, words.duration)) for alarm in report["alarms"]),
        ("kept in", folder),
    ]
    return "\n".join(f"{name:9} {text}" for name, text in lines)


def governed(told: dict[str, Any] | None) -> Iterator[str]:
    """What a governor turned, a line each; nothing where none was at work."""
    if told is None:
        return
    kept = "" if told["target_ms"] is None else f"for {words.number(told['target_ms'])} ms a step; "
    yield f"{kept}{words.count(told['changes'])} changes, {words.count(told['steps_shed'])} steps with less than all"
    yield f"at most shed: {turned(told['most'])}; in the end: {turned(told['now'])}"
    for name, ratio in told["replay_ratios"].items():
        done, asked = words.number(ratio["done"]), words.number(ratio["asked"])
        yield f"{name}: {done} transitions trained on a decision, of {asked} asked for"
    if told["replays"]:
        yield f"its changes are those of {told['replays']}"
    elif told["changes"]:
        again = ": --governor.replay with this folder makes it again" if told["repeatable"] else ""
        yield f"it does not follow from its seed alone{again}"


def stalled(told: dict[str, Any] | None) -> Iterator[str]:
    """What the watchdog saw, a line each; nothing where it saw nothing."""
    if told is None:
        return
    if told["long_steps"]:
        yield f"{words.count(told['long_steps'])} steps were too long: what they did stands in {told['stacks']}"
    if told["failed"]:
        yield f"it watched no longer: {told['failed']}"
    if told["stopped"]:
        yield f"it stopped the run: {told['stopped']}"


def evaluated(told: dict[str, Any] | None) -> Iterator[str]:
    """What came of evaluations beside the run, a line each; nothing where there were none."""
    if told is None:
        return
    counts = told["evaluations"]
    lost = counts["failed"] + counts["timed_out"]
    failed = f"; {words.count(lost)} are no result, the last since {counts['fault']}" if lost else ""
    whose = f" of {told['cohort']}" if told.get("cohort") else ""
    yield f"{words.count(counts['done'])} times{whose}{failed}"
    for name in ("best", "last"):
        if (found := told[name]) is not None:
            mean, spread = words.number(found["mean"]), words.number(found["std"])
            yield f"{name}: step {words.count(found['step'])} came to {mean} ± {spread} {told['unit']}"
    if told["stopped"]:
        yield f"the run ended since {told['stopped']}"


def turned(controls: dict[str, Any]) -> str:
    """What is turned how, in words."""
    return (
        f"learning {words.percent(controls['learning'])}, decisions x{controls['decision']}, "
        f"snapshots x{controls['snapshots']}"
    )


def _memory(report: dict[str, Any]) -> str:
    """What was taken, beside what was planned."""
    measured, plan = f"{words.number(report['rss_mb_peak'])} MB at most", report["memory"]
    if plan is None:
        return measured
    start, most = (words.number(sum(plan[name].values())) for name in ("start_mb", "most_mb"))
    return f"{measured}; planned {start} MB at the start, {most} MB at most"


def _collector(told: dict[str, Any]) -> str:
    """How Python's garbage was collected."""
    return (
        f"{words.count(sum(told['collections']))} collections between steps, {words.number(told['seconds'])} s in all, "
        f"{words.number(told['longest_ms'])} ms at most"
    )


def _cohort(name: str, told: dict[str, Any], unit: str) -> str:
    """How a cohort stands."""
    learnt = "" if told["updates_median"] is None else f", {words.number(told['updates_median'])} updates (median)"
    life = f"{words.number(told['feats_mean'])} {unit} a life so far"
    return f"{name} ({told['algorithm']}): {words.count(told['alive'])} alive{learnt}, {life}"


_REASONS = {
    "steps": "done", "interrupted": "interrupted", "extinct": "nobody is left:", "stalled": "stopped by the watchdog",
    "enough": "enough:",
}  # fmt: skip
