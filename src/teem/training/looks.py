"""How many steps may pass before one looks again at what is under way: few where they are slow, more where not."""

from __future__ import annotations

from math import ceil

LOOK_S = 0.05  # between two looks, about
STEPS_MOST = 128  # from one look to the next


class Looks:
    """Looks that cost next to nothing, come some twenty times a second, and just where something is due."""

    def __init__(self) -> None:
        self.count = 0  # looks so far
        self._steps, self._seconds = 1, -LOOK_S  # to the next look; when the last was

    def until_next(self, seconds: float, due: float) -> int:
        """The steps to the next look, after one now; something is `due` in so many (infinity: nobody can tell)."""
        self.count += 1
        passed, self._seconds = seconds - self._seconds, seconds
        if passed < LOOK_S / 2:
            self._steps = min(2 * self._steps, STEPS_MOST)
        elif passed > 2 * LOOK_S:
            self._steps = max(1, self._steps // 2)
        return max(1, ceil(min(self._steps, due)))
