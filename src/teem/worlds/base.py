"""What every world is to the rest of teem: bodies and rules, never policies.

One step is `observe`, then `step(action)`. Arrays are indexed by slot, `[capacity, ...]`; `living` says which
slots count. A world never sees a policy: the loop, an evaluation or an adapter all drive the same two calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from teem.population.guests import Guests
from teem.population.slots import Population
from teem.state import State
from teem.worlds.tokens import Tokens
from teem.worlds.turns import Turns

Action = NDArray[Any]
"""What everyone does, `[capacity]` or with branches `[capacity, branches]`: int32, float32 where it is continuous."""

Progress = Callable[[int, int], None]
"""`progress(done, of)` is called now and then while a world is made, from any thread but one at a time."""


def silent(done: int, of: int) -> None:
    """Say nothing of the progress."""


@dataclass(slots=True)
class Observation:
    """What the living perceive at the start of a step."""

    living: NDArray[np.int32]  # [n] slots of those who decide now, by rising id
    values: NDArray[np.float32]  # [capacity, *observation_shape]
    mask: NDArray[np.bool_]  # [capacity, actions] True: legal; with branches, [capacity, branches] True: it has it


@dataclass(slots=True)
class Births:
    """Who was born in a step."""

    slot: NDArray[np.int32]  # [births]
    parent_slot: NDArray[np.int32]  # [births] alive now; -1: no living parent (a reseeded founder, a guest)
    fame: NDArray[np.int32]  # [births] entry of the hall of fame it comes from; beyond, a guest's place; -1: none

    @staticmethod
    def none() -> Births:
        """Nobody was born."""
        nobody = np.empty(0, np.int32)
        return Births(nobody, nobody, nobody)

    def and_then(self, later: Births) -> Births:
        """These, and those who came into the world after them."""
        return Births(
            np.concatenate((self.slot, later.slot)),
            np.concatenate((self.parent_slot, later.parent_slot)),
            np.concatenate((self.fame, later.fame)),
        )


@dataclass(slots=True)
class Deaths:
    """Who died in a step."""

    slot: NDArray[np.int32]  # [deaths] free now
    id: NDArray[np.int64]  # [deaths]
    cause: NDArray[np.int32]  # [deaths] index into World.causes


@dataclass(slots=True)
class Outcome:
    """What a step returned. Arrays by slot hold for `acted`; the rest of each array means nothing.

    In a world where agents decide in every step, those are all who were alive when it began. In others they are
    those whose decision came to its end, since they decide anew before the next step or have died.

    A life may fall into episodes (`World.episodes`). One ends as in Gymnasium: terminated where the world's rules end
    it, so that nothing follows, truncated where it is cut off, as by time. The agent keeps its slot, id and network,
    and what it perceives next belongs to its next episode; what it perceived last in this one is its row of `final`.
    Where lives have no episodes, who terminates has died.
    """

    step: int  # the step that was made, the first is 0
    acted: NDArray[np.int32]  # [n] slots whose decisions have come to their end, by rising id
    id: NDArray[np.int64]  # [n] their ids
    action: Action  # what was done, the impossible as `rest`
    target: NDArray[np.int64]  # [capacity] id acted upon; -1: none
    reward: NDArray[np.float32]  # [capacity]
    terminated: NDArray[np.bool_]  # [capacity] died, or its episode ended with nothing to follow
    truncated: NDArray[np.bool_]  # [capacity] cut off while alive
    births: Births
    deaths: Deaths
    honours: NDArray[np.int32]  # [k, 2] (entry of the hall of fame, slot of the dead it now holds)
    ledger: Mapping[str, float] = field(default_factory=dict)  # joules that each rule moved
    alive: int = -1  # agents that were alive when the step began; -1: those who acted
    final: NDArray[np.float32] | None = None  # [capacity, *observation_shape] of the truncated; None: not known

    @property
    def agents(self) -> int:
        """How many were alive when the step began."""
        return len(self.acted) if self.alive < 0 else self.alive


class World(Protocol):
    """A persistent world; deterministic given its settings, seed, step and actions.

    An agent's action is one of `actions`. Where there are `branches`, parts such as joints, it is one for each that
    the agent has, all at once. In a `continuous` world it is a number from -1 to 1 for each of its branches instead.
    """

    name: str
    population: Population
    continuous: bool  # an action is a number from -1 to 1
    actions: tuple[str, ...]  # none where they are continuous
    rest: int  # the action that does nothing; an illegal one becomes this
    branches: tuple[str, ...]  # parts that each take an action; none: the agent takes one
    turns: Turns  # when each of them decides; in between its action holds
    episodes: bool  # an agent may live on when its episode ends; then `Outcome.final` is given whenever one is cut off
    feat: str  # what an agent achieves in its life, as a word for its unit: "joules", "metres"
    causes: tuple[str, ...]  # of deaths; none where nobody dies
    traits: tuple[str, ...]  # of genomes; none where there are no genomes
    kinds: tuple[str, ...]
    observation_shape: tuple[int, ...]
    observation_names: tuple[str, ...]  # one a value, flattened: "resources.north_far"
    tokens: Tokens | None  # how the observation falls into tokens, if it does
    step_count: int  # steps made so far

    @property
    def guests(self) -> Guests | None:
        """Who have come from other islands and wait for room; None where the world takes nobody in."""
        ...

    @property
    def feats(self) -> NDArray[np.float32]:
        """What each has achieved in its life so far, `[capacity]`; of the dead, until their slot is taken."""
        ...

    def observe(self) -> Observation:
        """What those who decide now perceive. The arrays are reused by the next call."""
        ...

    def step(self, action: Action) -> Outcome:
        """Apply every rule once; `action` is read for those who decide. Illegal actions become `rest`.

        A continuous one beyond -1 or 1 becomes that; one that is not finite is illegal.
        """
        ...

    def heuristic(self, observation: Observation, action: Action) -> None:
        """Write a sensible scripted choice for each of the living into `action[capacity]`, for comparison."""
        ...

    def map(self) -> dict[str, NDArray[np.float32]]:
        """Named pictures of the world, `[height, width]`, for the panel and the record (views, read-only)."""
        ...

    def state(self) -> State:
        """Everything that a later step depends on."""
        ...

    def load_state(self, state: State) -> None:
        """Continue from a saved state, bit for bit."""
        ...
