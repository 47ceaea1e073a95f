"""Worlds that teem with learning agents.

What is exported here is stable; all else may change. Names are looked up when first used, so that importing teem
costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from teem import kernel_cache
from teem.version import __version__

if TYPE_CHECKING:
    from teem.config.load import load_config
    from teem.config.settings import Config
    from teem.envs.make import make_env
    from teem.record.read import open_run
    from teem.runtime.loop import Run
    from teem.training.track import track
    from teem.training.tracker import PerformanceTracker
    from teem.worlds.farm.channels import register_channel
    from teem.worlds.treasure.own import register_rule

kernel_cache.choose()

__all__ = [
    "Config", "PerformanceTracker", "Run", "__version__", "load_config", "make_env", "open_run", "register_channel",
    "register_rule", "track",
]  # fmt: skip

_HOMES = {
    "Config": "teem.config.settings",
    "PerformanceTracker": "teem.training.tracker",
    "Run": "teem.runtime.loop",
    "load_config": "teem.config.load",
    "make_env": "teem.envs.make",
    "open_run": "teem.record.read",
    "register_channel": "teem.worlds.farm.channels",
    "register_rule": "teem.worlds.treasure.own",
    "track": "teem.training.track",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"teem has no {name!r}; it exports {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
