"""Soft constraints: the ends of a joint's reach and contacts as stiff, well damped springs, stable at any step length.

Erin Catto, "Solver2D" (2024), https://box2d.org/posts/2024/02/solver2d/; the numbers are Box2D v3's.
"""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import numpy as np

LIMIT_HERTZ, LIMIT_DAMPING = 60.0, 2.0
CONTACT_HERTZ, CONTACT_DAMPING = 60.0, 10.0


class Softness(NamedTuple):
    """How an error is pushed out: at `rate` a second, by an impulse scaled down and leaking."""

    rate: np.float32  # 1/s
    mass: np.float32  # share of the rigid impulse
    leak: np.float32  # share of the impulse so far that is given back


RIGID = Softness(np.float32(0), np.float32(1), np.float32(0))  # ends relative motion and leaves the error alone


def softness(hertz: float, damping: float, h: float) -> Softness:
    """The softness of a spring of that frequency and damping ratio over a substep of `h` seconds."""
    omega = 2.0 * pi * hertz
    a1 = 2.0 * damping + h * omega
    a2 = h * omega * a1
    a3 = 1.0 / (1.0 + a2)
    return Softness(np.float32(omega / a1), np.float32(a2 * a3), np.float32(a3))
