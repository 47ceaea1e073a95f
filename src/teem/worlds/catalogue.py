"""The worlds there are, by name."""

from __future__ import annotations

from pathlib import Path

from teem.config.settings import Config
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.base import Progress, World, silent


def make_world(
    config: Config, threads: Threads, spans: Spans, folder: Path | None = None, progress: Progress = silent
) -> World:
    """Build the world that the settings name; maps larger than memory lie in `folder`."""
    from teem.worlds.farm.farm import Farm

    return Farm(config, threads, spans, folder, progress)
