"""Macro: where a step's time goes, by the engine's own spans, by function, and by samples of all its processes."""

from __future__ import annotations

from typing import Any

from teem.profile.apart import profile_macro_apart
from teem.profile.play import Played
from teem.profile.report import Cost, Report, Table
from teem.profile.sampler import sample
from teem.profile.stage import Stage, Watch
from teem.runtime import words

ROWS = 25


def profile_macro(stage: Stage) -> Report:
    """Play with every span traced, under cProfile, and under py-spy where it is installed."""
    report = Report("macro", "Macro: where the time goes")
    if stage.subject.apart:
        profile_macro_apart(stage, report)
        return report
    plain = stage.plain
    functions = stage.play("cprofile", "under cProfile")
    report.figures = {
        "plain": step_figures(plain),
        "spans": plain.spans,
        "covered": plain.covered,
        "trace": plain.found,
        "functions": {**functions.found, "slowed": slowed(functions, plain)},
    }
    found = functions.found
    report.costs = [
        Cost(_place(row), row["own_s"] / found["total_s"], "the stepping thread's time", _each(row["own_s"], functions))
        for row in found["own"][:3]
    ]
    report.tables = [_spans(plain), _functions(functions, plain, "own"), _functions(functions, plain, "cumulative")]
    report.files = [
        (plain.found["file"], "every span of every step; open it at ui.perfetto.dev or chrome://tracing"),
        (found["file"], "cProfile's statistics: `python -m pstats`, snakeviz"),
    ]
    _sample(stage, report)
    return report


def _sample(stage: Stage, report: Report) -> None:
    def play(format_: str, watch: Watch) -> None:
        stage.play("nothing", f"sampled by py-spy ({format_})", watch=watch, name=f"py-spy {format_}")

    sample(play, stage.out, report, "in the run's process and its writer's")


def step_figures(played: Played) -> dict[str, Any]:
    """How long the steps of a play took."""
    return {
        "steps": played.steps,
        "first_step": played.first_step,
        "agent_steps": played.agent_steps,
        "wall_s": played.wall_s,
        "cpu_s": played.cpu_s,
        "step_ms": played.step_ms,
        "collections": played.collections,
    }


def slowed(played: Played, plain: Played) -> float:
    """How many times as long a median step takes under an instrument."""
    return played.step_ms["p50_ms"] / plain.step_ms["p50_ms"]


def _each(seconds: float, played: Played) -> str:
    return f"{words.number(seconds / played.steps * 1e3)} ms a step"


def _place(row: dict[str, Any]) -> str:
    where = row["file"] if row["line"] <= 0 or row["file"] == "built in" else f"{row['file']}:{row['line']}"
    return f"{row['function']} ({where})"


def _spans(plain: Played) -> Table:
    rows = [
        (name, words.percent(one["share"]), *(words.number(one[p]) for p in ("p50_ms", "p95_ms", "p99_ms")))
        for name, one in sorted(plain.spans.items(), key=lambda item: -item[1]["total_s"])
    ]
    note = (
        f"Of {plain.steps} steps from step {plain.first_step} on, with nothing but these spans and their trace. The "
        f"outermost make up {plain.covered:.1%} of a step (median). A name with a dot is a part of the one before the "
        "dot, but for `world.index` and `world.look`, which are of `observe`."
    )
    return Table("Spans", ("span", "share", "p50 ms", "p95 ms", "p99 ms"), rows, note)


def _functions(played: Played, plain: Played, by: str) -> Table:
    total = played.found["total_s"]
    rows = [
        (
            _place(row),
            words.percent(row[f"{by}_s"] / total),
            words.number(row["own_s"] / played.steps * 1e3),
            words.number(row["cumulative_s"] / played.steps * 1e3),
            words.number(row["calls"] / played.steps),
        )
        for row in played.found[by][:ROWS]
    ]
    note = (
        f"cProfile, of the thread that steps; a compiled kernel is a part of who calls it. A step takes "
        f"{slowed(played, plain):.2f} times as long under it, and functions that call many others most of all."
    )
    head = ("function", "share", "own ms a step", "cumulative ms a step", "calls a step")
    return Table(f"Functions by {by} time", head, rows, note)
