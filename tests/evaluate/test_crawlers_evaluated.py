"""Crawlers are compared by the metres they make, in the bodies that the networks were trained in."""

import json
import shutil

import msgspec
import numpy as np
import pytest
from rich.console import Console
from tiny_runs import TINY_CRAWLERS, changed

from teem.config.crawlers import CrawlersSettings, TerrainSettings
from teem.config.settings import Config, LearningSettings, PopulationSettings
from teem.errors import UsageError
from teem.evaluate.contest import FARM, contest_of
from teem.evaluate.episodes import MEASURES, evaluation_config, found_world, play_gaits, play_world
from teem.evaluate.proof import evaluate
from teem.evaluate.saved import open_saved
from teem.evaluate.show import render
from teem.evaluate.trained import children_of, deal_to, trained_of
from teem.learning.policies import Policies
from teem.threads import Threads

ONE = Threads(1)
FEATS, LIFETIME, CHILDREN, SURVIVORS = range(len(MEASURES))


@pytest.fixture(autouse=True)
def few_gaits(monkeypatch):
    monkeypatch.setattr("teem.worlds.crawlers.gaits.TRIES", 3)


@pytest.fixture(scope="module")
def trained(tiny_crawlers):
    return trained_of(open_saved(tiny_crawlers))


def in_config(seed=11, agents=None, **changes):
    return evaluation_config(changed(TINY_CRAWLERS, **changes), seed, agents)


def test_a_run_of_crawlers_is_evaluated_from_its_folder(tiny_crawlers, tmp_path):
    run = shutil.copytree(tiny_crawlers, tmp_path / "run")
    done = []
    evidence = evaluate([run], seeds=2, steps=30, threads=1, progress=lambda what, n, of: done.append((n, of, what)))
    assert [n for n, _, what in done if "tried" not in what] == list(range(1, 15))
    assert done[-1][1] == 14
    assert any("gaits of 8 of 8 tried" in what for _, _, what in done)
    kept = json.loads((run / "evaluation.json").read_text())
    assert kept["values"]["policies"] == {
        "fresh": ["trained", "random", "resting", "gaits"],
        "newborn": ["trained", "random", "resting"],
    }
    assert np.array(kept["values"]["fresh"]).shape == (1, 2, 4, 4)
    assert np.array(kept["values"]["newborn"]).shape == (1, 2, 3, 4)
    assert kept["feats"] == {"unit": "metres in 30 s", "times": 1800.0}
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render(evidence))
    text = " ".join(capture.get().split())
    for said in ("Fresh worlds", "Newborn worlds", "metres in 30 s", "gaits", "Beside the gaits: feats"):
        assert said in text
    assert "steps lived" not in text
    again = evaluate([run], seeds=2, steps=30, threads=2)
    for kind in ("fresh", "newborn"):
        np.testing.assert_array_equal(again.values[kind], evidence.values[kind])


def test_half_a_minute_is_played_whatever_a_step_is():
    assert contest_of(Config(world=CrawlersSettings())).steps == 1800
    assert contest_of(Config(world=CrawlersSettings(dt=0.02))).steps == 1500
    assert contest_of(Config()) is FARM


def test_many_founders_are_too_many_to_try_gaits_for_unless_asked():
    large = Config(world=CrawlersSettings(), population=PopulationSettings(founders=300))
    assert evaluation_config(large, 1, None).population.founders == 64
    assert evaluation_config(large, 1, 100).population.founders == 100


def test_newborns_are_compared_only_where_they_inherit():
    fresh = Config(world=CrawlersSettings(), learning=LearningSettings(newborn="fresh"))
    assert [kind.name for kind in contest_of(fresh).kinds] == ["fresh"]


def test_founders_have_the_bodies_of_the_trained_each_as_often_as_another(trained):
    world = found_world(in_config(), trained, ONE)
    ids = world.population.id[world.population.living]
    chosen = deal_to(ids, trained, 11)
    assert sorted(chosen) == list(range(8))
    np.testing.assert_array_equal(world.population.genome[world.population.living], trained.genome[chosen])
    assert (deal_to(ids, trained, 12) != chosen).any()
    assert np.bincount(deal_to(np.arange(20), trained, 12)).max() <= 3


def test_a_network_is_dealt_with_the_body_it_was_trained_in(trained, monkeypatch):
    pairs = {one.tobytes(): two.tobytes() for one, two in zip(trained.genome, trained.own["weights"], strict=True)}
    seen = []

    def act(self, observation, *, greedy):
        people, own = self._world.population, self.cohorts[0].networks.own
        seen.extend((people.genome[row].tobytes(), own.weights[row].tobytes()) for row in people.living)
        return act_as_always(self, observation, greedy=greedy)

    act_as_always = Policies.act
    monkeypatch.setattr(Policies, "act", act)
    play_world(in_config(agents=12), {"trained": "dqn"}, trained, 1, ONE)
    assert len(seen) == 12
    assert all(pairs[genome] == weights for genome, weights in seen)


def test_newborns_differ_from_the_trained_as_children_do(trained, monkeypatch):
    seen = []
    act_as_always = Policies.act

    def act(self, observation, *, greedy):
        living = self._world.population.living
        seen.append((self._world.population.genome[living], self.cohorts[0].networks.own.weights[living].copy()))
        return act_as_always(self, observation, greedy=greedy)

    monkeypatch.setattr(Policies, "act", act)
    play_world(in_config(), {"trained": "dqn"}, trained, 1, ONE, newborn=True)
    ((genome, weights),) = seen
    chosen = deal_to(np.arange(8), trained, 11)
    off = genome - trained.genome[chosen]
    assert 0 < np.abs(off).mean() < 0.05 and (off != 0).any(axis=1).all()  # world.mutation is 0.05
    parents = trained.own["weights"][chosen]
    noise = (weights - parents).std() / parents.std()
    assert 0.01 < noise < 0.03  # learning.mutation is 0.02


def test_newborns_have_two_parents_where_the_settings_ask_for_it(trained):
    ids, chosen = np.arange(8), deal_to(np.arange(8), trained, 11)
    settings = msgspec.structs.replace(TINY_CRAWLERS.world, crossover=1.0, mutation=0.0)
    children = children_of(trained, chosen, ids, settings, 11)
    for child, own in zip(children, chosen, strict=True):
        away = np.abs(trained.x - trained.x[own])
        away[own] = np.inf
        both = np.stack([trained.genome[own], trained.genome[away.argmin()]])
        assert (child == both).any(axis=0).all()
        assert (child != both[0]).any() and (child != both[1]).any()


def test_every_policy_has_the_same_bodies_in_the_same_places(trained):
    config = in_config()
    one, two = (found_world(config, trained, ONE) for _ in range(2))
    for name in ("genome", "x", "y"):
        np.testing.assert_array_equal(getattr(one.population, name), getattr(two.population, name))
    other = found_world(in_config(12), trained, ONE)
    assert (other.terrain.ground.height != one.terrain.ground.height).any()


HARSH = {
    "energy": 1.0, "starvation": 1.0, "age_max": 5, "stranded": 7, "breed_energy": 1.0, "birth_energy": 0.5,
    "maturity": 0, "terrain": TerrainSettings(tiles=3),
}  # fmt: skip


def test_nobody_dies_breeds_or_is_set_upright_while_it_is_compared(trained):
    harsh = play_world(in_config(world=HARSH), {"random": "random"}, trained, 40, ONE)["random"]
    assert harsh[LIFETIME] == 40 and harsh[CHILDREN] == 0 and harsh[SURVIVORS] == 1
    mild = play_world(in_config(world=HARSH | {"stranded": 0}), {"random": "random"}, trained, 40, ONE)["random"]
    np.testing.assert_array_equal(harsh, mild)


def test_resting_gets_nowhere_and_the_best_gait_gets_somewhere(trained, monkeypatch):
    monkeypatch.setattr("teem.worlds.crawlers.gaits.TRIES", 15)
    config = in_config()
    resting = play_world(config, {"resting": "resting"}, trained, 120, ONE)["resting"]
    best = play_gaits(config, trained, 120, ONE)
    assert abs(resting[FEATS]) * 120 < 0.3 < best[FEATS] * 120
    assert best[LIFETIME] == resting[LIFETIME] == 120 and best[SURVIVORS] == 1


def test_runs_that_are_compared_otherwise_are_not_compared_together(tiny_run, tiny_crawlers, tmp_path):
    with pytest.raises(UsageError, match="of the farm: evaluate them apart"):
        evaluate([tiny_run, tiny_crawlers])
    slower = shutil.copytree(tiny_crawlers, tmp_path / "slower")
    text = (slower / "config.toml").read_text()
    (slower / "config.toml").write_text(text.replace("dt = 0.016666666666666666", "dt = 0.02"))
    with pytest.raises(UsageError, match=r"world\.dt or learning\.newborn: evaluate them apart"):
        evaluate([tiny_crawlers, slower])
