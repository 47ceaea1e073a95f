"""Settings that contradict each other are refused with a remedy."""

from __future__ import annotations

import pytest

from teem.config.load import load_config
from teem.errors import UsageError

KERNEL = {"learning.backend": "kernel"}
ENERGIES = {"world.energy": 5, "world.energy_max": 20, "world.breed_energy": 10, "world.birth_energy": 5}

ASYNC = {"runtime.mode": "async"}
RAY = {"runtime.mode": "ray"}
ACTORS = {**RAY, "ray.role": "actors"}

CASES: list[tuple[dict[str, object], str]] = [
    (
        {"population.capacity": 10, "population.founders": 20},
        "population.capacity is 10 but population.founders is 20: raise capacity to at least 20",
    ),
    (
        {"learning.replay.warmup": 600, "learning.replay.length": 512},
        "learning.replay.warmup is 600 but learning.replay.length is 512",
    ),
    (
        {"learning.batch": 65, "learning.replay.warmup": 64},
        "learning.batch is 65 but learning.replay.warmup is 64",
    ),
    (
        {"learning.replay.warmup": 3, "learning.batch": 3, "learning.n_step": 3},
        "learning.n_step is 3 but learning.replay.warmup is 3",
    ),
    ({"learning.hidden": "0"}, "learning.hidden[0] is 0: give a width from 1 to 1024"),
    ({"learning.hidden": "64,1025"}, "learning.hidden[1] is 1025: give a width from 1 to 1024"),
    ({"learning.attention.trunk": "64,0"}, "learning.attention.trunk[1] is 0: give a width from 1 to 1024"),
    ({"learning.network": "mlpp"}, 'learning.network is "mlpp": give mlp, attention, or a torch.nn.Module'),
    ({"learning.network": "a.b:9"}, 'learning.network is "a.b:9"'),
    (
        {"learning.network": "attention"},
        "learning.network is attention but world.name is farm, where nothing is perceived as tokens: give mlp",
    ),
    ({"learning.epsilon.end": 0.5, "learning.epsilon.start": 0.1}, "learning.epsilon.end is 0.5"),
    (
        {"learning.algorithm": "ppo", "learning.ppo.minibatches": 9, "learning.ppo.horizon": 8},
        "learning.ppo.minibatches is 9 but learning.ppo.horizon is 8",
    ),
    ({**KERNEL, "learning.sharing": "shared"}, "learning.backend is kernel but learning.sharing is shared"),
    ({**KERNEL, "learning.algorithm": "iqn", "learning.sharing": "shared"}, "learning.backend is kernel but"),
    ({"learning.algorithm": "qrdqn", "learning.batch": 40}, "learning.batch is 40 but learning.replay.warmup is 32"),
    ({**KERNEL, "learning.algorithm": "ppo"}, "learning.backend is kernel but learning.algorithm is ppo"),
    ({**KERNEL, "learning.network": "a:B"}, "learning.backend is kernel but learning.network is a:B"),
    ({**KERNEL, "learning.device": "cuda"}, "learning.backend is kernel but learning.device is cuda"),
    (
        {"learning.backend": "compiled", "learning.sharing": "shared"},
        "learning.backend is compiled but learning.sharing is shared",
    ),
    (
        {"learning.replay_ratio": 8, "learning.algorithm": "ppo"},
        "learning.replay_ratio is 8.0 but learning.algorithm is ppo",
    ),
    (
        {"learning.replay_ratio": 500},
        "learning.replay_ratio is 500.0 but learning.batch is 32: that is more than 15 updates a decision",
    ),
    ({"runtime.actors": 2}, "runtime.actors is 2 but runtime.mode is lockstep, which is one process"),
    ({**ASYNC, "learning.enabled": False}, "runtime.mode is async but learning.enabled is false"),
    ({**ASYNC, "learning.algorithm": "random"}, "runtime.mode is async but learning.algorithm is random"),
    ({**RAY, "runtime.actors": 2}, "runtime.actors is 2 but ray.role is islands, each of which is one process"),
    ({**ACTORS, "learning.enabled": False}, "runtime.mode is ray but learning.enabled is false"),
    ({**ACTORS, "learning.sharing": "encoder"}, "runtime.mode is ray but learning.sharing is encoder"),
    (
        {**ACTORS, "learning.sharing": "shared", "runtime.learners": 2},
        "runtime.learners is 2 but learning.sharing is shared, and learners of one network are processes",
    ),
    ({**RAY, "ray.migrate_every": 50}, "ray.migrate_every is 50 but ray.slice is 100"),
    ({**RAY, "ray.migrants": 17}, "ray.migrants is 17 but population.fame is 16"),
    ({**ASYNC, "learning.sharing": "encoder"}, "runtime.mode is async but learning.sharing is encoder"),
    (
        {"runtime.actors": 2, "runtime.learners": 3},
        "runtime.actors is 2 and runtime.learners is 3 but runtime.mode is lockstep, which is one process: "
        "give runtime.mode async, or runtime.actors and runtime.learners 1",
    ),
    (
        {**ASYNC, "learning.sharing": "shared", "runtime.actors": 2, "runtime.learners": 2},
        "runtime.learners is 2 but learning.sharing is shared and runtime.actors is 2: learners of one network",
    ),
    ({**ENERGIES, "world.energy": 21}, "world.energy is 21.0 but world.energy_max is 20.0"),
    ({**ENERGIES, "world.breed_energy": 21}, "world.breed_energy is 21.0 but world.energy_max is 20.0"),
    ({**ENERGIES, "world.birth_energy": 10}, "world.birth_energy is 10.0 but world.breed_energy is 10.0"),
    (
        {"world.size": 8, "world.sight": 4},
        "world.size is 8 but world.sight is 4: with its edges an agent sees 11 cells across",
    ),
    ({"world.channels": "goal,goal"}, 'world.channels[1] is "goal", which is there already'),
    (
        {"world.channels": "resource"},
        'world.channels[0] is "resource", an unknown channel: did you mean resources?',
    ),
]


CRAWLERS: list[tuple[dict[str, object], str]] = [
    ({**ENERGIES, "world.energy": 21}, "world.energy is 21.0 but world.energy_max is 20.0"),
    ({**ENERGIES, "world.breed_energy": 21}, "world.breed_energy is 21.0 but world.energy_max is 20.0"),
    ({**ENERGIES, "world.birth_energy": 10}, "world.birth_energy is 10.0 but world.breed_energy is 10.0"),
    ({"world.bins": 4}, "world.bins is 4: give an odd number, such as 5, so that a joint can rest"),
    (
        {"world.terrain.biomes": "plains,forrest"},
        'world.terrain.biomes[1] is "forrest", an unknown biome: did you mean forest?',
    ),
    (
        {"world.terrain.biomes": "rocky,desert,rocky"},
        'world.terrain.biomes[2] is "rocky", which is there already: give each biome once',
    ),
    ({"world.rays.lowest": 20, "world.rays.highest": 10}, "world.rays.lowest is 20.0 but world.rays.highest is 10.0"),
    ({"world.rays.lowest": 10, "world.rays.highest": 10}, "world.rays.lowest is 10.0 but world.rays.highest is 10.0"),
    ({"world.turns": 4}, "world.turns is 4 but world.decision is 6"),
    ({"world.stranded": 8, "world.decision": 8}, "world.stranded is 8 but world.decision is 8"),
    ({"world.terrain.tiles": 2}, "world.terrain.tiles is 2: give a whole number from 3 to 10000"),
    (
        {"learning.algorithm": "ppo"},
        "learning.algorithm is ppo but world.control is speed: ppo measures torques out, so give world.control torque",
    ),
    (
        {"world.control": "torque"},
        "world.control is torque but learning.algorithm is dqn: dqn chooses among speeds, so give learning.algorithm",
    ),
    (
        {"world.control": "torque", "learning.algorithm": "iqn"},
        "world.control is torque but learning.algorithm is iqn: iqn chooses among speeds, so give learning.algorithm",
    ),
    (
        {"learning.algorithm": "qrdqn", "learning.network": "attention"},
        "learning.network is attention but learning.algorithm is qrdqn: attention networks give one value",
    ),
    (
        {"world.control": "torque", "learning.algorithm": "ppo", "learning.network": "attention"},
        "learning.network is attention but learning.algorithm is ppo: attention networks give one value",
    ),
    (
        {"learning.replay.warmup": 3, "learning.batch": 3, "learning.n_step": 3},
        "learning.n_step is 3 but learning.replay.warmup is 3",
    ),
]


@pytest.mark.parametrize(
    ("world", "overrides", "told"),
    [*(("farm", *case) for case in CASES), *(("crawlers", *case) for case in CRAWLERS)],
)
def test_a_contradiction_is_refused(world: str, overrides: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(world, overrides)
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(told)


@pytest.mark.parametrize(
    "overrides",
    [
        {"population.capacity": 300, "population.founders": 300},
        {"learning.replay.warmup": 512, "learning.replay.length": 512},
        {"learning.batch": 64, "learning.replay.warmup": 64},
        {"learning.hidden": "1,1024"},
        {"learning.network": "package.module:Class"},
        {"learning.backend": "kernel"},
        {"learning.backend": "kernel", "learning.algorithm": "iqn"},
        {**ENERGIES, "world.energy": 20},
        {"world.size": 11, "world.sight": 4},
        {"learning.algorithm": "random", "learning.batch": 4096},
        {"learning.algorithm": "random", "learning.network": "attention"},
        {**ASYNC, "learning.sharing": "shared", "runtime.learners": 2},
    ],
)
def test_the_last_good_value_is_accepted(overrides: dict[str, object]) -> None:
    load_config("farm", overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        {"world.bins": 3},
        {**ENERGIES, "world.energy": 20, "world.birth_energy": 9.9},
        {"world.terrain.biomes": "desert"},
        {"world.terrain.tiles": 3},
        {"world.rays.lowest": -180, "world.rays.highest": 180},
        {"world.rays.lowest": 10, "world.rays.highest": 10, "world.rays.count": 1},
        {"world.stranded": 9, "world.decision": 8},
        {"world.stranded": 0},
        {"world.turns": 4, "world.decision": 12},
        {"world.control": "torque", "learning.algorithm": "ppo"},
        {"world.control": "torque", "learning.algorithm": "random", "learning.network": "attention"},
        {"learning.network": "attention"},
        {"learning.network": "attention", "learning.backend": "torch", "learning.sharing": "encoder"},
        {"learning.network": "package.module:Class", "learning.sharing": "shared"},
        {"world.body.limbs": 1, "world.body.segments": 1, "world.body.wheels": 0},
    ],
)
def test_the_last_good_value_of_the_crawlers_is_accepted(overrides: dict[str, object]) -> None:
    load_config("crawlers", overrides)


def test_kinds_need_names_of_their_own() -> None:
    kinds = [{"name": "a"}, {"name": "b"}, {"name": "a"}]
    with pytest.raises(UsageError, match=r'world\.kinds has 2 kinds named "a"'):
        load_config(None, {"world.kinds": kinds})


def test_a_registered_channel_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = {"world.channels": "resources,smell"}
    with pytest.raises(UsageError, match="unknown channel"):
        load_config("farm", overrides)
    monkeypatch.setattr("teem.config.check.own_channels", {"smell"})
    assert load_config("farm", overrides).world.channels == ("resources", "smell")
