"""A step arrives as it was sent, for each learner its own part; and a learner without steps sleeps."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from together import Together, config_of

from teem.learning.replay import Replay, from_bfloat16, to_bfloat16
from teem.runtime.processes.facts import Facts, Mirror, People
from teem.runtime.processes.stream import Bidding, Reading, put_step
from teem.runtime.processes.teaching import Teaching
from teem.runtime.transport.ring import Ring
from teem.runtime.transport.shared import Segment
from teem.worlds.base import Births, Deaths, Observation, Outcome
from teem.worlds.turns import Turns

CAPACITY, INPUTS, ACTIONS = 7, 4, 3
NOBODYS = np.zeros(CAPACITY, np.int8)  # everybody is of the only cohort
ALL = Bidding(Fraction(1), Turns())  # nothing is shed


def mirror_of() -> Mirror:
    return Mirror.of(
        Facts(
            name="plain",
            capacity=CAPACITY,
            actions=("a", "b", "c"),
            rest=0,
            branches=(),
            turns=Turns(),
            continuous=False,
            observation_shape=(INPUTS,),
            tokens=None,
        )
    )


def step_of(number: int, draws: np.random.Generator) -> tuple[Observation, Outcome]:
    """Any step: arrays by slot hold for those who acted, the rest of each is rubbish."""
    acted = np.flatnonzero(draws.random(CAPACITY) < 0.7).astype(np.int32)
    observation = Observation(
        acted, draws.standard_normal((CAPACITY, INPUTS), np.float32), draws.random((CAPACITY, ACTIONS)) < 0.8
    )
    terminated = draws.random(CAPACITY) < 0.15
    none = np.empty(0, np.int32)
    outcome = Outcome(
        step=number,
        acted=acted,
        id=acted.astype(np.int64) + 100,
        action=draws.integers(0, ACTIONS, CAPACITY).astype(np.int32),
        target=np.full(CAPACITY, -1, np.int64),
        reward=draws.standard_normal(CAPACITY).astype(np.float32),
        terminated=terminated,
        truncated=~terminated & (draws.random(CAPACITY) < 0.15),
        births=Births(none, none, none),
        deaths=Deaths(none, np.empty(0, np.int64), none),
        honours=np.empty((0, 2), np.int32),
    )
    return observation, outcome


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.lists(st.booleans(), min_size=5, max_size=60), st.booleans())
@settings(max_examples=25, deadline=None)
def test_what_is_remembered_and_drawn_is_what_was_seen_and_done(
    seed: int, of: int, sends: list[bool], rounded: bool
) -> None:
    """Against a slow reference: each slot's decisions in a list, whatever lies unread in the ring meanwhile."""
    draws = np.random.default_rng(seed)
    segment = Segment.create("test", Ring.columns(1 << 13, of))
    writer, length, rows = Ring(segment), 8, np.arange(CAPACITY)
    readers = [Ring(Segment(segment.descriptor, Ring.columns(1 << 13, of))) for _ in range(of)]
    readings = [Reading(mirror_of(), share, of) for share in range(of)]
    replays = [Replay(CAPACITY, length, INPUTS) for _ in range(of)]
    sent: list[list[tuple[Any, ...]]] = [[] for _ in range(CAPACITY)]  # all that each slot has done
    ends: list[list[int]] = [[] for _ in range(of)]  # how much of it each learner has been sent
    steps: list[tuple[Observation, Outcome]] = []
    for number, send in enumerate(sends):
        if send:
            observation, outcome = step_of(number, draws)
            if put_step(writer, observation, outcome, np.empty(0, np.int64), [{}], NOBODYS, ALL, rounded=rounded):
                steps.append((observation, outcome))
                for slot in outcome.acted:
                    sent[slot].append(
                        (observation.values[slot].copy(), outcome.action[slot], outcome.reward[slot],
                         bool(outcome.terminated[slot]), bool(outcome.truncated[slot]))
                    )  # fmt: skip
            continue
        for share, (reader, reading, replay) in enumerate(zip(readers, readings, replays, strict=True)):
            frame = reader.peek(share)
            if frame is None:
                continue
            observation, outcome = reading.read(frame, [{}])
            kept = steps[len(ends[share])][1].acted
            assert outcome.acted.tolist() == [slot for slot in kept if slot % of == share]
            replay.add(
                outcome.acted, observation.values, observation.mask, outcome.action, outcome.reward,
                outcome.terminated, outcome.truncated,
            )  # fmt: skip
            reader.release(share)
            ends[share].append(number)
    for share, replay in enumerate(replays):
        read = len(ends[share])
        for slot in range(share, CAPACITY, of):
            done = sum(int(slot in outcome.acted) for _, outcome in steps[:read])
            check(replay, slot, sent[slot][:done], rows)


def check(replay: Replay, slot: int, lived: list[tuple[Any, ...]], rows: np.ndarray[Any, Any]) -> None:
    """Nothing is remembered but what was lived, and no transition reaches over an end or the newest decision."""
    assert replay.added[slot] == len(lived)
    row = rows[slot : slot + 1]
    if not replay.drawable(row, 1)[0]:
        return
    batch = replay.sample(row, row, 1, 2, 16, 1, 0.5)
    first = max(0, len(lived) - replay.length)
    for k in range(16):
        place = int(batch.index[0, k])
        (entry,) = [i for i in range(first, len(lived)) if i % replay.length == place]
        seen, action, reward, terminated, truncated = lived[entry]
        assert not truncated
        assert np.array_equal(batch.observation[0, k], from_bfloat16(to_bfloat16(seen)))
        assert batch.action[0, k] == action
        assert batch.reward[0, k] == reward
        assert batch.discount[0, k] == (0 if terminated else 0.5)
        if not terminated:
            assert entry + 1 < len(lived)
            assert np.array_equal(batch.next_observation[0, k], from_bfloat16(to_bfloat16(lived[entry + 1][0])))


@pytest.mark.parametrize("width", [1, INPUTS + 1])
def test_what_has_another_shape_than_was_said_is_refused(width: int) -> None:
    columns = Ring.columns(1 << 13, 1)
    segment = Segment.create("test", columns)
    observation, outcome = step_of(0, np.random.default_rng(1))
    narrow = Observation(observation.living, np.zeros((CAPACITY, width), np.float32), observation.mask)
    assert put_step(Ring(segment), narrow, outcome, np.empty(0, np.int64), [{}], NOBODYS, ALL)
    frame = Ring(segment).peek(0)
    assert frame is not None
    with pytest.raises(ValueError, match=rf"observation came as \[{width}\] an agent"):
        Reading(mirror_of(), 0, 1).read(frame, [{}])


def test_people_are_kept_up_as_a_population_is() -> None:
    people = People(4, np.full(4, -1, np.int64), np.empty(0, np.int32))
    people.settle(np.array([2, 0], np.int32), np.array([5, 6]))
    people.turn_over(np.array([2], np.int32), np.array([3, 1], np.int32), np.array([7, 8]))
    assert people.living.tolist() == [0, 3, 1]
    assert people.id.tolist() == [6, 8, -1, 7]


def test_a_learner_without_steps_sleeps(tmp_path: Path) -> None:
    together = Together(config_of(runtime__mode="async"), tmp_path / "run")
    together.step()
    teaching: Teaching = together.learners[0]
    used: list[float] = []

    def serve() -> None:
        begun = time.thread_time()
        teaching.serve()
        used.append(time.thread_time() - begun)

    thread = threading.Thread(target=serve)
    thread.start()
    time.sleep(1.5)
    together.links.control.end()
    thread.join()
    assert used[0] < 0.02 * 1.5
    together.end()


def test_steps_that_were_taken_by_one_who_died_before_counting_them_hold_nobody_up(tmp_path: Path) -> None:
    config = config_of(runtime__mode="async", runtime__policy_lag_max=2)
    together = Together(config, tmp_path / "run")
    control, ring = together.links.control, together.links.rings[0]
    for _ in range(3):
        together.step()
        together.run.advance()
        together.run.advance()
        ring.release(0)  # taken, and its taker killed
        control.begin_generation(0)
        together.learners = [together.teaching(config, 0)]
        with together.serving():
            together.run.advance()
        together.learn()
        assert control.sent(0) == control.learnt(0)
    together.end()


def test_steps_of_one_that_was_lost_are_counted_and_its_follower_begins_with_what_was_acted_with(
    tmp_path: Path,
) -> None:
    config = config_of(runtime__mode="async")
    together = Together(config, tmp_path / "run")
    for _ in range(30):
        together.step()
    together.run.advance()  # the learner is lost before it has learnt from this one
    control = together.links.control
    control.begin_generation(0)
    together.learners = [together.teaching(config, 0)]
    together.learn()
    assert control.total("lost", 0) == 1
    with together.serving():
        together.run.advance()
    together.learn()
    living, acting = together.expect_begun_anew()
    pupils = together.learners[0].pupils[0]
    for _ in range(20):
        together.step()
    together.run.policies._take()  # type: ignore[attr-defined]
    assert np.array_equal(acting.gauges.updates[living], pupils.policies.cohorts[0].gauges.updates[living])
    assert np.array_equal(acting.gauges.faults[living], pupils.policies.cohorts[0].gauges.faults[living])
    together.end()
