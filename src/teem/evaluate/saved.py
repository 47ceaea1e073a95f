"""A run as its newest whole checkpoint holds it: read only, so it may be in use meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teem.config.load import load_config
from teem.config.settings import Config
from teem.errors import TeemError, UsageError
from teem.record import checkpoint
from teem.record.folder import CHECKPOINTS, CONFIG
from teem.state import State


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved of a run; nothing is locked and nothing is written."""

    path: Path
    config: Config
    step: int  # steps made when it was saved
    state: State
    faults: tuple[str, ...]  # what is wrong with newer checkpoints


def settings_of(path: Path) -> Config:
    """The settings of a run's folder; UsageError when it is none."""
    if not path.is_dir():
        raise UsageError(f"{path} does not exist: give the folder of a run, such as runs/farm-7")
    if not (path / CONFIG).is_file():
        raise UsageError(f"{path} is no run folder (it has no {CONFIG}): give the folder of a run")
    return load_config(path / CONFIG)


def open_saved(path: Path) -> Saved:
    """Read a run's settings and its newest whole checkpoint; UsageError naming what is missing or damaged."""
    config = settings_of(path)
    try:
        found = checkpoint.latest(path / CHECKPOINTS)
    except TeemError as error:
        raise UsageError(str(error).splitlines()) from error
    return Saved(path, config, found.step, found.state, found.faults)
