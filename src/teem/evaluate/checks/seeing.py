"""What must be true of what agents see: what is there is shown, and no sense is dead."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from teem.config.crawlers import CrawlersSettings
from teem.config.farm import FarmSettings
from teem.config.settings import WorldSettings
from teem.config.treasure import AGENT, TreasureSettings
from teem.evaluate.finding import Verdict, bad, good, unknown
from teem.evaluate.play import Play
from teem.evaluate.sight import Look
from teem.worlds.farm.view import NEAR

TOLERANCE = 1e-4  # of a value shown
FEW = 0.05  # part of all observations
OFTEN = 20  # times that something happened to the watched before a sense that shows nothing of it is dead
DENSE = ("resources", "terrain_cost", "self_health")  # channels that differ from cell to cell everywhere
HAPPENED = {
    "hurt": "agents were hurt", "told": "signals were sent", "gathered": "agents gathered",
    "ripe": "agents could breed", "unwell": "agents were unwell",
}  # fmt: skip
NEEDS = {
    "hurt": "hurt", "damage_heat": "hurt", "own_signal": "told", "ally_signal": "told", "goal": "gathered",
    "gathered": "gathered", "can_breed": "ripe", "health": "unwell", "self_health": "unwell",
}  # fmt: skip
"""What has to happen to agents before a sense or a channel can show anything but one value."""
MET = {"allies": "allies", "ally_energy": "allies", "enemies": "enemies", "enemy_health": "enemies"}
OF_ALL_JOINTS = ("joint.angle", "joint.rate")  # senses of crawlers that differ from time to time in each that they have
NOT_MET = {
    "self.slope": "level ground only", "self.grip": "one kind of ground only", "self.belly": "no chassis touched it",
    "self.feet": "nobody touched the ground", "joint.touch": "nobody touched the ground",
    "ray.terrain": "the ground met every ray", "ray.obstacle": "no obstacle met", "ray.creature": "no creature met",
    "ray.food": "no food met", "food.amount": "no food near", "food.along": "no food near", "food.up": "no food near",
}  # fmt: skip
"""Senses of crawlers that may show one value only, where they come upon nothing else."""
ALIKE = ("joint.strength", "joint.length")  # of one body always the same


def who_is_in_sight_is_seen(play: Play) -> Verdict:
    """The health of all allies, and of all enemies, in the window is shown; counted pair by pair."""
    if not isinstance(play.config.world, FarmSettings):
        return unknown("not for this world: it has neither allies nor enemies")
    looks = _looks(play)
    if not any(look.recounts for look in looks):
        return unknown("this run perceives neither allies nor enemies")
    total = met = 0
    for look in looks:
        for name, count in look.recounts.items():
            room = TOLERANCE * (1 + count.most)
            wrong = (count.shown < count.least - room) | (count.shown > count.most + room)
            if wrong.any():
                one = np.flatnonzero(wrong)[0]
                there = f"{count.least[one]:.4g} to {count.most[one]:.4g}"
                text = f"{name} shown with a health of {count.shown[one]:.4g} in all, where {there} is there"
                return bad(f"{text}; {wrong.sum()} of {len(wrong)} agents so", int(wrong.sum()))
            total, met = total + len(wrong), met + int((count.most > 0).sum())
    if not met:
        return unknown(f"in {total} looks nobody was in sight of anybody")
    return good(f"{total} looks, somebody in sight in {met} of them", met)


def observations_are_as_specified(play: Play) -> Verdict:
    """Every value is what the plain specification of looking says."""
    looks = _looks(play)
    if not looks:
        return unknown("not for this world: it has no specification of looking")
    names = np.array(play.observation_names)
    past = np.array([_channel(name) == "known_empty" for name in names])
    for look in looks:
        same = np.isclose(look.shown, look.specified, rtol=TOLERANCE, atol=TOLERANCE) | past
        if not same.all():
            row, column = np.argwhere(~same)[0]
            shown, should = look.shown[row, column], look.specified[row, column]
            text = f"agent {look.id[row]} is shown {shown:.4g} as {names[column]}, where {should:.4g} is right"
            return bad(f"{text}; {(~same).sum()} values so", int((~same).sum()))
        legal = look.legal == look.legal_specified
        if not legal.all():
            row, column = np.argwhere(~legal)[0]
            told = "legal" if look.legal[row, column] else "not legal"
            return bad(f"agent {look.id[row]} is told that {play.actions[column]} is {told}, which is wrong")
    total = sum(look.shown.size for look in looks)
    left_out = "; known_empty is left out, since it depends on the past" if past.any() else ""
    return good(f"{total} values and all legal actions of {sum(len(look.id) for look in looks)} looks{left_out}", total)


def no_observation_column_is_constant(play: Play) -> Verdict:
    """Every sense shows something; those that can't are named."""
    seen = np.concatenate([moment.seen for moment in (*play.moments, *play.stirred)])
    if len(seen) < 2:
        return unknown("nobody looked twice")
    names, channel_of = play.observation_names, channels_of(play)
    constant = [names[column] for column in np.flatnonzero((seen == seen[0]).all(axis=0))]
    fixed = dict(fixed_columns(names, play.config.world)) | dict(out_of_sight(play)) | dict(absent_branches(play))
    idle = idle_senses(play)
    live = set(channel_of.values()) - {
        channel for channel in {channel_of[name] for name in constant}
        if all(name in constant or name in fixed for name in names if channel_of[name] == channel)
    }  # fmt: skip
    dead, listed = [], []
    for name in constant:
        channel = channel_of[name]
        reason = fixed.get(name) or idle.get(channel)
        if not reason and channel in live and channel not in (*DENSE, *OF_ALL_JOINTS):
            reason = "not met in these steps"
        if reason:
            listed.append((reason, name))
        else:
            dead.append(name)
    told = "".join(f"; {text}" for text in _by_reason(listed))
    if dead:
        return bad(f"always the same in {len(seen)} observations: {_some(dead)}{told}", len(dead))
    varied = len(names) - len(constant)
    return good(f"{varied} of {len(names)} columns vary in {len(seen)} observations{told}", varied)


def channels_of(play: Play) -> dict[str, str]:
    """What each column is about, by its name: a channel of the map, or a feature of one kind of token."""
    names = play.observation_names
    if play.tokens is None:
        return {name: _channel(name) for name in names}
    kinds = [kind.name for kind in play.tokens.kinds for _ in range(kind.count * kind.features)]
    return {name: f"{kind}.{name.rpartition('.')[2]}" for name, kind in zip(names, kinds, strict=True)}


def fixed_columns(names: tuple[str, ...], settings: WorldSettings) -> Iterator[tuple[str, str]]:
    """Columns that are constant by construction, each with the reason."""
    if isinstance(settings, TreasureSettings):
        yield from _fixed_of_treasure(names, settings)
    if not isinstance(settings, FarmSettings):
        return
    no_rock = settings.obstacles == 0 and settings.edge == "torus"
    solitary = all(kind.solitary for kind in settings.kinds)
    peaceful = len(settings.kinds) == 1 and not settings.kinds[0].solitary
    for name in names:
        channel, here = _channel(name), _where(name)
        if channel == "obstacles" and here in ("here", "0,0"):
            yield name, "nobody stands on rock"
        elif channel == "visibility" and (here in NEAR or here in _NEAR_CELLS):
            yield name, "nothing can lie between an agent and the next cell"
        elif no_rock and channel in ("obstacles", "visibility"):
            yield name, "there is no rock"
        elif solitary and channel in ("allies", "ally_signal", "ally_energy"):
            yield name, "nobody has allies"
        elif peaceful and channel in ("enemies", "enemy_health", "hurt", "damage_heat"):
            yield name, "nobody has enemies"
        elif channel == "landmarks" and settings.landmarks == 0:
            yield name, "there are no landmarks"


def _fixed_of_treasure(names: tuple[str, ...], settings: TreasureSettings) -> Iterator[tuple[str, str]]:
    never = {each.name for each in settings.entities if not each.passable or each.taken or each.ends} | {AGENT}
    for name in names:
        here = _where(name).split(",")[:2] == ["0", "0"]
        if here and _channel(name) in never:
            yield name, "nobody stands on it"
        elif here and never >= {each.name for each in settings.entities[1:]}:
            yield name, "everybody stands on bare ground"


def out_of_sight(play: Play) -> Iterator[tuple[str, str]]:
    """Cells of the window that hardly anybody sees, since their sight trait does not reach so far."""
    sight = np.concatenate([moment.sight for moment in (*play.moments, *play.stirred)])
    if not len(sight):
        return
    farthest = np.quantile(sight, 1 - FEW)
    for name in play.observation_names:
        cell = _where(name).split(",")
        if len(cell) == 2 and max(abs(int(part)) for part in cell) > farthest and _channel(name) != "self_health":
            yield name, "hardly anybody sees so far"


def absent_branches(play: Play) -> Iterator[tuple[str, str]]:
    """Columns of branches that none of the watched has."""
    moments = (*play.moments, *play.stirred)
    if not play.branches:
        return
    there = np.any([moment.legal[moment.watched].any(axis=0) for moment in moments], axis=0)
    lacking = tuple(f"{name}." for name, has in zip(play.branches, there, strict=True) if not has)
    for name in play.observation_names:
        if lacking and name.startswith(lacking):
            yield name, "nobody has this joint"


_NEAR_CELLS = tuple(f"{y},{x}" for y in (-1, 0, 1) for x in (-1, 0, 1))


def idle_senses(play: Play) -> dict[str, str]:
    """Senses and channels that may show one value only, since what they show has hardly happened."""
    settings = play.config.world
    if isinstance(settings, CrawlersSettings):
        return dict(_idle_of_crawlers(play, settings))
    if isinstance(settings, TreasureSettings):
        return {each.name: "there is none to begin with" for each in settings.entities if not each.share} | {
            AGENT: "few agents in sight of each other"
        }
    happened: dict[str, int] = {}
    for moment in (*play.moments, *play.stirred):
        for name, times in moment.events.items():
            happened[name] = happened.get(name, 0) + times
    idle = {
        channel: f"{HAPPENED[event]} {happened.get(event, 0)} times"
        for channel, event in NEEDS.items()
        if happened.get(event, 0) < OFTEN
    }
    met = {"allies": 0, "enemies": 0}
    for look in _looks(play):
        for name, count in look.recounts.items():
            met[name] += int((count.least > 0).sum())
    idle |= {channel: f"few {who} met" for channel, who in MET.items() if met[who] < OFTEN}
    if play.cells * settings.landmarks < OFTEN:
        idle["landmarks"] = "hardly any on this map"
    return idle


def _idle_of_crawlers(play: Play, settings: CrawlersSettings) -> Iterator[tuple[str, str]]:
    yield from NOT_MET.items()
    if settings.upkeep == settings.motor_cost == 0:
        yield "self.energy", "living takes no energy"
    if len({agent for moment in play.moments for agent in moment.id[moment.watched].tolist()}) < 2:
        yield from ((sense, "one body watched only") for sense in ALIKE)


def _looks(play: Play) -> list[Look]:
    return [moment.look for moment in play.moments if moment.look is not None]


def _channel(name: str) -> str:
    """The channel that a column belongs to: `resources` of `resources.north` and of `resources[0,1]`."""
    return name.partition("[")[0].partition(".")[0]


def _where(name: str) -> str:
    """The zone or the cell of a column; '' for an own sense."""
    return name[len(_channel(name)) + 1 :].removesuffix("]")


def _by_reason(listed: list[tuple[str, str]]) -> Iterator[str]:
    for reason in sorted({reason for reason, _ in listed}):
        yield f"constant since {reason}: {_some([name for why, name in listed if why == reason])}"


def _some(names: list[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


CHECKS = (who_is_in_sight_is_seen, observations_are_as_specified, no_observation_column_is_constant)
