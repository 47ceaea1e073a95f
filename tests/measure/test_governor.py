"""A governor on made-up frames: it stays within its bounds, is quick to shed, slow to give back, and comes to rest."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.measure.governor import CALM, FINER, LOOK, WINDOW, Controls, Governor, ladder, p95

TARGET = 10.0
BOUNDS = Controls(0.1, 2, 8)

bounds = st.builds(Controls, st.floats(0.01, 1.0), st.integers(1, 5), st.integers(1, 100))


def costs(fixed: float, learning: float, deciding: float = 0.0) -> Callable[[Controls], tuple[float, float]]:
    """Milliseconds of a frame, and of learning in it, under the controls."""

    def of(controls: Controls) -> tuple[float, float]:
        learnt = learning * controls.learning / controls.decision
        return fixed + learnt + deciding / controls.decision, learnt

    return of


def play(
    governor: Governor,
    load: Callable[[Controls], tuple[float, float]],
    frames: int,
    noise: np.random.Generator | None = None,
) -> list[int]:
    """The frames, counted, after which it turned something."""
    changes = []
    for frame in range(frames):
        ms, learnt = load(governor.controls)
        extra = 1.0 if noise is None else float(noise.uniform(0.95, 1.05))
        if governor.frame(ms * extra, learnt):
            changes.append(frame)
    return changes


@given(bounds)
def test_the_ladder_sheds_more_with_each_rung_in_order_and_ends_at_the_bounds(within: Controls) -> None:
    rungs = ladder(within)
    assert rungs[0] == Controls()
    assert rungs[-1] == within
    for above, below in pairwise(rungs):
        assert below.and_also(above) == below != above
        if below.decision > 1:
            assert below.learning == within.learning
        if below.snapshots > 1:
            assert below.decision == within.decision
        assert below.learning == within.learning or below.learning >= FINER * above.learning - 1e-12


@settings(deadline=None)
@given(bounds, st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=300))
def test_whatever_frames_come_it_stays_within_the_bounds(within: Controls, frames: list[tuple[float, float]]) -> None:
    governor = Governor(TARGET, within)
    for ms, part in frames:
        governor.frame(ms, ms * part)
        assert governor.controls.and_also(within) == within
        assert Controls().and_also(governor.controls) == governor.controls


@settings(deadline=None)
@given(st.floats(0, 8.0), st.floats(0.0, 60.0))
def test_what_learning_can_make_good_is_made_good_within_three_looks(fixed: float, learning: float) -> None:
    governor = Governor(TARGET, BOUNDS)
    load = costs(fixed, learning)
    play(governor, costs(fixed, min(learning, TARGET - fixed)), 500)
    play(governor, load, 3 * LOOK)
    assert load(governor.controls)[0] <= TARGET or governor.controls.learning == BOUNDS.learning


def test_a_load_that_doubles_is_shed_within_a_look_and_given_back_slowly_when_it_is_gone() -> None:
    governor = Governor(TARGET, BOUNDS)
    single, double = costs(3.0, 5.0), costs(6.0, 10.0)
    assert play(governor, single, 1000) == []
    changes = play(governor, double, 1000)
    assert len(changes) == 1
    assert changes[0] < LOOK + 0.05 * WINDOW + 1
    assert TARGET * 0.6 < double(governor.controls)[0] <= TARGET
    changes = play(governor, single, 5000)
    assert governor.controls == Controls()
    assert min(np.diff(changes)) >= CALM * LOOK
    assert play(governor, single, 5000) == []


def test_decisions_and_snapshots_come_after_learning_and_go_before_it() -> None:
    governor = Governor(TARGET, BOUNDS)
    seen = []
    for load in (costs(0.5, 10.5), costs(2, 20, 14), costs(30, 0), costs(1.0, 1.0)):
        for _ in range(4000):
            before = governor.controls
            if governor.frame(*load(before)):
                seen.append((before, governor.controls))
    assert governor.controls == Controls()
    for before, after in seen:
        changed = [name for name in Controls._fields if getattr(before, name) != getattr(after, name)]
        assert len(changed) == 1
        assert changed[0] == "learning" or before.learning == after.learning == BOUNDS.learning
    assert {after.snapshots for _, after in seen} == {1, 2, 4, 8}


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 30), st.floats(0, 30), st.floats(0, 30), st.integers(0, 2**32))
def test_under_a_steady_load_it_comes_to_rest(fixed: float, learning: float, deciding: float, seed: int) -> None:
    """What can't be had without missing frames is tried more and more rarely: in 1% of the frames in the end."""
    governor, noise = Governor(TARGET, BOUNDS), np.random.default_rng(seed)
    load = costs(fixed, learning, deciding)
    play(governor, load, 4000, noise)
    assert len(play(governor, load, 2048, noise)) <= 2 * 2048 / (CALM * LOOK * 8)


def test_what_does_not_fit_is_tried_more_and_more_rarely() -> None:
    """Decisions twice as long leave much room, and ordinary ones miss the target."""
    governor, load = Governor(TARGET, BOUNDS), costs(2.0, 0.0, 10.0)
    changes = play(governor, load, 12_000)
    assert max(np.diff(changes)) > 1000
    late, slow = 10_000, 0
    for _ in range(late):
        slow += load(governor.controls)[0] > TARGET
        governor.frame(*load(governor.controls))
    assert 0 < slow / late < 0.02


def test_a_single_long_frame_sheds_nothing() -> None:
    governor = Governor(TARGET, BOUNDS)
    for frame in range(2000):
        assert not governor.frame(200.0 if frame % 100 == 50 else 5.0, 1.0)


def test_it_goes_on_from_where_a_run_stood() -> None:
    governor = Governor(TARGET, BOUNDS)
    governor.start_from(Controls(0.3))
    assert governor.controls == Controls(0.263)
    governor.start_from(Controls(0.01, 5, 100))
    assert governor.controls == BOUNDS


@pytest.mark.parametrize(("frames", "rank"), [(8, 7), (20, 19), (64, 60)])
def test_the_percentile_is_one_of_the_frames(frames: int, rank: int) -> None:
    values = np.random.default_rng(1).permutation(np.arange(1.0, frames + 1))
    assert p95(values) == rank == np.percentile(values, 95, method="lower")
