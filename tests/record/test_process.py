"""The writer process: what was handed over is kept, whoever dies; what goes wrong is said."""

import os
import signal
import time

import pytest
from recording import SETTINGS, lives, recorder_at, rows_of, script, wait_until, write_states

from teem.errors import TeemError
from teem.measure.spans import Spans
from teem.record import process
from teem.record.client import Recorder


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
recorder.hand_over()
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
