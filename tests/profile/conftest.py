"""Small farms whose perception does something that shows in a profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from planted import HELD

from teem import load_config, register_channel
from teem.profile.play import Job
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.worlds.farm.channels import forget_channel


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make a run of a farm of 30, in whose steps `planted` is called as a channel's writer."""
    with ExitStack() as over:

        @contextmanager
        def make(planted: Callable[..., None] | None = None) -> Iterator[Run]:
            overrides: dict[str, Any] = {
                "population.founders": 30, "runtime.threads": 2, "checkpoint.every": 0, "checkpoint.at_end": False,
            }  # fmt: skip
            if planted:
                register_channel("planted", planted)
                over.callback(forget_channel, "planted")
                overrides["world.channels"] = ("resources", "allies", "planted")
            folder = RunFolder.create(tmp_path / f"run-{len(list(tmp_path.iterdir()))}", "run")
            run = Run.create(load_config("farm", overrides), folder)
            try:
                yield run
            finally:
                run.finish("steps")
                folder.close()
                HELD.clear()

        yield make


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """A job for an instrument that is used within the test's own process."""

    def make(instrument: str, steps: int, *functions: str) -> Job:
        return Job("", "", "", 0, steps, instrument, str(tmp_path), functions, 0)

    return make
