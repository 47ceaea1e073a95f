"""The watchdog, with faults planted in real runs: a step that sleeps, one that spins, one that never ends."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from numba import njit
from test_governing import SMALL, content

from teem.config.load import load_config
from teem.measure.compiled import COMPILED
from teem.measure.governor import Controls
from teem.measure.stall import Verdict
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.report import build_report, in_words
from teem.runtime.session import exit_code
from teem.runtime.watchdog import FILE, STALLED, waited_s

LIMITS = {**SMALL, "watchdog.frames": 1000, "watchdog.frame": 0.2, "watchdog.stop": 0.0, "watchdog.shed": True}


def begin(out: Path, **more: Any) -> Run:
    settings = {**LIMITS, **{name.replace("__", "."): value for name, value in more.items()}}
    run = Run.create(load_config("farm", settings), RunFolder.create(out, "run"))
    while run.step < 12:
        run.advance()
    return run


def plant(run: Run, seconds: float) -> None:
    """Have the world's next steps last so long."""
    step = run.world.step

    def slow(action: Any) -> Any:
        time.sleep(seconds)
        return step(action)

    run.world.step = slow if seconds else step  # type: ignore[method-assign]


def log_of(out: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = begin(tmp_path / "run", checkpoint__at_end=False)
    yield run
    run.finish("steps")
    run.folder.close()


def test_a_step_that_sleeps_has_every_threads_stack_written_down_with_its_span(run: Run) -> None:
    plant(run, 0.5)
    run.advance()
    told = [line for line in log_of(run.folder.path, "long step") if line["step"] == 12]
    assert [(line["verdict"], line["span"]) for line in told] == [("long", "world")]
    stacks = (run.folder.path / FILE).read_text("utf-8")
    assert "step 12 has lasted for 0." in stacks
    assert "in slow" in stacks
    assert stacks.count("Thread 0x") >= 2


def test_one_that_goes_on_is_shed_at_the_next_step_and_recorded(run: Run) -> None:
    plant(run, 0.9)
    run.advance()
    plant(run, 0.0)
    run.advance()
    assert run.governing.controls == Controls(0.1, 1, 8)
    run.watchdog.stall.sheds = False  # as after a while
    run.advance()
    assert run.governing.controls == Controls()
    told = [(line["step"], line["why"]) for line in log_of(run.folder.path, "governor")]
    assert told == [(13, "long step"), (14, "long step over")]
    run.recorder.flush()  # type: ignore[union-attr]
    assert [row[0] for row in content(run.folder.path)["governor"]] == [13, 14]
    text = in_words(build_report(run, "steps", 1.0), "here")
    assert "steps were too long" in text
    assert "it does not follow from its seed alone" in text


def test_ordinary_steps_and_time_between_them_are_nothing(run: Run) -> None:
    before = run.watchdog.stall.long
    run.advance()
    time.sleep(0.5)
    run.advance()
    assert run.watchdog.stall.long == before


def test_a_checkpoint_may_take_long(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    state = run._state
    monkeypatch.setattr(run, "_state", lambda: time.sleep(0.6) or state())
    monkeypatch.setattr(run, "_save_when_due", run.save)
    before = run.watchdog.stall.long
    run.advance()
    assert run.watchdog.stall.long == before


def test_a_kernel_may_be_compiled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever's module is numba's compiler may take long; the same from anywhere else may not."""
    for module, long in (("numba.core.compiler", 0), ("somebody.elses", 1)):
        space: dict[str, Any] = {"__name__": module, "time": time, "step": run.world.step}
        exec("def compile_first(action):\n    time.sleep(0.5)\n    return step(action)", space)
        monkeypatch.setattr(run.world, "step", space["compile_first"])
        before = run.watchdog.stall.long
        run.advance()
        assert run.watchdog.stall.long == before + long, module


def test_a_kernel_that_is_compiled_without_letting_anybody_look_is_no_long_step(run: Run) -> None:
    """numba keeps Python's lock while it has LLVM at work: the next tick comes when all is over."""
    step = run.world.step

    def compile_all(action: Any) -> Any:
        COMPILED.on_start(None)
        time.sleep(0.5)
        COMPILED.on_end(None)
        return step(action)

    run.world.step = compile_all  # type: ignore[method-assign]
    before = run.watchdog.stall.long
    run.advance()
    assert run.watchdog.stall.long == before
    begun = COMPILED.begun
    njit(lambda x: x + 1)(1)
    assert COMPILED.begun > begun  # numba does tell
    assert COMPILED.open == 0


def test_nothing_is_shed_of_a_run_that_is_not_governed_unless_it_may_be(tmp_path: Path) -> None:
    for name, settings, sheds in (
        ("default", {}, False), ("asked", {"watchdog__shed": True}, True), ("governed", {"governor__rate": 100}, True),
    ):  # fmt: skip
        run = begin(tmp_path / name, **{"watchdog__shed": False, **settings})
        assert run.watchdog.stall.limits.shed == sheds
        run.finish("steps")
        run.folder.close()


def test_a_very_long_step_stops_the_run_with_a_checkpoint_and_an_exit_code(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", watchdog__frame=0.1, watchdog__stop=0.5)
    plant(run, 0.65)
    reason = run.play(lambda run, outcome: None, lambda: False)
    assert (reason, run.step) == ("stalled", 13)
    run.finish(reason)
    report = build_report(run, reason, 1.0)
    run.folder.close()
    assert exit_code(report) == STALLED
    assert "stopped by the watchdog at step 13" in in_words(report, "here")
    assert report["watchdog"]["stopped"].startswith("a step lasted for 0.5 s")
    assert [line["verdict"] for line in log_of(tmp_path / "run", "long step")][-2:] == ["long", "too_long"]
    resumed = Run.resume(run.config, RunFolder.open(tmp_path / "run"))
    assert resumed.step == 13
    resumed.finish("steps")
    resumed.folder.close()


def test_a_step_that_fails_is_over_and_ends_nothing_later(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", watchdog__frame=0.05, watchdog__stop=0.1)

    def fail(action: Any) -> Any:
        raise RuntimeError("planted")

    run.world.step = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="planted"):
        run.play(lambda run, outcome: None, lambda: False)
    before = run.watchdog.stall.long
    time.sleep(0.3)
    assert run.watchdog.stall.long == before
    run.finish("steps")
    run.folder.close()


def test_a_watchdog_that_fails_ends_nothing_and_is_told_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.watchdog, "_write_stacks", full)
    plant(run, 0.5)
    run.advance()
    plant(run, 0.0)
    run.advance()
    text = in_words(build_report(run, "steps", 1.0), "here")
    assert "it watched no longer: OSError: [Errno 28] No space left on device" in text


def test_nobodys_watchdog_outlives_its_run() -> None:
    assert [thread.name for thread in threading.enumerate() if thread.name == "watchdog"] == []


def test_a_run_that_is_let_go_of_lets_its_watchdog_go(tmp_path: Path) -> None:
    run = begin(tmp_path / "run")
    thread, gone = run.watchdog._thread, weakref.ref(run)
    assert thread is not None
    assert thread.is_alive()
    run.recorder.close()  # type: ignore[union-attr]
    run.folder.close()
    del run
    gc.collect()
    assert gone() is None
    thread.join(10.0)
    assert not thread.is_alive()


def test_time_waited_for_a_processor_is_told_where_the_system_knows(run: Run) -> None:
    assert waited_s(threading.get_native_id()) >= 0.0
    assert waited_s(2**22 + 1) == 0.0


def test_look_says_nothing_between_two_steps(run: Run) -> None:
    run.watchdog.look()
    assert run.watchdog.stall.tick(0, 1000.0, 0.0) == Verdict.NOTHING


# ---- in processes of their own

SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
from pathlib import Path
from test_watchdog import begin, plant
run = begin(Path({out!r}), **{more!r})
print("ready", flush=True)
{then}
"""


def start(out: Path, then: str, **more: Any) -> subprocess.Popen[str]:
    script = SCRIPT.format(here=str(Path(__file__).parent), out=str(out), more=more, then=textwrap.dedent(then))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_step_that_never_ends_ends_the_process_loudly_and_nothing_is_left(tmp_path: Path) -> None:
    """A kernel that spins without the interpreter's lock can't be stopped; its process can."""
    out = tmp_path / "run"
    then = """
    from numba import njit
    @njit(nogil=True)
    def spin_on(x):
        while x >= 0:
            x = (x + 1) % 1000
        return x
    spin_on(-1)
    run.recorder.hand_over()
    run.world.step = lambda action: spin_on(1)
    run.play(lambda run, outcome: None, lambda: False)
    """
    process = start(out, then, watchdog__frame=0.1, watchdog__stop=0.3)
    _, said = process.communicate(timeout=120)
    assert process.returncode == STALLED
    assert "will not end: see" in said
    assert [line["verdict"] for line in log_of(out, "long step")][-3:] == ["long", "too_long", "endless"]
    assert log_of(out, "ended by the watchdog")
    RunFolder.open(out).close()  # the record's writer has let go of the folder
    assert content(out)["steps"]


def test_a_stopped_process_is_no_false_alarm(tmp_path: Path) -> None:
    out = tmp_path / "run"
    then = """
    import sys
    plant(run, 0.05)
    run.play(lambda run, outcome: None, lambda: run.step >= 60)
    run.finish("interrupted")
    print(run.watchdog.stall.long, flush=True)
    """
    process = start(out, then, watchdog__frame=0.4)
    time.sleep(0.3)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    process.send_signal(signal.SIGCONT)
    told, said = process.communicate(timeout=120)
    assert (told, process.returncode) == ("0\n", 0), said
    assert not (out / FILE).exists()
