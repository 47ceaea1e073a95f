"""Rules of the user's own: plain Python, or the same function compiled with numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.config.treasure import TreasureSettings, own_rules
from teem.errors import UsageError
from teem.worlds.treasure.board import Board, Hunters, within
from teem.worlds.treasure.entities import number_of

Rule = Callable[[Any, Any, int, int], None]
"""`rule(columns, numbers, seed, step)` changes what it likes in the `Columns` of all worlds.

`numbers` are those of the entities it was registered for, in that order. It is called once a step, when everybody has
walked and collected and things have grown, before episodes end. Draw with `teem.rng`, keyed by step and world or id.
"""


class Columns(NamedTuple):
    """What a rule sees and may change: all worlds, without their edges, and all agents."""

    cells: NDArray[np.uint8]  # [worlds, height, width] number of the entity
    people: NDArray[np.uint8]  # [worlds, height, width] 1: an agent stands here; only to be read
    clock: NDArray[np.int32]  # [worlds] steps made in the episode, but for this one
    end: NDArray[np.uint8]  # [worlds] 1 ends the episode: nothing follows
    x: NDArray[np.float32]  # [capacity] column, and a half; only to be read
    y: NDArray[np.float32]  # [capacity] row, and a half, counted from the first world's first; only to be read
    action: NDArray[np.int32]  # [capacity] 0 to 4: north, south, west, east, rest
    entered: NDArray[np.bool_]  # [capacity] whether it came into another cell
    reward: NDArray[np.float32]  # [capacity] of this step
    feats: NDArray[np.float32]  # [capacity] value collected so far


_registered: dict[str, Rule] = {}


def register_rule(name: str, rule: Rule, entities: tuple[str, ...] = ()) -> None:
    """Add a rule to what `world.rules` of the treasure world can name.

    `entities` are those it needs to know the numbers of. Raises UsageError for a name that is taken or no word.
    """
    faults = []
    if not name.isidentifier():
        faults.append(f"rule name {name!r}: letters, digits and underscores are allowed")
    if name in own_rules:
        faults.append(f"rule {name}: this name is taken; choose another")
    if faults:
        raise UsageError(faults)
    own_rules[name] = tuple(entities)
    _registered[name] = rule


def forget_rule(name: str) -> None:
    """Take a registered rule back."""
    del own_rules[name], _registered[name]


def rules_of(settings: TreasureSettings) -> list[tuple[Rule, NDArray[np.int64]]]:
    """The rules that the settings name, each with the numbers of its entities."""
    return [
        (_registered[name], np.array([number_of(entity, settings) for entity in own_rules[name]], np.int64))
        for name in settings.rules
    ]


def columns_of(board: Board, hunters: Hunters, sight: int) -> Columns:
    """The columns as rules see them: views, not copies."""
    return Columns(
        within(board.cells, sight), within(board.people, sight), board.clock, board.end,
        hunters.x, hunters.y, hunters.action, hunters.entered, hunters.reward, hunters.feats,
    )  # fmt: skip
