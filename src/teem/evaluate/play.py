"""A saved run played on for some steps, and what was written down of it: the ground of the checks in `checks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.evaluate.rehearsal import Learnt, Moment, Rehearsal
from teem.evaluate.saved import Saved
from teem.threads import Threads
from teem.worlds.tokens import Tokens
from teem.worlds.turns import Turns

TWICE = 5  # steps that are played twice
LOOK_EVERY = 8  # steps, in one of which the specification looks as well


@dataclass(frozen=True, slots=True)
class Gauged:
    """Who had learnt how much in the end: arrays by agent, all of the living."""

    id: NDArray[np.int64]
    cohort: NDArray[np.int8]  # number of
    updates: NDArray[np.int64]
    decisions: NDArray[np.int64]
    share: float  # least part of the updates due that was ever made


@dataclass(frozen=True, slots=True)
class Play:
    """What was seen of a run that was played on."""

    config: Config
    continuous: bool  # actions are numbers from -1 to 1
    actions: tuple[str, ...]
    branches: tuple[str, ...]
    rest: int  # the action that does nothing
    turns: Turns
    observation_names: tuple[str, ...]
    tokens: Tokens | None
    cells: int  # of the map; 0: there is none
    moments: list[Moment]  # as the run would have gone on
    stirred: list[Moment]  # after that, everyone doing anything, so that more can be seen
    first: Learnt
    last: Learnt
    gauged: Gauged
    doomed: int  # id of one who was made to die; -1: enough died by themselves
    once: dict[str, str]  # hashes of the state after TWICE steps
    again: dict[str, str]  # the same, played a second time


def play_on(saved: Saved, steps: int, threads: Threads) -> Play:
    """Go on with a saved run for some steps in memory, twice for the first of them."""
    run, twice = Rehearsal(saved, threads), min(TWICE, steps - 1)
    first = run.learnt()
    moments = list(_advance(run, twice))
    once = run.digest()
    moments += _advance(run, steps - twice - 1)
    doomed = -1
    mortal = bool(run.world.causes)
    if mortal and len(run.world.population.living) and not any(moment.died for moment in moments):
        doomed = run.doom()
    moments += _advance(run, 1)
    last, gauged = run.learnt(), _gauged(run, float(saved.state["governing"]["most"]["learning"]))
    stirred = [run.stir(number) for number in range(steps) if len(run.world.population.living)]
    return Play(
        config=saved.config,
        continuous=run.world.continuous,
        actions=run.world.actions,
        branches=run.world.branches,
        rest=run.world.rest,
        turns=run.world.turns,
        observation_names=run.world.observation_names,
        tokens=run.world.tokens,
        cells=sum(picture.size for name, picture in run.world.map().items() if name == "resources"),
        moments=moments,
        stirred=stirred,
        first=first,
        last=last,
        gauged=gauged,
        doomed=doomed,
        once=once,
        again=_again(saved, twice, threads),
    )


def _advance(run: Rehearsal, steps: int) -> Iterator[Moment]:
    """Make steps as long as somebody lives; the specification looks in some of them."""
    for _ in range(steps):
        if not len(run.world.population.living):
            return
        yield run.advance(look=run.world.step_count % LOOK_EVERY == 0)


def _again(saved: Saved, steps: int, threads: Threads) -> dict[str, str]:
    second = Rehearsal(saved, threads)
    for _ in range(steps):
        if len(second.world.population.living):
            second.advance()
    return second.digest()


def _gauged(run: Rehearsal, share: float) -> Gauged:
    living, policies = run.world.population.living, run.policies
    gauges = policies.gauges
    ids = run.world.population.id[living]
    return Gauged(ids, policies.cohort_of[living], gauges.updates[living], gauges.decisions[living], share)
