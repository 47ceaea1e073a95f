"""Macro of a run that several processes play: each is looked at as it is, while it does its part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teem.measure.trace import joined
from teem.profile.play_apart import PlayedApart
from teem.profile.report import Cost, Report, Table
from teem.profile.sampler import sample
from teem.profile.stage import Stage, Watch
from teem.runtime import words

TRACE = "trace.json"
ROWS = 25

Event = dict[str, Any]


def profile_macro_apart(stage: Stage, report: Report) -> None:
    """Every process's spans in one trace, and samples of all of them."""
    with stage.play_apart("in its processes, with every span traced") as played:
        files = {name: Path(file) for name, file in played.traces.items()}
        spans = joined(files, stage.out / TRACE, played.since_ns)
    rows = sorted(own_times(spans), key=lambda row: -row["own_s"])
    report.costs = [_cost(row, played) for row in rows[:3]]
    report.tables = [_spans(rows, played)]
    report.files = [(TRACE, "every span of every process on one clock; open it at ui.perfetto.dev")]
    report.figures = {"steps": played.steps, "wall_s": played.wall_s, "processes": list(spans), "spans": rows}
    report.remarks.append(
        f"{played.steps} steps in {played.wall_s:.2f} s, by {', '.join(spans)}, each in a process of its own. "
        "A span named wait is a learner that has nothing to learn from yet."
    )
    _sample(stage, report)


def own_times(spans: dict[str, list[Event]]) -> Iterator[dict[str, Any]]:
    """Of each process and name: seconds in all, and without the spans within it, and how often it was entered."""
    for process, events in spans.items():
        whole: dict[str, list[float]] = {}  # by name: seconds, own seconds, times
        open_: list[Event] = []
        for event in sorted(events, key=lambda one: (one["ts"], -one["dur"])):
            while open_ and open_[-1]["ts"] + open_[-1]["dur"] <= event["ts"]:
                open_.pop()
            seconds = event["dur"] / 1e6
            row = whole.setdefault(event["name"], [0.0, 0.0, 0])
            row[0], row[1], row[2] = row[0] + seconds, row[1] + seconds, row[2] + 1
            if open_:
                whole[open_[-1]["name"]][1] -= seconds
            open_.append(event)
        for name, (seconds, own, times) in whole.items():
            yield {"process": process, "span": name, "s": seconds, "own_s": own, "times": times}


def _cost(row: dict[str, Any], played: PlayedApart) -> Cost:
    each = f"{words.number(row['own_s'] / played.steps * 1e3)} ms a step"
    return Cost(f"{row['process']}: {row['span']}", row["own_s"] / played.wall_s, "its process's time", each)


def _spans(rows: list[dict[str, Any]], played: PlayedApart) -> Table:
    told = [
        (
            row["process"],
            row["span"],
            words.percent(row["s"] / played.wall_s),
            words.number(row["s"] / played.steps * 1e3),
            words.number(row["own_s"] / played.steps * 1e3),
            words.number(row["times"] / played.steps),
        )
        for row in rows[:ROWS]
    ]
    note = "Shares are of the time that passed; own is without the spans within it."
    return Table("Spans", ("process", "span", "share", "ms a step", "own ms a step", "times a step"), told, note)


def _sample(stage: Stage, report: Report) -> None:
    def play(format_: str, watch: Watch) -> None:
        with stage.play_apart(f"in its processes, sampled by py-spy ({format_})", watch):
            pass

    sample(play, stage.out, report, "in every process of the run and its record's writers")
