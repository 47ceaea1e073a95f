"""A run as its newest whole checkpoint holds it: read only, so it may be in use meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import alone, cohorts_of
from teem.config.load import load_config
from teem.config.names import nearest
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
    cohort: str = ""  # whose settings these are; "": of all, since there are no cohorts
    number: int = 0  # of the cohort

    @property
    def members(self) -> NDArray[np.int32]:
        """The slots of those who were alive, of this cohort."""
        living, cohort_of = self.state["world"]["population"]["living"], self.state["policies"]["cohort_of"]
        members: NDArray[np.int32] = living[cohort_of == self.number]
        return members


def of_cohort(saved: Saved, name: str) -> Saved:
    """What was saved, with the settings of one of its cohorts; UsageError, with those there are, unless it is one."""
    cohorts = cohorts_of(saved.config.learning) if saved.config.learning.cohorts else ()
    names = [cohort.name for cohort in cohorts]
    if not cohorts and not name:
        return saved
    if not cohorts:
        raise UsageError(f'{saved.path} has no cohorts, so none is named "{name}": leave the name out')
    if not name:
        raise UsageError(f"{saved.path} has cohorts: say which, {', '.join(names)}")
    if name not in names:
        raise UsageError(f'{saved.path} has no cohort named "{name}": {nearest(name, names)}')
    number = names.index(name)
    return replace(saved, config=alone(saved.config, cohorts[number]), cohort=name, number=number)


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
