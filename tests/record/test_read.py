"""A run reads as arrays or frames, while it runs and afterwards, and never changes by being read."""

import builtins
import sqlite3

import numpy as np
import pytest
from tiny_world import TinyWorld, config_of, run

from teem.errors import TeemError, UsageError
from teem.measure.spans import Spans
from teem.record.client import Recorder
from teem.record.collect import Collector
from teem.record.folder import RunFolder
from teem.record.read import open_run
from teem.record.schema import VERSION


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("read")
    run(path, 60, config_of())
    (path / "config.toml").write_text("seed = 7\n")
    return path


def test_tables_come_as_arrays_of_fixed_types(folder):
    run_ = open_run(folder)
    states, lives, actions = run_.agent_states(), run_.agents(), run_.actions()
    assert states["step"].dtype == states["agent_id"].dtype == np.int64
    assert states["x"].dtype == states["reward"].dtype == np.float64
    assert lives["died_step"].dtype == lives["parent_id"].dtype == np.int64
    assert lives["speed"].dtype == np.float32
    assert set(np.unique(lives["cause"])) <= {"", "hunger", "age"}
    assert np.array_equal(lives["cause"] == "", lives["died_step"] == -1)
    assert set(np.unique(actions["action"])) == {"move", "gather", "pass"}
    assert actions["target_id"].min() == -1
    assert len(run_.steps()["step"]) == 20
    assert len(run_.learning()["step"]) == len(run_.learning()["replay_ratio"]) > 0
    assert set(run_.resources(step=5)["step"]) == {5}
    assert len(run_.health_incidents()["incident"]) > 0


def test_genomes_are_exact(tmp_path):
    world, config = TinyWorld(3, founders=12), config_of()
    recorder = Recorder(tmp_path / "run.db", config.record, Spans())
    Collector(world, config, recorder).start()
    recorder.close()
    lives = open_run(tmp_path).agents()
    assert np.array_equal(np.stack([lives["speed"], lives["sight"]], 1), world.population.genome)


def test_empty_tables_have_their_types_too(tmp_path):
    run(tmp_path, 1, config_of())
    run_ = open_run(tmp_path)
    connection = sqlite3.connect(run_.path)
    connection.execute("DELETE FROM agent_steps")
    connection.commit()
    connection.close()
    actions = run_.actions()
    assert [actions[name].dtype.kind for name in ("step", "action", "target_id", "reward")] == [
        "i",
        "U",
        "i",
        "f",
    ]
    assert all(len(column) == 0 for column in actions.values())


def test_rows_can_be_chosen_by_step_and_agent(folder):
    run_ = open_run(folder)
    everything = run_.agent_states()
    for step, agents in [(6, None), ([3, 9], None), (None, [0, 3]), (9, np.array([1, 2])), (None, [999])]:
        keep = np.ones(len(everything["step"]), bool)
        if step is not None:
            keep &= np.isin(everything["step"], step)
        if agents is not None:
            keep &= np.isin(everything["agent_id"], agents)
        chosen = run_.agent_states(step=step, agents=agents)
        assert all(
            np.array_equal(chosen[name], everything[name][keep], equal_nan=name == "reward") for name in everything
        )
    learned = run_.learning()
    one = run_.learning(agents=[0])
    assert np.array_equal(one["loss"], learned["loss"][learned["agent_id"] == 0])


def test_frames_hold_the_same_and_keep_nulls(folder):
    run_ = open_run(folder)
    frame = run_.agents(as_frame=True)
    lives = run_.agents()
    assert frame["died_step"].null_count() == (lives["died_step"] == -1).sum() > 0
    assert np.array_equal(frame["speed"].to_numpy(), lives["speed"])
    states = run_.agent_states(as_frame=True)
    assert np.array_equal(states["x"].to_numpy(), run_.agent_states()["x"])
    assert run_.sql("SELECT count(*) AS n FROM agents", as_frame=True)["n"][0] == len(lives["agent_id"])


def test_frames_without_polars_say_how_to_install_it(folder, monkeypatch):
    real = builtins.__import__

    def no_polars(name, *rest):
        if name == "polars":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_polars)
    with pytest.raises(UsageError, match=r"pip install 'teem\[frames\]'"):
        open_run(folder).steps(as_frame=True)


def test_plain_sql_works_and_names_its_faults(folder):
    run_ = open_run(folder)
    found = run_.sql("SELECT action, count(*) AS n, NULL AS none FROM actions GROUP BY action ORDER BY 1")
    assert found["action"].tolist() == ["gather", "move", "pass"]
    assert found["n"].sum() == len(run_.actions()["step"])
    assert run_.sql("SELECT 1.5 AS a WHERE a > ?", (1,))["a"].tolist() == [1.5]
    with pytest.raises(UsageError, match="no such column: colour"):
        run_.sql("SELECT colour FROM agents")
    with pytest.raises(UsageError, match="readonly"):
        run_.sql("DELETE FROM agents")


def test_reading_changes_nothing(folder):
    before = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
    run_ = open_run(folder)
    run_.agents()
    run_.sql("SELECT 1")
    assert {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()} == before


def test_a_run_can_be_read_while_it_runs(tmp_path):
    world, config = TinyWorld(7), config_of(every=1)
    recorder = Recorder(tmp_path / "run.db", config.record, Spans())
    collector = Collector(world, config, recorder)
    collector.start()
    recorder.flush()
    seen = []
    for _ in range(30):
        collector.step(world.step())
        recorder.flush()
        seen.append(len(open_run(tmp_path).steps()["step"]))
    recorder.close()
    assert seen == list(range(1, 31))


def test_settings_names_and_report_come_along(folder):
    run_ = open_run(folder / "run.db")
    assert run_.config_text == "seed = 7\n"
    assert run_.names["causes"] == ["hunger", "age"]
    assert run_.report is None
    assert run_.faults() == []
    owner = RunFolder.open(folder)
    owner.write_report({"steps": 60})
    owner.close()
    assert run_.report == {"steps": 60}


def test_what_is_no_run_is_named_with_the_remedy(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"run\.db does not exist"):
        open_run(tmp_path)
    database = tmp_path / "run.db"
    database.write_bytes(b"not a database " * 100)
    with pytest.raises(UsageError, match="can't be read as a database"):
        open_run(tmp_path)
    database.unlink()
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE steps(x)")
    connection.commit()
    with pytest.raises(UsageError, match="not written by teem"):
        open_run(tmp_path)
    connection.close()


def test_tables_of_another_version_ask_for_the_teem_that_knows_them(tmp_path):
    run(tmp_path, 1, config_of())
    connection = sqlite3.connect(tmp_path / "run.db")
    connection.execute("PRAGMA user_version=99")
    connection.commit()
    with pytest.raises(UsageError, match="install a newer teem"):
        open_run(tmp_path)
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    with pytest.raises(UsageError, match=r"tables of version 1, .* with the teem that wrote it"):
        open_run(tmp_path)
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("DROP TABLE learning")
    connection.commit()
    connection.close()
    with pytest.raises(UsageError, match="lacks the tables learning"):
        open_run(tmp_path)


def test_a_record_from_before_feats_were_in_it_goes_on_with_them(tmp_path):
    run(tmp_path, 8, config_of(every=1))
    with sqlite3.connect(tmp_path / "run.db") as connection:
        connection.execute("ALTER TABLE steps DROP COLUMN mean_feats")
    assert "mean_feats" not in open_run(tmp_path).steps()
    run(tmp_path, 12, config_of(every=1), resume=True)
    known = np.isfinite(open_run(tmp_path).steps()["mean_feats"])
    assert not known[0]
    assert known[-1]


def test_damage_within_the_file_is_said(folder, tmp_path):
    content = bytearray((folder / "run.db").read_bytes())
    content[8192:-4096] = b"\xff" * len(content[8192:-4096])
    (tmp_path / "run.db").write_bytes(content)
    with pytest.raises((TeemError, UsageError), match=r"can't be read|malformed"):
        run_ = open_run(tmp_path)
        assert run_.faults()
        run_.agent_states()
        run_.agents()
