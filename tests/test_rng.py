"""The draws: Philox-4x32-10 as published, uniform, and independent whatever the key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy import stats

from teem.rng import Stream, _philox, bits, normals, to_normals, to_unit, uniform, uniforms

LOW = 0xFFFFFFFF
Words = tuple[int, int, int, int]


def philox_plain(counter: Words, key: tuple[int, int]) -> Words:
    """Ten rounds over whole numbers, as in Salmon et al. 2011."""
    (a, b, c, d), (k0, k1) = counter, key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * a, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return a, b, c, d


def bits_plain(seed: int, stream: int, step: int, agent: int, block: int) -> Words:
    """Where each part of a key stands in the counter and the key of Philox."""
    high = stream << 24 | (step >> 32) << 12 | agent >> 32
    return philox_plain((agent & LOW, block, step & LOW, high), (seed & LOW, seed >> 32))


@njit
def philox(counter, key):  # type: ignore[no-untyped-def]
    return _philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1])


@njit
def words_of(seed, stream, step, agent, block):  # type: ignore[no-untyped-def]
    return bits(seed, stream, step, agent, block)


@njit
def uniform_of(seed, stream, step, agent):  # type: ignore[no-untyped-def]
    return uniform(seed, stream, step, agent)


@njit
def unit_of(word):  # type: ignore[no-untyped-def]
    return to_unit(word)


@njit
def normals_of(one, other):  # type: ignore[no-untyped-def]
    return to_normals(one, other)


# The known answers that Random123 publishes for philox4x32 with 10 rounds: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((LOW, LOW, LOW, LOW), (LOW, LOW), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_philox_gives_the_published_answers(counter: Words, key: tuple[int, int], result: Words) -> None:
    assert philox_plain(counter, key) == result
    assert philox(np.array(counter, np.uint32), np.array(key, np.uint32)) == result


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    stream=st.integers(0, 2**8 - 1),
    step=st.integers(0, 2**44 - 1),
    agent=st.integers(0, 2**44 - 1),
    block=st.integers(0, 2**32 - 1),
)
def test_a_draw_is_that_of_whole_numbers(seed: int, stream: int, step: int, agent: int, block: int) -> None:
    assert words_of(seed, stream, step, agent, block) == bits_plain(seed, stream, step, agent, block)


def test_every_part_of_the_key_counts() -> None:
    """No two of many near keys share a draw, up to the ends of their ranges."""
    near = [0, 1, 2, 2**12, 2**31, 2**32 - 1, 2**32, 2**44 - 1]
    keys = [(7, 1, step, agent, block) for step in near for agent in near for block in near[:6]]
    keys += [(seed, stream, 5, 6, 7) for seed in (*near, 2**63 - 1) for stream in range(2, 256, 23)]
    assert len({words_of(*key) for key in keys}) == len(keys)


def test_uniforms_are_uniform_and_below_one() -> None:
    draws = uniforms(7, Stream.LAYOUT, 3, np.arange(20_000, dtype=np.int64), 2)
    assert draws.dtype == np.float32
    assert draws.min() >= 0
    assert draws.max() < 1
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    assert unit_of(np.uint32(0)) == 0.0
    assert unit_of(np.uint32(LOW)) < 1.0
    assert isinstance(unit_of(np.uint32(5)), float)


def test_normals_are_normal_and_finite() -> None:
    draws = normals(7, Stream.GENOME, 3, np.arange(20_000, dtype=np.int64), 2)
    for column in draws.T:
        assert stats.kstest(column, "norm").pvalue > 1e-3
    for one in (0, 1, LOW):
        for other in (0, 2**31, LOW):
            assert np.isfinite(normals_of(np.uint32(one), np.uint32(other))).all()


def test_two_normals_of_two_words_are_independent() -> None:
    words = np.random.default_rng(0).integers(0, 2**32, (4000, 2), dtype=np.uint32)
    one, other = np.array([normals_of(*pair) for pair in words]).T
    assert stats.kstest(one, "norm").pvalue > 1e-3
    assert stats.kstest(other, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.06
    assert abs(np.corrcoef(one**2, other**2)[0, 1]) < 0.06


def test_streams_steps_agents_and_blocks_are_independent() -> None:
    agents = np.arange(20_000, dtype=np.int64)
    one = uniforms(7, Stream.LAYOUT, 3, agents, 2)
    others = {
        "block": one[:, 1],
        "stream": uniforms(7, Stream.GENOME, 3, agents, 1)[:, 0],
        "step": uniforms(7, Stream.LAYOUT, 4, agents, 1)[:, 0],
        "seed": uniforms(8, Stream.LAYOUT, 3, agents, 1)[:, 0],
        "agent": uniforms(7, Stream.LAYOUT, 3, agents + 1, 1)[:, 0],
    }
    for name, other in others.items():
        assert abs(np.corrcoef(one[:, 0], other)[0, 1]) < 0.03, name
        joint, _, _ = np.histogram2d(one[:, 0], other, bins=8, range=((0, 1), (0, 1)))
        assert stats.chisquare(joint.ravel()).pvalue > 1e-4, name


def test_a_draw_does_not_depend_on_the_order_or_the_company() -> None:
    agents = np.array([5, 2**40, 0, 17], np.int64)
    together = uniforms(7, Stream.REPLAY, 9, agents, 3)
    for row, agent in enumerate(agents):
        alone = uniforms(7, Stream.REPLAY, 9, np.array([agent]), 3)
        np.testing.assert_array_equal(alone[0], together[row])
        assert uniform_of(7, int(Stream.REPLAY), 9, agent) == together[row, 0]


def test_each_purpose_has_a_stream_of_its_own() -> None:
    assert len(set(Stream)) == len(Stream.__members__), "two names for one stream"
    assert max(Stream) < 2**8
