"""What an agent of a world perceives and does, as Gymnasium's spaces; and its actions, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from teem.errors import UsageError
from teem.worlds.base import Action, Observation, World

Space = spaces.Space[Any]


def observation_space(world: World) -> spaces.Box[np.float32]:
    """What one agent perceives: any numbers, of the world's shape."""
    return spaces.Box(-np.inf, np.inf, world.observation_shape, np.float32)


def action_space(world: World) -> Space:
    """What one agent does: an action, one a branch, or a number from -1 to 1 a branch."""
    if world.continuous:
        return spaces.Box(-1.0, 1.0, (len(world.branches),), np.float32)
    if world.branches:
        return spaces.MultiDiscrete([len(world.actions)] * len(world.branches))
    return spaces.Discrete(len(world.actions))


def masks(world: World, observation: Observation, slots: NDArray[np.int32]) -> NDArray[np.int8]:
    """What the agents in these slots may do, 1: legal, `[n, actions]` or `[n, branches, actions]`.

    With branches, one that a body doesn't have can only rest; in a continuous world `[n, branches]` says which it has.
    """
    marks = observation.mask[slots]
    if world.branches and not world.continuous:
        legal = np.repeat(marks[:, :, None], len(world.actions), axis=2)
        legal[:, :, world.rest] = True
        marks = legal
    return marks.view(np.int8)


def check_action(world: World, action: Any) -> str | None:
    """What is wrong with one agent's action, in words with a remedy; None if nothing is.

    An illegal one is not wrong: the world takes it as rest.
    """
    try:
        given = np.asarray(action)
    except ValueError:  # lists of different lengths
        return f"is no array: give {_wanted(world)}"
    shape = (len(world.branches),) if world.branches else ()
    if given.shape != shape:
        return f"has shape {list(given.shape)}: give {_wanted(world)}"
    if given.dtype.kind not in ("iuf" if world.continuous else "iu"):
        return f"is {action!r}: give {_wanted(world)}"
    if world.continuous:
        return None if np.isfinite(given).all() else f"has a value that is not finite: give {_wanted(world)}"
    if ((given < 0) | (given >= len(world.actions))).any():
        return f"is {given.tolist()}: give {_wanted(world)}"
    return None


def fill(world: World, action: Action, slots: NDArray[np.int32], given: Any, names: list[str]) -> None:
    """Write the actions `given` of these slots, one each in their order, into everybody's `action`.

    Raises UsageError that tells of each that is wrong, by its name.
    """
    if not len(slots):
        return
    try:
        wanted = np.asarray(given)
    except ValueError:  # not all of one shape
        wanted = np.empty(0)
    fits = wanted.shape == (len(slots), *action.shape[1:])
    if fits and wanted.dtype.kind in ("iuf" if world.continuous else "iu"):
        sound = np.isfinite(wanted) if world.continuous else (wanted >= 0) & (wanted < len(world.actions))
        if sound.all():
            action[slots] = wanted
            return
    faults = [(name, check_action(world, one)) for name, one in zip(names, given, strict=True)]
    told = [f"the action of {name} {fault}" for name, fault in faults if fault is not None]
    raise UsageError(told or f"the actions are of different kinds: give each as {_wanted(world)}")


def _wanted(world: World) -> str:
    if world.continuous:
        return f"{len(world.branches)} numbers from -1 to 1, one a branch"
    whole = f"from 0 to {len(world.actions) - 1}"
    return f"{len(world.branches)} whole numbers {whole}, one a branch" if world.branches else f"a whole number {whole}"
