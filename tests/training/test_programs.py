"""A process beside the training: it takes of a core what training leaves, and rests when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from players import Scripted

from teem.offspring import lives
from teem.training.evaluation import Request
from teem.training.evaluator import Evaluator
from teem.training.process import Program

linux = pytest.mark.skipif(sys.platform != "linux", reason="cores can't be chosen elsewhere, nor states told")


@contextmanager
def one_core() -> Iterator[None]:
    """This process, and those that it begins, on one and the same core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def share_of(pid: int, seconds: float = 1.0) -> float:
    """How much of the CPU time that the two have it takes while this one wants all of it."""
    its = psutil.Process(pid)
    begun, mine, other = time.monotonic(), time.process_time(), sum(its.cpu_times()[:2])
    while time.monotonic() < begun + seconds:
        pass
    mine, other = time.process_time() - mine, sum(its.cpu_times()[:2]) - other
    return other / (mine + other)


@linux
def test_it_leaves_a_core_that_both_want_to_training() -> None:
    with one_core():
        beside = Program("timeit", "-n", "100000000000", "pass")
        try:
            assert share_of(beside.pid) < 0.25
        finally:
            beside.kill()


@linux
def test_two_alike_share_a_core_which_shows_that_the_other_test_can_fail() -> None:
    with one_core():
        alike = subprocess.Popen([sys.executable, "-m", "timeit", "-n", "100000000000", "pass"])
        try:
            assert share_of(alike.pid) > 0.25
        finally:
            alike.kill()
            alike.wait()


@pytest.fixture
def evaluator(tmp_path: Path) -> Iterator[Evaluator]:
    """One that is ready."""
    made = Evaluator(Scripted(), tmp_path, 0.5, tmp_path / "last")
    ask(made, tmp_path, "reward 0")
    assert made.wait()
    yield made
    made.close()


def ask(evaluator: Evaluator, folder: Path, said: str) -> None:
    (folder / "version").write_text(said)
    assert evaluator.ask(Request(1, 100, folder / "version"))


def stands_still(evaluator: Evaluator) -> bool:
    assert evaluator.process is not None
    return bool(psutil.Process(evaluator.process.pid).status() == psutil.STATUS_STOPPED)


@linux
def test_time_for_want_of_a_core_is_none_of_an_evaluation(tmp_path: Path) -> None:
    evaluator = Evaluator(Scripted(), tmp_path, 1.0, tmp_path / "last")
    with one_core():
        ask(evaluator, tmp_path, "reward 0")
        assert evaluator.wait()
        other = subprocess.Popen([sys.executable, "-m", "timeit", "-n", "100000000000", "pass"])
        try:
            ask(evaluator, tmp_path, "spin 0.55")  # of half a core that is more than the second, and it has less
            found = evaluator.wait()
        finally:
            other.kill()
            other.wait()
    evaluator.close()
    assert found is not None and found.done


@linux
def test_who_rests_stands_still_and_its_time_too(evaluator: Evaluator, tmp_path: Path) -> None:
    ask(evaluator, tmp_path, "spin 0.2")
    evaluator.process.rest()
    time.sleep(1.0)  # longer than an evaluation may take
    assert stands_still(evaluator)
    assert evaluator.poll() is None and evaluator.busy
    evaluator.process.go_on()
    assert not stands_still(evaluator)
    found = evaluator.wait()
    assert found is not None and found.done and evaluator.timed_out == 0


@linux
def test_one_that_hangs_is_ended_though_it_rests_now_and_then(evaluator: Evaluator, tmp_path: Path) -> None:
    ask(evaluator, tmp_path, f"hang {tmp_path / 'pid'}")
    found, rests = None, 0
    while found is None:
        evaluator.process.rest()
        time.sleep(0.05)
        evaluator.process.go_on()
        time.sleep(0.05)
        found, rests = evaluator.poll(), rests + 1
    assert found.status == "timeout" and rests >= 5  # it had the half of a second, and rested as long
    wait_until_gone(int((tmp_path / "pid").read_text()))


@linux
def test_what_is_waited_for_goes_on(evaluator: Evaluator, tmp_path: Path) -> None:
    ask(evaluator, tmp_path, "spin 0.2")
    evaluator.process.rest()
    found = evaluator.wait()
    assert found is not None and found.done


@linux
def test_who_rests_ends_in_good_order(evaluator: Evaluator, tmp_path: Path) -> None:
    ask(evaluator, tmp_path, f"closing {tmp_path / 'closed'}")
    assert evaluator.wait()
    evaluator.process.rest()
    evaluator.close()
    assert (tmp_path / "closed").exists()


@linux
@pytest.mark.parametrize("told", [True, False])
def test_who_rests_ends_with_training_even_before_it_has_told_the_system_to_see_to_it(
    tmp_path: Path, told: bool
) -> None:
    training = f"""
import os, signal
from pathlib import Path
import psutil
from players import Scripted
from teem.training.evaluator import Evaluator
evaluator = Evaluator(Scripted(), Path({str(tmp_path)!r}), 30.0, Path({str(tmp_path / "last")!r}))
evaluator.start()
if {told}:
    evaluator.process.pipe.poll(60.0)
evaluator.process.rest()
while psutil.Process(evaluator.process.pid).status() != psutil.STATUS_STOPPED:
    pass
print(evaluator.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run(
        [sys.executable, "-c", training], stdout=subprocess.PIPE, text=True, timeout=60, cwd=Path(__file__).parent
    )
    assert run.returncode == -signal.SIGKILL
    wait_until_gone(int(run.stdout))


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lives(pid)


def test_it_has_a_group_of_its_own_in_the_session_of_training() -> None:
    beside = Program("this", stdout=subprocess.DEVNULL)
    assert os.getpgid(beside.pid) == beside.pid != os.getpgid(0)
    assert os.getsid(beside.pid) == os.getsid(0)
    assert beside.popen.wait() == 0
