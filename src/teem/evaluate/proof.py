"""Proof that a run's agents have learnt: they gather more and live longer than those who act without."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.errors import UsageError
from teem.evaluate.compare import Comparison, compare
from teem.evaluate.episodes import MEASURES, Contestants, evaluation_config, play_world, world_seed
from teem.evaluate.keep import keep
from teem.evaluate.saved import Saved, open_saved
from teem.evaluate.statistics import CLUSTERED_FROM, CONFIDENCE, replicates
from teem.evaluate.trained import Trained, trained_of
from teem.learning.build import Algorithm
from teem.threads import Threads

BASELINES: tuple[Algorithm, ...] = ("random", "resting", "heuristic")
TO_BEAT = ("random", "resting")
BY = ("gathering", "lifetime")
KINDS = ("fresh", "mixed")
LEAST_AGENTS = 8  # two founders a policy in a mixed world

Progress = Callable[[str, int, int], None]
"""`progress(what, done, of)` is called after each world."""


@dataclass(frozen=True, slots=True)
class Taught:
    """How much a run had learnt when it was saved."""

    run: str
    seed: int
    algorithm: str
    step: int  # steps made
    agent_steps: int
    updates: int  # of all agents together
    networks: int  # of the living: those that were put to the test
    updates_median: float  # in the lives of the living; what they inherited comes on top
    updates_least: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was compared, how, and what came of it."""

    taught: tuple[Taught, ...]
    seeds: int  # worlds a run and a kind of world
    steps: int
    founders: tuple[int, ...]  # a world, by run
    comparisons: dict[str, Comparison]  # "fresh": each policy alone; "mixed": all in one world
    values: dict[str, NDArray[np.float64]]  # [runs, seeds, policies, measures] behind the comparisons
    seconds: float
    kept: tuple[str, ...] = ()  # where the evidence was written, or why not

    @property
    def proven(self) -> bool:
        """Whether the trained surely gather more and live longer than random and resting ones, everywhere."""
        return all(
            comparison.against[baseline][measure].sign > 0
            for comparison in self.comparisons.values()
            for baseline in TO_BEAT
            for measure in BY
        )

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
                "policies": ["trained", *BASELINES],
                "measures": list(MEASURES),
                **{kind: values.tolist() for kind, values in self.values.items()},
            },
            "kept": list(self.kept),
        }


def evaluate(
    runs: Sequence[Path],
    *,
    seeds: int = 5,
    steps: int = 1000,
    agents: int | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> Evidence:
    """Play what runs have learnt against random, resting and scripted agents, in worlds new to them.

    For each run and seed, four fresh worlds hold the same founders under one policy each, and one mixed
    world holds founders of all four. The evidence goes into each run's folder, as far as it can be
    written to. Raises UsageError naming everything that is wrong.
    """
    saved, trained = _open(runs, seeds, steps, agents)
    begun = perf_counter()
    workers = Threads(threads or os.cpu_count() or 1)
    tell = _Teller(progress, len(saved) * seeds * (len(BASELINES) + 2))
    try:
        played = [
            [
                _play_pair(one, what, world_seed(one.config.seed, index), steps, agents, workers, tell)
                for index in range(seeds)
            ]
            for one, what in zip(saved, trained, strict=True)
        ]
    finally:
        workers.close()
    whole = np.array(played)  # [runs, seeds, kinds, policies, measures]
    values = {kind: whole[:, :, number] for number, kind in enumerate(KINDS)}
    evidence = Evidence(
        tuple(_taught(one, what) for one, what in zip(saved, trained, strict=True)),
        seeds,
        steps,
        tuple(agents or one.config.population.founders for one in saved),
        {kind: compare(replicates(each), ("trained", *BASELINES)) for kind, each in values.items()},
        values,
        perf_counter() - begun,
    )
    text = evidence.as_dict()
    return replace(evidence, kept=tuple(keep(one.path, text) for one in saved))


class _Teller:
    """Counts the worlds that were played, aloud."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._done = 0
        self._total = total

    def __call__(self, what: str) -> None:
        self._done += 1
        if self._progress:
            self._progress(what, self._done, self._total)


def _open(runs: Sequence[Path], seeds: int, steps: int, agents: int | None) -> tuple[list[Saved], list[Trained]]:
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
            one = open_saved(path)
            trained.append(trained_of(one))
        except UsageError as error:
            faults += error.faults
            continue
        saved.append(replace(one, state={"totals": one.state["totals"]}))  # replays are large, and not needed
        founders = one.config.population.founders
        if agents is None and founders < LEAST_AGENTS:
            faults.append(f"{path} has {founders} founders: give --agents {LEAST_AGENTS} or more")
    if faults:
        raise UsageError(faults)
    return saved, trained


def _play_pair(
    saved: Saved, trained: Trained, seed: int, steps: int, agents: int | None, threads: Threads, tell: _Teller
) -> NDArray[np.float64]:
    """The fresh worlds and the mixed world of one seed, `[kinds, policies, measures]`."""
    config = evaluation_config(saved.config, seed, agents)
    learnt: Algorithm = saved.config.learning.algorithm
    everyone: Contestants = {"trained": learnt, **{name: name for name in BASELINES}}
    fresh = []
    for name, algorithm in everyone.items():
        fresh.append(play_world(config, {name: algorithm}, trained, steps, threads)[name])
        tell(f"{saved.path.name}, fresh world {seed}: {name}")
    mixed = play_world(config, everyone, trained, steps, threads)
    tell(f"{saved.path.name}, mixed world {seed}")
    return np.array([fresh, [mixed[name] for name in everyone]])


def _taught(saved: Saved, trained: Trained) -> Taught:
    totals = saved.state["totals"]
    updates = trained.updates
    notes = [f"passed over: {fault}" for fault in saved.faults]
    if not totals["updates"]:
        notes.append("this run has not learnt anything yet: its networks are as they began")
    return Taught(
        run=str(saved.path),
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
