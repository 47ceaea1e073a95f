"""The writer process: what was handed over is kept, whoever dies; what goes wrong is said."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from teem.config.settings import RecordSettings
from teem.errors import TeemError, UsageError
from teem.measure.spans import Spans
from teem.record import process
from teem.record.client import Recorder
from teem.record.schema import APPLICATION_ID, INCIDENTS, VERSION

SETTINGS = RecordSettings()
NAMES = {
    "kinds": ("a", "b"),
    "causes": ("age",),
    "actions": ("go", "stay"),
    "traits": ("speed", "sight"),
    "incidents": INCIDENTS,
}
PREFACE = """
import os, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
from teem.config.settings import RecordSettings
from teem.errors import TeemError
from teem.measure.spans import Spans
from teem.record.client import Recorder
def write(recorder, step, rows=500):
    recorder.write("agent_states", step=step, agent_id=np.arange(rows), x=0.5, y=0.5, energy=1.0, health=1.0,
                   age=1, reward=np.zeros(rows, np.float32))
recorder = Recorder(Path(sys.argv[1]), RecordSettings(profile=sys.argv[2]), Spans())
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


def recorder_at(path, **settings):
    recorder = Recorder(path, RecordSettings(**settings), Spans())
    recorder.write_names(**NAMES)
    return recorder


def write_states(recorder, step, rows=500):
    zeros = np.zeros(rows, np.float32)
    recorder.write(
        "agent_states", step=step, agent_id=np.arange(rows), x=zeros, y=0.0, energy=zeros, health=1.0, age=0,
        reward=zeros,
    )  # fmt: skip


def rows_of(path, query):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def script(path, body, profile="balanced", **options):
    return subprocess.Popen(
        [sys.executable, "-c", PREFACE + body, str(path), profile],
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def lives(pid):
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


def test_the_writer_imports_neither_numpy_nor_numba_nor_torch():
    code = (
        "import sys, teem.record.writer; print([m for m in ('numpy', 'numba', 'torch') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_rows_come_back_as_they_were_written(path):
    rng = np.random.default_rng(1)
    genome, reward = rng.random((3, 2)).astype(np.float32), rng.random(3).astype(np.float32)
    recorder = recorder_at(path)
    recorder.write(
        "births", agent_id=np.arange(3), kind=np.array([0, 1, 1], np.int32), born_step=4,
        parent_id=np.array([-1, 0, 0]), generation=np.zeros(3, np.int32), genome=genome,
    )  # fmt: skip
    recorder.write("deaths", died_step=9, cause=np.array([0]), agent_id=np.array([1]))
    recorder.write(
        "actions", step=5, agent_id=np.arange(3), action=np.array([1, 0, 1]), target_id=np.array([-1, 2, -1]),
        reward=reward,
    )  # fmt: skip
    recorder.write(
        "agent_states",
        step=5,
        agent_id=0,
        x=1.5,
        y=np.float32(0.1),
        energy=np.nan,
        health=1,
        age=2,
        reward=None,
    )
    recorder.close()
    lives_ = rows_of(path, "SELECT agent_id, kind, born_step, died_step, cause, parent_id FROM agents")
    assert lives_ == [(0, "a", 4, None, None, None), (1, "b", 4, 9, "age", 0), (2, "b", 4, None, None, 0)]
    traits = rows_of(path, "SELECT genome->>'speed', genome->>'sight' FROM agents")
    assert np.array_equal(np.array(traits, np.float32), genome)
    actions = rows_of(path, "SELECT action, target_id, reward FROM actions")
    assert [row[:2] for row in actions] == [("stay", None), ("go", 2), ("stay", None)]
    assert [row[2] for row in actions] == reward.astype(float).tolist()
    assert rows_of(path, "SELECT * FROM agent_states") == [
        (5, 0, 1.5, float(np.float32(0.1)), None, 1.0, 2, None)
    ]


def test_a_large_write_is_cut_into_frames_and_keeps_every_row(path):
    recorder = recorder_at(path)
    write_states(recorder, 1, 30_000)
    recorder.close()
    assert rows_of(path, "SELECT count(*), min(agent_id), max(agent_id) FROM agent_states") == [
        (30_000, 0, 29_999)
    ]


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
        recorder.write("actions", step=1, agent_id=np.arange(3))
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


@pytest.mark.parametrize("profile", ["balanced", "memory"])
def test_all_that_was_handed_over_is_kept_when_the_run_is_killed(path, profile):
    body = """
for step in range(200):
    write(recorder, step)
recorder.hand_over()
print(recorder.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = script(path, body, profile)
    writer = int(run.stdout.readline())
    assert run.wait() == -signal.SIGKILL
    run.stdout.close()
    wait_until(lambda: not lives(writer))
    assert rows_of(path, "SELECT count(*), count(DISTINCT step) FROM agent_states") == [(100_000, 200)]
    assert rows_of(path, "PRAGMA integrity_check") == [("ok",)]
    assert [entry.name for entry in path.parent.iterdir()] == ["run.db"]


def test_the_writer_ends_although_someone_else_still_holds_the_pipe(path):
    body = """
write(recorder, 1)
recorder.hand_over()
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(recorder.pid, child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = script(path, body)
    writer, child = (int(word) for word in run.stdout.readline().split())
    run.wait()
    run.stdout.close()
    try:
        wait_until(lambda: not lives(writer))
        assert rows_of(path, "SELECT count(*) FROM agent_states") == [(500,)]
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_frame_that_was_handed_over_in_part_is_left_out(path):
    body = """
write(recorder, 1)
recorder.flush()
os.write(recorder._writer._pipe, b"\\x40\\x00\\x00\\x00\\xff\\x00\\x00\\x00half")
print(recorder.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = script(path, body)
    writer = int(run.stdout.readline())
    run.wait()
    run.stdout.close()
    wait_until(lambda: not lives(writer))
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(500,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_run_and_its_group_do_not_end_the_writer(path, number):
    body = f"""
signal.signal({int(number)}, signal.SIG_IGN)
write(recorder, 1)
recorder.flush()
os.killpg(0, {int(number)})
os.kill(recorder.pid, {int(number)})
time.sleep(0.2)
write(recorder, 2)
recorder.close()
print("closed")
"""
    run = script(path, body, start_new_session=True)
    assert run.communicate(timeout=30)[0] == "closed\n"
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(1000,)]


def test_a_killed_writer_stops_the_run_soon_and_says_so(path):
    recorder = recorder_at(path)
    recorder.flush()
    os.kill(recorder.pid, signal.SIGKILL)
    begun = time.monotonic()
    with pytest.raises(TeemError, match=r"run\.db failed: its process was killed by signal 9"):
        for step in range(100_000):
            write_states(recorder, step)
    assert time.monotonic() - begun < 10
    with pytest.raises(TeemError, match="killed by signal 9"):
        recorder.expect_alive()
    with pytest.raises(TeemError, match="killed by signal 9"):
        recorder.close()


def test_a_writer_that_hangs_is_given_up_after_a_while(path, monkeypatch):
    monkeypatch.setattr(process, "STALL_S", 0.3)
    recorder = recorder_at(path)
    recorder.flush()
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TeemError, match="has taken nothing for"):
            for step in range(100_000):
                write_states(recorder, step)
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
    with pytest.raises(TeemError, match="has taken nothing for"):
        recorder.close()
    wait_until(lambda: not lives(recorder.pid))
    assert rows_of(path, "SELECT count(*) % 500 FROM agent_states") == [(0,)]


def test_a_flush_that_takes_too_long_is_said(path):
    recorder = recorder_at(path)
    recorder.flush()
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TeemError, match=r"0\.1 s behind"):
            recorder.flush(deadline_s=0.1)
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
    recorder.flush()
    recorder.close()


def test_drop_mode_keeps_lives_back_while_it_drops_the_rest(path):
    recorder = recorder_at(path, when_full="drop")
    recorder.flush()
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        for agent in range(400):
            write_states(recorder, agent)
            recorder.write(
                "births", agent_id=agent, kind=np.zeros(1, np.int8), born_step=1, parent_id=-1, generation=0,
                genome=np.zeros((1, 2), np.float32),
            )  # fmt: skip
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
    recorder.close()
    assert recorder.dropped > 0
    assert recorder.waited_s < 0.1
    assert rows_of(path, "SELECT count(*) FROM agents") == [(400,)]
    assert rows_of(path, "SELECT count(*) FROM agent_states") == [(400 * 500 - recorder.dropped,)]


def test_a_full_disk_is_reported_and_what_was_committed_is_kept(path):
    body = """
import resource
recorder.close()
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
recorder = Recorder(Path(sys.argv[1]), RecordSettings(), Spans())
try:
    for step in range(1000):
        write(recorder, step)
    recorder.close()
except TeemError as error:
    print(error)
"""
    said = script(path, body).communicate(timeout=60)[0]
    assert "failed: " in said
    assert "disk" in said
    assert rows_of(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows_of(path, "SELECT count(*) % 500 FROM agent_states") == [(0,)]


def test_a_writer_that_cannot_even_start_says_why(path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "nonsense")
    recorder = Recorder(path, SETTINGS, Spans())
    with pytest.raises(TeemError, match="PYTHONHASHSEED"):
        recorder.flush()
    with pytest.raises(TeemError, match="PYTHONHASHSEED"):
        recorder.close()


def test_files_in_the_users_folder_are_not_imported(path, tmp_path, monkeypatch):
    (tmp_path / "sqlite3.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    recorder = recorder_at(path)
    recorder.close()


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
