"""Who learns the same weights together, each from its own part of the agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Group(Protocol):
    """Learners that hold the same network; every one of them makes the same calls in the same order."""

    rank: int
    size: int

    def totals(self, counts: list[int]) -> list[int]:
        """Each count summed over the group; who gives fewer gives 0 for the rest."""
        ...

    def add_up(self, tensor: Tensor) -> None:
        """Replace the tensor by the group's sum of it, the same bits for everybody."""
        ...

    def compare(self, digest: int) -> None:
        """Raise TeemError unless everybody's digest is the same."""
        ...


class Alone:
    """A learner that shares its networks with nobody."""

    rank, size = 0, 1

    def totals(self, counts: list[int]) -> list[int]:
        """Its own counts."""
        return counts

    def add_up(self, tensor: Tensor) -> None:
        """Nothing comes to it."""

    def compare(self, digest: int) -> None:
        """It is like itself."""


def part_of(members: int, group: Group) -> int:
    """How many of an update's members a learner of the group gives; the parts add up to all of them."""
    return members // group.size + (group.rank < members % group.size)
