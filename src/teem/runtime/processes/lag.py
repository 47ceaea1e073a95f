"""How old the policies were that acted."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST = 4096  # steps that are told apart


class Lags:
    """How many steps were acted with a policy so many steps old, at most `cap`."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.counts = np.zeros(MOST + 1, np.int64)

    def note(self, lag: int) -> None:
        """A step is acted with a policy so old."""
        self.counts[min(max(lag, 0), MOST)] += 1

    def report(self) -> dict[str, Any]:
        """In steps; None where nobody has acted."""
        counts, acted = self.counts, int(self.counts.sum())
        return {
            "mean": float((counts * np.arange(len(counts))).sum() / acted) if acted else None,
            "p95": int(np.searchsorted(np.cumsum(counts), 0.95 * acted)) if acted else None,
            "max": int(np.flatnonzero(counts).max(initial=0)) if acted else None,
            "cap": self.cap,
        }
