"""What must be true of remembering and learning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import cohorts_of
from teem.config.treasure import TreasureSettings
from teem.evaluate.finding import Verdict, bad, good, unknown
from teem.evaluate.play import Play
from teem.evaluate.rehearsal import Moment
from teem.learning.draw import GOES_ON, TERMINATED

ROUNDING = 2.0**-8  # relative, of a bfloat16
NOT_LEARNING = "nothing is remembered in this run: it does not learn"


def decisions_are_remembered_as_seen(play: Play) -> Verdict:
    """What the watched are remembered to have seen is what they saw when they decided."""
    compared = 0
    for moment in play.moments:
        kept, watched = moment.remembered, moment.watched
        missing = kept.due & ~kept.stored
        if missing.any():
            return bad(f"the decision of agent {moment.id[missing][0]} in step {moment.step} was not stored")
        stored = kept.stored[watched]
        if not stored.any():
            continue
        seen = np.nan_to_num(moment.seen[stored], nan=0.0, posinf=0.0, neginf=0.0)
        same = np.isclose(kept.seen[stored], seen, rtol=ROUNDING, atol=1e-30).all(axis=1)
        if not same.all():
            agent = moment.id[watched[stored]][~same][0]
            return bad(f"agent {agent} saw something else in step {moment.step} than it remembers")
        compared += int(stored.sum())
    return good(f"{compared} states, as they were seen", compared) if compared else unknown(NOT_LEARNING)


def the_next_state_differs_from_the_state(play: Play) -> Verdict:
    """What an agent sees, and remembers to have seen, is another thing when it decides again."""
    alike = total = 0
    remembered = False
    still = isinstance(play.config.world, TreasureSettings)  # who stays in its cell may see the same there
    for one, following in zip(play.moments, play.moments[play.turns.every :], strict=False):
        for same, of_memory in _alike(one, following, but_for_still=still):
            alike, total = alike + int(same.sum()), total + len(same)
            remembered |= of_memory
    if not total:
        return unknown("nobody lived on for two decisions")
    share = alike / total
    what = "states seen and remembered" if remembered else "states seen"
    if share > 0.5:
        return bad(f"{100 * share:.0f}% of {total} next {what} are the same as the state before", share)
    return good(f"{total} next {what}; {100 * share:.2g}% the same as before", share)


def _alike(one: Moment, following: Moment, *, but_for_still: bool) -> Iterator[tuple[NDArray[np.bool_], bool]]:
    """For those watched in both moments, whether they saw the same; then whether their memories are the same."""
    _, here, there = np.intersect1d(one.id[one.watched], following.id[following.watched], return_indices=True)
    if but_for_still:
        moved = (one.before != one.after).any(axis=1)[one.watched[here]]
        here, there = here[moved], there[moved]
    yield (one.seen[here] == following.seen[there]).all(axis=1), False
    stored = one.remembered.stored[one.watched[here]] & following.remembered.stored[following.watched[there]]
    if stored.any():
        before, after = one.remembered.seen[here[stored]], following.remembered.seen[there[stored]]
        yield (before == after).all(axis=1), True


def terminals_are_stored(play: Play) -> Verdict:
    """The last decision of a life or an episode is remembered, as its end; and no other decision is."""
    deaths = cuts = 0
    for moment in play.moments:
        kept = moment.remembered
        ended = kept.stored & (kept.end == TERMINATED)
        lost = kept.due & moment.terminated & ~ended
        if lost.any():
            return bad(f"agent {moment.id[lost][0]} came to an end in step {moment.step}, but its replay goes on")
        early = ended & ~moment.terminated
        if early.any():
            return bad(f"agent {moment.id[early][0]} lived on after step {moment.step}, but its replay ended")
        on = kept.stored & moment.truncated & (kept.end == GOES_ON)
        if on.any():
            text = "was cut off in step {}, but its replay runs on into the next episode"
            return bad(f"agent {moment.id[on][0]} {text.format(moment.step)}")
        deaths += int((ended & moment.terminated).sum())
        cuts += int((kept.stored & moment.truncated).sum())
    if not deaths and not cuts:
        due = any(moment.remembered.due.any() for moment in play.moments)
        return unknown("nobody who remembers died, and no episode ended" if due else NOT_LEARNING)
    made = "; one was made to die" if play.doomed >= 0 else ""
    ends = "ends" if isinstance(play.config.world, TreasureSettings) else "deaths"
    told = [f"{deaths} {ends}, each stored as an end{made}"] if deaths else []
    told += [f"{cuts} episodes were cut off, each stored as cut"] if cuts else []
    return good("; ".join(told), deaths + cuts)


def networks_change_when_they_learn(play: Play) -> Verdict:
    """Weights differ after updates, and are the same where there were none."""
    first, last = play.first, play.last
    if not first.weights.shape[1]:
        return unknown("this run has no networks")
    _, before, after = np.intersect1d(first.id, last.id, return_indices=True)
    changed = (first.weights[before] != last.weights[after]).any(axis=1)
    updated = last.updates[after] > first.updates[before]
    held_back = last.faults[after] > first.faults[before]
    stuck = updated & ~held_back & ~changed
    if stuck.any():
        agent = last.id[after][stuck][0]
        return bad(f"agent {agent} was updated, but its network is the same; {stuck.sum()} so", int(stuck.sum()))
    alone = _shares(play, "own")[last.cohort[after]] & changed & ~updated
    if alone.any():
        agent = last.id[after][alone][0]
        return bad(f"agent {agent} was not updated, but its network changed; {alone.sum()} so", int(alone.sum()))
    if not updated.any():
        return unknown(f"nobody was updated in {len(play.moments)} steps")
    return good(f"{updated.sum()} agents were updated, and the networks of all of them changed", int(updated.sum()))


def networks_differ_between_agents(play: Play) -> Verdict:
    """No two agents that have learnt have the same weights, where each has its own."""
    if not play.last.weights.shape[1]:
        return unknown("this run has no networks")
    shared = _shares(play, "shared")
    if shared.all():
        return unknown("all share one network: learning.sharing is shared")
    learnt = play.last.weights[(play.last.updates > 0) & ~shared[play.last.cohort]]
    if len(learnt) < 2:
        return unknown("fewer than two of those watched have learnt")
    distinct = len({row.tobytes() for row in learnt})
    if distinct < len(learnt):
        return bad(f"{len(learnt)} agents have only {distinct} different networks", distinct)
    return good(f"{distinct} agents, as many networks", distinct)


def _shares(play: Play, sharing: str) -> NDArray[np.bool_]:
    """Which cohorts share what."""
    return np.array([cohort.sharing == sharing for cohort in cohorts_of(play.config.learning)])


def gradients_are_finite(play: Play) -> Verdict:
    """No loss, gradient or weight had to be held back in learning."""
    first, last = play.first, play.last
    if not first.weights.shape[1]:
        return unknown("this run has no networks")
    _, before, after = np.intersect1d(first.id, last.id, return_indices=True)
    held = last.faults[after] > first.faults[before]
    if held.any():
        agent = last.id[after][held][0]
        return bad(f"agent {agent} had an update held back as it was not finite; {held.sum()} so", int(held.sum()))
    lossy = (last.updates[after] > first.updates[before]) & ~np.isfinite(last.loss[after])
    if lossy.any():
        return bad(f"the last loss of agent {last.id[after][lossy][0]} is not finite", int(lossy.sum()))
    updates = int((last.updates[after] - first.updates[before]).sum())
    return good(f"{updates} updates, none held back", updates) if updates else unknown("nobody was updated")


def weights_are_finite(play: Play) -> Verdict:
    """Every weight is a number."""
    weights = play.last.weights
    if not weights.size:
        return unknown("this run has no networks, or nobody is left")
    wrong = ~np.isfinite(weights).all(axis=1)
    if wrong.any():
        return bad(
            f"agent {play.last.id[wrong][0]} has weights that are not finite; {wrong.sum()} so", int(wrong.sum())
        )
    size = play.last.size
    return good(f"{size.sum()} weights that {(size > 0).sum()} agents act by", int(size.sum()))


CHECKS = (
    decisions_are_remembered_as_seen,
    the_next_state_differs_from_the_state,
    terminals_are_stored,
    networks_change_when_they_learn,
    networks_differ_between_agents,
    gradients_are_finite,
    weights_are_finite,
)
