"""What is measured of a run: one table, from which the page of metrics, metrics.json and the forecast are made.

Whatever a run counts or collects stands here, by the attribute that does it; a test looks for what doesn't.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from teem.execution import CHOICES_MOST
from teem.learning.algorithms.dqn import DQN
from teem.learning.algorithms.ppo import PPO
from teem.learning.learner import Learner
from teem.measure.compiled import COMPILED
from teem.measure.metrics import Container, Metric, Value, at, container, counter, gauge
from teem.measure.process import core_wait_s
from teem.record.client import BUNCH_FRAMES
from teem.runtime.cohorts import Peopled, least_trained, members

if TYPE_CHECKING:
    from teem.runtime.loop import Run

Pair = tuple[int, int]  # items and cap


def _alive(run: Run) -> Value:
    return {cohort.name: len(rows) for _, cohort, rows in members(run)}


def batches(run: Peopled) -> dict[str, int]:
    """Batches that each cohort has learnt from."""
    names = [cohort.name for _, cohort, _ in members(run)]
    cohorts = zip(names, run.policies.cohorts, strict=True)
    return {name: cohort.batches for name, cohort in cohorts if isinstance(cohort, Learner)}


def _faults(run: Run) -> Value:
    return int(run.policies.gauges.faults[run.world.population.living].sum())


def _result(run: Run) -> Value:
    return run.companion.result if run.companion else None


def _loss(run: Run) -> Value:
    loss = run.policies.gauges.loss[run.world.population.living]
    known = loss[np.isfinite(loss)]
    return float(np.median(known)) if len(known) else None


def _epsilon(run: Run) -> Value:
    living = run.world.population.living
    return float(run.policies.gauges.epsilon[living].mean()) if len(living) else None


def _steps_left(run: Run) -> Value:
    return max(0, run.config.steps - run.step) if run.config.steps else None


def _being_saved(run: Run) -> Value:
    return int(run.checkpointer.under_way)


CORE_WAIT = counter(
    "core_wait_seconds", "time that the thread that steps could have run and had no core", lambda _: core_wait_s()
)


def _pools(name: str) -> Callable[[Run], Value]:
    """An attribute of each pool, or what its method says."""

    def read(run: Run) -> Value:
        values = {pool.name: getattr(pool, name) for pool in run.pools}
        return {pool: value() if callable(value) else value for pool, value in values.items()}

    return read


def _shared(name: str, unit: float = 1) -> Callable[[Run], Value]:
    """An attribute of those that share ranges."""

    def read(run: Run) -> Value:
        values = {pool: getattr(threads, name) for pool, threads in run.pools.shared.items()}
        return {pool: None if value is None else value / unit for pool, value in values.items()}

    return read


METRICS: tuple[Metric, ...] = (
    counter(
        "steps", "steps made since the world began", "step", "Farm.step_count Crawlers.step_count Treasure.step_count"
    ),
    gauge("steps_left", "steps until the run is done; not there when it goes on until stopped", _steps_left),
    counter("agent_steps", "steps of all agents together", "totals.agent_steps", "Totals.agent_steps"),
    counter("step_seconds", "time spent in steps", "totals.seconds", "Totals.seconds"),
    CORE_WAIT,
    counter(
        "kernels_compiled",
        "kernels compiled in this process; those in the cache are none",
        lambda _: COMPILED.begun,
        "Compiled.begun Compiled.open",
    ),
    counter("updates", "network updates", "totals.updates", "Totals.updates"),
    counter(
        "batches",
        "batches learnt from, an agent's each",
        batches,
        "DQN.batches PPO.batches QuantileQ.batches",
        "cohort",
    ),
    counter("born", "births", "totals.born", "Totals.born Population.next_id Guests._next_turn"),
    counter("died", "deaths", "totals.died", "Totals.died"),
    gauge("alive", "agents alive", _alive, "Population._count", "cohort"),
    gauge("batch", "crawlers that decide, let their action hold, or can't move", "world.batches", label="batch"),
    gauge("least_trained_updates", "the fewest updates that anybody has had who is old enough for one", least_trained),
    gauge("loss", "the median of the living's last losses", _loss),
    gauge("epsilon", "how often an agent tries something at random, on average", _epsilon),
    counter(
        "evaluations",
        "evaluations beside the run, by how they ended",
        lambda run: run.companion.counts if run.companion else {},
        "training.evaluator:Evaluator.failed training.evaluator:Evaluator.refused "
        "training.evaluator:Evaluator.started training.evaluator:Evaluator.timed_out",
        "end",
    ),
    gauge("evaluation_result", "what the last of them that was done came to", _result),
    gauge("slots_ready", "agents that there is memory for now", "world.population.size", "Population.size"),
    gauge("faults", "numbers of the living that were not finite and held back", _faults),
    counter("record_rows", "rows handed over to the writer", "recorder.rows", "Recorder.rows"),
    counter("record_dropped", "rows refused because the writer lagged", "recorder.dropped", "Recorder.dropped"),
    counter("record_wait_seconds", "time spent waiting for the writer", "recorder.waited_s", "Recorder.waited_s"),
    gauge(
        "record_held_bytes", "bytes held back to be handed over together", "recorder.held_bytes", "Recorder._held_bytes"
    ),
    counter(
        "memory_ahead_seconds",
        "time a thread spent on memory of slots to come",
        "memory.ahead_s",
        "runtime.memory:Memory.ahead_s",
    ),
    counter("collect_seconds", "time spent collecting garbage between steps", "garbage.seconds", "Garbage.seconds"),
    gauge("collect_longest_seconds", "the longest that a collection between steps took", "garbage.longest_s"),
    counter("checkpoints", "checkpoints written", "checkpointer.saved", "Checkpointer.saved"),
    gauge("checkpoint_seconds", "what writing the newest checkpoint took", "checkpointer.last_seconds"),
    gauge("checkpoint_bytes", "what the newest checkpoint takes", "checkpointer.last_bytes"),
    gauge("checkpoint_under_way", "1 while a checkpoint is being written", _being_saved),
    gauge("governor_learning", "part of the due updates that the governor lets be made", "governing.controls.learning"),
    gauge("governor_decision", "times the world's decision interval", "governing.controls.decision"),
    gauge("governor_snapshots", "times the intervals of record and checkpoints", "governing.controls.snapshots"),
    counter("governor_changes", "changes of these", "governing.changes", "Governing.changes"),
    counter("governor_steps", "steps made with anything shed", "governing.steps_shed", "Governing.steps_shed"),
    counter("long_steps", "steps that the watchdog found too long", "watchdog.stall.long", "Stall.long"),
    counter("stacks_written", "times that every thread's stack was written down", "watchdog.dumps", "Watchdog.dumps"),
    gauge("pool_threads", "threads of each pool", _pools("threads"), label="pool"),
    gauge("pool_waiting", "tasks that wait in each pool's queue", _pools("__len__"), "Pool._waiting", "pool"),
    counter(
        "pool_done",
        "tasks that each pool has done, its help with shared work included",
        _pools("done"),
        "Pool.done",
        "pool",
    ),
    counter("pool_failed", "tasks that raised", _pools("failed"), "Pool.failed", "pool"),
    counter("pool_late", "tasks that were not over at their deadline", _pools("count_late"), "Pool.late", "pool"),
    counter("pool_refused", "tasks for which a pool had no room", _pools("refused"), "Pool.refused", "pool"),
    counter(
        "pool_busy_seconds", "time that each pool's threads spent in tasks", _pools("busy_s"), "Pool._busy_s", "pool"
    ),
    gauge(
        "pool_utilisation", "the part of its threads' time that a pool used lately", _pools("utilisation"), label="pool"
    ),
    counter("shared_ranges", "kernels that several threads shared", _shared("shared"), "Threads.shared", "pool"),
    counter("shared_measured", "those of them that were measured", _shared("measured"), "Threads.measured", "pool"),
    counter(
        "shared_thread_seconds",
        "their parts' time by their threads' own clocks, together",
        _shared("parts_ns", 1e9),
        "Threads.parts_ns",
        "pool",
    ),
    counter("shared_wall_seconds", "their time by the clock", _shared("wall_ns", 1e9), "Threads.wall_ns", "pool"),
    gauge("shared_speed_up", "those threads' time over that by the clock", _shared("speed_up"), label="pool"),
    counter(
        "guests_crowded_out",
        "migrants who gave way while they waited",
        "world.guests.crowded_out",
        "Guests.crowded_out",
    ),
)
"""Of any run, read between two steps."""

APART: tuple[Metric, ...] = (
    gauge("policy_lag_steps", "steps that the actor is ahead of what was learnt for it", "policies.lag"),
    counter(
        "decisions_sent",
        "decisions sent to the learners",
        lambda run: int(run.policies.decisions.sum()),
        "ActingPolicies.decisions",
    ),
    counter(
        "learner_wait_seconds", "time spent waiting for the learners", "policies.waited_s", "ActingPolicies.waited_s"
    ),
    gauge("experience_bytes", "bytes of experience that not every learner has taken", "policies.under_way"),
)
"""Of a run whose policies are learnt elsewhere, besides."""


def metrics_of(run: Run) -> tuple[Metric, ...]:
    """What is measured of a run, read between two steps."""
    return (*METRICS, *(APART if hasattr(run.policies, "lag") else ()))


def _living(run: Run) -> Pair:
    return len(run.world.population.living), run.world.population.capacity


def replays(run: Peopled) -> Pair | None:
    """Decisions that the living remember."""
    living, rings = run.world.population.living, [one.replay for one in run.policies.cohorts if isinstance(one, DQN)]
    if not rings:
        return None
    held = sum(int(np.minimum(ring.added[living], ring.length).sum()) for ring in rings)
    return held, sum(ring.rows * ring.length for ring in rings)


def rollouts(run: Peopled) -> Pair | None:
    """Decisions that the living have collected."""
    living, found = run.world.population.living, [one.rollouts for one in run.policies.cohorts if isinstance(one, PPO)]
    if not found:
        return None
    return sum(int(one.filled[living].sum()) for one in found), sum(len(one.filled) * one.horizon for one in found)


def _guests(run: Run) -> Pair | None:
    guests = run.world.guests
    return None if guests is None else (len(guests), len(guests.turn))


def _letters(run: Run) -> Pair | None:
    guests = run.world.guests
    return None if guests is None else (len(guests.received), run.config.ray.islands)


def _tasks(run: Run) -> Pair:
    return sum(len(pool) for pool in run.pools), sum(pool.most for pool in run.pools)


def _choices(run: Run) -> Pair:
    made = [threads.choices for threads in run.pools.shared.values()]
    return sum(map(len, made)), len(made) * CHOICES_MOST


def _held(run: Run) -> Pair | None:
    return None if run.recorder is None else (run.recorder.held, BUNCH_FRAMES)


def _notes(run: Run) -> Pair | None:
    return None if run.collector is None else run.collector.noted


CONTAINERS: tuple[Container, ...] = (
    container("slots", "the living", _living, "Population._free_count Population._freed_count"),
    container("replay", "decisions that the living remember", replays),
    container("rollouts", "decisions collected for the next update of PPO", rollouts),
    container(
        "legacies",
        "the famous dead whose weights are kept",
        lambda run: run.policies.legacies.kept,
        "Legacies._entries",
    ),
    container(
        "long_steps",
        "long steps of the last minute",
        lambda run: run.watchdog.stall.lately,
        "Stall._when Stall._in_vain",
    ),
    container("guests", "migrants who wait for room", _guests),
    container("letters", "islands from which letters have come", _letters, "Guests.received"),
    container("record_frames", "bunches of rows held back to be handed over together", _held, "Recorder._held"),
    container("tasks", "tasks that wait for a pool's thread", _tasks, "Pool._queue"),
    container("choices", "kernels and sizes whose execution is chosen", _choices, "Choices._made"),
    container(
        "notes", "rows of births, deaths and illness not yet handed over", _notes, "Collector._joined Notes._counts"
    ),
    container(
        "spans",
        "names of spans",
        lambda run: (len(run.spans.names), run.spans.most),
        "Spans.names Spans._blocks Spans._ring",
    ),
)


def _letters_kept(run: Any) -> Pair | None:
    mail = at("_mail")(run)
    return None if mail is None else mail.kept


def _losses(run: Any) -> Pair:
    return len(getattr(run, "_when", ())), run.config.runtime.restarts + 1


HOUSEHOLD: tuple[Metric, ...] = (
    counter(
        "restarts",
        "processes or islands that were lost and replaced",
        lambda run: len(run._lost),
        "Supervisor._lost Fleet._lost Archipelago._lost",
    ),
    counter("migrants_sent", "migrants that were sent", "_mail.sent", "Mail.sent"),
    counter("migrants_settled", "migrants that were taken in", "_settled", "Archipelago._settled"),
    counter("mail_bytes", "bytes of letters between islands", "_mail.bytes", "Mail.bytes"),
    counter("letters_given_up", "letters that gave way to newer ones", "_mail.given_up", "Mail.given_up"),
)
"""Of a process whose run is played by others, which it starts, looks after and replaces."""

HOUSEHOLD_CONTAINERS: tuple[Container, ...] = (
    container("mail", "letters on the way to islands, and kept for them", _letters_kept, "Mail._waiting Mail._given"),
    container(
        "losses", "losses that count for the most restarts", _losses, "Supervisor._when Fleet._when Place.lost_at"
    ),
)
