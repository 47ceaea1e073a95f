"""Faults for a profile to find: channels' writers that are slow, keep memory, or wait."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np

from teem import register_channel

HELD: list[Any] = []


def dawdle(*given: Any) -> None:
    total = 0
    for number in range(40_000):
        total += number


def hoard(*given: Any) -> None:
    HELD.append(np.ones(25_000))  # 200 kB


def hesitate(*given: Any) -> None:
    threading.Event().wait(0.004)


def nap(*given: Any) -> None:
    time.sleep(0.004)


def plant() -> None:
    """For runs in processes of their own, which import this."""
    register_channel("planted", dawdle)
