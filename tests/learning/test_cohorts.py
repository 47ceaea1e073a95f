"""Who belongs to which cohort, and that cohorts side by side learn as each does by itself."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from line_world import LineWorld, config_of, live

from teem.config.cohorts import alone, cohort_of, cohorts_of
from teem.config.settings import Config, PpoSettings
from teem.errors import UsageError
from teem.learning.build import build_policies
from teem.learning.cohort import Cohort
from teem.learning.membership import Membership, portions
from teem.learning.policies import Policies
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Births

SHARES = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8).map(
    lambda parts: tuple(part / sum(parts) for part in parts)
)


def mixed(*parts: tuple[str, float, dict[str, object]], seed: int = 7, **learning: object) -> Config:
    """Settings that suit the line, with cohorts: (name, share, what is otherwise)."""
    config = config_of(seed, **learning)
    cohorts = tuple(cohort_of(config.learning, name, share, **own) for name, share, own in parts)
    return msgspec.structs.replace(config, learning=msgspec.structs.replace(config.learning, cohorts=cohorts))


HALVES = (("wide", 0.5, {"algorithm": "iqn", "hidden": (24,), "lr": 1e-3}),)


@given(SHARES, st.integers(0, 300), st.integers(0, 2**63 - 1))
@settings(max_examples=60, deadline=None)
def test_founders_are_dealt_by_the_shares_whatever_their_order(shares: tuple[float, ...], n: int, seed: int) -> None:
    membership, ids = Membership(shares, seed), np.arange(n)
    cohort = membership.of_founders(ids)
    counts = np.bincount(cohort, minlength=len(shares))
    assert counts.sum() == n
    assert (abs(counts - np.array(shares) * n) < 1 + 1e-5).all()
    shuffled = np.random.default_rng(1).permutation(ids)
    assert (membership.of_founders(shuffled) == cohort[shuffled]).all()
    later = membership.of_newcomers(ids)
    assert (membership.of_newcomers(ids[::2]) == later[::2]).all()  # each by itself
    assert ((later >= 0) & (later < len(shares))).all()


def test_founders_are_dealt_at_random_and_newcomers_drawn_by_the_shares() -> None:
    first, other = (Membership((0.25, 0.75), seed).of_founders(np.arange(400)) for seed in (1, 2))
    assert (first != other).any()
    assert abs((first == other).mean() - 0.625) < 0.1  # as of two independent deals
    drawn = Membership((0.25, 0.75), 1).of_newcomers(np.arange(4000))
    assert abs((drawn == 0).mean() - 0.25) < 0.03
    assert portions((0.5, 0.5), 3).tolist() == [2, 1]
    assert portions((0.5, 0.25, 0.25), 60).tolist() == [30, 15, 15]


def test_the_rest_are_as_learning_says() -> None:
    config = mixed(*HALVES)
    assert [(one.name, one.algorithm, one.share) for one in cohorts_of(config.learning)] == [
        ("base", "dqn", 0.5),
        ("wide", "iqn", 0.5),
    ]
    whole = mixed(("a", 0.75, {}), ("b", 0.25, {"algorithm": "random"}))
    assert [one.name for one in cohorts_of(whole.learning)] == ["a", "b"]
    assert alone(config, config.learning.cohorts[0]).learning.hidden == (24,)


def test_slots_make_no_difference() -> None:
    def lived(reverse: bool, threads: int) -> dict[int, tuple[int, bytes]]:
        line = LineWorld(12, capacity=16, lifetime=30, reverse=reverse)
        policies = build_policies(mixed(*HALVES), line, Threads(threads))
        live(line, policies, 70)
        rows, ids = line.population.living, line.population.id
        return {
            int(ids[row]): (
                int(policies.cohort_of[row]),
                policies.cohorts[policies.cohort_of[row]].weights_of(row).tobytes(),
            )
            for row in rows
        }

    once = lived(False, 1)
    assert len({cohort for cohort, _ in once.values()}) == 2
    assert once == lived(True, 1) == lived(False, 2)


SIDE_BY_SIDE = {
    "kernels": (("wide", 0.25, {"algorithm": "iqn", "hidden": (24,)}), ("slow", 0.25, {"lr": 1e-4, "interval": 5})),
    "torch": (("own", 0.5, {"backend": "torch", "hidden": (12,), "interval": 6}), ("ppo", 0.25, {"algorithm": "ppo"})),
    "scripted": (("random", 0.25, {"algorithm": "random"}), ("frozen", 0.25, {"enabled": False})),
    "shared": (("one", 0.5, {"sharing": "shared", "backend": "torch"}),),
}


def _learnt(cohort: Cohort, rows: np.ndarray) -> State:
    """Gauges and own networks; a memory still holds what is left of whoever had the slot before."""
    state = cohort.state(rows)
    return {"gauges": state["gauges"], "own": state.get("networks", {}).get("own", {})}


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_cohorts_side_by_side_learn_as_each_does_by_itself(name: str, differences) -> None:
    """On lines of their own nobody's life depends on others', so that the same agents must have the same bits."""
    config = mixed(*SIDE_BY_SIDE[name], ppo=PpoSettings(horizon=16))
    world = LineWorld(16, capacity=20, lifetime=40)
    together = build_policies(config, world, Threads(1))
    live(world, together, 90)
    member = together.cohort_of.copy()
    assert world.population.next_id > 40  # births and deaths are among it
    for index, settings_ in enumerate(cohorts_of(config.learning)):
        mine = LineWorld(16, capacity=20, lifetime=40)
        apart = build_policies(alone(config, settings_), mine, Threads(1))
        if settings_.sharing == "shared":
            continue  # whoever else is there has a part in what is learnt
        live(mine, apart, 90)
        rows = world.population.living[member[world.population.living] == index]
        assert (mine.population.id[rows] == world.population.id[rows]).all()
        assert len(rows)
        here, there = (_learnt(cohort, rows) for cohort in (together.cohorts[index], apart.cohorts[0]))
        assert differences(here, there) == []


def _bear(world: LineWorld, policies: Policies, parent: int) -> int:
    child = world.population.spawn(1)
    policies.inherit(Births(child, np.array([parent], np.int32), np.array([-1], np.int32)))
    return int(child[0])


def test_who_comes_after_nobody_is_drawn_and_who_has_a_parent_joins_it() -> None:
    world = LineWorld(4, capacity=400)
    policies = build_policies(mixed(*HALVES), world, Threads(1))
    assert sorted(policies.cohort_of[:4]) == [0, 0, 1, 1]
    for parent in range(4):
        assert policies.cohort_of[_bear(world, policies, parent)] == policies.cohort_of[parent]
    orphans = [_bear(world, policies, -1) for _ in range(200)]
    ids = world.population.id[orphans]
    assert (policies.cohort_of[orphans] == Membership((0.5, 0.5), 7).of_newcomers(ids)).all()
    assert 60 < policies.cohort_of[orphans].sum() < 140


def test_one_cohort_of_everybody_is_what_the_settings_alone_are(differences) -> None:
    lives = []
    for config in (config_of(), mixed(("all", 1.0, {}))):
        world = LineWorld(6, capacity=9, lifetime=50)
        policies = build_policies(config, world, Threads(1))
        live(world, policies, 70)
        lives.append(policies.state())
    assert differences(*lives) == []


def test_every_cohort_that_cannot_be_built_is_told(monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda compiler: None)
    config = mixed(("a", 0.3, {"backend": "compiled"}), ("b", 0.3, {"backend": "compiled", "sharing": "shared"}))
    with pytest.raises(UsageError) as refused:
        build_policies(config, LineWorld(8), Threads(1))
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [
        'in the cohort "a"', 'in the cohort "b"', 'in the cohort "b"',
    ]  # fmt: skip


@pytest.mark.parametrize("sharing", ["own", "encoder"])
def test_saved_cohorts_go_on_bit_for_bit(sharing: str, differences) -> None:
    config = mixed(*HALVES, ("ppo", 0.25, {"algorithm": "ppo", "sharing": sharing}))
    shape = {"agents": 8, "capacity": 11, "lifetime": 50}
    world, again = LineWorld(**shape), LineWorld(**shape)
    policies, others = (build_policies(config, each, Threads(1)) for each in (world, again))
    live(world, policies, 60)
    policies.honour(0, int(world.population.living[0]))
    again.load_state(world.state())
    others.load_state(policies.state())
    live(world, policies, 40)
    live(again, others, 40)
    assert differences(policies.state(), others.state()) == []
