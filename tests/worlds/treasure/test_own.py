"""Rules of one's own: seen by the settings, applied once a step, the same plain and compiled."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from treasures import ALL, cells_of, played, treasure_of

from teem.config.load import load_config
from teem.errors import UsageError
from teem.worlds.conformance import check_world
from teem.worlds.treasure.own import forget_rule, register_rule
from teem.worlds.treasure.treasure import Treasure

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The examples' rules, registered."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from own_rule import creep
    from own_rule_compiled import creep_compiled

    register_rule("creep", creep, ("lava",))
    register_rule("creep_compiled", creep_compiled, ("lava",))
    yield
    forget_rule("creep")
    forget_rule("creep_compiled")
    for name in ("own_rule", "own_rule_compiled"):
        del sys.modules[name]


def lava_world(rule: str, seed: int = 7) -> Treasure:
    lava = ALL[5].__class__(name="lava", share=0.05, value=-1.0)
    return treasure_of(seed=seed, worlds=4, height=9, width=9, entities=(*ALL[:4], lava), rules=(rule,), episode=9)


@pytest.mark.parametrize("seed", range(6))
def test_a_plain_rule_and_its_compiled_twin_give_the_same_bits(rules: None, seed: int) -> None:
    plain, compiled = lava_world("creep", seed), lava_world("creep_compiled", seed)
    lava = []
    for _ in range(20):
        one, other = played(plain, 1, seed)[0], played(compiled, 1, seed)[0]
        assert cells_of(plain).tobytes() == cells_of(compiled).tobytes()
        assert one.reward.tobytes() == other.reward.tobytes()
        assert plain.observe().values.tobytes() == compiled.observe().values.tobytes()
        lava.append(int((cells_of(plain) == 4).sum()))
    assert max(lava[:8]) > lava[0]


def test_a_world_with_a_rule_of_ones_own_keeps_the_contract(rules: None) -> None:
    check_world(lambda: lava_world("creep_compiled"), 20)


def test_a_rule_may_reward_and_end_the_episodes_of_some_worlds() -> None:
    def toll(columns: Any, numbers: Any, seed: int, step: int) -> None:
        columns.reward[:2] += np.float32(7)
        columns.end[1] = step == 3

    register_rule("toll", toll)
    try:
        world = treasure_of(rules=("toll",), entities=ALL[:3])
        ends = []
        for _ in range(5):
            outcome = played(world, 1)[0]
            ends.append(outcome.terminated[:6].tolist())
            assert (outcome.reward[:2] > 6).all()
            assert (outcome.reward[2:6] < 6).all()
        assert ends == [[False] * 6] * 3 + [[False, False, True, True, False, False]] + [[False] * 6]
    finally:
        forget_rule("toll")


def test_names_of_rules_are_words_and_taken_once() -> None:
    register_rule("once", lambda *given: None)
    try:
        with pytest.raises(UsageError, match="this name is taken"):
            register_rule("once", lambda *given: None)
        with pytest.raises(UsageError, match="letters, digits"):
            register_rule("a rule", lambda *given: None)
    finally:
        forget_rule("once")


def test_settings_know_what_is_registered_and_which_entities_it_needs(rules: None) -> None:
    with pytest.raises(UsageError) as caught:
        load_config("treasure", {"world.rules": "creep,crep"})
    first, second = caught.value.faults
    assert first == 'world.rules[1] is "crep", an unknown rule: did you mean creep?'
    assert second.startswith('world.rules names creep, one of whose entities is "lava", an unknown entity: known are')


def test_a_module_that_registers_a_rule_can_be_imported_by_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "myrules.py").write_text("import teem\nteem.register_rule('still', lambda *given: None)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        config = load_config("treasure", {"imports": "myrules", "world.rules": "still"})
        assert config.world.rules == ("still",)
    finally:
        forget_rule("still")
