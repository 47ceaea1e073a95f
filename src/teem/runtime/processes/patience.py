"""How long one that waits for others goes on waiting."""

from __future__ import annotations

import time

WAKE_S = 0.5  # how long it sleeps at most before it looks around


class Patience:
    """For how long something is waited for; time in which this process was held up itself doesn't count."""

    def __init__(self, seconds: float) -> None:
        self._left, self._looked = seconds, time.monotonic()

    def is_over(self) -> bool:
        """Asked about every `WAKE_S`: whether it has been waited long enough."""
        now = time.monotonic()
        self._left -= min(now - self._looked, 2 * WAKE_S)
        self._looked = now
        return self._left < 0
