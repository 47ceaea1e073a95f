"""The trace: every span with its beginning, in fixed memory, as Perfetto reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from teem.measure.spans import Spans
from teem.measure.trace import Trace, joined


def events(spans: Spans, path: Path) -> list[dict[str, Any]]:
    assert spans.trace is not None
    spans.trace.write(path, spans.names)
    told: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["traceEvents"]
    return [event for event in told if event["ph"] == "X"]


def test_a_trace_tells_each_span_with_its_beginning_within_the_one_around_it(tmp_path: Path) -> None:
    spans = Spans()
    spans.trace = Trace(100)
    for _ in range(3):
        with spans("step"):
            with spans("observe"), spans("world.look"):
                pass
            with spans("act"):
                pass
        spans.close_step()
    told = events(spans, tmp_path / "trace.json")
    assert [event["name"] for event in told] == ["world.look", "observe", "act", "step"] * 3
    for look, observe, act, step in zip(*[iter(told)] * 4, strict=True):
        for inner, outer in ((look, observe), (observe, step), (act, step)):
            assert outer["ts"] <= inner["ts"]
            assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"] + 1e-3  # a nanosecond, in microseconds
        assert observe["ts"] + observe["dur"] <= act["ts"] + 1e-3


def test_a_span_measured_elsewhere_began_when_it_is_told_or_is_just_over(tmp_path: Path) -> None:
    spans = Spans()
    spans.trace = Trace(10)
    spans.add("told", 5_000, begun=1_000)
    spans.add("over", 2_000)
    told, over = spans.trace.spans()
    assert told == (0, 1_000, 5_000)
    assert over[2] == 2_000
    assert over[1] > 1_000


def test_a_trace_keeps_the_last_spans_and_never_grows(tmp_path: Path) -> None:
    spans = Spans()
    spans.trace = Trace(4)
    for number in range(10):
        spans.add("a", 1, begun=number)
    assert [begun for _, begun, _ in spans.trace.spans()] == [6, 7, 8, 9]
    assert (spans.trace.noted, spans.trace.overwritten) == (10, 6)
    assert [event["ts"] for event in events(spans, tmp_path / "trace.json")] == pytest.approx([0, 1e-3, 2e-3, 3e-3])


def test_what_is_forgotten_counts_no_more() -> None:
    spans = Spans(window=4)
    for nanoseconds in (5, 7):
        spans.add("a", nanoseconds)
        spans.close_step()
    spans.forget()
    assert (spans.steps, spans.total_s("a"), len(spans.recent_ms("a"))) == (0, 0.0, 0)
    spans.add("a", 3_000_000)
    spans.close_step()
    assert list(spans.recent_ms("a")) == [3.0]


def test_traces_of_several_processes_are_joined_on_one_clock(tmp_path: Path) -> None:
    for name, begun in (("first", 5_000), ("second", 7_000)):
        spans = Spans(trace=Trace(10))
        spans.add("early", 100, begun=1_000)
        spans.add("late", 300, begun=begun)
        spans.leave_trace(tmp_path)
        (tmp_path / "trace.json").rename(tmp_path / f"{name}.json")
    parts = {name: tmp_path / f"{name}.json" for name in ("first", "second")}
    spans_of = joined(parts, tmp_path / "both.json", since=4_000)
    assert {name: [(one["name"], one["ts"]) for one in told] for name, told in spans_of.items()} == {
        "first": [("late", pytest.approx(1.0))],
        "second": [("late", pytest.approx(3.0))],
    }
    told = json.loads((tmp_path / "both.json").read_text("utf-8"))
    assert [one["args"]["name"] for one in told["traceEvents"] if one["name"] == "process_name"] == ["first", "second"]
