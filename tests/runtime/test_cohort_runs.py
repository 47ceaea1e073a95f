"""Cohorts in a run: recorded and reported, the same bits with one thread or two, stopped or not, in every world."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console
from test_loop import config, content, end, play, resume

import teem
from teem.cli import main
from teem.config.cohorts import cohort_of
from teem.config.load import load_config
from teem.config.settings import Config, PpoSettings, RuntimeSettings
from teem.learning.build import build_cohort
from teem.learning.policies import Policies
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.panel import Panel
from teem.runtime.report import build_report, in_words
from teem.runtime.vitals import Vitals
from teem.worlds.base import Births

LIVELY = 9  # a seed with which many of all cohorts live to the end
PPO = {"algorithm": "ppo", "ppo": PpoSettings(horizon=8)}
PARTS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("wide", 0.5, {"algorithm": "iqn", "hidden": (24,), "batch": 8}),
    ("idle", 0.25, {"algorithm": "random"}),
)


def mixed(*parts: tuple[str, float, dict[str, Any]], **changes: object) -> Config:
    settings = config(**changes)
    cohorts = tuple(cohort_of(settings.learning, name, share, **own) for name, share, own in parts)
    return msgspec.structs.replace(settings, learning=msgspec.structs.replace(settings.learning, cohorts=cohorts))


def states(run: Run) -> dict[int, tuple[int, bytes]]:
    """Each of the living's cohort and weights, by id."""
    policies, people = run.policies, run.world.population
    cohort_of = {int(people.id[row]): int(policies.cohort_of[row]) for row in people.living}
    weights = {int(people.id[row]): policies.cohorts[policies.cohort_of[row]].weights_of(row) for row in people.living}
    return {key: (cohort, np.asarray(weights[key]).tobytes()) for key, cohort in cohort_of.items()}


def test_cohorts_are_the_same_with_one_thread_or_two_and_interrupted_or_not(tmp_path: Path) -> None:
    settings = mixed(*PARTS, seed=LIVELY)
    whole = play(settings, tmp_path / "whole")
    two = play(mixed(*PARTS, seed=LIVELY, runtime=RuntimeSettings(threads=2)), tmp_path / "two")
    end(play(settings, tmp_path / "parts", until=47))
    parts = resume(settings, tmp_path / "parts")
    assert whole.totals.born > 0
    assert states(whole) == states(two) == states(parts)
    assert len({cohort for cohort, _ in states(whole).values()}) == 1 + len(PARTS)
    for run in (whole, two, parts):
        end(run)
    first = content(tmp_path / "whole")
    assert first == content(tmp_path / "two") == content(tmp_path / "parts")


def test_a_resumed_run_of_ppo_beside_dqn_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    settings = mixed(("ppo", 0.5, PPO))
    whole = play(settings, tmp_path / "whole")
    end(play(settings, tmp_path / "parts", until=47))
    parts = resume(settings, tmp_path / "parts")
    assert states(whole) == states(parts)
    end(whole)
    end(parts)
    assert content(tmp_path / "whole") == content(tmp_path / "parts")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[int, int]]:
    """The folder of a run, its report, and the numbers of the living's cohorts by id."""
    path = tmp_path_factory.mktemp("cohorts") / "run"
    run = play(mixed(*PARTS), path)
    end(run)
    members = {key: cohort for key, (cohort, _) in states(run).items()}
    return path, build_report(run, "steps", 1.0), members


def strayed(path: Path) -> int:
    """How many are recorded in another cohort than their parent."""
    query = "SELECT count(*) FROM agents c JOIN agents p ON p.agent_id = c.parent_id WHERE c.cohort IS NOT p.cohort"
    with sqlite3.connect(path / "run.db") as connection:
        return int(connection.execute(query).fetchone()[0])


def test_every_life_is_recorded_with_its_cohort_which_is_its_parents(recorded: Any) -> None:
    path, _, members = recorded
    names = ("base", "wide", "idle")
    lives = teem.open_run(path).agents()
    founders = lives["cohort"][lives["parent_id"] < 0][:24].tolist()
    assert {name: founders.count(name) for name in names} == {"base": 6, "wide": 12, "idle": 6}
    assert strayed(path) == 0
    with sqlite3.connect(path / "run.db") as connection:
        children = connection.execute("SELECT count(*) FROM agents WHERE parent_id IS NOT NULL")
        assert children.fetchone()[0] > 0
        ratio = connection.execute(
            "SELECT updates * 8.0 / decisions, replay_ratio FROM learning JOIN agents USING(agent_id) "
            "WHERE cohort = 'wide' AND updates > 0"
        ).fetchall()
    assert ratio
    assert all(given == pytest.approx(known) for given, known in ratio)
    cohort = dict(zip(lives["agent_id"].tolist(), lives["cohort"].tolist(), strict=True))
    assert {key: cohort[key] for key in members} == {key: names[number] for key, number in members.items()}


def test_the_report_tells_each_cohort(recorded: Any) -> None:
    _, report, members = recorded
    told = report["cohorts"]
    assert list(told) == ["base", "wide", "idle"]
    assert sum(one["alive"] for one in told.values()) == report["agents"]["alive"] == len(members)
    assert told["idle"]["updates_median"] is None
    assert told["wide"]["least_trained_updates"] is None or told["wide"]["updates_median"] > 0
    assert "wide (iqn): " in in_words(report, "here")


def test_a_run_without_cohorts_is_what_one_cohort_built_by_hand_is(tmp_path: Path) -> None:
    """Nothing is drawn for it, recorded of it or reported, and its life is that of policies without any membership."""

    def by_hand(config: Config, world: Any, threads: Any) -> Policies:
        return Policies(world, [build_cohort(config, world, threads, "dqn")], threads, config.population.fame)

    plain = play(config(), tmp_path / "plain")
    folder = RunFolder.create(tmp_path / "hand", "farm")
    hand = Run(config(), folder, build=by_hand)
    while hand.step < plain.step:
        hand.advance()
    assert states(plain) == states(hand)
    report = build_report(plain, "steps", 1.0)
    assert report["cohorts"] == {}
    end(plain)
    end(hand)
    assert content(tmp_path / "plain") == content(tmp_path / "hand")
    assert set(teem.open_run(tmp_path / "plain").agents()["cohort"]) == {""}
    assert "cohorts" not in teem.open_run(tmp_path / "plain").names


def test_a_run_from_before_there_were_cohorts_is_read_and_goes_on(tmp_path: Path) -> None:
    whole = play(config(), tmp_path / "whole")
    end(whole)
    end(play(config(), tmp_path / "old", until=41))
    with sqlite3.connect(tmp_path / "old" / "run.db") as connection:
        columns = "agent_id, kind, born_step, died_step, cause, parent_id, generation, genome"
        connection.executescript(
            f"CREATE TABLE before AS SELECT {columns} FROM agents; DROP TABLE agents;"
            "ALTER TABLE before RENAME TO agents;"
        )
    assert set(teem.open_run(tmp_path / "old").agents()["cohort"]) == {""}
    end(resume(config(), tmp_path / "old"))
    lives = [(*row, None) for row in content(tmp_path / "old")["agents"]]
    assert lives == content(tmp_path / "whole")["agents"]


def test_children_who_stray_from_their_parents_cohort_would_be_seen(tmp_path: Path, monkeypatch: Any) -> None:
    """A planted fault, which the test of the record refuses."""
    inherit = Policies.inherit

    def stray(self: Policies, births: Births) -> None:
        inherit(self, births)
        self.cohort_of[births.slot] = (self.cohort_of[births.slot] + 1) % 3

    monkeypatch.setattr(Policies, "inherit", stray)
    end(play(mixed(*PARTS), tmp_path / "run"))
    assert strayed(tmp_path / "run") > 0


WORLDS = {
    "crawlers": {"world.decision": "2", "population.founders": "8", "population.capacity": "12", "world.age_max": "70"},
    "treasure-small": {"learning.sharing": "own"},
}


@pytest.mark.parametrize("world", WORLDS)
def test_cohorts_live_and_learn_in_every_world(world: str, tmp_path: Path) -> None:
    cohorts = [
        {"name": "wide", "share": 0.5, "algorithm": "iqn", "hidden": [24]},
        {"name": "idle", "share": 0.25, "algorithm": "random"},
    ]
    quick = {"learning.interval": "1", "learning.replay.warmup": "8", "learning.batch": "8", "learning.n_step": "1"}
    settings = load_config(world, {**WORLDS[world], **quick, "runtime.threads": "1", "learning.cohorts": cohorts})
    run = Run.create(settings, RunFolder.create(tmp_path / "run", world))
    while run.step < 90:
        run.advance()
    told = build_report(run, "steps", 1.0)["cohorts"]
    assert told["base"]["alive"] and told["wide"]["alive"]
    assert told["base"]["updates_median"] > 0 and told["wide"]["updates_median"] > 0
    end(run)
    assert {"base", "wide", "idle"} == set(teem.open_run(tmp_path / "run").agents()["cohort"])


def test_a_run_of_cohorts_is_begun_resumed_and_examined_from_the_command_line(tmp_path: Path, capsys: Any) -> None:
    out = str(tmp_path / "run")
    small = ["--agents", "24", "--runtime.threads", "1", "--headless", "--learning.replay.warmup", "8"]
    small += ["--learning.batch", "8", "--learning.interval", "2", "--learning.replay.length", "64"]
    assert main(["run", "farm-cohorts", "--out", out, "--steps", "30", *small]) == 0
    assert "quantiles (iqn): 6 alive" in capsys.readouterr().out
    assert main(["resume", out, "--steps", "45", "--headless", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(name, told["algorithm"]) for name, told in report["cohorts"].items()] == [
        ("base", "dqn"), ("quantiles", "iqn"), ("chance", "random"),
    ]  # fmt: skip
    assert main(["doctor", out, "--steps", "10"]) == 0


def test_the_panel_tells_how_many_of_each_cohort_are_alive(tmp_path: Path) -> None:
    run = play(mixed(*PARTS), tmp_path / "run", until=3)
    screen = io.StringIO()
    Console(width=110, height=40, file=screen).print(Panel(run, Vitals(run)))
    assert "base 6   wide 12   idle 6" in screen.getvalue()
    end(run)
