"""What must be true of a run that is played on: moving, acting, energy, and the same state giving the same bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import cohorts_of
from teem.config.treasure import TreasureSettings
from teem.evaluate.checks.training import everyone_trained
from teem.evaluate.finding import Verdict, bad, good, unknown
from teem.evaluate.play import Play
from teem.evaluate.rehearsal import Moment

RELATIVE = 5e-7  # of all joules: what rounding to float32 may lose or win in a step
BALANCES = (
    (("grown", "seeded"), ("moving", "fighting", "upkeep", "lost")),  # of a farm: of its map and its agents
    (("eaten", "seeded"), ("taken", "lost")),  # of creatures alone
)
"""What a ledger must name: joules that come in, and that go out."""
BLOCKED = 0.9  # part of steps at random that walls and others may keep from leading anywhere
STUCK = 0.5  # part of decisions that may leave a body where it is: whoever lies on its back can't get away


def moves_change_positions(play: Play) -> Verdict:
    """Who moves is elsewhere afterwards."""
    if play.branches or isinstance(play.config.world, TreasureSettings):
        return _most_move_on(play)
    moves = [number for number, name in enumerate(play.actions) if name.startswith("move")]
    if not moves:
        return unknown(f"this world's actions have no moves: {', '.join(play.actions)}")
    total = 0
    for moment in play.moments:
        moving = np.isin(moment.done, moves)
        still = moving & (moment.before == moment.after).all(axis=1)
        if still.any():
            agent = moment.id[still][0]
            return bad(f"agent {agent} moved in step {moment.step}, but stayed; {still.sum()} so in this step")
        total += int(moving.sum())
    return good(f"{total} moves, each to another place", total) if total else unknown("nobody moved")


def _most_move_on(play: Play) -> Verdict:
    """Who turns its joints, or walks, is elsewhere afterwards, but for those who are stuck or walk into walls."""
    total = still = 0
    for moment in play.moments if play.branches else play.stirred:
        moving = np.atleast_2d((moment.done != play.rest).T).any(axis=0)  # whichever of its joints, if it has any
        total += int(moving.sum())
        still += int((moving & (moment.before == moment.after).all(axis=1)).sum())
    if not total:
        return unknown("nobody moved from one decision to the next")
    text = f"{total} decisions to {'turn joints' if play.branches else 'walk'}, {still} of which led nowhere"
    return bad(text, still) if still > (STUCK if play.branches else BLOCKED) * total else good(text, total)


def actions_are_legal(play: Play) -> Verdict:
    """Policies choose among the legal actions, and the world does what was chosen."""
    total = 0
    for moment in play.moments:
        n = len(moment.id)
        if not n:
            continue
        legal = _legal(moment, play).reshape(n, -1)
        chosen, done = moment.chosen.reshape(n, -1), moment.done.reshape(n, -1)
        if not legal.all():
            row, part = np.argwhere(~legal)[0]
            what = _named(chosen[row, part], part, play)
            text = f"agent {moment.id[row]} chose {what} in step {moment.step}, which was not legal"
            return bad(text, int((~legal).any(axis=1).sum()))
        if (chosen != done).any():
            row, part = np.argwhere(chosen != done)[0]
            wanted, got = (_named(each[row, part], part, play) for each in (chosen, done))
            text = f"agent {moment.id[row]} chose {wanted} in step {moment.step}, but {got} was done"
            return bad(text, int((chosen != done).any(axis=1).sum()))
        total += n
    return good(f"{total} actions, each legal and done as chosen", total) if total else unknown("nobody acted")


def _legal(moment: Moment, play: Play) -> NDArray[np.bool_]:
    """Whether each action chosen was legal; who lacks a branch must rest it."""
    if play.continuous:
        inside = np.abs(moment.chosen) <= 1.0
    else:
        inside = (moment.chosen >= 0) & (moment.chosen < len(play.actions))
    if play.branches:
        return np.asarray(inside & (moment.legal | (moment.chosen == play.rest)))
    rows = np.arange(len(moment.id))
    return np.asarray(inside & moment.legal[rows, np.where(inside, moment.chosen, 0)])


def _named(action: float, part: int, play: Play) -> str:
    if play.continuous:
        return f"{action:+.4g} for {play.branches[part]}"
    name = play.actions[int(action)] if 0 <= action < len(play.actions) else str(action)
    return f"{name} for {play.branches[part]}" if play.branches else name


def energy_is_conserved(play: Play) -> Verdict:
    """In each step joules come in, less those spent and lost, are the change of all joules there are."""
    worst = 0.0
    for moment in (*play.moments, *play.stirred):
        kept = [balance for balance in BALANCES if {*balance[0], *balance[1]} <= set(moment.ledger)]
        if not np.isfinite(moment.joules) or not kept:
            return unknown("this world keeps no ledger of joules")
        inflow, outflow = (sum(moment.ledger[name] for name in names) for names in kept[0])
        missing = moment.joules_after - moment.joules - (inflow - outflow)
        if not abs(missing) <= RELATIVE * (moment.joules + inflow + outflow):
            way = "appeared from nowhere" if missing > 0 else "vanished"
            return bad(f"{abs(missing):.4g} joules {way} in step {moment.step}, of {moment.joules:.6g}", missing)
        worst = max(worst, abs(missing) / max(moment.joules, 1e-9))
    steps = len(play.moments) + len(play.stirred)
    return good(f"{steps} steps balance, to {worst:.1e} of all joules at worst", worst)


def observations_are_finite(play: Play) -> Verdict:
    """Nobody is shown anything but finite numbers."""
    for moment in (*play.moments, *play.stirred):
        if len(moment.unsound):
            agent = moment.unsound[0]
            return bad(f"agent {agent} saw a number that is not finite in step {moment.step}", len(moment.unsound))
    total = sum(moment.looked for moment in (*play.moments, *play.stirred))
    return good(f"{total} observations", total) if total else unknown("nobody looked")


def everyone_old_enough_is_trained(play: Play) -> Verdict:
    """In the end, everyone with enough decisions has been updated."""
    gauged, cohorts = play.gauged, cohorts_of(play.config.learning)
    return everyone_trained(cohorts, gauged.cohort, gauged.id, gauged.updates, gauged.decisions, share=gauged.share)


def the_same_state_gives_the_same_bits(play: Play) -> Verdict:
    """Played twice from the same state, the run is in the same state again."""
    differing = sorted(path for path in play.once | play.again if play.once.get(path) != play.again.get(path))
    if differing:
        return bad(f"{', '.join(differing[:5])} differ, of {len(play.once)} arrays", len(differing))
    return good(f"{len(play.once)} arrays of the state are the same", len(play.once))


CHECKS = (
    moves_change_positions,
    actions_are_legal,
    energy_is_conserved,
    observations_are_finite,
    everyone_old_enough_is_trained,
    the_same_state_gives_the_same_bits,
)
