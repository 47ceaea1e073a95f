"""Normals by the hundred: those of Box and Muller for the same bits, and normal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray
from scipy import stats

from teem import normals
from teem.normals import draw_normals
from teem.rng import Stream, bits

STREAM = int(Stream.NOISE)


@njit
def _words(seed, step, agent, blocks):  # type: ignore[no-untyped-def]
    out = np.empty((blocks, 4), np.uint32)
    for block in range(blocks):
        out[block] = bits(seed, STREAM, step, agent, block)
    return out


def normals_plain(seed: int, step: int, agent: int, count: int) -> NDArray[np.float64]:
    """Box and Muller in double precision, from 24 bits a number; the angles begin at half a turn."""
    words = _words(seed, step, agent, -(-count // 4)) >> 8
    u, v = (words[:, ::2] + 1.0) / 2**24, words[:, 1::2] / 2**24 - 0.5
    r = np.sqrt(-2 * np.log(u))
    pairs = np.stack([r * np.cos(2 * np.pi * v), r * np.sin(2 * np.pi * v)])  # [2, blocks, halves]
    return np.concatenate([pairs[0, :, 0], pairs[1, :, 0], pairs[0, :, 1], pairs[1, :, 1]])[:count]


def drawn(seed: int, step: int, agent: int, count: int) -> NDArray[np.float32]:
    out = np.full(count, np.nan, np.float32)
    draw_normals(seed, STREAM, step, agent, out)
    return out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 90))
def test_they_are_what_double_precision_makes_of_the_same_bits(seed: int, step: int, agent: int, count: int) -> None:
    assert drawn(seed, step, agent, count) == pytest.approx(normals_plain(seed, step, agent, count), abs=2e-5)


def test_the_extreme_bits_give_numbers_too() -> None:
    far, turned = (np.array([0, 2**32 - 1, 0, 2**32 - 1], np.uint32) for _ in range(2))
    across, along = np.full(4, np.nan, np.float32), np.full(4, np.nan, np.float32)
    normals._bend(far, turned[::-1].copy(), across, along)
    assert np.isfinite(across).all()
    assert np.isfinite(along).all()
    assert np.abs([across, along]).max() == pytest.approx(np.sqrt(48 * np.log(2)), abs=1e-4)
    assert across[1] == along[1] == 0


def test_they_are_standard_normal_and_independent() -> None:
    many = np.stack([drawn(7, step, 3, 400) for step in range(500)])
    assert stats.kstest(many[:, ::4].ravel(), "norm").pvalue > 1e-3
    assert stats.kstest(many[:, 1::4].ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(many[:, ::100].T) - np.eye(4)).max() < 0.2  # the four that a block of bits makes
    assert np.abs(np.corrcoef(many[:, :8].T) - np.eye(8)).max() < 0.2
