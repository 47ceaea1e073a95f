"""Continuous actions are drawn and judged by the normal distributions that torch knows; absent branches never count."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal

from teem.learning.distribution import Gaussian
from teem.learning.gaussian import draw_evenly, draw_normally, draw_normally_plain, gaussian, log_density
from teem.rng import Stream, normals
from teem.threads import Threads

SEED, STEP = 7, 12


def some(seed: int, n: int = 6, branches: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heads, masks and draws of n agents."""
    rng = np.random.default_rng(seed)
    head = rng.standard_normal((n, 2 * branches)).astype(np.float32)
    return head, rng.random((n, branches)) < 0.6, rng.standard_normal((n, branches)).astype(np.float32)


def drawn_by(head: np.ndarray, mask: np.ndarray, ids: np.ndarray, spread: float = 1.0) -> np.ndarray:
    out = np.full(mask.shape, 9.0, np.float32)
    rows = np.arange(len(ids), dtype=np.int32)
    draw_normally(0, len(ids), head, mask, ids, rows, STEP, SEED, np.float32(spread), out)
    return out


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5))
def test_likelihood_and_entropy_are_those_of_independent_normals(seed: int, branches: int) -> None:
    head, mask, drawn = some(seed, branches=branches)
    mean, log_deviation = torch.from_numpy(head).chunk(2, -1)
    normal, there = Normal(mean, log_deviation.exp()), torch.from_numpy(mask)
    expected = torch.where(there, normal.log_prob(torch.from_numpy(drawn)), 0.0).sum(-1)
    spread = torch.where(there, normal.entropy(), 0.0).sum(-1)
    log_probability, entropy = gaussian(torch.from_numpy(head), there, torch.from_numpy(drawn))
    torch.testing.assert_close(log_probability, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(entropy, spread, rtol=1e-4, atol=1e-5)
    out, rows = np.zeros(6, np.float32), np.arange(6, dtype=np.int32)
    log_density(0, 6, head, mask, drawn, rows, out)
    np.testing.assert_allclose(out, expected.numpy(), rtol=1e-4, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_what_stands_in_an_absent_branch_counts_for_nothing(seed: int) -> None:
    head, mask, drawn = some(seed)
    other_head, _, other_drawn = some(seed + 1)
    both = np.concatenate([mask, mask], axis=1)
    head_too, drawn_too = np.where(both, head, other_head * 1e6), np.where(mask, drawn, other_drawn)
    here, there = (
        gaussian(*(torch.from_numpy(each) for each in (one, mask, two)))
        for one, two in ((head, drawn), (head_too, drawn_too))
    )
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))
    wrong = gaussian(torch.from_numpy(head_too), torch.ones(6, 3, dtype=torch.bool), torch.from_numpy(drawn_too))
    assert mask.all() or not torch.equal(wrong[1], here[1])  # as it would be without the mask


def test_an_absent_branch_has_no_gradient() -> None:
    head, mask, drawn = some(3)
    leaf = torch.from_numpy(head).requires_grad_()
    sum(each.sum() for each in gaussian(leaf, torch.from_numpy(mask), torch.from_numpy(drawn))).backward()
    absent = ~np.concatenate([mask, mask], axis=1)
    assert absent.any() and not leaf.grad.numpy()[absent].any()
    assert leaf.grad.numpy()[~absent].all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_draws_are_the_plain_ones_and_keyed_by_id_and_branch(seed: int) -> None:
    head, mask, _ = some(seed)
    ids = np.array([3, 4, 9, 20, 21, 400])
    out = drawn_by(head, mask, ids)
    plain = draw_normally_plain(head, mask, normals(SEED, Stream.EXPLORE, STEP, ids, 3))
    np.testing.assert_allclose(out, plain, rtol=1e-4, atol=1e-5)
    assert (out[~mask] == 0).all()
    alone = drawn_by(head[2:3], mask[2:3], ids[2:3])
    assert (alone[0] == out[2]).all()


def test_many_draws_have_the_mean_and_deviation_asked_for() -> None:
    n = 20_000
    head = np.tile(np.array([0.3, -2.0, np.log(0.5), np.log(2.0)], np.float32), (n, 1))
    out = drawn_by(head, np.ones((n, 2), np.bool_), np.arange(n))
    np.testing.assert_allclose(out.mean(0), [0.3, -2.0], atol=0.05)
    np.testing.assert_allclose(out.std(0), [0.5, 2.0], rtol=0.03)
    assert abs(np.corrcoef(out.T)[0, 1]) < 0.03


def test_the_greedy_draw_is_the_mean_and_what_is_not_finite_is_0() -> None:
    head, mask, _ = some(1)
    mask[:] = True
    head[0, 0], head[1, 1] = np.nan, np.inf
    out = drawn_by(head, mask, np.arange(6), spread=0.0)
    assert out[0, 0] == 0 and out[1, 1] == 0
    assert (out[2:] == head[2:, :3]).all()
    policy, drawn = Gaussian(3), np.zeros((6, 3), np.float32)
    rows = np.arange(6, dtype=np.int32)
    policy.draw(head, mask, np.arange(6), rows, STEP, SEED, drawn, Threads(1), greedy=True)
    assert (drawn == out).all()
    assert np.abs(policy.possible(drawn)).max() == 1.0 and np.abs(drawn).max() > 1.0


def test_even_draws_fill_the_range_and_are_keyed_by_id_and_branch() -> None:
    n = 5000
    mask = np.ones((n, 2), np.bool_)
    mask[:, 1] = np.arange(n) % 2
    out, rows = np.full((n, 2), 9.0, np.float32), np.arange(n, dtype=np.int32)
    draw_evenly(0, n, mask, np.arange(n), rows, STEP, SEED, out)
    assert (out[~mask] == 0).all()
    for branch in range(2):
        one = out[mask[:, branch], branch]
        assert -1 <= one.min() < -0.99 and 0.99 < one.max() < 1
        assert abs(one.mean()) < 0.05 and abs(one.std() - 3**-0.5) < 0.02
    alone = np.zeros((1, 2), np.float32)
    draw_evenly(0, 1, mask[77:78], np.array([77]), rows[:1], STEP, SEED, alone)
    assert (alone[0] == out[77]).all()
