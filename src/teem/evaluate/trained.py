"""What a run has learnt: the networks of its living, dealt to the founders of another world."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import NETWORKS
from teem.config.crawlers import CrawlersSettings
from teem.errors import UsageError
from teem.evaluate.saved import Saved
from teem.learning.cohort import Cohort
from teem.learning.sharing import Networks
from teem.population.variation import Genomes, cross, mutate
from teem.rng import Stream, uniforms
from teem.state import State


class Purpose(IntEnum):
    """What the draws of `Stream.EVALUATION` are for; it stands where other streams have the step.

    From 64 on it is a try of a gait, see `worlds/crawlers/gaits.py`.
    """

    WORLD = 0
    NETWORK = 1
    SIDE = 2
    BODY = 3


@runtime_checkable
class Networked(Protocol):
    """A cohort that has networks."""

    networks: Networks


@dataclass(frozen=True, slots=True)
class Trained:
    """The networks of those who were alive when a run was saved, how much these had learnt, and their bodies."""

    kind: NDArray[np.int32]  # [n] of their owners
    own: State  # what each has for itself, arrays [n, ...]
    common: State  # what all share
    updates: NDArray[np.int64]  # [n] in their owners' lives; what they inherited comes on top
    genome: Genomes  # [n, traits]
    x: NDArray[np.float32]  # [n] where they were


def trained_of(saved: Saved) -> Trained:
    """Take the networks out of a checkpoint; UsageError when the run doesn't learn or nobody is left."""
    settings = saved.config.learning
    if settings.algorithm not in NETWORKS:
        raise UsageError(
            f"{saved.path}: learning.algorithm is {settings.algorithm}, which never learns: "
            f"give a run of {', '.join(NETWORKS[:-1])} or {NETWORKS[-1]}"
        )
    if not settings.enabled:
        raise UsageError(f"{saved.path}: learning.enabled is false, nothing was learnt: give another run")
    try:
        return _networks(saved)
    except KeyError as error:
        text = f"{saved.path}: its checkpoint of step {saved.step} has no {error}: another version of teem wrote it"
        raise UsageError(text) from error


def _networks(saved: Saved) -> Trained:
    """Those who were alive, with their networks."""
    algorithm = saved.config.learning.algorithm
    population, policies = saved.state["world"]["population"], saved.state["policies"]
    if not len(population["living"]):
        raise UsageError(f"{saved.path}: nobody was alive at step {saved.step}, when it was saved")
    cohort = policies["cohorts"].get(f"{saved.number}-{algorithm}")
    if cohort is None:
        raise UsageError(f"{saved.path}: no network of {algorithm} was saved at step {saved.step}")
    members = saved.members
    if not len(members):
        raise UsageError(f"{saved.path}: nobody of the cohort {saved.cohort} was alive at step {saved.step}")
    networks, updates = cohort["networks"], cohort["gauges"]["updates"]
    bodies = (population[column][members] for column in ("genome", "x"))
    return Trained(population["kind"][members], networks["own"], networks["common"], updates, *bodies)


def draw_of_kind(trained: Trained, kinds: NDArray[np.int32], ids: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """For each id one of the trained, of its own kind, or of any where there is none; keyed by id."""
    draws = uniforms(seed, Stream.EVALUATION, Purpose.NETWORK, ids, 1)[:, 0]
    everyone = np.arange(len(trained.kind))
    chosen = np.empty(len(ids), np.int64)
    for kind in np.unique(kinds):
        mine = kinds == kind
        same = np.flatnonzero(trained.kind == kind)
        pool = same if len(same) else everyone
        chosen[mine] = pool[(draws[mine] * len(pool)).astype(np.int64)]
    return chosen


def deal_to(ids: NDArray[np.int64], trained: Trained, seed: int) -> NDArray[np.int64]:
    """For each id one of the trained, each of these as often as another; keyed by id."""
    draws = uniforms(seed, Stream.EVALUATION, Purpose.BODY, np.arange(len(trained.kind)), 1)[:, 0]
    order = np.argsort(draws, kind="stable")
    return np.asarray(order[ids % len(order)], np.int64)


def children_of(
    trained: Trained, chosen: NDArray[np.int64], ids: NDArray[np.int64], settings: CrawlersSettings, seed: int
) -> Genomes:
    """Genomes as children of the chosen would have; keyed by the children's ids."""
    genomes = trained.genome[chosen]
    if settings.crossover > 0 and len(trained.x) > 1:
        away = np.abs(trained.x[None] - trained.x[chosen][:, None])
        away[np.arange(len(chosen)), chosen] = np.inf
        genomes = cross(genomes, trained.genome[away.argmin(axis=1)], settings.crossover, seed, 0, ids)
    return mutate(genomes, settings.mutation, seed, 0, ids)


def teach(cohort: Cohort, trained: Trained, chosen: NDArray[np.int64], rows: NDArray[np.int32]) -> None:
    """Give each of the rows the network of one of the trained; a cohort without networks stays as it is."""
    if not isinstance(cohort, Networked):
        return
    own = {name: array[chosen] for name, array in trained.own.items()}
    cohort.networks.load_state({"own": own, "common": trained.common}, rows)
