"""What the tests of the recorder and its process share."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from teem.config.settings import RecordSettings
from teem.measure.spans import Spans
from teem.record.client import Recorder
from teem.record.schema import INCIDENTS

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
    recorder.write("agent_steps", step=step, agent_id=np.arange(rows), x=0.5, y=0.5, energy=1.0, health=1.0,
                   age=1, reward=np.zeros(rows, np.float32), action=0, target_id=-1)
recorder = Recorder(Path(sys.argv[1]), RecordSettings(profile=sys.argv[2]), Spans())
recorder.write_names(actions=("go",))
"""


def recorder_at(path, **settings):
    recorder = Recorder(path, RecordSettings(**settings), Spans())
    recorder.write_names(**NAMES)
    return recorder


def write_states(recorder, step, rows=500):
    zeros = np.zeros(rows, np.float32)
    recorder.write(
        "agent_steps", step=step, agent_id=np.arange(rows), x=zeros, y=0.0, energy=zeros, health=1.0, age=0,
        reward=zeros, action=0, target_id=-1,
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
