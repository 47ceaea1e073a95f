"""Evaluations beside the training: what comes back, and that nothing outlives one that fails, dies or hangs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from players import Scripted, Unmakeable

from teem.errors import UsageError
from teem.training.evaluation import Evaluation, Request
from teem.training.evaluator import FAULTS_MOST, Evaluator
from teem.training.files import put


@pytest.fixture
def evaluator(tmp_path):
    made = Evaluator(Scripted(), tmp_path, 30.0, tmp_path / "last")
    yield made
    made.close()


def request_of(tmp_path: Path, version: int, said: str) -> Request:
    path = tmp_path / f"version-{version}"
    path.write_text(said)
    return Request(version, 100 * version, path)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_a_result_comes_with_its_version_and_step_and_the_version_is_kept(evaluator, tmp_path):
    for version in (1, 2):
        assert evaluator.ask(request_of(tmp_path, version, f"reward {version}"))
        found = evaluator.wait()
        assert (found.version, found.step, found.status) == (version, 100 * version, "done")
        assert found.rewards == (version, version + 2.0)
        assert (found.mean, found.std, found.length) == (version + 1.0, 1.0, 4.0)
        assert evaluator.kept.read_text() == f"reward {version}"
    assert (evaluator.started, evaluator.done) == (1, 2)  # the process stays


def test_one_at_a_time(evaluator, tmp_path):
    assert evaluator.ask(request_of(tmp_path, 1, "reward 1"))
    assert not evaluator.ask(request_of(tmp_path, 2, "reward 2"))
    assert evaluator.wait().version == 1
    assert evaluator.poll() is None and evaluator.refused == 1


def test_one_that_hangs_is_ended_with_all_that_it_began_and_the_next_is_evaluated(tmp_path):
    evaluator = Evaluator(Scripted(), tmp_path, 0.5, tmp_path / "last")
    evaluator.ask(request_of(tmp_path, 1, f"hang {tmp_path / 'pid'}"))
    process = evaluator.process.pid
    found = evaluator.wait()
    assert (found.status, found.version, found.rewards) == ("timeout", 1, ())
    assert not found.done and "0.5 s" in found.fault
    assert not alive(process)
    assert gone(int((tmp_path / "pid").read_text()))
    evaluator.ask(request_of(tmp_path, 2, "reward 7"))
    assert evaluator.wait().mean == 8.0
    assert (evaluator.timed_out, evaluator.started, evaluator.done) == (1, 2, 1)
    evaluator.close()


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("fail now", "RuntimeError: the environment broke"),
        ("die now", "ended with 3"),
        ("reward nan", "episode 0 is nan"),
    ],
)
def test_one_that_fails_is_no_result_and_the_next_is_evaluated(evaluator, tmp_path, said, fault):
    evaluator.ask(request_of(tmp_path, 1, said))
    found = evaluator.wait()
    assert found.status == "failed" and fault in found.fault and fault in evaluator.fault
    assert found.rewards == () and found.mean != found.mean
    evaluator.ask(request_of(tmp_path, 2, "reward 1"))
    assert evaluator.wait().done


def test_a_player_that_can_not_be_made_there_is_told_and_given_up_in_the_end(tmp_path):
    evaluator = Evaluator(Unmakeable(), tmp_path, 30.0, tmp_path / "last")
    for version in range(FAULTS_MOST):
        assert evaluator.ask(request_of(tmp_path, version, "reward 1"))
        assert "OSError: no display" in evaluator.wait().fault
    assert evaluator.given_up
    assert not evaluator.ask(request_of(tmp_path, 9, "reward 1"))
    assert evaluator.process is None


def test_closing_ends_the_process_in_good_order(tmp_path):
    evaluator = Evaluator(Scripted(), tmp_path, 30.0, tmp_path / "last")
    (tmp_path / "version-1").write_text(f"closing {tmp_path / 'closed'}")
    evaluator.ask(Request(1, 1, tmp_path / "version-1"))  # its reward is no number: it fails, and the player stays
    assert evaluator.wait().status == "failed"
    process = evaluator.process.pid
    evaluator.close()
    assert (tmp_path / "closed").exists()
    assert not alive(process)
    assert not any(f"/proc/{os.getpid()}/task/{process}" in str(path) for path in Path("/proc/self/task").iterdir())


def test_a_process_that_was_never_heard_ends_in_good_order(tmp_path, capfd):
    evaluator = Evaluator(Scripted(), tmp_path, 30.0, tmp_path / "last")
    evaluator.start()
    process = evaluator.process
    assert process.pipe.poll(60.0)  # it has said that it is ready
    assert process.end() == "ended with 0"
    assert capfd.readouterr().err == ""


def test_one_that_goes_out_of_reach_ends_its_process(tmp_path):
    evaluator = Evaluator(Scripted(), tmp_path, 30.0, tmp_path / "last")
    evaluator.start()
    process = evaluator.process.pid
    del evaluator
    assert gone(process)


def test_what_can_not_travel_is_refused_at_once(tmp_path):
    player = Scripted()
    with (tmp_path / "open").open("w") as player.file, pytest.raises(UsageError, match="can't be sent"):
        Evaluator(player, tmp_path, 30.0, tmp_path / "last")
    with pytest.raises(UsageError, match="timeout_s is 0"):
        Evaluator(Scripted(), tmp_path, 0, tmp_path / "last")


def test_an_evaluation_without_episodes_is_no_result():
    assert Evaluation.of(Request(1, 1, Path("x")), [], [], 0.1).status == "failed"


def test_what_a_process_that_was_ended_left_half_written_is_no_obstacle(tmp_path):
    def write(path: Path) -> None:
        path.mkdir()
        (path / "weights").write_text("new")

    for name in ("partial-last", "old-last", "last"):  # folders, as runs are kept in
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text("old")
    put(tmp_path / "last", write)
    assert (tmp_path / "last" / "weights").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
