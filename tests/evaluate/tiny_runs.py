"""Tiny runs to examine and to evaluate."""

from pathlib import Path

import msgspec

from teem.config.crawlers import BodySettings, CrawlersSettings
from teem.config.dump import dump_config
from teem.config.settings import (
    CheckpointSettings,
    Config,
    EpsilonSettings,
    LearningSettings,
    PopulationSettings,
    PpoSettings,
    RecordSettings,
    ReplaySettings,
    RuntimeSettings,
)
from teem.config.treasure import TreasureSettings
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.report import build_report

TINY = Config(
    seed=5,
    steps=150,
    population=PopulationSettings(founders=60),
    learning=LearningSettings(
        hidden=(16,),
        batch=8,
        replay=ReplaySettings(length=64, warmup=16),
        epsilon=EpsilonSettings(decay=100),
    ),
    record=RecordSettings(every=1, resources_every=50, learning_every=10),
    checkpoint=CheckpointSettings(every=0),
    runtime=RuntimeSettings(threads=1),
)

TINY_CRAWLERS = Config(
    seed=5,
    steps=260,
    world=CrawlersSettings(body=BodySettings(limbs=3, segments=2, wheels=1), spread=1.0, turns=3, immobile=0.0),
    population=PopulationSettings(founders=8),
    learning=LearningSettings(
        hidden=(16,), batch=8, replay=ReplaySettings(length=64, warmup=16), epsilon=EpsilonSettings(decay=30)
    ),
    record=RecordSettings(every=1, learning_every=10),
    checkpoint=CheckpointSettings(every=0),
    runtime=RuntimeSettings(threads=1),
)

TINY_TREASURE = Config(
    seed=5,
    steps=120,
    world=TreasureSettings(worlds=6, height=9, width=9, episode=15, sight=2),
    population=PopulationSettings(founders=24),
    learning=LearningSettings(
        hidden=(16,), batch=8, replay=ReplaySettings(length=64, warmup=16), epsilon=EpsilonSettings(decay=100)
    ),
    record=RecordSettings(every=1, learning_every=10),
    checkpoint=CheckpointSettings(every=0),
    runtime=RuntimeSettings(threads=1),
)

TORQUES = {"world": {"control": "torque"}, "learning": {"algorithm": "ppo", "ppo": PpoSettings(horizon=8)}}


def changed(config: Config, **tables) -> Config:
    """The settings with some others: `changed(TINY, steps=3, learning={"algorithm": "ppo"})`."""
    for name, value in tables.items():
        if isinstance(value, dict):
            value = msgspec.structs.replace(getattr(config, name), **value)
        config = msgspec.structs.replace(config, **{name: value})
    return config


def run_in(path: Path, config: Config) -> Path:
    """A run of these settings from its beginning to its end."""
    folder = RunFolder.create(path, "tiny")
    folder.write_config(dump_config(config))
    run = Run.create(config, folder)
    reason = run.play(lambda run, outcome: None, lambda: False)
    run.finish(reason)
    folder.write_report(build_report(run, reason, 1.0))
    folder.close()
    return path
