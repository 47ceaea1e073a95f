"""A run that was killed and resumed has recorded what it would have recorded without."""

import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_world
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_world import config_of, run

from teem.errors import UsageError
from teem.record.schema import SAMPLED, rewind


def content(folder):
    connection = sqlite3.connect(f"file:{folder / 'run.db'}?mode=ro", uri=True)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def folder_in(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    return folder


def run_and_kill(folder, steps, die_at, how="new"):
    """Run in another process that is killed after step `die_at`; returns once its writer has ended too."""
    died = subprocess.run(
        [sys.executable, tiny_world.__file__, str(folder), str(steps), str(die_at), how],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    end = time.monotonic() + 20
    while Path(f"/proc/{int(died.stdout)}").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_same_seed_records_the_same_content(tmp_path):
    first, second = folder_in(tmp_path, "first"), folder_in(tmp_path, "second")
    run(first, 40, config_of())
    run(second, 40, config_of(profile="memory"))
    same = [line for line in content(first) if "record.profile" not in line]
    assert same == [line for line in content(second) if "record.profile" not in line]
    assert len(same) > 200


def test_neither_threads_nor_places_nor_times_are_part_of_the_content(tmp_path):
    folder = folder_in(tmp_path, "run")
    run(folder, 10, config_of())
    text = "\n".join(content(folder))
    assert "runtime" not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize("die_at", [1, 8, 23])
def test_a_run_killed_at_any_step_and_resumed_equals_one_that_was_not(tmp_path, die_at):
    whole, broken = folder_in(tmp_path, "whole"), folder_in(tmp_path, "broken")
    run(whole, 40, config_of())
    run_and_kill(broken, 40, die_at)
    run(broken, 40, config_of(), resume=True)
    assert content(broken) == content(whole)


def test_a_run_killed_twice_and_resumed_from_an_older_checkpoint_equals_one_that_was_not(tmp_path):
    whole, broken = folder_in(tmp_path, "whole"), folder_in(tmp_path, "broken")
    run(whole, 40, config_of())
    run_and_kill(broken, 40, 23)
    newest = max((broken / "checkpoints").iterdir())
    (newest / "arrays.safetensors").write_bytes(b"")
    run_and_kill(broken, 40, 30, "resume")
    run(broken, 40, config_of(), resume=True)
    assert content(broken) == content(whole)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_rewinding_any_stream_equals_never_having_gone_further(data):
    steps = data.draw(st.integers(1, 25))
    back_to = data.draw(st.integers(-1, steps - 1))
    founders = data.draw(st.integers(1, 12))
    config = config_of(every=data.draw(st.integers(1, 4)), profile="performance")
    with tempfile.TemporaryDirectory() as base:
        far, near = folder_in(Path(base), "far"), folder_in(Path(base), "near")
        run(far, steps, config, founders=founders)
        rewind(far / "run.db", back_to)
        if back_to < 0:
            connection = sqlite3.connect(far / "run.db")
            counts = [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (*SAMPLED, "agents")
            ]
            connection.close()
            assert not np.any(counts)
        else:
            run(near, back_to + 1, config, founders=founders)
            assert content(far) == content(near)


def test_rewinding_refuses_a_foreign_database(tmp_path):
    connection = sqlite3.connect(tmp_path / "run.db")
    connection.execute("CREATE TABLE steps(step)")
    connection.commit()
    connection.close()
    with pytest.raises(UsageError, match="not written by teem"):
        rewind(tmp_path / "run.db", 3)
