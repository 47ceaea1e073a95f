"""What can be perceived: the built-in channels, and those a user registers.

A channel is *instant* (true of this step only), *decaying* (a step leaves a part of it) or *persistent*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import CHANNELS, own_channels
from teem.errors import UsageError
from teem.worlds.farm.bodies import Bodies
from teem.worlds.farm.fields import Fields

Behaviour = Literal["instant", "decaying", "persistent"]
Writer = Callable[[Any, Any, Any, Any, int], None]
"""`writer(plane, scale, living, bodies, step)` puts a channel's values onto the map.

`plane[side, side]` is float32. Divide what you write by `scale` (1 unless the channel decays). `living` are slots,
`bodies` the columns (see `teem.worlds.farm.bodies.Bodies`). A function under `numba.njit` has the same signature.
"""

PLANE_CHANNELS = ("resources", "obstacles", "terrain_cost", "damage_heat", "trails", "landmarks")
"""Built-in channels that are planes of the map; the others are seen from the agents themselves."""
POINTS = ("allies", "enemies", "ally_signal", "goal")
"""Channels of single points: a far zone sums them, where it averages the others."""
DECAYING = ("damage_heat", "trails", "ally_signal", "known_empty", "goal")
PERSISTENT = ("obstacles", "terrain_cost", "landmarks")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of the user's own."""

    name: str
    behaviour: Behaviour
    writer: Writer
    decay: float


registered: dict[str, Channel] = {}


def register_channel(name: str, writer: Writer, behaviour: Behaviour = "instant", *, decay: float = 0.9) -> None:
    """Add a channel to what a farm can perceive; name it in `world.channels` to have it perceived.

    An instant plane is cleared and written every step, a decaying one fades by `decay` and is written every
    step, a persistent one is written once, before step 0. Raises UsageError for a name that is taken or empty,
    another behaviour, or a decay outside [0, 1).
    """
    faults = []
    if not name.isidentifier():
        faults.append(f"channel name {name!r}: letters, digits and underscores are allowed")
    if name in CHANNELS or name in registered:
        faults.append(f"channel {name}: this name is taken; choose another")
    if behaviour not in get_args(Behaviour):
        faults.append(f"channel {name}: behaviour is {behaviour!r}, allowed are {', '.join(get_args(Behaviour))}")
    if not 0.0 <= decay < 1.0:
        faults.append(f"channel {name}: decay is {decay}, allowed is 0 to below 1")
    if faults:
        raise UsageError(faults)
    registered[name] = Channel(name, behaviour, writer, decay)
    own_channels.add(name)


def write_channels(
    fields: Fields, living: NDArray[np.int32], bodies: Bodies, step: int, *behaviours: Behaviour
) -> None:
    """Let the registered channels of these behaviours write their planes."""
    for number, name in enumerate(fields.names):
        channel = registered.get(name)
        if channel is None or channel.behaviour not in behaviours:
            continue
        plane = fields.planes[:, :, number]
        if channel.behaviour == "instant":
            plane[:] = 0
        channel.writer(plane, fields.scale[number], living, bodies, step)


def forget_channel(name: str) -> None:
    """Take a registered channel back."""
    del registered[name]
    own_channels.remove(name)
