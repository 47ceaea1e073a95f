"""Instructions are counted, kept and compared; where they can't be counted, that is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from teem.bench import counts, valgrind
from teem.bench.counts import Counts, judge, keep, of_setting, read
from teem.bench.scenario import Scenario, Suite, ready_suites
from teem.bench.stations import EndedError
from teem.bench.worker import Answer, Command, Count, Counted, Failed, Prepare, Ready
from teem.cli import main
from teem.errors import UsageError

HERE = {"processor": "here"}
SUITE = Suite(
    about="-",
    scenario=tuple(Scenario(name=name, about="-", work="index", unit="point", counted={}) for name in "bacd"),
)


def counted(**instructions: float) -> Counts:
    return Counts(of=HERE, instructions={name: {name: (value,)} for name, value in instructions.items()})


@pytest.mark.parametrize(("times", "word"), [(1.0, "as before"), (1.02, "as before"), (1.2, "slower"), (0.8, "faster")])
def test_more_instructions_than_the_budget_allows_are_slower(times: float, word: str) -> None:
    [verdict] = judge(counted(a=1000.0, c=1.0), counted(a=1000.0 * times, b=3.0), {"s": SUITE})
    assert (verdict.scenario, verdict.word, verdict.change.value) == ("a", word, times)


def test_counts_are_kept_a_setting_each_and_those_not_counted_anew_stay(tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    keep(path, counted(a=1.0, b=2.0))
    keep(path, msgspec.structs.replace(counted(a=7.0), of={"processor": "there"}))
    keep(path, counted(b=3.0))
    here, there = of_setting(read(path), HERE), of_setting(read(path), {"processor": "there"})
    assert here == counted(a=1.0, b=3.0)
    assert there == msgspec.structs.replace(counted(a=7.0), of={"processor": "there"})
    assert of_setting(read(path), {"processor": "elsewhere"}) is None
    path.write_text("{}")
    with pytest.raises(UsageError, match="holds no counts"):
        read(path)


class Said:
    """A station that counts 100 units of everything, and does as `odd` says with the case b."""

    def __init__(self, odd: Callable[[Command], Answer | None]) -> None:
        self.odd, self.ended = odd, False

    def ask(self, command: Command) -> Answer:
        if self.ended:
            raise EndedError("ended")
        if command.key.startswith("b/"):  # type: ignore[union-attr]
            try:
                if (answer := self.odd(command)) is not None:
                    return answer
            except EndedError:
                self.ended = True
                raise
        return Ready(1, None) if isinstance(command, Prepare) else Counted(100.0)


def counted_beside(monkeypatch: pytest.MonkeyPatch, odd: Callable[[Command], Answer | None]) -> Counts:
    @contextmanager
    def workers(under: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[Any]:
        yield lambda: Said(odd)

    monkeypatch.setattr(counts, "workers", workers)
    monkeypatch.setattr(counts, "this_setting", lambda: HERE)
    monkeypatch.setattr(valgrind, "read_count", lambda out, number: 1000 * number)
    return counts.count({"s": SUITE}, 1, lambda what: None)


def test_each_case_has_the_count_of_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counted_beside(monkeypatch, lambda command: None) == counted(b=10.0, a=20.0, c=10.0, d=20.0)


def test_what_can_not_be_prepared_is_told_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = counted_beside(monkeypatch, lambda command: Failed("wrong") if isinstance(command, Prepare) else None)
    assert found == msgspec.structs.replace(counted(a=10.0, c=20.0, d=10.0), failed={"b: b": "wrong"})


def test_what_takes_its_process_with_it_leaves_the_counts_of_the_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(command: Command) -> None:
        if isinstance(command, Count):
            raise EndedError("ended")

    found = counted_beside(monkeypatch, odd)
    assert found == msgspec.structs.replace(counted(c=10.0, d=20.0), failed={"b: b": "ended", "a: a": "ended"})


def test_without_valgrind_nothing_is_judged_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    keep(tmp_path / "counts.json", counted(a=1.0))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2")
    asked = ["bench", "index-build", "--counts", "--baseline", str(tmp_path / "counts.json")]
    assert main(asked) == 0
    assert "not counted: valgrind is not installed" in capsys.readouterr().out


@pytest.mark.parametrize(("slow", "code", "told"), [(1.0, 0, "as before"), (1.2, 1, "slower")])
def test_a_fifth_more_instructions_fail_the_command(
    slow: float, code: int, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    now = Counts(of=HERE, instructions={"index-build": {"index-build": (100.0 * slow,)}})
    monkeypatch.setattr(valgrind, "refusal", lambda: None)
    monkeypatch.setattr(counts, "count", lambda suites, launches, progress: now)
    keep(tmp_path / "counts.json", Counts(of=HERE, instructions={"index-build": {"index-build": (100.0,)}}))
    asked = ["bench", "index-build", "--counts", "--baseline", str(tmp_path / "counts.json"), "--json"]
    assert main(asked) == code
    assert json.loads(capsys.readouterr().out)["verdicts"][0]["word"] == told


def test_kernels_for_avx_512_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/valgrind")
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,+avx512f")
    assert "AVX-512" in str(valgrind.refusal())


def test_every_component_is_counted() -> None:
    assert all(one.counted is not None for one in ready_suites()["components"].scenario)


def test_work_is_done_once_where_nobody_counts() -> None:
    calls: list[int] = []
    one = valgrind.Valgrind()
    assert not one.running
    assert one.count(lambda: calls.append(1) or 3.0) == 3.0 and calls == [1]


LOOPS = """
import threading
from itertools import repeat
from teem.bench.valgrind import Valgrind
one = Valgrind()
assert one.running
def loop(n):
    for _ in repeat(None, n): pass  # no integers: those above 256 take longer
    return 1.0
over = threading.Event()
def look_around():
    while not over.wait(0.001): sum(range(1000))
other = threading.Thread(target=look_around)
other.start()
for n in (10, 10, 10_000, 10_000, 20_000, 20_000):
    one.count(lambda: loop(n))
over.set()
other.join()
"""


@pytest.mark.slow
@pytest.mark.skipif(valgrind.refusal() is not None, reason=f"not counted here: {valgrind.refusal()}")
def test_twice_the_work_is_twice_the_instructions_whatever_other_threads_do(tmp_path: Path) -> None:
    out = tmp_path / "counts"
    subprocess.run([*valgrind.command(out), sys.executable, "-c", LOOPS], check=True)
    _, none, _, once, _, twice = (valgrind.read_count(out, number) for number in range(1, 7))
    assert (twice - none) / (once - none) == pytest.approx(2.0, rel=0.02)
