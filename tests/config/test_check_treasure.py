"""What is wrong with a treasure world is told, all at once, with its remedy."""

from __future__ import annotations

from typing import Any

import pytest

from teem.config.load import load_config
from teem.config.settings import Config
from teem.errors import UsageError

GROUND = {"name": "ground"}
WALL = {"name": "wall", "passable": False}


def faults(**given: Any) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_config("treasure", {path.replace("__", "."): value for path, value in given.items()})
    return list(caught.value.faults)


CASES: list[tuple[dict[str, Any], str]] = [
    (
        {"population__founders": 10, "world__worlds": 4},
        "population.founders is 10 but world.worlds is 4: agents are spread evenly, so give founders 12",
    ),
    (
        {"population__founders": 32, "world__worlds": 2, "world__height": 3, "world__width": 5},
        "16 agents of a world don't fit into its 15 cells, so lower founders, or raise world.worlds",
    ),
    ({"world__entities": [WALL, GROUND]}, 'world.entities[0] is "wall", the bare ground, but it is not passable'),
    (
        {"world__entities": [GROUND, {**WALL, "share": 0.7}, {"name": "gem", "share": 0.5}]},
        "world.entities have shares of 1.2 in all: lower them to 1 at most",
    ),
    ({"world__entities": [GROUND, WALL, WALL]}, 'world.entities[2] is "wall", which is there already'),
    ({"world__entities": [GROUND, WALL, {"name": "agent"}]}, 'world.entities[2] is "agent", which agents are called'),
    ({"world__entities": [GROUND, {**WALL, "value": 2.0}]}, "nobody ever enters it"),
    (
        {"world__entities": [GROUND, WALL, {"name": "gem", "respawns": True}]},
        'world.entities[2] is "gem", which respawns but is never taken',
    ),
    (
        {"world__entities": [GROUND, WALL, {"name": "gem", "leaves": "wall"}]},
        'world.entities[2] is "gem", which leaves "wall" but is never taken',
    ),
    (
        {"world__entities": [GROUND, WALL, {"name": "gem", "taken": True, "leaves": "wal"}]},
        'world.entities[2].leaves is "wal", an unknown entity: did you mean wall?',
    ),
    ({"world__entities": [GROUND, {**WALL, "colour": "#12345x"}]}, 'world.entities[1].colour is "#12345x": give'),
    ({"world__colour": "skyblue"}, 'world.colour is "skyblue": give "#rrggbb"'),
    ({"world__edge": "hedge"}, 'world.edge is "hedge", an unknown entity: known are ground, wall'),
    ({"world__edge": "gem"}, 'world.edge is "gem", which is passable: name an entity that isn\'t'),
    ({"world__rules": "tide"}, 'world.rules[0] is "tide", an unknown rule: known are none'),
    ({"world__sight": 0}, "world.sight is 0: give a whole number from 1 to 32"),
    ({"learning__network": "attention"}, "learning.network is attention but world.name is treasure"),
]


@pytest.mark.parametrize(("given_", "told"), CASES, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_a_fault_is_told_with_its_remedy(given_: dict[str, Any], told: str) -> None:
    assert any(told in fault for fault in faults(**given_)), faults(**given_)


def test_every_fault_is_told_at_once() -> None:
    told = faults(world__entities=[GROUND, WALL, WALL], world__edge="ground", population__founders=33)
    assert len(told) == 3


@pytest.mark.parametrize("name", ["treasure", "treasure-small"])
def test_ready_made_worlds_are_read_and_written_the_same(name: str, tmp_path: Any) -> None:
    from teem.config.dump import dump_config

    config = load_config(name)
    path = tmp_path / "again.toml"
    path.write_text(dump_config(config))
    assert load_config(path) == config


def test_as_many_agents_as_cells_fit() -> None:
    fitting = {"world.worlds": 2, "world.height": 2, "world.width": 3, "population.founders": 12}
    assert isinstance(load_config("treasure", fitting), Config)
