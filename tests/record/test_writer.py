"""What is handed to the writer is in run.db, and what it lags behind is counted."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from recording import NAMES, SETTINGS, lives, recorder_at, rows_of, wait_until, write_states

from teem.errors import TeemError, UsageError
from teem.measure.spans import Spans
from teem.record.client import Recorder
from teem.record.schema import APPLICATION_ID, VERSION


def test_the_writer_imports_neither_numpy_nor_numba_nor_torch():
    code = "import sys, teem.record.writer; print([m for m in ('numpy', 'numba', 'torch') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_rows_come_back_as_they_were_written(path):
    rng = np.random.default_rng(1)
    genome, reward = rng.random((3, 2)).astype(np.float32), rng.random(4).astype(np.float32)
    recorder = recorder_at(path)
    recorder.write(
        "births", agent_id=np.arange(3), kind=np.array([0, 1, 1], np.int32), born_step=4,
        parent_id=np.array([-1, 0, 0]), generation=np.zeros(3, np.int32), genome=genome,
    )  # fmt: skip
    recorder.write("deaths", died_step=9, cause=np.array([0]), agent_id=np.array([1]))
    recorder.write(
        "agent_steps", step=5, agent_id=np.arange(4), x=np.array([1.5, np.nan, 0, 2], np.float32), y=np.float32(0.1),
        energy=np.nan, health=1, age=np.array([2, -1, 0, 7]), reward=reward, action=np.array([1, 0, -1, 1]),
        target_id=np.array([-1, 2, -1, 0]),
    )  # fmt: skip
    recorder.close()
    lives_ = rows_of(path, "SELECT agent_id, kind, born_step, died_step, cause, parent_id FROM agents")
    assert lives_ == [(0, "a", 4, None, None, None), (1, "b", 4, 9, "age", 0), (2, "b", 4, None, None, 0)]
    traits = rows_of(path, "SELECT genome->>'speed', genome->>'sight' FROM agents")
    assert np.array_equal(np.array(traits, np.float32), genome)
    first, second, third, fourth = reward.astype(float).tolist()
    assert rows_of(path, "SELECT * FROM actions") == [
        (5, 0, "stay", None, first), (5, 1, "go", 2, second), (5, 3, "stay", 0, fourth)
    ]  # fmt: skip
    y = float(np.float32(0.1))
    assert rows_of(path, "SELECT * FROM agent_states") == [
        (5, 0, 1.5, y, None, 1.0, 2, first), (5, 2, 0.0, y, None, 1.0, 0, third), (5, 3, 2.0, y, None, 1.0, 7, fourth)
    ]  # fmt: skip


def test_torques_come_back_to_four_digits_a_word_a_branch(path):
    torques = np.array([[0.123456, -1, 0], [np.nan, np.nan, np.nan], [1e-3, 0.5, -0.25]], np.float32)
    for step, action in enumerate((torques, torques[:, 0])):
        recorder = recorder_at(path)
        recorder.write(
            "agent_steps", step=step, agent_id=np.arange(3), x=0.0, y=0.0, energy=1.0, health=1.0, age=1,
            reward=np.zeros(3, np.float32), action=action, target_id=-1,
        )  # fmt: skip
        recorder.close()
    assert rows_of(path, "SELECT step, agent_id, action FROM actions") == [
        (0, 0, "+0.1235 -1 +0"), (0, 2, "+0.001 +0.5 -0.25"), (1, 0, "+0.1235"), (1, 2, "+0.001"),
    ]  # fmt: skip


def test_a_large_write_is_cut_into_frames_and_keeps_every_row(path):
    recorder = recorder_at(path)
    write_states(recorder, 1, 30_000)
    recorder.close()
    assert rows_of(path, "SELECT count(*), min(agent_id), max(agent_id) FROM agent_states") == [(30_000, 0, 29_999)]


@pytest.mark.parametrize("profile", ["safety", "balanced", "performance", "memory"])
def test_every_profile_leaves_one_plain_file_that_names_itself(path, profile):
    recorder = recorder_at(path, profile=profile)
    write_states(recorder, 1)
    recorder.flush()
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(500,)]
    write_states(recorder, 2)
    recorder.close()
    recorder.close()
    assert not lives(recorder.pid)
    assert [entry.name for entry in path.parent.iterdir()] == ["run.db"]
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(1000,)]
    assert rows_of(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert rows_of(path, "PRAGMA user_version") == [(VERSION,)]
    again = recorder_at(path, profile=profile)
    write_states(again, 3)
    again.close()
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(1500,)]


def test_wrong_columns_are_refused_before_anything_is_sent(path):
    recorder = recorder_at(path)
    with pytest.raises(ValueError, match="takes"):
        recorder.write("agent_steps", step=1, agent_id=np.arange(3))
    with pytest.raises(ValueError, match="rows"):
        recorder.write("deaths", died_step=1, cause=np.zeros(2, np.int32), agent_id=np.arange(3))
    recorder.close()
    assert rows_of(path, "SELECT count(*) FROM actions") == [(0,)]


def test_two_rows_for_one_action_fail_loudly(path):
    recorder = recorder_at(path)
    write_states(recorder, 1)
    write_states(recorder, 1)
    with pytest.raises(TeemError, match="UNIQUE constraint failed"):
        recorder.flush()
    with pytest.raises(TeemError, match="UNIQUE constraint failed"):
        recorder.close()


def test_drop_mode_keeps_lives_back_while_it_drops_the_rest(path):
    recorder = recorder_at(path, when_full="drop")
    recorder.flush()
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        for agent in range(2000):
            write_states(recorder, agent)
            recorder.write(
                "births", agent_id=agent, kind=np.zeros(1, np.int8), born_step=1, parent_id=-1, generation=0,
                genome=np.zeros((1, 2), np.float32),
            )  # fmt: skip
    finally:
        waited_s = recorder.waited_s
        os.kill(recorder.pid, signal.SIGCONT)
    recorder.close()
    assert recorder.dropped > 0
    assert waited_s < 0.1
    assert rows_of(path, "SELECT count(*) FROM agents") == [(2000,)]
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(2000 * 500 - recorder.dropped,)]


def test_drop_mode_never_waits_and_counts_what_it_drops_and_loses_no_life(path):
    recorder = recorder_at(path, when_full="drop")
    recorder.flush()
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        for step in range(400):
            write_states(recorder, step)
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
    dropped = recorder.dropped
    recorder.write(
        "births", agent_id=np.arange(5), kind=np.zeros(5, np.int32), born_step=0, parent_id=-1,
        generation=0, genome=np.zeros((5, 2), np.float32),
    )  # fmt: skip
    recorder.close()
    assert dropped > 0
    assert dropped % 500 == 0
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(400 * 500 - dropped,)]
    assert rows_of(path, "SELECT count(*) FROM agents") == [(5,)]


def test_waiting_for_a_slow_writer_is_counted(path):
    spans = Spans()
    recorder = Recorder(path, SETTINGS, spans)
    recorder.write_names(**NAMES)
    recorder.flush()
    os.kill(recorder.pid, signal.SIGSTOP)
    waker = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -CONT {recorder.pid}"])
    for step in range(200):
        write_states(recorder, step)
    waker.wait()
    recorder.close()
    assert recorder.waited_s > 0.05
    assert recorder.dropped == 0
    assert "record.wait" in spans.names
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(100_000,)]


def test_small_frames_are_handed_over_soon_and_keep_their_order(path):
    recorder = recorder_at(path)
    recorder.flush()
    handed = recorder.rows
    for agent in range(300):
        recorder.write(
            "births", agent_id=agent, kind=np.zeros(1, np.int8), born_step=1, parent_id=-1, generation=0,
            genome=np.zeros((1, 2), np.float32),
        )  # fmt: skip
        recorder.write("deaths", died_step=2, cause=np.zeros(1, np.int8), agent_id=agent)
    assert handed < recorder.rows < handed + 600
    wait_until(lambda: recorder.expect_alive() or recorder.rows == handed + 600, 5)
    wait_until(lambda: rows_of(path, "SELECT count(*) FROM agents WHERE cause = 'age'") == [(300,)], 5)
    recorder.close()


def test_readers_see_whole_commits_while_the_writer_works(path):
    recorder = recorder_at(path)
    recorder.flush()
    seen = []
    for step in range(60):
        write_states(recorder, step)
        seen.append(rows_of(path, "SELECT count(*) FROM agent_states")[0][0])
        time.sleep(0.01)
    recorder.close()
    assert seen == sorted(seen)
    assert all(count % 500 == 0 for count in seen)
    assert any(0 < count < 30_000 for count in seen)


def test_a_reader_that_stays_does_not_keep_the_writer_from_closing(path):
    recorder = recorder_at(path)
    write_states(recorder, 1)
    recorder.flush()
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    cursor = reader.execute("SELECT * FROM agent_states")
    cursor.fetchone()
    write_states(recorder, 2)
    recorder.close()
    reader.close()
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(1000,)]


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be taken for one" * 20, None])
def test_a_foreign_or_corrupt_file_is_refused_and_untouched(path, content):
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE other(x)")
        connection.commit()
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"run\.db"):
        Recorder(path, SETTINGS, Spans())
    assert path.read_bytes() == before
