"""What can be wrong with a treasure world: its entities, its rules, and how many agents fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teem.config.fault import Fault, name_faults
from teem.config.names import nearest
from teem.config.treasure import AGENT, EntitySettings, TreasureSettings, own_rules

_COLOUR = re.compile("#[0-9a-fA-F]{6}")


def treasure_faults(world: TreasureSettings, founders: int) -> Iterator[Fault]:
    """Yield everything that is wrong with the settings of a treasure world."""
    yield from _agents(world, founders)
    yield from _entities(world.entities)
    yield from _names(world)
    yield from _edge(world)
    yield from _rules(world)


def _agents(world: TreasureSettings, founders: int) -> Iterator[Fault]:
    about = ("population.founders", ("world.worlds",))
    if founders % world.worlds:
        more = founders + world.worlds - founders % world.worlds
        yield Fault(
            f"population.founders is {founders} but world.worlds is {world.worlds}: "
            f"agents are spread evenly, so give founders {more}, or another multiple of worlds",
            *about,
        )
    each, cells = -(-founders // world.worlds), world.height * world.width
    if each > cells:
        yield Fault(
            f"population.founders is {founders} but world.worlds is {world.worlds}: {each} agents of a world don't fit "
            f"into its {cells} cells, so lower founders, or raise world.worlds, world.height or world.width",
            *about,
        )


def _entities(entities: tuple[EntitySettings, ...]) -> Iterator[Fault]:
    ground = entities[0]
    if not ground.passable or ground.taken or ground.ends or ground.growth:
        yield Fault(
            f'world.entities[0] is "{ground.name}", the bare ground, but it is not passable, or it is taken, ends or '
            "grows: put an entity first that can be walked over and nothing else",
            "world.entities",
        )
    total = sum(entity.share for entity in entities[1:])
    if total > 1:
        yield Fault(
            f"world.entities have shares of {total:.6g} in all: lower them to 1 at most, bare ground takes the rest",
            "world.entities",
        )
    for index, entity in enumerate(entities):
        path = f"world.entities[{index}]"
        if not entity.passable and (entity.value or entity.taken or entity.ends):
            yield Fault(
                f'{path} is "{entity.name}", which is not passable but has a value, is taken or ends the episode: '
                "nobody ever enters it, so leave these out, or make it passable",
                "world.entities",
            )
        if entity.respawns and not entity.taken:
            yield Fault(
                f'{path} is "{entity.name}", which respawns but is never taken: give taken, or leave respawns out',
                "world.entities",
            )
        if entity.leaves and not entity.taken:
            yield Fault(
                f'{path} is "{entity.name}", which leaves "{entity.leaves}" but is never taken: '
                "give taken, or leave leaves out",
                "world.entities",
            )


def _names(world: TreasureSettings) -> Iterator[Fault]:
    names = [entity.name for entity in world.entities]
    for index, entity in enumerate(world.entities):
        path = f"world.entities[{index}]"
        if entity.name == AGENT or entity.name in names[:index]:
            why = "which agents are called" if entity.name == AGENT else "which is there already"
            yield Fault(f'{path} is "{entity.name}", {why}: give each its own name', "world.entities")
        if entity.leaves:
            yield from _known(f"{path}.leaves", entity.leaves, names, "world.entities")
        if not _COLOUR.fullmatch(entity.colour):
            yield Fault(f'{path}.colour is "{entity.colour}": give "#rrggbb"', "world.entities")
    if not _COLOUR.fullmatch(world.colour):
        yield Fault(f'world.colour is "{world.colour}": give "#rrggbb", such as "#58a6ff"', "world.colour")


def _known(path: str, name: str, names: list[str], *about: str) -> Iterator[Fault]:
    """A fault if there is no entity of this name."""
    if name not in names:
        first, *others = about
        yield Fault(f'{path} is "{name}", an unknown entity: {nearest(name, names)}', first, tuple(others))


def _edge(world: TreasureSettings) -> Iterator[Fault]:
    names = [entity.name for entity in world.entities]
    yield from _known("world.edge", world.edge, names, "world.edge", "world.entities")
    if world.edge in names and world.entities[names.index(world.edge)].passable:
        yield Fault(
            f'world.edge is "{world.edge}", which is passable: name an entity that isn\'t, such as a wall',
            "world.edge",
            ("world.entities",),
        )


def _rules(world: TreasureSettings) -> Iterator[Fault]:
    yield from name_faults("world.rules", world.rules, own_rules, "rule")
    names = [entity.name for entity in world.entities]
    for rule in world.rules:
        for entity in own_rules.get(rule, ()):
            what = f"world.rules names {rule}, one of whose entities"
            yield from _known(what, entity, names, "world.rules", "world.entities")
