"""Proof that a run's agents have learnt: they do surely better than those who act without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from teem.config.treasure import TreasureSettings
from teem.errors import UsageError
from teem.evaluate.compare import Comparison, compare
from teem.evaluate.contest import GAITS, TO_BEAT, Contest, Kind, contest_of
from teem.evaluate.episodes import MEASURES, Contestants, evaluation_config, play_gaits, play_world, world_seed
from teem.evaluate.keep import keep
from teem.evaluate.saved import Saved, of_cohort, open_saved
from teem.evaluate.statistics import CLUSTERED_FROM, CONFIDENCE, replicates
from teem.evaluate.trained import Trained, trained_of
from teem.learning.build import Algorithm
from teem.threads import Threads

LEAST_AGENTS = 8  # two founders a policy in a mixed world

Progress = Callable[[str, int, int], None]
"""`progress(what, done, of)` is called after each world, and now and then while gaits are tried."""


@dataclass(frozen=True, slots=True)
class Taught:
    """How much a run had learnt when it was saved."""

    run: str
    cohort: str  # "": the run has none
    seed: int
    algorithm: str
    step: int  # steps made
    agent_steps: int
    updates: int  # of all agents of the run together
    networks: int  # of the living: those that were put to the test
    updates_median: float  # in the lives of the living; what they inherited comes on top
    updates_least: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was compared, how, and what came of it."""

    taught: tuple[Taught, ...]
    contest: Contest
    seeds: int  # worlds a run and a kind of world
    steps: int
    founders: tuple[int, ...]  # a world, by run
    comparisons: dict[str, Comparison]  # by kind of world
    values: dict[str, NDArray[np.float64]]  # [runs, seeds, policies, measures] behind the comparisons
    seconds: float
    kept: tuple[str, ...] = ()  # where the evidence was written, or why not

    @property
    def proven(self) -> bool:
        """Whether the trained are surely better than random and resting ones, in every kind of world."""
        return not list(self.missing())

    def missing(self) -> Iterator[tuple[str, str, str, str]]:
        """What is not proven: (measure, baseline, kind of world, verdict)."""
        for kind in self.contest.kinds:
            for baseline in TO_BEAT:
                for measure in self.contest.by:
                    found = self.comparisons[kind.name].against[baseline][measure]
                    if found.sign <= 0:
                        yield measure, baseline, kind.name, found.verdict

    @property
    def exit_code(self) -> int:
        """0 when it is proven that they have learnt, 1 otherwise."""
        return 0 if self.proven else 1

    @property
    def replicate(self) -> str:
        """What one replicate is: a world, or with several runs a run."""
        return "run" if len(self.taught) >= CLUSTERED_FROM else "world"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return {
            "proven": self.proven,
            "world": self.contest.world,
            "feats": {"unit": self.contest.unit, "times": self.contest.scale},
            "confidence": CONFIDENCE,
            "replicate": self.replicate,
            "seeds": self.seeds,
            "steps": self.steps,
            "founders": list(self.founders),
            "seconds": self.seconds,
            "trained": [
                {name: getattr(one, name) for name in Taught.__slots__} | {"notes": list(one.notes)}
                for one in self.taught
            ],
            **{kind: self.comparisons[kind].as_dict() for kind in self.comparisons},
            "values": {
                "policies": {kind.name: list(kind.policies) for kind in self.contest.kinds},
                "measures": list(MEASURES),
                **{kind: values.tolist() for kind, values in self.values.items()},
            },
            "kept": list(self.kept),
        }


def evaluate(
    runs: Sequence[Path],
    *,
    seeds: int = 5,
    steps: int | None = None,
    agents: int | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> Evidence:
    """Play what runs have learnt against random, resting and scripted agents, in worlds new to them.

    What is compared depends on the world, see `contest.py`; without `steps`, as many are played as it says. The
    evidence goes into each run's folder, as far as it can be written to. Raises UsageError naming everything that is
    wrong. Runs of cohorts are what `cohorts.evaluate_cohorts` is for.
    """
    evidence = prove(runs, seeds=seeds, steps=steps, agents=agents, threads=threads, progress=progress)
    text = evidence.as_dict()
    return replace(evidence, kept=tuple(keep(run, text) for run in runs))


def prove(
    runs: Sequence[Path],
    *,
    cohort: str = "",
    seeds: int = 5,
    steps: int | None = None,
    agents: int | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> Evidence:
    """The evidence of runs, or of one cohort of each, without keeping it."""
    saved, trained = _open(runs, cohort, seeds, steps, agents)
    begun = perf_counter()
    contest = contest_of(saved[0].config)
    steps = steps or contest.steps
    workers = Threads(threads or os.cpu_count() or 1)
    tell = _Teller(progress, len(saved) * seeds * sum(kind.worlds for kind in contest.kinds))
    try:
        values = {
            kind.name: np.array(
                [
                    [_play(one, what, kind, index, steps, agents, workers, tell) for index in range(seeds)]
                    for one, what in zip(saved, trained, strict=True)
                ]
            )
            for kind in contest.kinds
        }  # [runs, seeds, policies, measures]
    finally:
        workers.close()
    return Evidence(
        tuple(_taught(one, what) for one, what in zip(saved, trained, strict=True)),
        contest,
        seeds,
        steps,
        tuple(evaluation_config(one.config, 0, agents).population.founders for one in saved),
        {kind.name: compare(replicates(values[kind.name]), kind.policies) for kind in contest.kinds},
        values,
        perf_counter() - begun,
    )


class _Teller:
    """Counts the worlds that were played, aloud."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._done = 0
        self._total = total

    def played(self, what: str) -> None:
        """One more."""
        self._done += 1
        self.say(what)

    def say(self, what: str) -> None:
        """How far it is."""
        if self._progress:
            self._progress(what, self._done, self._total)


def _open(
    runs: Sequence[Path], cohort: str, seeds: int, steps: int | None, agents: int | None
) -> tuple[list[Saved], list[Trained]]:
    """Read every run; UsageError with everything that is wrong with runs and options."""
    faults = [
        f"{name} is {given}: give at least {least}"
        for name, given, least in (("seeds", seeds, 2), ("steps", steps, 1), ("agents", agents, LEAST_AGENTS))
        if given is not None and given < least
    ]
    if not runs:
        faults.append("no run to evaluate: give the folder of a run, such as runs/farm-7")
    places = [path.resolve() for path in runs]
    twice = sorted({str(place) for place in places if places.count(place) > 1})
    faults += [f"{place} is given twice: give each run once" for place in twice]
    saved, trained = [], []
    for path in runs:
        try:
            one = of_cohort(open_saved(path), cohort)
            trained.append(trained_of(one))
        except UsageError as error:
            faults += error.faults
            continue
        saved.append(replace(one, state={"totals": one.state["totals"]}))  # replays are large, and not needed
        founders = one.config.population.founders
        faults += _otherwise(one, saved[0])
        if agents is None and founders < LEAST_AGENTS:
            faults.append(f"{path} has {founders} founders: give --agents {LEAST_AGENTS} or more")
        faults += _uneven(one, agents)
    if faults:
        raise UsageError(faults)
    return saved, trained


def _otherwise(one: Saved, first: Saved) -> Iterator[str]:
    """Why a run can't be compared together with the first."""
    here, there = contest_of(one.config), contest_of(first.config)
    if here.world != there.world:
        yield f"{one.path} is of the {here.world}, {first.path} of the {there.world}: evaluate them apart"
    elif here != there:
        yield f"{one.path} and {first.path} differ in world.dt or learning.newborn: evaluate them apart"


def _uneven(one: Saved, agents: int | None) -> Iterator[str]:
    """Why so many agents can't be spread over worlds with as many in each as the run had."""
    world = one.config.world
    if agents is not None and isinstance(world, TreasureSettings):
        each = one.config.population.founders // world.worlds
        if agents % each:
            yield f"agents is {agents}, but the worlds of {one.path} have {each} each: give a multiple of {each}"


def _play(
    saved: Saved,
    trained: Trained,
    kind: Kind,
    index: int,
    steps: int,
    agents: int | None,
    threads: Threads,
    tell: _Teller,
) -> NDArray[np.float64]:
    """The worlds of one kind and one seed, `[policies, measures]`."""
    seed = world_seed(saved.config.seed, index)
    config = evaluation_config(saved.config, seed, agents)
    whose = f"{saved.path.name}, {saved.cohort}" if saved.cohort else saved.path.name
    where = f"{whose}, {kind.name} world {seed}"
    if kind.together:
        mixed = play_world(config, _sides(saved, kind.policies), trained, steps, threads, newborn=kind.newborn)
        tell.played(where)
        return np.array([mixed[name] for name in kind.policies])
    measures = []
    for name in kind.policies:
        if name == GAITS:

            def progress(done: int, of: int) -> None:
                tell.say(f"{where}: gaits of {done} of {of} tried")

            measures.append(play_gaits(config, trained, steps, threads, progress))
        else:
            sides = _sides(saved, [name])
            measures.append(play_world(config, sides, trained, steps, threads, newborn=kind.newborn)[name])
        tell.played(f"{where}: {name}")
    return np.array(measures)


def _sides(saved: Saved, names: Sequence[str]) -> Contestants:
    """The policies by name, each with its algorithm: the trained have the run's."""
    learnt = saved.config.learning.algorithm
    return {name: learnt if name == "trained" else cast(Algorithm, name) for name in names}


def _taught(saved: Saved, trained: Trained) -> Taught:
    totals = saved.state["totals"]
    updates = trained.updates
    notes = [f"passed over: {fault}" for fault in saved.faults]
    if not totals["updates"]:
        notes.append("this run has not learnt anything yet: its networks are as they began")
    return Taught(
        run=str(saved.path),
        cohort=saved.cohort,
        seed=saved.config.seed,
        algorithm=saved.config.learning.algorithm,
        step=saved.step,
        agent_steps=int(totals["agent_steps"]),
        updates=int(totals["updates"]),
        networks=len(updates),
        updates_median=float(np.median(updates)),
        updates_least=int(updates.min()),
        notes=tuple(notes),
    )
