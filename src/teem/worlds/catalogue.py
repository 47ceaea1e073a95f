"""The worlds there are, by their settings."""

from __future__ import annotations

from pathlib import Path

from teem.config.crawlers import CrawlersSettings
from teem.config.settings import Config
from teem.config.treasure import TreasureSettings
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.base import Progress, World, silent


def make_world(
    config: Config, threads: Threads, spans: Spans, folder: Path | None = None, progress: Progress = silent
) -> World:
    """Build the world that the settings are of; maps larger than memory lie in `folder`."""
    if isinstance(config.world, CrawlersSettings):
        from teem.worlds.crawlers.crawlers import Crawlers

        return Crawlers(config, threads, spans)
    if isinstance(config.world, TreasureSettings):
        from teem.worlds.treasure.treasure import Treasure

        return Treasure(config, threads, spans)
    from teem.worlds.farm.farm import Farm

    return Farm(config, threads, spans, folder, progress)
