"""Line: where the time goes within functions, line by line."""

from __future__ import annotations

import ast
import linecache
from functools import cache
from typing import Any

from teem.profile.macro import slowed
from teem.profile.play import Played
from teem.profile.report import Cost, Report, Table
from teem.profile.stage import Stage
from teem.profile.tools import missing
from teem.runtime import words

ROWS = 25


def profile_line(stage: Stage) -> Report:
    """Play under line_profiler; where it isn't installed, tell functions as wholes."""
    report = Report("line", "Line: where functions spend their time")
    if lack := missing("line_profiler"):
        report.missing.append(lack)
        _as_wholes(stage, report)
        return report
    plain = stage.plain
    played = stage.play("line_profiler", "line by line")
    functions = played.found["functions"]
    names = {one["function"].rpartition(".")[2] for one in functions}
    rows = [
        {**line, "where": f"{one['file']}:{line['line']}", "code": linecache.getline(one["path"], line["line"]).strip()}
        for one in functions
        for line in one["lines"]
        if not names & calls(one["path"]).get(line["line"], set())
    ]
    hottest = sorted(rows, key=lambda row: -row["s"])
    report.costs = [
        Cost(f"{row['where']} `{row['code']}`", row["s"] / played.wall_s, "a step", _each(row["s"], played))
        for row in hottest[:3]
    ]
    report.remarks.append(
        f"A step takes {slowed(played, plain):.2f} times as long under line_profiler. A compiled kernel has no lines: "
        "the line that calls it has all of its time. Lines that call another function of the list are left to that one "
        "here."
    )
    report.tables = [_function(one, played) for one in functions]
    report.figures = {"wall_s": played.wall_s, "slowed": slowed(played, plain), "functions": functions}
    return report


@cache
def calls(file: str) -> dict[int, set[str]]:
    """By line of a file: the names of what the statement that it belongs to calls, but for statements within it."""
    called: dict[int, set[str]] = {}
    source = "".join(linecache.getlines(file))
    for statement in ast.walk(ast.parse(source)):
        if not isinstance(statement, ast.stmt) or isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            continue
        body = getattr(statement, "body", [])
        last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and node.lineno <= last:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for line in range(statement.lineno, last + 1):
                    called.setdefault(line, set()).add(name)
    return called


def _each(seconds: float, played: Played) -> str:
    return f"{words.number(seconds / played.steps * 1e3)} ms a step"


def _function(one: dict[str, Any], played: Played) -> Table:
    rows = [
        (
            str(line["line"]),
            f"`{linecache.getline(one['path'], line['line']).strip()}`",
            words.percent(line["s"] / one["s"] if one["s"] else None),
            words.number(line["s"] / played.steps * 1e3),
            words.number(line["hits"] / played.steps),
        )
        for line in one["lines"]
    ]
    title = f"{one['function']} ({one['file']}:{one['line']}), {_each(one['s'], played)}"
    return Table(title, ("line", "code", "share", "ms a step", "times a step"), rows)


def _as_wholes(stage: Stage, report: Report) -> None:
    """The functions that were asked for, or the largest ones, as cProfile counts them."""
    played = stage.play("cprofile", "under cProfile, for want of line_profiler")
    wanted = {name.rpartition(":")[2].rpartition(".")[2] for name in stage.functions}
    rows = [row for row in played.found["cumulative"] if not wanted or row["function"] in wanted]
    total = played.found["total_s"]
    report.costs = [
        Cost(f"{row['function']} ({row['file']}:{row['line']})", row["cumulative_s"] / total, "a step",
             _each(row["cumulative_s"], played))
        for row in rows[:3]
    ]  # fmt: skip
    table = [
        (f"{row['function']} ({row['file']}:{row['line']})", words.percent(row["cumulative_s"] / total),
         _each(row["cumulative_s"], played))
        for row in rows[:ROWS]
    ]  # fmt: skip
    report.tables = [Table("Functions as wholes", ("function", "share", "cumulative"), table)]
    report.figures = {"functions_as_wholes": rows}
