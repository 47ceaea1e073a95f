"""Settings that contradict what the governor and the watchdog can do."""

from __future__ import annotations

from collections.abc import Iterator

from teem.config.crawlers import CrawlersSettings
from teem.config.fault import Fault
from teem.config.settings import Config


def governor_faults(config: Config) -> Iterator[Fault]:
    """What a governor can't hold, and what can't be made again."""
    governor, watchdog = config.governor, config.watchdog
    given = [name for name in ("rate", "frame", "replay") if getattr(governor, name)]
    if len(given) > 1:
        told = " and ".join(f"governor.{name} is {getattr(governor, name)}" for name in given)
        yield Fault(
            f"{told}: each says when to change what, so give one of them",
            f"governor.{given[0]}",
            tuple(f"governor.{name}" for name in given[1:]),
        )
    if given:
        yield from _governed(config, f"governor.{given[0]}", getattr(governor, given[0]))
    if 0 < watchdog.stop < watchdog.frame:
        yield Fault(
            f"watchdog.stop is {watchdog.stop} but watchdog.frame is {watchdog.frame}: a run would be stopped before "
            "it was looked at, so raise stop, lower frame, or give stop 0",
            "watchdog.stop",
            ("watchdog.frame",),
        )


def _governed(config: Config, path: str, value: object) -> Iterator[Fault]:
    """What a run needs to be governed."""
    governor, runtime = config.governor, config.runtime
    if governor.replay and runtime.mode != "lockstep":
        apart = runtime.mode == "async" or config.ray.role == "actors"
        why = (
            "where weights come when they come, so that nothing is made again to the same bits: give runtime.mode "
            "lockstep, and a run in lockstep"
            if apart
            else "where each island has changes of its own: give runtime.mode lockstep, with the folder and the seed "
            "of one island"
        )
        yield Fault(
            f"governor.replay is {governor.replay} but runtime.mode is {runtime.mode}, {why}", path, ("runtime.mode",)
        )
    if not config.record.enabled:
        yield Fault(
            f"{path} is {value} but record.enabled is false: what is changed must be recorded to be made again, so "
            f"give record.enabled true, or no {path}",
            path,
            ("record.enabled",),
        )
    world = config.world
    if isinstance(world, CrawlersSettings) and 0 < world.stranded <= world.decision * governor.decision:
        yield Fault(
            f"governor.decision is {governor.decision} but world.stranded is {world.stranded} and world.decision "
            f"{world.decision}: everybody would be set down elsewhere after each of the longest decisions, so lower "
            "governor.decision, raise stranded or give 0",
            "governor.decision",
            ("world.stranded", "world.decision"),
        )
