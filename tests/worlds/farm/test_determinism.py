"""The same seed gives the same bits: whatever the threads, the storage and the stops between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from farms import ALL_CHANNELS, assert_same_state, by_chance, config_of, farm_of, run

from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.farm.farm import Farm

MANY: dict[str, Any] = {
    "founders": 200,
    "capacity": 260,
    "size": 40,
    "channels": ALL_CHANNELS,
    "crossover": 0.5,
}


def assert_same_run(one: Farm, other: Farm, steps: int) -> None:
    """Both farms see and do the same, bit for bit, and end in the same state."""
    for _ in range(steps):
        ours, theirs = one.observe(), other.observe()
        np.testing.assert_array_equal(ours.living, theirs.living)
        assert ours.values[ours.living].tobytes() == theirs.values[ours.living].tobytes()
        assert ours.mask[ours.living].tobytes() == theirs.mask[ours.living].tobytes()
        here, there = one.step(by_chance(one, ours)), other.step(by_chance(other, theirs))
        assert here.ledger == there.ledger
        assert here.reward[here.acted].tobytes() == there.reward[here.acted].tobytes()
        np.testing.assert_array_equal(here.target[here.acted], there.target[here.acted])
    assert_same_state(one.state(), other.state())


@pytest.mark.parametrize("view", ["compact", "full"])
def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads(view: str) -> None:
    assert_same_run(farm_of(**MANY, view=view), farm_of(**MANY, view=view, threads=1), 5)
    assert_same_run(farm_of(**MANY, view=view), farm_of(**MANY, view=view, threads=2), 30)


def test_another_seed_gives_another_world() -> None:
    one, other = farm_of(seed=1), farm_of(seed=2)
    assert not np.array_equal(one.fields.planes, other.fields.planes)
    assert not np.array_equal(one.population.x, other.population.x)
    assert not np.array_equal(one.population.genome, other.population.genome)


@pytest.mark.parametrize("view", ["compact", "full"])
@pytest.mark.parametrize("observed", [False, True])
def test_a_restored_farm_continues_bit_for_bit(view: str, observed: bool) -> None:
    settings = {**MANY, "founders": 60, "capacity": 70, "view": view, "age_max": 30}
    farm = farm_of(**settings)
    run(farm, 20)
    if observed:
        farm.observe()
    state = farm.state()
    run(farm, 15)
    in_one_go = farm.state()

    second = farm_of(**settings)
    run(second, 3)
    second.load_state(state)
    assert_same_state(second.state(), state)
    run(second, 15)
    assert_same_state(second.state(), in_one_go)

    farm.load_state(state)
    run(farm, 15)
    assert_same_state(farm.state(), in_one_go)


def test_a_saved_state_is_a_copy() -> None:
    farm = farm_of(channels=ALL_CHANNELS)
    state, again = farm.state(), farm.state()
    run(farm, 5)
    assert_same_state(state, again)


def test_a_state_of_another_shape_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"population.id: saved int64\[50\], here int64\[60\]"):
        farm_of(capacity=60).load_state(farm_of(capacity=50).state())
    with pytest.raises(ValueError, match=r"world.planes: saved float32\[24, 24"):
        farm_of(size=30).load_state(farm_of(size=24).state())
    with pytest.raises(ValueError, match=r"world.memory.since: saved"):
        farm_of(channels=ALL_CHANNELS, obstacles=0.0).load_state(
            farm_of(channels=tuple(name for name in ALL_CHANNELS if name != "known_empty")).state()
        )


def test_a_mapped_farm_is_the_farm_in_memory(tmp_path: Path) -> None:
    mapped = Farm(config_of(storage="mapped", channels=ALL_CHANNELS), Threads(1), Spans(), tmp_path)
    assert isinstance(mapped.fields.planes, np.memmap)
    assert_same_run(mapped, farm_of(channels=ALL_CHANNELS), 25)
    assert not list(tmp_path.iterdir()), "the map's file has no name, so that none is left behind"
