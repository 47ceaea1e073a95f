"""Instruments change nothing that a run does, and show what was planted for them to find."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planted import dawdle, hesitate, hoard, nap

from teem.profile.functions import function_named
from teem.profile.instruments import INSTRUMENTS
from teem.profile.play import Job, covered, digest_of

STEPS = 12
NEEDED = {"line_profiler": "line_profiler", "memray": "memray", "yappi": "yappi"}


def under(instrument: str, run: Any, job: Callable[..., Job], *functions: str) -> dict[str, Any]:
    """What an instrument tells of some steps of a run, as a play is told of it."""
    if instrument in NEEDED:
        pytest.importorskip(NEEDED[instrument], reason="one of the extra `profile`")
    one = INSTRUMENTS[instrument](job(instrument, STEPS, *functions))
    one.prepare()
    for _ in range(2):
        run.advance()
    run.spans.forget()
    one.start(run)
    for _ in range(STEPS):
        run.advance()
        one.tick()
    one.stop()
    found: dict[str, Any] = json.loads(json.dumps(one.found(run)))
    return found


@pytest.fixture(scope="module")
def unprofiled() -> dict[str, str]:
    return {}


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_profiled_run_goes_as_an_unprofiled_one(
    instrument: str, farm: Any, job: Any, unprofiled: dict[str, str]
) -> None:
    if not unprofiled:
        with farm() as run:
            for _ in range(STEPS + 2):
                run.advance()
            unprofiled["digest"] = digest_of(run)
            run.world.population.energy[run.world.population.living[0]] += 1e-3
            assert digest_of(run) != unprofiled["digest"]  # else it would not tell
    with farm() as run:
        under(instrument, run, job)
        assert digest_of(run) == unprofiled["digest"]


def test_a_slow_function_is_at_the_top_of_the_functions(farm: Any, job: Any) -> None:
    with farm(dawdle) as run:
        found = under("cprofile", run, job)
    (slow,) = (one for one in found["own"][:3] if one["function"] == "dawdle")
    assert slow["calls"] == STEPS
    assert found["cumulative"][0]["function"] == "advance"


def test_a_slow_line_is_the_largest_of_its_function(farm: Any, job: Any) -> None:
    with farm(dawdle) as run:
        found = under("line_profiler", run, job, "planted:dawdle", "teem.runtime.loop:Run.advance")
    called = {one["function"].rpartition(".")[2]: one for one in found["functions"]}
    slowest = max(called["dawdle"]["lines"], key=lambda line: line["s"])
    assert slowest["hits"] >= 40_000 * STEPS
    assert called["advance"]["s"] > called["dawdle"]["s"]


def test_the_usual_functions_are_the_loop_and_what_it_calls(farm: Any, job: Any) -> None:
    with farm() as run:
        found = under("line_profiler", run, job)
    names = {one["function"].rpartition(".")[2] for one in found["functions"]}
    assert {"advance", "observe", "act", "step", "remember", "learn"} <= names


def test_what_is_hoarded_is_what_grew_most(farm: Any, job: Any) -> None:
    with farm(hoard) as run:
        found = under("tracemalloc", run, job)
    grown = found["grown"][0]
    assert "np.ones(25_000)" in grown["code"]
    assert grown["bytes"] == pytest.approx(200_000 * STEPS, rel=0.1)
    held = [one["bytes"] for one in found["held"]]
    assert held[-1] - held[0] > 0.9 * 200_000 * STEPS
    assert found["peak_bytes"] >= held[-1] - 200_000


def test_what_native_code_takes_and_keeps_is_told(farm: Any, job: Any) -> None:
    with farm(hoard) as run:
        found = under("memray", run, job)
    assert "np.ones(25_000)" in found["left"][0]["code"]
    assert found["left"][0]["bytes"] == pytest.approx(200_000 * STEPS, rel=0.1)
    assert found["peak_bytes"] >= found["left"][0]["bytes"]


@pytest.mark.parametrize("planted", [hesitate, nap])
def test_a_wait_of_the_stepping_thread_is_the_largest_of_its_waits(planted: Any, farm: Any, job: Any) -> None:
    with farm(planted) as run:
        found = under("yappi", run, job)
    own = [one for one in found["waits"] if one["thread"] == "MainThread"]
    assert ("acquire" if planted is hesitate else "sleep") in own[0]["function"]
    assert own[0]["s"] >= 0.004 * STEPS
    assert {"MainThread", "record answers"} <= {one["thread"] for one in found["threads"]}


def test_outermost_spans_make_up_a_step(farm: Any, job: Any) -> None:
    with farm() as run:
        under("nothing", run, job)
        assert 0.9 < covered(run) <= 1.0


def test_the_trace_of_a_run_loads_and_nests(farm: Any, job: Any, tmp_path: Path) -> None:
    with farm() as run:
        found = under("spans", run, job)
        total = run.spans.total_s("learn")
    told = json.loads((tmp_path / found["file"]).read_text("utf-8"))["traceEvents"]
    events = sorted((one for one in told if one["ph"] == "X"), key=lambda one: (one["ts"], -one["dur"]))
    assert len(events) == found["spans"]
    open_: list[dict[str, Any]] = []
    parents = set()
    for event in events:
        while open_ and open_[-1]["ts"] + open_[-1]["dur"] <= event["ts"]:
            open_.pop()
        if open_:
            assert event["ts"] + event["dur"] <= open_[-1]["ts"] + open_[-1]["dur"] + 1e-3, event["name"]
        parents.add((event["name"], open_[-1]["name"] if open_ else ""))
        open_.append(event)
    assert {("step", ""), ("learn", "step"), ("world.move", "world"), ("world.look", "observe")} <= parents
    assert [name for name, parent in parents if not parent] == ["step"]
    learning = sum(event["dur"] for event in events if event["name"] == "learn") / 1e6
    assert learning == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("teem.runtime.loop:Run.advanced", "can't be found"),
        ("teem.no_such:run", "can't be found"),
        ("run", "can't be found"),
        ("teem.worlds.farm.look:look", "a compiled function, without lines"),
        ("teem.runtime.loop:Run", "is a type"),
    ],
)
def test_what_has_no_lines_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        function_named(name)
