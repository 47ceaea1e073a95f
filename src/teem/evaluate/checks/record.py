"""What must be true of run.db. Each check reads one snapshot of it, so a run may be going on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import cohorts_of
from teem.config.crawlers import CrawlersSettings
from teem.config.settings import CohortSettings, Config
from teem.evaluate.checks.training import everyone_trained, why_nothing_is_learnt
from teem.evaluate.finding import Verdict, bad, good, unknown
from teem.record.schema import VERSION
from teem.worlds.turns import Turns, turns_of

HUGE = 1e300  # SQLite keeps an infinite number, and makes NULL of one that is not a number
SHOWN = 5  # examples told of a fault
NEVER = 1 << 62  # the step in which the living die
MOST_STEPS = 500  # whose decisions are counted one by one


@dataclass(frozen=True, slots=True)
class Record:
    """A run's database, opened in one read transaction, with what else is known of the run."""

    connection: sqlite3.Connection
    config: Config
    report: dict[str, Any] | None  # None: the run has not ended

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        return self.connection.execute(query).fetchall()

    def number(self, query: str) -> int:
        """The one number that a query gives; 0 for NULL."""
        return int(self.rows(query)[0][0] or 0)

    @property
    def dropped(self) -> int | None:
        """Rows that were not recorded since the writer lagged; None if not known."""
        if self.config.record.when_full == "wait":
            return 0
        record = (self.report or {}).get("record")
        return int(record["dropped"]) if record else None


def the_database_is_whole(record: Record) -> Verdict:
    """Its pages are sound, and its tables are those that this version knows."""
    version = record.number("PRAGMA user_version")
    if version != VERSION:
        return bad(f"its tables are of version {version}, this teem knows {VERSION}", version)
    said = [str(row[0]) for row in record.rows("PRAGMA quick_check")]
    if said != ["ok"]:
        return bad("; ".join(said[:SHOWN]), len(said))
    return good(f"quick_check found no fault; tables of version {version}")


def no_row_was_dropped(record: Record) -> Verdict:
    """Everything that was to be recorded was."""
    if record.config.record.when_full == "wait":
        return good("the run waits for its writer: record.when_full is wait", 0)
    if record.dropped is None:
        return unknown("the run has not ended: its report will say")
    text = f"{record.dropped} rows dropped since the writer lagged"
    return bad(f"{text}: raise record.every, or let it wait", record.dropped) if record.dropped else good(text, 0)


def one_row_an_action(record: Record) -> Verdict:
    """No agent has two actions in a step, and in each recorded step everyone whose decision ended has one."""
    twice = record.rows("SELECT step, agent_id FROM actions GROUP BY step, agent_id HAVING count(*) > 1 LIMIT 1")
    if twice:
        return bad(f"agent {twice[0][1]} has several actions in step {twice[0][0]}")
    if record.dropped != 0:
        return unknown("rows were dropped, or may have been: what is missing can't be told")
    turns = turns_of(record.config)
    if turns.every > 1:
        return _one_row_a_decision(record, turns)
    # the row of `steps` is written after the step's actions
    rows = np.array(
        record.rows("SELECT steps.step, (SELECT count(*) FROM actions WHERE actions.step = steps.step) FROM steps"),
        np.int64,
    ).reshape(-1, 2)
    if not len(rows):
        return unknown("no step has been recorded yet")
    wrong = np.flatnonzero(rows[:, 1] != _alive_before(record, rows[:, 0]))
    if len(wrong):
        step, found = rows[wrong[0]]
        acted = _alive_before(record, rows[wrong[:1], 0])[0]
        return bad(f"step {step} has {found} actions, {acted} were alive; {len(wrong)} steps so", len(wrong))
    return good(f"{rows[:, 1].sum()} actions in {len(rows)} steps, one each", int(rows[:, 1].sum()))


def _alive_before(record: Record, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many were alive when each of the steps began: founders, and whoever was born in an earlier step."""
    first = "CASE WHEN born_step = 0 AND parent_id IS NULL THEN 0 ELSE born_step + 1 END"
    lives = record.rows(f"SELECT {first}, died_step FROM agents")
    begun = np.sort(np.array([life[0] for life in lives], np.int64))
    died = np.sort(np.array([life[1] for life in lives if life[1] is not None], np.int64))
    alive = np.searchsorted(begun, steps, side="right") - np.searchsorted(died, steps, side="left")
    return np.asarray(alive, np.int64)


def _one_row_a_decision(record: Record, usual: Turns) -> Verdict:
    """Where agents decide in turn: who died, or decides anew in the next step, has an action; nobody else.

    Who is too weary to move decides nothing, so of them none may be missing.
    """
    first = "CASE WHEN born_step = 0 AND parent_id IS NULL THEN 0 ELSE born_step + 1 END"
    lives = np.array(record.rows(f"SELECT agent_id, {first}, coalesce(died_step, {NEVER}) FROM agents"), np.int64)
    steps = [int(row[0]) for row in record.rows("SELECT step FROM steps")]
    if not steps:
        return unknown("no step has been recorded yet")
    total = 0
    some = steps[:: -(-len(steps) // MOST_STEPS)]
    for step, turns in _steady(record, usual, some):
        ids, begun, died = lives[(lives[:, 1] <= step) & (step <= lives[:, 2])].T
        ended = (turns.last(ids, step) >= begun) & ((died == step) | turns.due(ids, step + 1))
        found = record.rows(f"SELECT agent_id FROM actions WHERE step = {step}")
        wrong = np.setxor1d(ids[ended], np.array(found, np.int64).ravel())
        if weary := _weary_below(record):
            there = record.rows(f"SELECT agent_id FROM agent_states WHERE step = {step} AND energy < {weary}")
            excused = ids[ended & np.isin(ids, np.array(there, np.int64).ravel())]
            wrong = np.setdiff1d(wrong, np.setdiff1d(excused, np.array(found, np.int64).ravel()))
        if len(wrong):
            has = "has an action though its decision goes on" if wrong[0] not in ids[ended] else "has no action"
            return bad(f"in step {step} agent {wrong[0]} {has}; {len(wrong)} so", len(wrong))
        total += len(found)
    return good(f"{total} actions in {len(some)} steps, one for each decision that ended", total)


def _steady(record: Record, usual: Turns, steps: Sequence[int]) -> Iterator[tuple[int, Turns]]:
    """Those of the steps before which turns have been the same for as long as a decision lasts at most, and them."""
    changes = record.rows("SELECT step, decision FROM governor ORDER BY step")
    longest = usual.every * max((times for _, times in changes), default=1)
    for step in steps:
        times = next((times for at, times in reversed(changes) if at <= step - longest), 1)
        if all(one == times for at, one in changes if step - longest < at <= step):
            yield step, usual.stretched(times)


def _weary_below(record: Record) -> float:
    """The joules below which an agent may be too weary to decide; 0 where nobody ever is."""
    world = record.config.world
    return world.immobile * world.energy_max if isinstance(world, CrawlersSettings) else 0.0


def every_agent_lives_once(record: Record) -> Verdict:
    """Nobody dies before its birth, is recorded outside its life, or is born before its parent."""
    several = "SELECT agent_id FROM agents GROUP BY agent_id HAVING count(*) > 1"
    backwards = "SELECT agent_id FROM agents WHERE died_step < born_step"
    life = (
        "SELECT a.agent_id FROM {} r JOIN agents a USING(agent_id) WHERE r.step < a.born_step OR r.step {} a.died_step"
    )
    unborn = "SELECT agent_id FROM {} WHERE agent_id NOT IN (SELECT agent_id FROM agents)"
    early = (
        "SELECT c.agent_id FROM agents c JOIN agents p ON p.agent_id = c.parent_id "
        "WHERE c.born_step < p.born_step OR c.born_step > p.died_step"
    )
    faults = {
        "have several lives": several,
        "died before they were born": backwards,
        "act before their birth or after their death": life.format("actions", ">"),
        "have a state before their birth or after their death": life.format("agent_states", ">="),
        "act, but were never born": unborn.format("actions"),
        "have a state, but were never born": unborn.format("agent_states"),
        "were born before their parent, or after its death": early,
    }
    for fault, query in faults.items():
        found = record.rows(f"SELECT DISTINCT agent_id FROM ({query}) LIMIT {SHOWN + 1}")
        if found:
            return bad(f"{_some(found)} {fault}", len(found))
    lives = record.number("SELECT count(*) FROM agents")
    return good(f"{lives} lives, each with one birth and at most one death", lives)


def _some(rows: list[tuple[Any, ...]]) -> str:
    ids = ", ".join(str(row[0]) for row in rows[:SHOWN])
    return f"agents {ids}{' and others' if len(rows) > SHOWN else ''}"


def children_join_their_parents_cohort(record: Record) -> Verdict:
    """Everybody is in a cohort that there is, and every child in its parent's."""
    if not record.config.learning.cohorts:
        known = record.number("SELECT count(*) FROM pragma_table_info('agents') WHERE name = 'cohort'")
        strangers = record.number("SELECT count(cohort) FROM agents") if known else 0
        text = f"{strangers} lives are in cohorts, of which this run has none"
        return bad(text, strangers) if strangers else good("this run has no cohorts, and nobody is in one", 0)
    names = {cohort.name for cohort in cohorts_of(record.config.learning)}
    counts = dict(record.rows("SELECT coalesce(cohort, ''), count(*) FROM agents GROUP BY cohort"))
    if nowhere := sum(count for name, count in counts.items() if name not in names):
        return bad(f"{nowhere} lives are in none of the cohorts {', '.join(sorted(names))}", nowhere)
    strayed = record.rows(
        "SELECT c.agent_id FROM agents c JOIN agents p ON p.agent_id = c.parent_id WHERE c.cohort <> p.cohort"
    )
    if strayed:
        return bad(f"{_some(strayed)} are in another cohort than their parent", len(strayed))
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    return good(f"{sum(counts.values())} lives: {told}", sum(counts.values()))


def recorded_moves_change_positions(record: Record) -> Verdict:
    """Who is recorded to have moved is elsewhere than in the step before."""
    if turns_of(record.config).every > 1:
        return unknown("not for this world: its actions are no moves; the play below tells instead")
    if record.config.record.every > 1:
        return unknown(f"positions are recorded every {record.config.record.every} steps: the play below tells instead")
    moves = (
        "FROM actions a JOIN agent_states s ON s.step = a.step AND s.agent_id = a.agent_id "
        "JOIN agent_states b ON b.step = a.step - 1 AND b.agent_id = a.agent_id "
        "WHERE a.action LIKE 'move%'"
    )
    total = record.number(f"SELECT count(*) {moves}")
    if not total:
        return unknown("nobody is recorded to have moved")
    still = record.rows(f"SELECT a.agent_id, a.step {moves} AND s.x = b.x AND s.y = b.y LIMIT 1")
    if still:
        return bad(f"agent {still[0][0]} moved in step {still[0][1]}, but stayed where it was")
    return good(f"{total} recorded moves, each to another place", total)


def recorded_numbers_are_finite(record: Record) -> Verdict:
    """Places, energy, health and rewards are numbers; only whose decision did not end has no reward."""
    states = " OR ".join(f"{name} IS NULL OR abs({name}) > {HUGE}" for name in ("x", "y", "energy", "health"))
    newborn = "(SELECT born_step FROM agents WHERE agents.agent_id = agent_states.agent_id)"
    # who decides every so many steps has no reward in those between
    none = f"(reward IS NULL AND step <> {newborn})" if turns_of(record.config).every == 1 else "FALSE"
    faults = {
        "place, energy or health": f"SELECT agent_id, step FROM agent_states WHERE {states} LIMIT 1",
        "reward": f"SELECT agent_id, step FROM agent_states WHERE abs(reward) > {HUGE} OR {none} LIMIT 1",
        "reward of an action": "SELECT agent_id, step FROM actions "
        f"WHERE reward IS NULL OR abs(reward) > {HUGE} LIMIT 1",
    }
    for what, query in faults.items():
        found = record.rows(query)
        if found:
            return bad(f"agent {found[0][0]} in step {found[0][1]}: its {what} is not a finite number")
    rows = record.number("SELECT count(*) FROM agent_states")
    return good(f"{rows} states and every action's reward", rows) if rows else unknown("no state recorded yet")


def the_record_shows_everyone_old_enough_trained(record: Record) -> Verdict:
    """In the last record of learning, everyone with enough decisions has been updated."""
    cohorts = cohorts_of(record.config.learning)
    nothing = [why_nothing_is_learnt(cohort) for cohort in cohorts]
    if all(nothing):
        return unknown(nothing[0])
    rows = record.rows(
        "SELECT agent_id, updates, decisions FROM learning WHERE step = (SELECT max(step) FROM learning)"
    )
    if not rows:
        return unknown("learning has not been recorded yet")
    ids, updates, decisions = np.array(rows, np.int64).T
    number, learners = _cohort_of(record, ids, cohorts), record.config.runtime.learners
    share = record.rows("SELECT coalesce(min(learning), 1.0) FROM governor")[0][0]
    return everyone_trained(cohorts, number, ids, updates, decisions, learners, _told_late(record.config), share)


def _told_late(config: Config) -> int:
    """After how many decisions at most an actor hears of an update that another process has made."""
    apart = config.runtime.mode == "async" or (config.runtime.mode == "ray" and config.ray.role == "actors")
    return config.runtime.policy_lag_max + 1 if apart else 0


def _cohort_of(record: Record, ids: NDArray[np.int64], cohorts: Sequence[CohortSettings]) -> NDArray[np.int64]:
    """The number of each agent's cohort."""
    if len(cohorts) == 1:
        return np.zeros(len(ids), np.int64)
    numbers = {cohort.name: number for number, cohort in enumerate(cohorts)}
    names = dict(record.rows("SELECT agent_id, cohort FROM agents"))
    return np.array([numbers.get(names[agent], -1) for agent in ids.tolist()])


def no_fault_was_counted(record: Record) -> Verdict:
    """No observation, gradient or weight has had to be held back as it wasn't finite."""
    if not record.number("SELECT count(*) FROM learning"):
        return unknown("learning has not been recorded yet")
    found = record.rows("SELECT agent_id, max(faults), step FROM learning WHERE faults > 0 GROUP BY agent_id LIMIT 1")
    if found:
        total = record.number("SELECT sum(most) FROM (SELECT max(faults) AS most FROM learning GROUP BY agent_id)")
        agent, faults, step = found[0]
        return bad(f"agent {agent} had {faults} numbers that were not finite by step {step}; {total} in all", total)
    return good("no number of any agent had to be held back", 0)


CHECKS = (
    the_database_is_whole,
    no_row_was_dropped,
    one_row_an_action,
    every_agent_lives_once,
    children_join_their_parents_cohort,
    recorded_moves_change_positions,
    recorded_numbers_are_finite,
    the_record_shows_everyone_old_enough_trained,
    no_fault_was_counted,
)
