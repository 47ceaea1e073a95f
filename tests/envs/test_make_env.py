"""`teem.make_env`: any world of any kind, and everything that is wrong told at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from little_worlds import FARM

import teem
from teem.config.ready import ready_worlds
from teem.errors import UsageError


@pytest.mark.parametrize("world", ready_worlds())
def test_every_ready_made_world_can_be_had(world: str) -> None:
    agents = {} if world.startswith("treasure") else {"agents": 3}
    more = {"world.size": 16} if world == "agentfarm" else {}
    env = teem.make_env(world, **agents, **more)
    assert len(env.reset()[0]) == agents.get("agents", len(env.agents))


def test_a_file_of_ones_own_can_be_had(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('seed = 3\n[world]\nname = "farm"\nsize = 20\n[population]\nfounders = 5\n')
    env = teem.make_env(tmp_path / "mine.toml", "vector")
    assert env.num_envs == 5 and env._config.seed == 3
    assert teem.make_env(str(tmp_path / "mine.toml"), agents=7).reset()[0].keys() == {f"agent_{n}" for n in range(7)}


@pytest.mark.parametrize(
    ("world", "given", "told"),
    [
        ("fram", {}, ['"fram" is an unknown world: did you mean farm?']),
        ("farm", {"kind": "paralel"}, ['kind is "paralel", an unknown one: did you mean parallel?']),
        ("farm", {"size": 64}, ["size is unknown: did you mean world.size?"]),
        ("farm", {"world.sise": 64}, ["world.sise is unknown: did you mean world.size?"]),
        ("farm", {"agents": -1}, ["population.founders is -1: give"]),
        ("farm", {"agents": 4, "population.founders": 4}, ["population.founders is given too: give one of them"]),
        ("farm", {"learning.lr": 0.1}, ["learning.lr changes nothing of an environment", "leave it out"]),
        ("farm", {"runtime.mode": "async"}, ["runtime.mode changes nothing"]),
        ("farm", {"others": "resting"}, ["others is for kind single, not parallel: leave it out"]),
        ("farm", {"kind": "single", "refill": True}, ["refill is for kind vector and sb3, not single"]),
        ("farm", {"kind": "single", "others": "playing"}, ['others is "playing": give one of "heuristic", "resting"']),
        ("farm", {"render_mode": "human"}, ['render_mode is "human": give one of "rgb_array"']),
        (
            "crawlers",
            {"kind": "vector", "world.turns": 3},
            ["world.turns is 3, but in kind vector everybody decides at once: give 1"],
        ),
        (
            "crawlers",
            {"kind": "sb3", "world.immobile": 0.3},
            ["world.immobile is 0.3, but in kind sb3 whoever lives decides: give 0"],
        ),
        (
            "farm",
            {"kind": "sb", "others": "me", "learning.lr": 0.1, "world.size": -1, "agents": 0},
            ['kind is "sb"', 'others is "me"', "learning.lr", "world.size is -1", "population.founders is 0"],
        ),
    ],
)
def test_whatever_is_wrong_is_told_at_once(world: str, given: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        teem.make_env(world, **given)
    assert [one for one in told if one not in str(error.value)] == []


@pytest.mark.parametrize(
    ("kind", "missing", "extra"),
    [("parallel", "pettingzoo", "envs"), ("vector", "gymnasium", "envs"), ("sb3", "stable_baselines3", "envs,sb3")],
)
def test_what_is_not_installed_is_told_with_the_command_that_installs_it(
    kind: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("teem.envs.", missing))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    from teem.envs.make import make_env

    with pytest.raises(UsageError, match=rf"needs {missing}.*pip install 'teem\[{extra}\]'"):
        make_env("farm", kind, **FARM)


def test_importing_teem_imports_none_of_these_libraries() -> None:
    code = (
        "import sys, teem, teem.envs.make; print({'gymnasium', 'pettingzoo', 'stable_baselines3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "set()"
