"""Whose turn it is to decide."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.config.settings import Config

FEW = 10  # founders: where there are no more of them to a turn, calling kernels takes longer than what these do


class Turns(NamedTuple):
    """Each agent decides every so many steps; ids one after the other fall into the groups that do so in turn."""

    every: int = 1  # steps between two decisions of an agent, during which its action holds
    groups: int = 1  # a divisor of `every`, so that turns are evenly spread

    def stretched(self, times: int) -> Turns:
        """The same with decisions that last so many times as long: whoever decides then would have decided anyway."""
        return Turns(self.every * times, self.groups * times)

    def due(self, ids: NDArray[np.int64], step: int) -> NDArray[np.bool_]:
        """Who decides before this step, `[n]`."""
        return np.asarray(self._since(ids, step) == 0)

    def last(self, ids: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        """The last step, up to this one, before which it was each one's turn, `[n]`."""
        return step - self._since(ids, step)

    def _since(self, ids: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        return np.asarray((ids % self.groups * (self.every // self.groups) + step) % self.every)


@runtime_checkable
class Stretchable(Protocol):
    """A world of decisions that last, which can be made to last longer while it plays."""

    def stretch(self, times: int) -> Turns:
        """Let decisions last so many times what the settings say, from those on that end in the next step.

        Returns the turns they are then made in.
        """
        ...


def turns_of(config: Config) -> Turns:
    """How the agents of a run take turns."""
    world = config.world
    if not isinstance(world, CrawlersSettings):
        return Turns()
    if world.turns:
        return Turns(world.decision, world.turns)
    divisors = (count for count in range(world.decision, 0, -1) if world.decision % count == 0)
    return Turns(world.decision, next((n for n in divisors if config.population.founders > FEW * n), 1))
