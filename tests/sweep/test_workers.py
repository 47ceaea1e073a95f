"""Workers keep to their places, pass a stop on once, and leave no process behind; played by stand-ins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from teem.sweep import workers as module
from teem.sweep.runs import Job, Orders
from teem.sweep.workers import Places, Playing, Workers

STAND_IN = """
import json, signal, sys, time
from pathlib import Path
folder, seconds, code = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
stopped = []
signal.signal(signal.SIGINT, lambda number, frame: stopped.append(number))
folder.mkdir(parents=True)
end = time.monotonic() + seconds
while time.monotonic() < end and not stopped:
    time.sleep(0.01)
time.sleep(0.1 if stopped else 0)
reason = "interrupted" if stopped else "steps"
(folder / "report.json").write_text(json.dumps({"reason": reason, "heard": len(stopped)}))
sys.exit(code)
"""


TELLING = """
import os, sys
print(os.environ["OMP_NUM_THREADS"], os.getsid(0) == os.getpid(), file=sys.stderr)
"""


class Asked:
    asked = False


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use(seconds: float = 0.1, code: int = 0) -> None:
        monkeypatch.setattr(
            module,
            "command",
            lambda orders: [sys.executable, "-c", STAND_IN, orders.folder, str(seconds), str(code)],
        )

    return use


def jobs(tmp_path: Path, count: int) -> list[Job]:
    return [Job(1, seed, 10, tmp_path) for seed in range(count)]


def test_no_more_than_its_places_are_played_side_by_side_and_all_are(
    tmp_path: Path, stand_in: Callable[..., None]
) -> None:
    stand_in()
    workers, side_by_side, ended = Workers(Places(2, 1), Asked(), own_threads=False), [], []
    workers.play(
        jobs(tmp_path, 5),
        lambda one, code: ended.append((one.job.seed, code)),
        lambda: side_by_side.append(len(workers.playing)),
    )
    assert sorted(ended) == [(seed, 0) for seed in range(5)]
    assert max(side_by_side) == 2
    assert [one.state() for one in jobs(tmp_path, 5)] == ["done"] * 5


def test_one_that_fails_does_not_keep_the_others_from_playing(tmp_path: Path, stand_in: Callable[..., None]) -> None:
    stand_in(code=3)
    codes: list[int] = []
    Workers(Places(3, 1), Asked(), own_threads=False).play(
        jobs(tmp_path, 3), lambda _, code: codes.append(code), lambda: None
    )
    assert codes == [3, 3, 3]


def test_a_stop_is_passed_on_once_and_nothing_more_is_begun(tmp_path: Path, stand_in: Callable[..., None]) -> None:
    stand_in(seconds=60)
    asked, ended = Asked(), []
    workers = Workers(Places(2, 1), asked, own_threads=False)

    def look() -> None:
        asked.asked = all(one.job.folder.exists() for one in workers.playing)

    workers.play(jobs(tmp_path, 4), lambda one, code: ended.append(one.job), look)
    assert len(ended) == 2
    assert [json.loads((one.folder / "report.json").read_text()) for one in ended] == [
        {"reason": "interrupted", "heard": 1}
    ] * 2
    assert not jobs(tmp_path, 4)[2].folder.exists()


def test_what_goes_wrong_in_the_sweep_ends_what_plays(tmp_path: Path, stand_in: Callable[..., None]) -> None:
    stand_in(seconds=60)
    workers, seen = Workers(Places(2, 1), Asked(), own_threads=False), []

    def look() -> None:
        seen[:] = workers.playing
        raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        workers.play(jobs(tmp_path, 2), lambda one, code: None, look)
    assert [one.code() for one in seen] == [-signal.SIGKILL] * 2


def test_threads_are_limited_and_the_orders_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Orders] = []

    def command(orders: Orders) -> list[str]:
        given.append(orders)
        return [sys.executable, "-c", TELLING]

    monkeypatch.setattr(module, "command", command)
    for own, job in ((False, Job(2, 9, 10, tmp_path)), (True, Job(2, 9, 10, tmp_path))):
        playing = Playing(job, Places(2, 3), own)
        while playing.code() is None:
            time.sleep(0.01)
    (job.folder / "checkpoints" / "step-000000003").mkdir(parents=True)
    playing = Playing(job, Places(2, 3), False)
    playing.end()
    file, folder = str(tmp_path / "setting-02.toml"), str(tmp_path / "setting-02" / "seed-9")
    me = os.getpid()
    assert given == [
        Orders(parent=me, folder=folder, settings=file, overrides={"seed": 9, "runtime.threads": 3}),
        Orders(parent=me, folder=folder, settings=file, overrides={"seed": 9}),
        Orders(parent=me, folder=folder),
    ]
    assert job.log.read_text().split()[:4] == ["3", "True"] * 2  # in a session of its own: a Ctrl-C is not its to hear


def test_a_player_whose_sweep_has_gone_plays_nothing(tmp_path: Path) -> None:
    orders = Orders(parent=1, folder=str(tmp_path / "run"), settings="farm")
    done = subprocess.run(
        module.command(orders), cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []
