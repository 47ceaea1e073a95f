"""What every update of a Q-network has in common, whatever the network: the draw, the gates, the step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.fetch import fetch
from teem.inner import INNER
from teem.learning.kernels.adam import adam
from teem.learning.kernels.tile import LANES, sum_of_squares
from teem.learning.ring import draw_row

_WORDS = 32  # bfloat16 in a cache line
_MOST_LINES = 64  # of a column that are fetched before the draw; longer rings are drawn from too thinly


class Networks(NamedTuple):
    """The arrays of a Stack."""

    weights: NDArray[np.float32]  # [rows, size]
    target: NDArray[np.float32]  # [rows, size]
    moment1: NDArray[np.float32]  # [rows, size]
    moment2: NDArray[np.float32]  # [rows, size]
    updates: NDArray[np.int64]  # [rows]


class Rule(NamedTuple):
    """What an update is, besides the data."""

    batch: int
    n_step: int
    gamma: float
    double: bool
    lr: float
    tau: float
    grad_clip: float  # 0: none
    alpha: float  # of priorities
    beta: float


@njit(nogil=True, cache=True)
def draw(i, stop, rows, ids, ring, mass, drawn, rule, seed, step):  # type: ignore[no-untyped-def]
    """Draw the batch of rows[i], if there is one, and send for what it will be read from."""
    if i >= stop:
        return False
    row = rows[i]
    gamma = np.float32(rule.gamma)
    found = draw_row(row, ids[i], seed, step, rule.n_step, gamma, rule.beta, ring, mass, drawn)
    if found:
        _fetch_entries(row, ring, drawn)
    if i + 1 < stop:
        _fetch_row(ring.end, rows[i + 1], 64)  # ends and rewards, which the next draw walks
        _fetch_row(ring.reward, rows[i + 1], LANES)
    return found


@njit(**INNER)
def _fetch_entries(row, ring, drawn):  # type: ignore[no-untyped-def]
    """Send for the drawn entries."""
    _, length, inputs = ring.observation.shape
    branches = ring.action.shape[1] // length
    for k in range(drawn.before.shape[0]):
        before, after = row * length + drawn.before[k], row * length + drawn.after[k]
        fetch(ring.mask, after)
        fetch(ring.action, before * branches)
        for j in range(0, inputs, _WORDS):
            fetch(ring.observation, before * inputs + j)
            fetch(ring.observation, after * inputs + j)


@njit(**INNER)
def _fetch_row(column, row, line):  # type: ignore[no-untyped-def]
    """Send for a row of a ring's column, `line` numbers a cache line."""
    length = column.shape[1]
    for j in range(0, min(length, _MOST_LINES * line), line):
        fetch(column, row * length + j)


@njit(nogil=True, cache=True)
def finite(networks, network):  # type: ignore[no-untyped-def]
    """Whether network and target are sound; reading them in a row also brings them into the cache."""
    return np.isfinite(sum_of_squares(networks.weights[network])) and np.isfinite(
        sum_of_squares(networks.target[network])
    )


@njit(**INNER)
def step_by(gradient, network, networks, rule):  # type: ignore[no-untyped-def]
    """Step a network by its clipped gradient; touches nothing and returns False unless it is finite."""
    square = sum_of_squares(gradient)
    if not np.isfinite(square):
        return False
    scale = np.float32(1)
    if rule.grad_clip > 0:  # as torch.nn.utils.clip_grad_norm_
        scale = np.float32(min(1.0, rule.grad_clip / (np.sqrt(square) + 1e-6)))
    networks.updates[network] += 1
    adam(
        networks.weights[network],
        networks.target[network],
        networks.moment1[network],
        networks.moment2[network],
        gradient,
        scale,
        rule.lr,
        np.float32(rule.tau),
        networks.updates[network],
    )
    return True
