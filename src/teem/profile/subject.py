"""What is profiled: a world, a file of settings, or a run from its newest checkpoint."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from teem.config.dump import dump_config
from teem.config.load import find_source, load_config
from teem.config.settings import Config
from teem.errors import TeemError, UsageError
from teem.record import checkpoint
from teem.record.folder import CHECKPOINTS, CONFIG


@dataclass(frozen=True, slots=True)
class Subject:
    """Settings as they are profiled, and the checkpoint that is gone on from."""

    name: str
    config: Config
    apart: Config | None = None  # as it is played by several processes, if it is
    saved: Path | None = None  # a checkpoint's folder
    step: int = 0  # of the checkpoint
    notes: tuple[str, ...] = ()  # in what it differs from what was asked for

    def keep(self, folder: Path) -> tuple[Path, Path | None, Path | None]:
        """Write settings and checkpoint into a folder of our own; returns where they lie."""
        folder.mkdir(parents=True)
        config, apart = folder / "config.toml", folder / "apart.toml" if self.apart else None
        config.write_text(dump_config(self.config), encoding="utf-8")
        if self.apart and apart:
            apart.write_text(dump_config(self.apart), encoding="utf-8")
        if self.saved is None:
            return config, apart, None
        saved = folder / CHECKPOINTS  # a copy: the run may go on meanwhile, and remove it
        shutil.copytree(self.saved, saved / self.saved.name)
        return config, apart, saved


def find_subject(source: str, agents: int | None) -> Subject:
    """The subject that `source` names: a ready-made world, a TOML file or a run's folder; UsageError if none."""
    path = Path(source).expanduser()
    if not path.is_dir():
        return _of_settings(find_source(source).stem, find_source(source), agents)
    if not (path / CONFIG).is_file():
        raise UsageError(f"{source} is no run folder (it has no {CONFIG}): give the folder of a run, or a world")
    subject = _of_settings(path.resolve().name, path / CONFIG, agents)
    steps = checkpoint.steps_of(path / CHECKPOINTS)
    if not steps:
        note = f"{source} holds no checkpoint of its own: profiled from its settings, with fresh founders"
    elif subject.apart and subject.apart.runtime.actors > 1:
        note = "it has several actors: profiled from its settings with fresh founders, not from its checkpoints"
    elif agents is not None:
        note = "--agents was given: profiled from the run's settings with fresh founders, not from its checkpoint"
    else:
        return _from_checkpoint(path, subject)
    return replace(subject, notes=(*subject.notes, note))


def _from_checkpoint(path: Path, subject: Subject) -> Subject:
    try:
        found = checkpoint.latest(path / CHECKPOINTS)
    except TeemError as error:
        raise UsageError(str(error).splitlines()) from error
    notes = (*subject.notes, *(f"passed over: {fault}" for fault in found.faults))
    folder = checkpoint.folder_of(path / CHECKPOINTS, found.step)
    return replace(subject, saved=folder, step=found.step, notes=notes)


def _of_settings(name: str, file: Path, agents: int | None) -> Subject:
    """The settings of a file, of which nothing is saved, in one process and until it is told to stop."""
    overrides: dict[str, Any] = {}
    if agents is not None:
        overrides["population.founders"] = agents
        population = load_config(file).population
        for name in ("capacity", "capacity_min"):
            if 0 < getattr(population, name) < agents:
                overrides[f"population.{name}"] = 0  # as many as founders, all at once
    asked = load_config(file, overrides)
    unsaved = msgspec.structs.replace(
        asked, steps=0, checkpoint=msgspec.structs.replace(asked.checkpoint, every=0, at_end=False)
    )
    config = msgspec.structs.replace(unsaved, runtime=msgspec.structs.replace(asked.runtime, mode="lockstep"))
    mode = asked.runtime.mode
    if mode == "lockstep":
        return Subject(name, config)
    if mode == "ray" and asked.ray.role == "islands":
        return Subject(name, config, notes=("runtime.mode is ray: profiled in lockstep, as one island and its writer",))
    metrics = msgspec.structs.replace(asked.metrics, trace=True, port=0, sinks=())
    note = f"runtime.mode is {mode}: macro and system are of its processes as they are, other phases of it in lockstep"
    return Subject(name, config, msgspec.structs.replace(unsaved, metrics=metrics), notes=(note,))
