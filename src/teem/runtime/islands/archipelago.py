"""The archipelago: it places islands on a cluster, carries their mail, and replaces those that are lost.

No island waits for another: each plays its next slice as soon as it has told of the last one, with whatever letters
are there for it by then.
"""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from teem.config.dump import dump_config
from teem.config.settings import Config, RuntimeSettings
from teem.errors import TeemError
from teem.record import checkpoint
from teem.record.disk import write_text
from teem.record.folder import CHECKPOINTS, CONFIG, RunFolder
from teem.runtime.cluster import PAUSE_S, Cluster, FailedError, LostError
from teem.runtime.interrupt import Interrupts
from teem.runtime.islands.island import Island, Standing
from teem.runtime.islands.mail import Mail
from teem.runtime.islands.show import Saying, merged
from teem.runtime.progress import ProgressLine
from teem.version import __version__

ISLANDS = "islands"  # the folder of their folders
LOOK_S = 0.5
START_S = 600.0  # how long an island may take to find a node, compile its kernels and make its world
RESTARTS_S = 60.0  # within which `runtime.restarts` counts, for each island


class Place:
    """An island as it is seen from here."""

    def __init__(self) -> None:
        self.actor: Any = None
        self.wait: Any = None  # for what it was told to do last; None: it is to begin again after a pause
        self.begin_at = 0.0
        self.lost_at: deque[float] = deque()
        self.deadline = 0.0
        self.standing: Standing | None = None
        self.finishing = False
        self.report: dict[str, Any] | None = None


class Archipelago:
    """A run of islands, from the outside; create one with `create` or `go_on`, then `play` it."""

    def __init__(self, config: Config, folder: RunFolder) -> None:
        self.config, self.folder = config, folder
        self._mail = Mail(config.ray.islands, config.ray.topology, config.seed)
        self._places = [Place() for _ in range(config.ray.islands)]
        self._lost: list[str] = []
        self._settled = 0

    @classmethod
    def create(cls, config: Config, folder: RunFolder) -> Archipelago:
        """Begin a new run in a fresh folder."""
        _write_configs(config, folder)
        folder.log("started", version=__version__, seed=config.seed, mode="ray", islands=config.ray.islands)
        return cls(config, folder)

    @classmethod
    def go_on(cls, config: Config, folder: RunFolder) -> Archipelago:
        """Go on from the newest whole checkpoint of each island; what was undelivered when they ended is lost."""
        for island in range(config.ray.islands):
            checkpoint.latest(island_folder(folder.path, island) / CHECKPOINTS)
        _write_configs(config, folder)
        folder.log("resumed", version=__version__, mode="ray", islands=config.ray.islands)
        return cls(config, folder)

    def play(self, interrupts: Interrupts, *, headless: bool = False) -> dict[str, Any]:
        """Play to the end or until interrupted, and return the report; TeemError when it can't go on."""
        begun = time.perf_counter()
        self._cluster = Cluster(self.config.ray, self.config.ray.islands)
        saying = Saying(self.config.steps)
        progress = ProgressLine(
            lambda: saying.line([place.standing for place in self._places], self._settled, len(self._lost)),
            headless=headless,
        )
        try:
            for index in range(len(self._places)):
                self._begin(index)
            while not all(place.report for place in self._places):
                self._look(interrupts)
                progress.show()
        except BaseException as error:
            self.folder.log("failed", error=str(error))
            raise
        finally:
            progress.close()
            for place in self._places:
                self._cluster.end(place.actor)
            self._cluster.close()
        return self._report(time.perf_counter() - begun)

    def _look(self, interrupts: Interrupts) -> None:
        """Hear who has something to tell, and replace who will never tell."""
        waits = {
            place.wait: index
            for index, place in enumerate(self._places)
            if place.report is None and place.wait is not None
        }
        for wait in self._cluster.ready(waits, LOOK_S):
            try:
                self._hear(waits[wait], self._cluster.answer(wait), stop=interrupts.asked)
            except LostError as loss:
                self._replace(waits[wait], str(loss))
            except FailedError as error:
                raise TeemError(f"island {waits[wait]} failed: {error}") from error
        now = time.monotonic()
        for index, place in enumerate(self._places):
            if place.wait is None:
                if now >= place.begin_at:
                    self._begin(index)
            elif place.report is None and now > place.deadline:
                self._replace(index, "no answer in time")

    def _hear(self, index: int, told: Any, *, stop: bool) -> None:
        """Take in what an island tells, and have it go on."""
        place = self._places[index]
        if place.finishing:
            place.report = told
            self._settled += told["migration"].pop("came_last")
            self._cluster.end(place.actor)
            return
        standing: Standing = told
        if place.standing is None:
            self._mail.went_back(index, standing.step)
        place.standing = standing
        self._settled += standing.settled
        if standing.emigrants is not None:
            self._mail.post(standing.emigrants)
        self._mail.saved(index, standing.saved)
        letters = self._mail.hand_over(index, standing.step)
        place.finishing = bool(standing.over) or stop
        if place.finishing:
            wait = place.actor.finish.remote(standing.over or "interrupted", letters)
        else:
            wait = place.actor.play.remote(letters)
        self._tell(index, wait, self.config.runtime.patience)

    def _begin(self, index: int) -> None:
        place = self._places[index]
        place.standing, place.finishing = None, False
        path = str(island_folder(self.folder.path, index).absolute())
        place.actor = self._cluster.place(Island, index, path, again=bool(place.lost_at))
        self._tell(index, place.actor.begin.remote(), START_S)

    def _tell(self, index: int, wait: Any, seconds: float) -> None:
        self._places[index].wait = wait
        self._places[index].deadline = time.monotonic() + seconds

    def _replace(self, index: int, fault: str) -> None:
        """Begin an island anew from its checkpoint; TeemError when there were too many losses, or no node for it."""
        place, now = self._places[index], time.monotonic()
        self._cluster.end(place.actor)
        self._lost.append(f"island {index}: {fault}")
        self.folder.log("island lost", island=index, fault=fault)
        place.lost_at.append(now)
        while now - place.lost_at[0] > RESTARTS_S:
            place.lost_at.popleft()
        if place.standing is None and fault == "no answer in time":
            raise TeemError(
                f"island {index} has not begun within {START_S:g} s: give the cluster a node with "
                f"{self.config.ray.cpus:g} CPUs free, or lower ray.islands or ray.cpus"
            )
        if len(place.lost_at) > self.config.runtime.restarts:
            raise TeemError(
                f"island {index} is lost: {fault}\nit was lost {len(place.lost_at)} times within {RESTARTS_S:g} s, "
                f"runtime.restarts is {self.config.runtime.restarts}: remove the cause, then resume the run"
            )
        place.wait, place.begin_at = None, now + PAUSE_S * len(place.lost_at)

    def _report(self, wall_seconds: float) -> dict[str, Any]:
        """What all islands did together, kept in the folder."""
        report = merged([place.report for place in self._places if place.report is not None], wall_seconds)
        report["ray"] = {
            "islands": len(self._places),
            "restarts": len(self._lost),
            "lost": self._lost,
            "migrants_sent": self._mail.sent,
            "migrants_received": self._settled,
            "bytes_sent": self._mail.bytes,
            "letters_given_up": self._mail.given_up,
            "migrants_undelivered": self._mail.waiting,
            "each": report.pop("each"),
        }
        self.folder.write_report(report)
        return report


def island_folder(path: Path, island: int) -> Path:
    """Where an island's run lies."""
    return path / ISLANDS / str(island)


def islands_saved(path: Path, islands: int) -> int:
    """The step that every island has a checkpoint of, or a later one; 0 where one has none."""
    newest = [checkpoint.steps_of(island_folder(path, island) / CHECKPOINTS) for island in range(islands)]
    return min(max(steps, default=0) for steps in newest)


def _write_configs(config: Config, folder: RunFolder) -> None:
    """Each island's settings, as of a run in lockstep with a seed of its own."""
    write_text(folder.config, dump_config(config))
    threads = config.runtime.threads or max(1, math.floor(config.ray.cpus))
    for island in range(config.ray.islands):
        path = island_folder(folder.path, island)
        path.mkdir(parents=True, exist_ok=True)
        own = msgspec.structs.replace(
            config, seed=config.seed + island, runtime=RuntimeSettings(mode="lockstep", threads=threads)
        )
        write_text(path / CONFIG, dump_config(own))
