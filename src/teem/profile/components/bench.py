"""What the components are measured with: worlds, policies and whole runs of the subject's settings, in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from teem.config.farm import FarmSettings
from teem.config.settings import Config
from teem.measure.spans import Spans
from teem.profile.report import Table
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.threads import Threads
from teem.worlds.base import World
from teem.worlds.catalogue import make_world
from teem.worlds.farm.farm import side_of

LARGEST = 2048  # cells along an edge


@dataclass(frozen=True, slots=True)
class Part:
    """What one component's measurements say."""

    name: str
    tables: list[Table]
    figures: dict[str, Any]
    absent: list[str] = field(default_factory=list)  # what the engine has no such thing of


class Bench:
    """Makes what is measured, from the subject's settings; a large map is cut, since several are made at once."""

    def __init__(self, config: Config, scratch: Path) -> None:
        self.config, self.note = within_bounds(config)
        self.threads = Threads(1)
        self.scratch = scratch
        self._runs = 0

    def world(self, **changed: Any) -> World:
        """The subject's world at its beginning, with some of its settings changed."""
        config = msgspec.structs.replace(self.config, world=msgspec.structs.replace(self.config.world, **changed))
        folder = self.scratch if changed.get("storage") == "mapped" else None
        return make_world(config, self.threads, Spans(), folder)

    @contextmanager
    def run(self, config: Config) -> Iterator[Run]:
        """A run of some settings, in a folder that is removed afterwards."""
        self._runs += 1
        folder = RunFolder.create(self.scratch / f"component-{self._runs}", "component")
        run = Run.create(config, folder)
        try:
            yield run
        finally:
            run.finish("steps")
            folder.close()
            shutil.rmtree(folder.path, ignore_errors=True)


def within_bounds(config: Config) -> tuple[Config, str]:
    """The settings with a farm no larger than LARGEST, and a note of what was changed."""
    if not isinstance(config.world, FarmSettings) or side_of(config) <= LARGEST:
        return config, ""
    world = msgspec.structs.replace(config.world, size=LARGEST)
    note = f"Parts on their own are measured on a map of {LARGEST} x {LARGEST} cells, not of {side_of(config)}."
    return msgspec.structs.replace(config, world=world), note
