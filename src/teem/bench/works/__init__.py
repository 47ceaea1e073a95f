"""What scenarios do: pieces of work by name, prepared from settings and called again and again.

A work's function takes the settings of a case and returns a `Work`, ready to be measured: everything that is done
once is done before it returns. Peers import what they compare with inside it, and raise `MissingError` where that isn't
installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from teem.config.names import nearest
from teem.errors import TeemError, UsageError

Settings = dict[str, Any]


class MissingError(TeemError):
    """Something that a case compares with is not installed; the message says how to install it."""


@dataclass(slots=True)
class Work:
    """`call` does it once and returns how many units were done."""

    call: Callable[[], float]
    close: Callable[[], None] = lambda: None
    cpu: Callable[[], float] = field(default=lambda: 0.0)  # CPU seconds so far of other processes that belong to it


def take(settings: Settings, **defaults: Any) -> list[Any]:
    """The values of these settings, taken out of the table; what is left over is the world's."""
    return [settings.pop(name, default) for name, default in defaults.items()]


def expect_nothing(settings: Settings, work: str) -> None:
    """Refuse settings that the work does not know."""
    if settings:
        raise TeemError(f"{', '.join(sorted(settings))}: no setting of the work {work}")


def wanted(module: str, package: str) -> ModuleType:
    """A module that may be absent; `MissingError` says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingError(f"{module} can't be imported ({error}): pip install {package}") from None


WORKS = {
    "run": "teem.bench.works.runs:run",
    "part": "teem.bench.works.runs:part",
    "world": "teem.bench.works.runs:world",
    "command": "teem.bench.works.runs:command",
    "index": "teem.bench.works.space:index",
    "ckdtree": "teem.bench.works.space:ckdtree",
    "replay": "teem.bench.works.memory:replay",
    "mesa": "teem.bench.works.peers:mesa",
    "magent2": "teem.bench.works.peers:magent2",
    "pettingzoo": "teem.bench.works.peers:pettingzoo",
    "envpool": "teem.bench.works.peers:envpool",
    "cpprb": "teem.bench.works.peers:cpprb",
    "sb3_replay": "teem.bench.works.peers:sb3_replay",
    "sb3_learn": "teem.bench.works.peers:sb3_learn",
}
"""Where each work's function is."""


def load(work: str) -> Callable[[Settings], Work]:
    """A work's function; what it needs is imported now."""
    if work not in WORKS:
        raise UsageError(f"{work} is no work: {nearest(work, WORKS)}")
    module, _, name = WORKS[work].partition(":")
    function: Callable[[Settings], Work] = getattr(import_module(module), name)
    return function


def prepare(work: str, settings: Settings) -> Work:
    """A work, ready to be measured."""
    return load(work)(dict(settings))
