"""What must be true of a run that is played on: moving, acting, energy, and the same state giving the same bits."""

from __future__ import annotations

import numpy as np

from teem.evaluate.checks.record import old_enough_are_trained, why_nothing_is_learnt
from teem.evaluate.finding import Verdict, bad, good, unknown
from teem.evaluate.play import Play

RELATIVE = 5e-7  # of all joules: what rounding to float32 may lose or win in a step
FLOWS = ("grown", "seeded", "moving", "fighting", "upkeep", "lost")


def moves_change_positions(play: Play) -> Verdict:
    """Who moves is elsewhere afterwards."""
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


def actions_are_legal(play: Play) -> Verdict:
    """Policies choose among the legal actions, and the world does what was chosen."""
    total = 0
    for moment in play.moments:
        inside = (moment.chosen >= 0) & (moment.chosen < len(play.actions))
        rows = np.arange(len(moment.id))
        legal = inside & moment.legal[rows, np.where(inside, moment.chosen, 0)]
        wrong = np.flatnonzero(~legal)
        if len(wrong):
            agent, action = moment.id[wrong[0]], moment.chosen[wrong[0]]
            name = play.actions[action] if inside[wrong[0]] else str(action)
            return bad(f"agent {agent} chose {name} in step {moment.step}, which was not legal", len(wrong))
        other = np.flatnonzero(moment.chosen != moment.done)
        if len(other):
            chosen, done = (play.actions[each[other[0]]] for each in (moment.chosen, moment.done))
            agent = moment.id[other[0]]
            return bad(f"agent {agent} chose {chosen} in step {moment.step}, but {done} was done", len(other))
        total += len(moment.id)
    return good(f"{total} actions, each legal and done as chosen", total) if total else unknown("nobody acted")


def energy_is_conserved(play: Play) -> Verdict:
    """In each step joules grown and seeded, less those spent and lost, are the change of all joules there are."""
    worst = 0.0
    for moment in (*play.moments, *play.stirred):
        if not np.isfinite(moment.joules) or not set(FLOWS) <= set(moment.ledger):
            return unknown("this world keeps no ledger of joules")
        flow = {name: moment.ledger[name] for name in FLOWS}
        inflow = flow["grown"] + flow["seeded"]
        outflow = flow["moving"] + flow["fighting"] + flow["upkeep"] + flow["lost"]
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
    total = sum(len(moment.id) for moment in (*play.moments, *play.stirred))
    return good(f"{total} observations", total) if total else unknown("nobody looked")


def everyone_old_enough_is_trained(play: Play) -> Verdict:
    """In the end, everyone with enough decisions has been updated."""
    settings = play.config.learning
    reason = why_nothing_is_learnt(settings)
    if reason:
        return unknown(reason)
    return old_enough_are_trained(play.gauged.id, play.gauged.updates, play.gauged.decisions, settings)


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
