"""Observation: what looking costs an agent, and what each thing that is looked at costs."""

from __future__ import annotations

from typing import Any

from teem.config.farm import CHANNELS
from teem.config.settings import Config
from teem.profile.components.bench import Bench, Part
from teem.profile.components.timing import Measured, allocated, in_turn
from teem.profile.report import Table
from teem.runtime import words
from teem.space.index import build_index
from teem.worlds.base import World
from teem.worlds.farm.farm import Farm

RADII = (5, 10, 20)


def measure_observation(bench: Bench) -> Part:
    """Looking as the settings say; on a farm, each channel and each way of looking besides."""
    world = bench.world()
    agents = len(world.population.living)
    took, left = allocated(world.observe)
    mine = in_turn({"observe": world.observe}, 25)["observe"]
    figures: dict[str, Any] = {
        "agents": agents, "observe_ms": mine._asdict(), "allocated_bytes": took, "left_bytes": left,
    }  # fmt: skip
    note = (
        f"{agents} agents, one thread. A look allocates {words.number(took)}B at its peak and leaves "
        f"{words.number(left)}B; observations are written into arrays that are there already."
    )
    tables = [Table("Observation", _HEAD, [_row("as the settings say", mine, mine, agents)], note)]
    if not isinstance(world, Farm):
        return Part(
            "observation", tables, figures, [f"Channels and ways of looking are the farm's: {world.name} has none."]
        )
    tables += [
        _variants(bench, "Observation: without one channel", _without(bench.config), agents, figures, "without"),
        _variants(bench, "Observation: with one channel more", _with(bench.config), agents, figures, "with"),
        _variants(bench, "Observation: other ways of looking", _ways(bench.config), agents, figures, "ways"),
        _asking(bench, world, agents, figures),
    ]
    return Part("observation", tables, figures)


_HEAD = ("how", "p50 µs an agent", "p95", "p99", "of as it is")


def _row(name: str, one: Measured, mine: Measured, agents: int) -> tuple[str, ...]:
    return (name, *one.row(1e3 / agents), f"{one.p50 / mine.p50:.2f}")


def _without(config: Config) -> dict[str, dict[str, Any]]:
    channels = config.farm.channels
    return {name: {"channels": tuple(one for one in channels if one != name)} for name in channels if len(channels) > 1}


def _with(config: Config) -> dict[str, dict[str, Any]]:
    channels = config.farm.channels
    return {name: {"channels": (*channels, name)} for name in CHANNELS if name not in channels}


def _ways(config: Config) -> dict[str, dict[str, Any]]:
    settings = config.farm
    ways: dict[str, dict[str, Any]] = {
        f"deposit {deposit}": {"deposit": deposit} for deposit in ("nearest", "bilinear") if deposit != settings.deposit
    }
    ways |= {f"view {view}": {"view": view} for view in ("compact", "full") if view != settings.view}
    ways["with occlusion" if not settings.occlusion else "without occlusion"] = {"occlusion": not settings.occlusion}
    other = "mapped" if settings.storage == "memory" else "memory"
    ways[f"storage {other}"] = {"storage": other}
    return ways | {f"sight {radius}": {"sight": radius} for radius in RADII if radius != settings.sight}


def _variants(
    bench: Bench, title: str, variants: dict[str, dict[str, Any]], agents: int, figures: dict[str, Any], key: str
) -> Table:
    """The same agents looking in other ways, all in turn."""
    worlds: dict[str, World] = {"as the settings say": bench.world()}
    worlds |= {name: bench.world(**changed) for name, changed in variants.items()}
    times = in_turn({name: world.observe for name, world in worlds.items()})
    figures[key] = {name: one._asdict() for name, one in times.items()}
    mine = times["as the settings say"]
    return Table(title, _HEAD, [_row(name, one, mine, agents) for name, one in times.items()])


def _asking(bench: Bench, world: Farm, agents: int, figures: dict[str, Any]) -> Table:
    """The window that an agent is handed, beside asking an index who is within the same distance."""
    population, sight = world.population, bench.config.farm.sight
    living = population.living
    index = build_index("grid", world.fields.side, bench.config.farm.edge == "torus", population.capacity, sight + 1)
    mapped = bench.world(storage="mapped")

    def ask() -> None:
        index.rebuild(population.x, population.y, living)
        index.within(population.x[living], population.y[living], sight)

    works = {
        "window, map in memory": bench.world(storage="memory").observe,
        "window, map in a file": mapped.observe,
        "asking the index alone": ask,
    }
    times = in_turn(works)
    figures["window_and_index"] = {name: one._asdict() for name, one in times.items()}
    mine = times["window, map in memory"]
    note = (
        "The window holds every channel and the legal actions too; the index tells only who is near. The index's "
        "share of a look is span `world.index`."
    )
    rows = [_row(name, one, mine, agents) for name, one in times.items()]
    return Table("Observation: a window of the map, or a spatial query", _HEAD, rows, note)
