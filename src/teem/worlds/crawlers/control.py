"""What an action says of a creature's joints: a speed each, or a part of its torque."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.worlds.base import Action

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


class Control(Protocol):
    """From an action a joint to the motors' commands, -1 to 1, and back."""

    continuous: bool
    actions: tuple[str, ...]
    rest: int

    def comply(self, wanted: Action, present: Flags) -> Action:
        """The actions that are taken of those `wanted`, both `[n, branches]`: what can't be done is rest."""
        ...

    def command(self, action: Action) -> Floats:
        """What the motors are told."""
        ...

    def nearest(self, command: NDArray[np.float64]) -> Action:
        """The actions nearest to such commands."""
        ...


def control_of(settings: CrawlersSettings) -> Control:
    """The control that the settings ask for."""
    return Torques() if settings.control == "torque" else Speeds(settings.bins)


class Speeds:
    """An action is one of a joint's speeds, by number; the middle one is rest."""

    continuous = False

    def __init__(self, bins: int) -> None:
        self._speeds = np.linspace(-1.0, 1.0, bins, dtype=np.float32)
        self.actions = tuple(f"{speed:+.2g}" for speed in self._speeds)
        self.rest = bins // 2

    def comply(self, wanted: Action, present: Flags) -> Action:
        """What is no speed, or of a joint that isn't there, is rest."""
        possible = (wanted >= 0) & (wanted < len(self._speeds)) & present
        return np.where(possible, wanted, self.rest)

    def command(self, action: Action) -> Floats:
        """The speeds of these numbers."""
        return np.asarray(self._speeds[action], np.float32)

    def nearest(self, command: NDArray[np.float64]) -> Action:
        """The numbers of the nearest speeds."""
        return np.rint((command + 1) / 2 * (len(self._speeds) - 1)).astype(np.int32)


class Torques:
    """An action is a part of the motor's torque, -1 to 1; 0 is rest, in which a joint swings freely."""

    continuous = True
    actions: tuple[str, ...] = ()
    rest = 0

    def comply(self, wanted: Action, present: Flags) -> Action:
        """More than all torque is all of it; what is not finite, or of a joint that isn't there, is rest."""
        return np.where(present & np.isfinite(wanted), np.clip(wanted, -1.0, 1.0), np.float32(0))

    def command(self, action: Action) -> Floats:
        """The action itself."""
        return action

    def nearest(self, command: NDArray[np.float64]) -> Action:
        """The commands themselves."""
        return command.astype(np.float32)
