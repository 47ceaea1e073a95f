"""`make_env`: any ready-made world or TOML file as an environment of another library."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

from teem.config.crawlers import CrawlersSettings
from teem.config.load import load_config, show
from teem.config.names import nearest
from teem.config.settings import Config
from teem.errors import UsageError
from teem.worlds.turns import turns_of

if TYPE_CHECKING:
    from teem.envs.parallel import Parallel
    from teem.envs.sb3 import Rows
    from teem.envs.single import Single
    from teem.envs.vector import Vector

_HOMES = {  # of each kind: module, class, the extra it needs, and what may be asked of it
    "parallel": ("teem.envs.parallel", "Parallel", "envs", ("render_mode",)),
    "vector": ("teem.envs.vector", "Vector", "envs", ("render_mode", "refill")),
    "sb3": ("teem.envs.sb3", "Rows", "envs,sb3", ("render_mode", "refill")),
    "single": ("teem.envs.single", "Single", "envs", ("render_mode", "others")),
}
_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "render_mode": ("rgb_array",),
    "refill": (True, False),
    "others": ("heuristic", "resting"),
}
_NOBODY_LEARNS = {"learning.algorithm": "random", "learning.cohorts": ()}  # whatever a file says
_READ = ("seed", "steps", "imports", "runtime.threads", "runtime.execution")  # and all of world and population


@overload
def make_env(world: str | Path, kind: Literal["parallel"] = ..., **settings: Any) -> Parallel: ...
@overload
def make_env(world: str | Path, kind: Literal["vector"], **settings: Any) -> Vector: ...
@overload
def make_env(world: str | Path, kind: Literal["sb3"], **settings: Any) -> Rows: ...
@overload
def make_env(world: str | Path, kind: Literal["single"], **settings: Any) -> Single: ...
def make_env(
    world: str | Path,
    kind: str = "parallel",
    *,
    agents: int | None = None,
    render_mode: str | None = None,
    refill: bool | None = None,
    others: str | None = None,
    **settings: Any,
) -> Any:
    """Return a ready-made world, or that of a TOML file, as an environment of another library.

    `kind` is "parallel" (PettingZoo's ParallelEnv), "vector" (Gymnasium's VectorEnv, a row a slot), "sb3" (the same
    as Stable-Baselines3's VecEnv) or "single" (Gymnasium's Env, for the first founder). `settings` are by dotted
    path, as `load_config` takes them: `make_env("farm", steps=500, **{"world.size": 64})`; `agents` is short for
    `population.founders`, and `steps` is when a world is cut off. `refill`, of "vector" and "sb3", says whether whoever
    dies comes again with a new id (True). `others`, of "single", says what all others do: "heuristic" or "resting".
    Raises UsageError with every fault at once.
    """
    asked = {"render_mode": render_mode, "refill": refill, "others": others}
    asked = {name: value for name, value in asked.items() if value is not None}
    faults = [*_wrong(kind, asked), *_unread(settings)]
    if agents is not None:
        if "population.founders" in settings:
            faults.append(f"agents is {agents} and population.founders is given too: give one of them")
        settings = {"population.founders": agents, **settings}
    try:
        config = all_at_once(load_config(world, {**_NOBODY_LEARNS, **settings}))
    except UsageError as error:
        raise UsageError([*faults, *error.faults]) from None
    faults += _unsuitable(kind, config)
    if faults:
        raise UsageError(faults)
    module, name, extra, _ = _HOMES[kind]
    try:
        home = import_module(module)
    except ImportError as error:
        raise UsageError(
            f"kind is {kind}, which needs {error.name}, and that is not installed: pip install 'teem[{extra}]'"
        ) from error
    return getattr(home, name)(config, **asked)


def _wrong(kind: str, asked: Mapping[str, Any]) -> list[str]:
    """What is wrong with the kind, and with what is asked of it."""
    faults = [
        f"{name} is {show(value)}: give one of {', '.join(show(one) for one in _CHOICES[name])}"
        for name, value in asked.items()
        if value not in _CHOICES[name]
    ]
    if kind not in _HOMES:
        return [f"kind is {show(kind)}, an unknown one: {nearest(str(kind), list(_HOMES))}", *faults]
    allowed = _HOMES[kind][3]
    return faults + [
        f"{name} is for kind {' and '.join(one for one, home in _HOMES.items() if name in home[3])}, not {kind}: "
        "leave it out"
        for name in asked
        if name not in allowed
    ]


def _unread(settings: Mapping[str, Any]) -> list[str]:
    """Settings that nothing of an environment reads."""
    return [
        f"{path} changes nothing of an environment, in which a world plays alone: leave it out"
        for path in settings
        if path.partition(".")[0] in Config.__struct_fields__
        and path not in _READ
        and path.partition(".")[0] not in ("world", "population")
    ]


def all_at_once(config: Config) -> Config:
    """The same, with everybody deciding at once unless turns were asked for."""
    if not isinstance(config.world, CrawlersSettings) or config.world.turns:
        return config
    return msgspec.structs.replace(config, world=msgspec.structs.replace(config.world, turns=1))


def _unsuitable(kind: str, config: Config) -> list[str]:
    """Why there can't be this kind of this world: but for "parallel", every action must be read."""
    faults = []
    groups, world = turns_of(config).groups, config.world
    if kind in ("vector", "sb3") and groups > 1:
        faults.append(f"world.turns is {groups}, but in kind {kind} everybody decides at once: give 1")
    if kind != "parallel" and isinstance(world, CrawlersSettings) and world.immobile:
        faults.append(f"world.immobile is {world.immobile:g}, but in kind {kind} whoever lives decides: give 0")
    return faults
