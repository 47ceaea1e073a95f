"""Decisions: what choosing, remembering and learning cost, for the usual algorithms."""

from __future__ import annotations

from typing import Any

import msgspec

from teem.config.settings import Config
from teem.errors import UsageError
from teem.profile.components.bench import Bench, Part
from teem.profile.components.timing import Measured, in_turn
from teem.profile.report import Table
from teem.runtime import words
from teem.runtime.loop import Run
from teem.runtime.present import Compiling
from teem.runtime.warmup import is_warm, warm
from teem.worlds.turns import turns_of

ALGORITHMS = ("dqn", "iqn", "ppo")
WARM, STEPS = 80, 70  # decisions of everybody; a rollout of PPO is 64


def measure_decisions(bench: Bench) -> Part:
    """A short run of each algorithm, all else as the settings say, without a record."""
    rows, replays, absent = [], [], []
    figures: dict[str, Any] = {}
    for name in dict.fromkeys((bench.config.learning.algorithm, *ALGORITHMS)):
        config = _alone(bench.config, name)
        try:
            if not is_warm(config):
                warm(config, Compiling())
            with bench.run(config) as run:
                figures[name] = _play(run)
                rows.append((name, *_told(figures[name])))
                replays += _replay(name, run, figures[name])
        except UsageError as error:
            absent.append(f"{name} is not measured: {error.faults[0]}")
    note = (
        f"Own runs of {STEPS} decisions each after {WARM}, all cohorts alike. The share of training is learning's part "
        "of observing, acting, stepping, remembering and learning."
    )
    head = ("algorithm", "act, p50 µs an agent", "p95", "p99", "remember", "learn, mean µs an agent", "training")
    tables = [
        Table("Decisions", head, rows, note),
        Table("Replay", ("operation", "p50 ms", "p95 ms", "p99 ms", "µs an agent"), replays, _REPLAY),
    ]
    return Part("decisions", tables, figures, absent)


_REPLAY = "Of a batch for every agent that has enough to draw from; the fused kernels draw by themselves, without it."


def _alone(config: Config, algorithm: str) -> Config:
    learning = msgspec.structs.replace(config.learning, algorithm=algorithm, cohorts=(), network="mlp", backend="auto")
    return msgspec.structs.replace(
        config, learning=learning, record=msgspec.structs.replace(config.record, enabled=False)
    )


def _play(run: Run) -> dict[str, Any]:
    """The steps, and what the parts of a decision took."""
    every = turns_of(run.config).every
    for _ in range(WARM * every):
        run.advance()
    run.spans.forget()
    before = run.totals.agent_steps
    for _ in range(STEPS * every):
        run.advance()
    spans = run.spans
    parts = {name: spans.total_s(name) for name in ("observe", "act", "world", "remember", "learn")}
    return {
        "steps": spans.steps,
        "agent_steps": run.totals.agent_steps - before,
        "agents": len(run.world.population.living),
        "act_ms": Measured.of(spans.recent_ms("act"))._asdict(),
        "total_s": parts,
        "training": parts["learn"] / sum(parts.values()),
    }


def _told(figures: dict[str, Any]) -> tuple[str, ...]:
    agents = max(1.0, figures["agent_steps"] / figures["steps"])
    act = (words.number(value * 1e3 / agents) for value in figures["act_ms"].values())
    mean = {name: words.number(total * 1e6 / figures["agent_steps"]) for name, total in figures["total_s"].items()}
    return (*act, mean["remember"], mean["learn"], words.percent(figures["training"]))


def _replay(name: str, run: Run, figures: dict[str, Any]) -> list[tuple[str, ...]]:
    """Drawing a batch for everybody, where there is a replay."""
    (cohort,) = run.policies.cohorts
    replay = getattr(cohort, "replay", None)
    if replay is None:
        return []
    settings, seed = run.config.learning, run.config.seed
    living = run.world.population.living
    rows = living[replay.drawable(living, settings.n_step)]
    if not len(rows):
        return []
    ids, steps = run.world.population.id[rows], iter(range(run.step, 1 << 60))
    times = in_turn(
        {
            "draw": lambda: replay.sample(
                rows, ids, next(steps), seed, settings.batch, settings.n_step, settings.gamma
            ),
            "find who can be drawn": lambda: replay.drawable(living, settings.n_step),
        }
    )
    figures["replay"] = {what: one._asdict() for what, one in times.items()}
    return [(f"{name}: {what}", *one.row(), words.number(one.p50 * 1e3 / len(rows))) for what, one in times.items()]
