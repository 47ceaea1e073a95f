"""An island: a plain run when nobody comes; who comes has the genome and weights it left with, and comes once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import FARM, assert_same, config_of, island, run_of

from teem.config.dump import dump_config
from teem.config.load import load_config
from teem.learning.sharing import Networks
from teem.record.folder import RunFolder
from teem.runtime.islands.migrants import Migrants, emigrants, immigrate
from teem.runtime.islands.show import merged
from teem.runtime.loop import Run
from teem.worlds.farm import farm


def joules(run: Run) -> float:
    """All that a farm holds, in its agents and its cells."""
    world = run.world
    energy = world.population.energy[world.population.living].sum(dtype=np.float64)
    return float(energy + world.fields.values("resources").sum(dtype=np.float64))


def letter_from(tmp_path: Path, world: str = "farm", steps: int = 20) -> Migrants:
    """What another island sends after 20 steps."""
    other, standing = island(tmp_path / "other", 1, config_of(world))
    while standing.emigrants is None:
        standing = other.play([])
    other.finish("steps")
    assert standing.step == steps
    return standing.emigrants


def test_an_island_to_which_nobody_comes_is_a_run_in_lockstep(tmp_path: Path) -> None:
    config = config_of(steps=45)
    folder = RunFolder.create(tmp_path / "plain", "farm")
    folder.write_config(dump_config(config))
    plain = Run.create(config, folder)
    plain.play(lambda run, outcome: None, lambda: False)
    alone, standing = island(tmp_path / "island", config=config)
    steps = []
    while not standing.over:
        standing = alone.play([])
        steps.append(standing.step)
    assert steps == [10, 20, 30, 40, 45]
    assert_same(plain._state(), run_of(alone)._state())
    assert plain.totals.born
    assert plain.totals.died
    plain.finish("steps")
    folder.close()
    alone.finish("steps")


@pytest.mark.parametrize("world", ["farm", "crawlers"])
def test_a_migrant_arrives_as_it_left(tmp_path: Path, world: str) -> None:
    letter = letter_from(tmp_path, world)
    assert len(letter.id) == 4
    here, _ = island(tmp_path / "here", 0, config_of(world))
    run = run_of(here)
    before = run.world.population.next_id
    weights = list(letter.each_weights())
    seen: dict[int, int] = {}
    while len(seen) < 4:
        if run.step == 5:
            assert immigrate(run, letter) == 4
            assert immigrate(run, letter) == 0
        outcome = run.advance()
        births = outcome.births
        for slot, fame in zip(births.slot, births.fame, strict=True):
            if fame >= run.config.population.fame:
                number = len(seen)
                seen[number] = int(run.world.population.id[slot])
                assert (run.world.population.genome[slot] == letter.genome[number]).all()
                assert run.world.population.kind[slot] == letter.kind[number]
                assert run.world.population.parent[slot] == -1
                assert run.policies.cohorts[0].weights_of(int(slot)).tobytes() == weights[number].tobytes()
        assert run.step < 400
    assert min(seen.values()) >= before
    assert len(set(seen.values())) == 4
    here.finish("steps")


def test_joules_balance_when_migrants_settle(tmp_path: Path) -> None:
    letter = letter_from(tmp_path)
    here, _ = island(tmp_path / "here", 0)
    here.play([letter])
    run, settled = run_of(here), 0
    for step in range(60):
        if step == 1:
            immigrate(run, replace(letter, step=letter.step + 1))
        before = joules(run)
        outcome = run.advance()
        settled += int((outcome.births.fame >= run.config.population.fame).sum())
        ledger = outcome.ledger
        spent = sum(ledger[name] for name in ("moving", "fighting", "upkeep", "lost"))
        known = ledger["grown"] + ledger["seeded"] - spent
        assert abs(joules(run) - before - known) < 2e-3
    assert settled
    here.finish("steps")


def test_migrants_are_those_who_achieved_most(tmp_path: Path) -> None:
    here, _ = island(tmp_path / "here", 0)
    here.play([])
    run = run_of(here)
    letter = emigrants(run, 0, 4)
    living, feats = run.world.population.living, run.world.feats
    ranked = sorted(living, key=lambda row: (-feats[row], run.world.population.id[row]))[:4]
    assert letter.id.tolist() == run.world.population.id[ranked].tolist()
    for row, weights in zip(ranked, letter.each_weights(), strict=True):
        assert run.policies.cohorts[0].weights_of(int(row)).tobytes() == weights.tobytes()
    here.finish("steps")


def test_an_island_that_goes_back_to_its_checkpoint_repeats_itself_bit_for_bit(tmp_path: Path) -> None:
    letter = letter_from(tmp_path)
    here, _ = island(tmp_path / "here", 0)
    for letters in ([], [letter], [], []):  # to step 40, with guests from 10 on
        here.play(letters)
    after = run_of(here)._state()
    here.finish("interrupted")
    run_of(here).checkpointer._folder.joinpath("step-000000040").rename(tmp_path / "away")
    again, standing = island(tmp_path / "here", 0)
    assert standing.step == 20
    again.play([letter])  # it comes once more, and is refused
    again.play([])
    assert_same(after["world"], run_of(again)._state()["world"])
    assert_same(after["policies"], run_of(again)._state()["policies"])
    again.finish("interrupted")


def test_what_comes_last_is_saved_although_that_step_was_saved_before(tmp_path: Path) -> None:
    letter = letter_from(tmp_path)
    here, _ = island(tmp_path / "here", 0)
    here.play([])
    here.play([])
    run = run_of(here)
    run.checkpointer._land()
    assert run.checkpointer.last_step == run.step == 20
    assert here.finish("interrupted", [letter])["migration"]["waiting"] == 4
    again, _ = island(tmp_path / "here", 0)
    assert run_of(again).world.guests is not None
    assert len(run_of(again).world.guests) == 4
    again.finish("interrupted")


def test_weights_of_another_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each = Migrants.each_weights
    monkeypatch.setattr(Migrants, "each_weights", lambda self: reversed(list(each(self))))
    with pytest.raises(AssertionError):
        test_migrants_are_those_who_achieved_most(tmp_path)


def test_mutated_weights_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inherit = Networks.inherit_weights
    monkeypatch.setattr(Networks, "inherit_weights", lambda self, *words, exact: inherit(self, *words))
    with pytest.raises(AssertionError):
        test_a_migrant_arrives_as_it_left(tmp_path, "farm")


def test_joules_out_of_nothing_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    welcome = farm.welcome

    def generous(*words: Any) -> Any:
        slots, places = welcome(*words)
        words[2].energy[slots] += 1
        return slots, places

    monkeypatch.setattr(farm, "welcome", generous)
    with pytest.raises(AssertionError):
        test_joules_balance_when_migrants_settle(tmp_path)


def test_a_migrant_belongs_to_the_cohort_that_it_left(tmp_path: Path) -> None:
    cohorts = [{"name": "wide", "share": 0.5, "algorithm": "iqn", "hidden": [24]}]
    settings = load_config("farm", {**FARM, "learning.cohorts": cohorts})
    other, standing = island(tmp_path / "other", 1, settings)
    while standing.emigrants is None:
        standing = other.play([])
    report = other.finish("steps")
    letter = standing.emigrants
    assert set(letter.cohort.tolist()) == {0, 1}
    here, _ = island(tmp_path / "here", 0, settings)
    run = run_of(here)
    assert immigrate(run, letter) == len(letter.id)
    assert [run.policies.legacies.entry(16 + place).cohort for place in range(4)] == letter.cohort.tolist()
    before = run.world.population.next_id
    came: dict[int, int] = {}
    weights = list(letter.each_weights())
    while len(came) < 4:
        outcome = run.advance()
        for slot, fame in zip(outcome.births.slot, outcome.births.fame, strict=True):
            if fame >= 16:
                place = int(fame) - 16
                index = int(run.policies.cohort_of[slot])
                assert index == letter.cohort[place]
                assert run.policies.cohorts[index].weights_of(int(slot)).tobytes() == weights[place].tobytes()
                came[int(run.world.population.id[slot])] = index
    assert min(came) >= before
    mine = here.finish("steps")
    both = merged([mine, report], 1.0)
    assert both["cohorts"]["wide"]["alive"] == sum(one["cohorts"]["wide"]["alive"] for one in (mine, report))
    assert [one["cohorts"]["base"]["alive"] for one in both["each"]] == [
        one["cohorts"]["base"]["alive"] for one in (mine, report)
    ]
