"""A run folder has one owner, and is never overwritten."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from teem.config.settings import RecordSettings
from teem.errors import InUseError, UsageError
from teem.measure.spans import Spans
from teem.record import folder as folder_module
from teem.record.client import Recorder
from teem.record.folder import RunFolder

HOLD = """
import sys, time
from pathlib import Path
from teem.record.folder import RunFolder
folder = RunFolder.create(Path(sys.argv[1]), "farm-7")
folder.write_config("seed = 7")
print("held", flush=True)
time.sleep(60)
"""


def test_a_new_run_gets_the_first_free_name(tmp_path):
    paths = []
    for _ in range(3):
        folder = RunFolder.create(None, "farm-7", tmp_path / "runs")
        paths.append(folder.path.name)
        folder.close()
    assert paths == ["farm-7", "farm-7-2", "farm-7-3"]


def test_a_folder_that_holds_a_run_is_not_overwritten_and_the_remedy_is_said(tmp_path):
    folder = RunFolder.create(tmp_path / "mine", "farm-7")
    folder.write_config("seed = 7")
    folder.close()
    with pytest.raises(UsageError, match="teem resume"):
        RunFolder.create(tmp_path / "mine", "farm-7")
    again = RunFolder.open(tmp_path / "mine")
    assert again.config.read_text() == "seed = 7"
    again.close()


def test_a_folder_with_other_files_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(UsageError, match=r"holds thesis\.txt"):
        RunFolder.create(tmp_path, "farm-7")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        RunFolder.create(tmp_path / "file", "farm-7")
    with pytest.raises(UsageError, match="can't be made"):
        RunFolder.create(tmp_path / "file" / "deeper", "farm-7")
    with pytest.raises(UsageError, match="can't be made"):
        RunFolder.create(None, "farm-7", tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="can't be"):
        RunFolder.create(tmp_path / "run", "farm-7")


def test_what_is_no_run_cannot_be_opened(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no config\.toml"):
        RunFolder.open(tmp_path)
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "run.db").write_text("not a database, though it is long enough to look like one" * 9)
    with pytest.raises(UsageError, match=r"run\.db"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.db").unlink()
    RunFolder.open(tmp_path).close()  # the failed attempt holds no lock


def test_a_second_process_is_told_who_holds_the_folder(tmp_path, monkeypatch):
    path = tmp_path / "run"
    monkeypatch.setattr(folder_module, "DYING_S", 0.1)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        for attempt in (lambda: RunFolder.open(path), lambda: RunFolder.create(path, "farm-7")):
            with pytest.raises(InUseError, match=f"process {holder.pid}") as refused:
                attempt()
            assert refused.value.exit_code == 3
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    RunFolder.open(path).close()


def test_the_writer_of_a_killed_run_holds_the_folder_until_all_is_written(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "run", "farm-7")
    folder.write_config("")
    recorder = Recorder(folder.database, RecordSettings(), Spans(), keep_open=(folder.lock,))
    recorder.flush()
    os.pwrite(folder.lock, f"{_dead_pid()}\n".encode(), 0)
    folder.close()  # as the end of this process would
    monkeypatch.setattr(folder_module, "HANDOVER_S", 0.3)
    with pytest.raises(InUseError):
        RunFolder.open(folder.path)
    monkeypatch.setattr(folder_module, "HANDOVER_S", 20.0)
    closing = threading.Timer(0.2, recorder.close)
    closing.start()
    RunFolder.open(folder.path).close()  # waits
    closing.join()


def test_a_killed_run_that_nobody_has_buried_does_not_hold_its_folder(tmp_path):
    path = tmp_path / "run"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    holder.stdout.readline()
    os.kill(holder.pid, signal.SIGKILL)
    RunFolder.open(path).close()
    holder.wait()
    holder.stdout.close()


def test_a_zombie_that_holds_a_number_is_waited_for(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "run", "farm-7")
    folder.write_config("")
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # dead, and not buried
    os.pwrite(folder.lock, f"{zombie.pid}\n".encode(), 0)
    monkeypatch.setattr(folder_module, "DYING_S", 0.0)
    monkeypatch.setattr(folder_module, "HANDOVER_S", 0.2)
    begun = time.monotonic()
    with pytest.raises(InUseError):
        RunFolder.open(folder.path)
    assert time.monotonic() - begun > 0.15
    zombie.wait()
    folder.close()


def test_reports_and_settings_are_replaced_at_once_and_nothing_else_is_left(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "farm-7")
    folder.write_config("a = 1")
    folder.write_config("a = 2")
    folder.write_report({"steps": 3})
    folder.log("started", seed=7)
    folder.log("stopped", why="done")
    folder.close()
    assert folder.config.read_text() == "a = 2"
    assert json.loads((folder.path / "report.json").read_text()) == {"steps": 3}
    lines = [json.loads(line) for line in (folder.path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "stopped"]
    assert lines[0]["seed"] == 7
    names = {entry.name for entry in folder.path.iterdir()}
    assert names == {".lock", "config.toml", "report.json", "log.jsonl"}


def test_the_lock_is_a_lock(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "farm-7")
    other = os.open(folder.path / ".lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    folder.close()
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)


def _dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
