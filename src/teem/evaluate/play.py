"""A saved run played on for some steps, and what was written down of it: the ground of the checks in `checks`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.evaluate.rehearsal import Learnt, Moment, Rehearsal
from teem.evaluate.saved import Saved
from teem.threads import Threads

TWICE = 5  # steps that are played twice
LOOKS = 6  # steps in which the specification looks as well


@dataclass(frozen=True, slots=True)
class Gauged:
    """Who had learnt how much in the end: arrays by agent, all of the living."""

    id: NDArray[np.int64]
    updates: NDArray[np.int64]
    decisions: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Play:
    """What was seen of a run that was played on."""

    config: Config
    actions: tuple[str, ...]
    observation_names: tuple[str, ...]
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
    run = Rehearsal(saved, threads)
    first = run.learnt()
    moments: list[Moment] = []
    looks = set(np.linspace(0, steps - 1, LOOKS).astype(int).tolist())
    doomed, once = -1, run.digest()
    for number in range(steps):
        if not len(run.world.population.living):
            break
        if number == steps - 1 and not any(moment.terminated.any() for moment in moments):
            doomed = run.doom()
        moments.append(run.advance(look=number in looks))
        if number == min(TWICE, steps - 1) - 1:
            once = run.digest()
    last, gauged = run.learnt(), _gauged(run)
    stirred = [run.stir(number) for number in range(steps) if len(run.world.population.living)]
    return Play(
        config=saved.config,
        actions=run.world.actions,
        observation_names=run.world.observation_names,
        cells=sum(picture.size for name, picture in run.world.map().items() if name == "resources"),
        moments=moments,
        stirred=stirred,
        first=first,
        last=last,
        gauged=gauged,
        doomed=doomed,
        once=once,
        again=_again(saved, min(TWICE, steps - 1), threads),
    )


def _again(saved: Saved, steps: int, threads: Threads) -> dict[str, str]:
    second = Rehearsal(saved, threads)
    for _ in range(steps):
        if len(second.world.population.living):
            second.advance()
    return second.digest()


def _gauged(run: Rehearsal) -> Gauged:
    living, gauges = run.world.population.living, run.policies.gauges
    return Gauged(run.world.population.id[living], gauges.updates[living], gauges.decisions[living])
