"""Settings are read, overridden and refused, every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from teem.config.crawlers import CrawlersSettings
from teem.config.farm import FarmSettings
from teem.config.load import load_config, world_of
from teem.config.ready import ready_worlds, tagline
from teem.config.settings import Config
from teem.errors import UsageError


def faults(text: str, tmp_path: Path, **overrides: object) -> list[str]:
    path = tmp_path / "world.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(path, overrides)
    assert caught.value.exit_code == 2
    return caught.value.faults


WORLD = '[world]\nname = "farm"\n'


@pytest.mark.parametrize("name", sorted(ready_worlds()))
def test_every_ready_made_world_loads_and_says_what_it_is(name: str) -> None:
    assert isinstance(load_config(name), Config)
    assert tagline(ready_worlds()[name])


def test_the_farm_is_what_the_defaults_say_but_longer() -> None:
    assert load_config("farm", {"steps": Config().steps}) == Config()


def test_agentfarm_sees_everything_within_six_cells() -> None:
    config = load_config("agentfarm")
    assert config.world.view == "full"
    assert (config.world.sight, len(config.world.channels)) == (6, 13)
    assert (config.population.founders, config.learning.interval, config.learning.hidden) == (100, 4, (32,))


def test_no_source_gives_the_defaults() -> None:
    assert load_config() == Config()


def test_texts_become_what_the_setting_is_made_of() -> None:
    config = load_config(
        "farm",
        {
            "world.size": "512",
            "learning.hidden": "128, 64",
            "world.channels": "resources,allies",
            "learning.double": "false",
            "learning.lr": "3e-4",
            "world.edge": "bounded",
            "world.reward.death": "-5",
        },
    )
    assert config.world.size == 512
    assert config.learning.hidden == (128, 64)
    assert config.world.channels == ("resources", "allies")
    assert config.learning.double is False
    assert config.learning.lr == 3e-4
    assert config.world.edge == "bounded"
    assert config.world.reward.death == -5.0


def test_overrides_win_over_the_file_and_may_be_values(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text("seed = 3\nsteps = 5\n" + WORLD + "[learning.replay]\nlength = 128\n")
    config = load_config(path, {"steps": 9, "learning.replay.warmup": 40, "learning.hidden": (8,)})
    assert (config.seed, config.steps, config.learning.hidden) == (3, 9, (8,))
    assert (config.learning.replay.length, config.learning.replay.warmup) == (128, 40)


def test_a_whole_number_will_do_where_a_number_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(WORLD + "energy = 6\n")
    energy = load_config(path).world.energy
    assert (energy, type(energy)) == (6.0, float)


def test_the_world_of_a_source_is_told_without_reading_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('[world]\nname = "crawlers"\nbins = "none"\n')
    assert (world_of("farm"), world_of("crawlers"), world_of(path)) == ("farm", "crawlers", "crawlers")
    for text in ("world = 3", "[world]\nname = 3", '[world]\nname = "sea"', "= 3"):
        path.write_text(text)
        assert world_of(path) is None
    assert world_of(tmp_path / "none.toml") is None


def test_kinds_of_a_file_replace_the_default_ones(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(WORLD + '[[world.kinds]]\nname = "order"\nsharing = 0.9\n[[world.kinds]]\nname = "chaos"\n')
    assert [(kind.name, kind.sharing) for kind in load_config(path).world.kinds] == [
        ("order", 0.9),
        ("chaos", 0.5),
    ]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = (
        'seeed = 1\nsteps = "many"\n'
        + WORLD
        + 'energy = nan\ndensity = 1.5\nupkep = 1\nedge = "round"\nocclusion = 1\nsight = 4.0\n'
        + '[[world.kinds]]\nname = "a"\nshre = 1\n[[world.kinds]]\nshare = -1\n'
        + "[population]\ncapacity = 10\n[learning]\nreplay = 3\nhidden = [64, true]\n"
    )
    told = faults(text, tmp_path, **{"learning.tau": "inf", "world.sise": "3", "learning.lr": "fast"})
    for expected in (
        "seeed is unknown: did you mean seed?",
        'steps is "many": give a whole number, 0 or more (steps to run',
        "world.energy is nan: give a number above 0",
        "world.density is 1.5: give a number above 0, up to 1",
        "world.upkep is unknown: did you mean world.upkeep?",
        'world.edge is "round": give one of bounded, torus',
        "world.occlusion is 1: give true or false",
        "world.sight is 4.0: give a whole number from 2 to 32",
        "world.kinds[0].shre is unknown: did you mean world.kinds[0].share?",
        "world.kinds[1].share is -1: give a number above 0",
        "world.kinds[1].name is missing: give a text",
        "population.capacity is 10 but population.founders is 300: raise capacity to at least 300",
        "learning.replay is 3: give a table, [learning.replay]",
        "learning.hidden[1] is true: give a whole number",
        "learning.tau is inf: give a number above 0, up to 1",
        "world.sise is unknown: did you mean world.size?",
        'learning.lr is "fast": give a number above 0',
    ):
        assert any(fault.startswith(expected) for fault in told), (expected, told)
    assert len(told) == 17


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed = 1\n", "world.name is missing: say which world it is, one of farm"),
        ('[world]\nname = "fram"\n', 'world.name is "fram", an unknown world: known are farm'),
        ("[world]\nname = [3]\n", "world.name is [3], an unknown world: known are farm, crawlers, treasure"),
        ("world = 3\n", "world is 3: give a table, [world]"),
        (WORLD + "[learning]\nhidden = []\n", "learning.hidden has 0 items: give a list of whole numbers"),
        (WORLD + "[learning]\nhidden = 64\n", "learning.hidden is 64: give a list"),
        (WORLD + "upkeep = 1e300\n", "world.upkeep is 1e+300: give a number, 0 or more, at most 3.4e+38"),
        ("seed = true\n" + WORLD, "seed is true: give a whole number"),
        ("seed = 2026-11-21\n" + WORLD, "seed is 2026-11-21: give a whole number"),
        (WORLD + "kinds = []\n", "world.kinds has 0 items: give a list of tables, 1 to 16"),
        (WORLD + "kinds = [3]\n", "world.kinds[0] is 3: give a table"),
        (WORLD + "[world.world]\nsize = 3\n", "world.world is unknown"),
        ("[learning.replay.deep]\n" + WORLD, "learning.replay.deep is unknown"),
        ("founders = 3\n" + WORLD, "founders is unknown: did you mean population.founders?"),
    ],
)  # fmt: skip
def test_one_fault_is_told_with_its_remedy(text: str, told: str, tmp_path: Path) -> None:
    found = faults(text, tmp_path)
    assert len(found) == 1
    assert found[0].startswith(told)


def test_a_text_is_read_as_the_world_that_is_run_takes_it(tmp_path: Path) -> None:
    assert load_config("crawlers", {"world.energy": "12000", "world.body.limbs": "2"}).world == load_config(
        "crawlers", {"world.energy": 12_000.0, "world.body.limbs": 2}
    ).world  # fmt: skip
    path = tmp_path / "w.toml"
    path.write_text('[world]\nname = "crawlers"\n')
    world = load_config(path, {"world.terrain.biomes": "desert, rocky", "world.mutation": "1"}).world
    assert isinstance(world, CrawlersSettings)
    assert (world.terrain.biomes, world.mutation) == (("desert", "rocky"), 1.0)
    assert isinstance(load_config(None, {"world.name": "crawlers"}).world, CrawlersSettings)
    assert isinstance(load_config(None, {}).world, FarmSettings)


@pytest.mark.parametrize(
    ("source", "path", "told"),
    [
        ("farm", "world.terrain.style", "is no setting of farm but of crawlers: run that world, or leave it out"),
        (None, "world.bins", "is no setting of farm but of crawlers: run that world, or leave it out"),
        ("crawlers", "world.size", "is no setting of crawlers but of farm: run that world, or leave it out"),
        ("crawlers", "world.reward.gather", "is no setting of crawlers but of farm: run that world, or leave it out"),
        ("crawlers", "world.terrain", "is a table: give one of its settings, such as world.terrain.style"),
        ("crawlers", "world.tiles", "is unknown: did you mean world.terrain.tiles?"),
        ("crawlers", "world.food.densty", "is unknown: did you mean world.food.density?"),
        ("crawlers", "zzz", "is unknown: `teem run crawlers --help` lists every setting"),
    ],
)
def test_a_setting_of_another_world_is_refused_with_its_name(source: str | None, path: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(source, {path: "1", "seed": "-1"})
    assert caught.value.faults[0] == f"{path} {told}"
    assert caught.value.faults[1].startswith("seed is -1")
    assert len(caught.value.faults) == 2


def test_a_table_of_another_world_is_refused_with_its_name(tmp_path: Path) -> None:
    (told,) = faults(WORLD + "[world.terrain]\nstyle = 'hills'\n", tmp_path)
    assert told == "world.terrain is no setting of farm but of crawlers: run that world, or leave it out"


def test_settings_of_a_world_without_a_name_are_read_as_those_they_look_like(tmp_path: Path) -> None:
    (told,) = faults("[world]\ndt = 0.01\nenergy = 100\nimmobile = 0.0\n[world.terrain]\nstyle = 'hills'\n", tmp_path)
    assert told == "world.name is missing: say which world it is, one of farm, crawlers, treasure"
    with pytest.raises(UsageError) as caught:
        load_config("crawlrs", {"world.body.limbs": "9"})
    assert caught.value.faults[0].startswith('"crawlrs" is an unknown world: did you mean crawlers?')
    assert caught.value.faults[1].startswith("world.body.limbs is 9: give a whole number from 1 to 8")


def test_tables_can_not_be_given_as_an_option() -> None:
    with pytest.raises(UsageError, match=r"world\.kinds can't be given as an option: write \[\[world\.kinds\]\]"):
        load_config("farm", {"world.kinds": "a"})


def test_a_number_too_large_for_64_bits_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 9223372036854775807"):
        load_config("farm", {"age": "1", "world.age_max": str(2**63)})


def test_a_misspelt_world_and_its_faulty_options_are_told_together() -> None:
    with pytest.raises(UsageError) as caught:
        load_config("fram", {"seed": "-1"})
    assert caught.value.faults[0] == '"fram" is an unknown world: did you mean farm? (or give a TOML file)'
    assert caught.value.faults[1].startswith("seed is -1")


def test_files_that_can_not_be_read_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = = 3")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "\xe9"')
    for path, told in (
        (tmp_path / "none.toml", "is no file"),
        (broken, r"is not TOML: .*line 1"),
        (latin, "is not TOML"),
        (tmp_path, "is no file"),
    ):
        with pytest.raises(UsageError, match=told):
            load_config(path)


def test_a_fault_does_not_hide_in_another_ones_shadow(tmp_path: Path) -> None:
    """A contradiction is told only if the settings that it is about are themselves right."""
    told = faults(WORLD + "energy_max = nan\nbreed_energy = 30.0\n", tmp_path)
    assert [fault.partition(" ")[0] for fault in told] == ["world.energy_max"]


def test_modules_that_can_not_be_imported_are_faults_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "breaks_teem.py").write_text("1 / 0")
    (tmp_path / "takes_a_name.py").write_text("import teem\nteem.register_channel('trails', print)")
    monkeypatch.syspath_prepend(tmp_path)
    text = 'imports = ["breaks_teem", "is_not_there", "takes_a_name"]\n' + WORLD + "size = -1\n"
    size, breaks, absent, takes = faults(text, tmp_path)
    assert size.startswith("world.size")
    assert breaks.startswith('imports[0] is "breaks_teem", which can\'t be imported (ZeroDivisionError')
    assert absent.startswith('imports[1] is "is_not_there"')
    assert takes == "imports[2] takes_a_name: channel trails: this name is taken; choose another"
