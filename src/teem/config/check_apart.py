"""Settings that contradict where a run plays: in one process, in several, or on islands."""

from __future__ import annotations

from collections.abc import Iterator

from teem.config.check_cohorts import faults_of_each
from teem.config.cohorts import COHORTS, NETWORKS, cohorts_of, learns
from teem.config.fault import Fault
from teem.config.settings import Config
from teem.config.treasure import TreasureSettings

_ONE = {
    "lockstep": "runtime.mode is lockstep, which is one process: give runtime.mode async",
    "ray": "ray.role is islands, each of which is one process: give ray.role actors",
}


def apart_faults(config: Config) -> Iterator[Fault]:
    """What acting and learning in processes of their own need."""
    learning, runtime = config.learning, config.runtime
    if runtime.mode == "ray" and config.ray.role == "islands":
        yield from _islands(config)
    if runtime.mode == "lockstep" or (runtime.mode == "ray" and config.ray.role == "islands"):
        several = [name for name in ("runtime.actors", "runtime.learners") if getattr(runtime, name[8:]) > 1]
        if several:
            told = " and ".join(f"{name} is {getattr(runtime, name[8:])}" for name in several)
            yield Fault(
                f"{told} but {_ONE[runtime.mode]}, or {' and '.join(several)} 1",
                several[0],
                (*several[1:], "runtime.mode"),
            )
        return
    if not any(learns(cohort) for cohort in cohorts_of(learning)):
        name, value = ("enabled", "false") if learning.algorithm in NETWORKS else ("algorithm", learning.algorithm)
        told = f"none of {COHORTS} learns" if learning.cohorts else f"learning.{name} is {value}"
        yield Fault(
            f"runtime.mode is {runtime.mode} but {told}, so there is nothing to learn: give runtime.mode lockstep",
            "runtime.mode",
            (COHORTS if learning.cohorts else f"learning.{name}",),
        )
    yield from faults_of_each(config, _learnt_apart)


def _learnt_apart(config: Config) -> Iterator[Fault]:
    """What networks that are learnt in processes of their own need, where all are alike."""
    learning, runtime = config.learning, config.runtime
    if learning.algorithm not in NETWORKS:
        return
    if learning.sharing == "encoder":
        yield Fault(
            f"runtime.mode is {runtime.mode} but learning.sharing is encoder, whose parts would come to actors in "
            "different versions: give learning.sharing own or shared, or runtime.mode lockstep",
            "runtime.mode",
            ("learning.sharing",),
        )
    if learning.sharing == "shared" and runtime.actors > 1 and runtime.learners > 1 and runtime.mode == "async":
        yield Fault(
            f"runtime.learners is {runtime.learners} but learning.sharing is shared and runtime.actors is "
            f"{runtime.actors}: learners of one network take the steps of one actor, and one learner those of several; "
            "give runtime.learners 1, runtime.actors 1, or learning.sharing own",
            "runtime.learners",
            ("learning.sharing", "runtime.actors"),
        )
    if learning.sharing == "shared" and runtime.learners > 1 and runtime.mode == "ray":
        yield Fault(
            f"runtime.learners is {runtime.learners} but learning.sharing is shared, and learners of one network are "
            "processes of one machine: give runtime.mode async, or runtime.learners 1",
            "runtime.learners",
            ("learning.sharing", "runtime.mode"),
        )


def _islands(config: Config) -> Iterator[Fault]:
    """What islands that exchange migrants need."""
    ray = config.ray
    if not ray.migrate_every:
        return
    if ray.migrate_every % ray.slice:
        yield Fault(
            f"ray.migrate_every is {ray.migrate_every} but ray.slice is {ray.slice}: migrants leave at the end of a "
            f"slice, so give a multiple of {ray.slice}, or 0 for none",
            "ray.migrate_every",
            ("ray.slice",),
        )
    if ray.migrants > config.population.fame:
        yield Fault(
            f"ray.migrants is {ray.migrants} but population.fame is {config.population.fame}, and as many guests can "
            "wait: raise population.fame or lower ray.migrants",
            "ray.migrants",
            ("population.fame",),
        )
    if isinstance(config.world, TreasureSettings):
        yield Fault(
            f"ray.migrate_every is {ray.migrate_every} but world.name is treasure, where nobody is born: "
            "give ray.migrate_every 0",
            "ray.migrate_every",
        )
