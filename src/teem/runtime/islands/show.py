"""What is said of islands: a line now and then while they play, and one report of all in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teem.runtime import words
from teem.runtime.islands.island import Standing
from teem.runtime.progress import Rate


class Saying:
    """A line on how all islands stand."""

    def __init__(self, steps: int) -> None:
        self._steps, self._rate = steps, Rate()

    def line(self, standings: Sequence[Standing | None], migrants: int, restarts: int) -> str:
        """In words; rates are since the last one."""
        known = [one for one in standings if one is not None]
        if not known:
            return f"{len(standings)} islands: beginning"
        steps, done = [one.step for one in known], sum(one.agent_steps for one in known)
        rate = self._rate.of(done if len(known) == len(standings) else None)
        of = f"/{self._steps}" if self._steps else ""
        return (
            f"{len(known)} of {len(standings)} islands; slowest at step {min(steps)}{of}, fastest {max(steps)}; "
            f"{words.count(sum(one.agents for one in known))} alive; {words.number(rate)} agent-steps/s; "
            f"{words.count(migrants)} migrants, {restarts} restarts"
        )


def merged(reports: Sequence[dict[str, Any]], wall_seconds: float) -> dict[str, Any]:
    """One report of all islands: counts are sums, steps and the reason the slowest's, `each` has what is its own.

    Percentiles of steps and the machine are the first island's, memory is the largest's.
    """
    slowest = min(reports, key=lambda report: report["steps"])
    together = dict(reports[0])
    together |= {name: slowest[name] for name in ("steps", "reason")}
    together["wall_seconds"] = wall_seconds
    together["seconds"] = max(report["seconds"] for report in reports)
    together["agent_steps"] = sum(report["agent_steps"] for report in reports)
    together["agent_steps_per_s"] = _sum(report["agent_steps_per_s"] for report in reports)
    together["agents"] = {name: sum(report["agents"][name] for report in reports) for name in ("alive", "born", "died")}
    learning = [report["learning"] for report in reports]
    least = [one["least_trained_updates"] for one in learning if one["least_trained_updates"] is not None]
    together["learning"] = {
        "updates": sum(one["updates"] for one in learning),
        "updates_per_s": _sum(one["updates_per_s"] for one in learning),
        "least_trained_updates": min(least, default=None),
    }
    together["feats"] = _feats(reports)
    cohorts = [report["cohorts"] for report in reports]
    together["cohorts"] = {name: _cohort([each[name] for each in cohorts]) for name in cohorts[0]}
    together["rss_mb_peak"] = max(report["rss_mb_peak"] for report in reports)
    together["memory"] = together["collector"] = None  # of a process, and there are several
    together["alarms"] = [alarm for report in reports for alarm in report["alarms"]]
    together["governor"] = together["watchdog"] = None  # each has its own
    del together["migration"]
    own = (
        "seed", "reason", "steps", "agent_steps", "agent_steps_per_s", "agents", "learning", "feats", "cohorts",
        "governor", "watchdog",
    )  # fmt: skip
    together["each"] = [{name: report[name] for name in (*own, "migration")} for report in reports]
    return together


def _cohort(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One cohort on all islands; medians have no sum, so they stand with each island."""
    alive = sum(one["alive"] for one in told)
    known = [one for one in told if one["feats_mean"] is not None]
    least = [one["least_trained_updates"] for one in told if one["least_trained_updates"] is not None]
    return told[0] | {
        "alive": alive,
        "updates_median": None,
        "least_trained_updates": min(least, default=None),
        "feats_mean": sum(one["alive"] * one["feats_mean"] for one in known) / alive if alive else None,
        "feats_most": max((one["feats_most"] for one in known), default=None),
    }


def _feats(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of all the living together."""
    known = [(report["agents"]["alive"], report["feats"]) for report in reports if report["feats"]["mean"] is not None]
    alive = sum(count for count, _ in known)
    mean, lived = (
        sum(count * feats[name] for count, feats in known) / alive if alive else None for name in ("mean", "lived")
    )
    return {
        "unit": reports[0]["feats"]["unit"],
        "mean": mean,
        "most": max((feats["most"] for _, feats in known), default=None),
        "lived": lived,
        "per_step": mean / lived if mean is not None and lived else None,
    }


def _sum(rates: Any) -> float | None:
    """None where one isn't known."""
    known = list(rates)
    return None if None in known else sum(known)
