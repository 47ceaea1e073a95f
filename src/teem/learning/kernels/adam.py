"""One sweep over an agent's flat rows: Adam's step and the target network's."""

from __future__ import annotations

import numpy as np
from numba import njit

BETA1 = 0.9
BETA2 = 0.999
EPS = np.float32(1e-8)

_KEEP1 = np.float32(BETA1)
_TAKE1 = np.float32(1 - BETA1)
_KEEP2 = np.float32(BETA2)
_TAKE2 = np.float32(1 - BETA2)


@njit(nogil=True, cache=True, error_model="numpy")  # a check for division by 0 would forbid vectors
def adam(weights, target, moment1, moment2, gradient, scale, lr, tau, t):  # type: ignore[no-untyped-def]
    """Step by the gradient times `scale`, the `t`-th step (the first is 1), then move the target by `tau`.

    Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, as torch.optim.Adam rounds it out.
    """
    step = np.float32(lr / (1.0 - BETA1**t))
    widen = np.float32(1.0 / np.sqrt(1.0 - BETA2**t))
    for j in range(weights.shape[0]):
        g = gradient[j] * scale
        m = _KEEP1 * moment1[j] + _TAKE1 * g
        v = _KEEP2 * moment2[j] + _TAKE2 * (g * g)
        w = weights[j] - step * (m / (np.sqrt(v) * widen + EPS))
        moment1[j] = m
        moment2[j] = v
        weights[j] = w
        target[j] += tau * (w - target[j])
