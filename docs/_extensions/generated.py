"""Fills `<!-- generated: NAME -->` in the pages with what the code says, so that no table goes stale."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

MARK = re.compile(r"<!-- generated: ([a-z_]+)((?: [a-z.]+)*) -->")  # what, and what of it


def settings(world: str = "") -> Iterator[str]:
    """Every setting that each run has, or of a world, a section a table, a row a setting."""
    from teem.config.describe import settings as every
    from teem.config.describe import tables as meanings
    from teem.config.dump import written
    from teem.options import SHORT

    table = None
    for setting in every(world):
        if setting.is_tables or setting.world != world:
            continue
        if setting.table != table:
            table = setting.table
            title = f"`[{table}]`" if table else "At the top of the file"
            if table == "world":
                title += f' with `name = "{world}"`'
            mark = "###" if table.startswith("world.") else "##"
            meaning = meanings()[world, table]
            yield from ("", f"{mark} {title}", "", meaning, "", *_header("setting", "meaning", "takes", "default"))
        short = f", `--{SHORT[setting.path]}`" if setting.path in SHORT else ""
        default = f"`{written(setting.default)}`"
        yield _row(f"`{setting.path}`{short}", setting.meaning, setting.allowed, default)


def fields(path: str) -> Iterator[str]:
    """The fields of each of a list of tables."""
    from teem.config.describe import fields_of, is_required
    from teem.config.describe import settings as every
    from teem.config.dump import written

    row = next(one for one in every() if one.path == path)
    yield from _header("field", "meaning", "takes", "default")
    for name, field in fields_of(row.type.item_type).items():
        default = "none: it must be given" if is_required(field) else f"`{written(field.default)}`"
        yield _row(f"`{name}`", field.meaning, field.allowed, default)


def commands() -> Iterator[str]:
    """Every verb with its options; those of `run` that are settings stand on their own page."""
    from teem.options import build_parser

    for name, parser in build_parser()[1].items():
        yield from ("", f"## `teem {name}`", "", str(parser.description), "", *_options(parser))


def _options(parser: ArgumentParser) -> Iterator[str]:
    yield from _header("argument", "meaning")
    for action in parser._actions:
        if not action.dest.startswith("setting:"):
            value = f" {action.metavar}" if action.metavar and action.option_strings else ""
            names = ", ".join(f"`{one}{value}`" for one in action.option_strings) or f"`{action.metavar}`"
            yield _row(names, (action.help or "").replace("%%", "%"))


def tables() -> Iterator[str]:
    """The tables of run.db, as they are created."""
    from teem.record.schema import TABLES

    yield from ("```sql", TABLES.strip(), "```")


def profiles() -> Iterator[str]:
    """What each profile sets."""
    from teem.record.schema import PROFILES

    yield from _header("profile", "SQLite settings")
    for name, pragmas in PROFILES.items():
        yield _row(f"`{name}`", ", ".join(f"`{one}`" for one in pragmas) or "a database in memory, saved at the end")


def checks() -> Iterator[str]:
    """Every check of the doctor with what must hold."""
    from teem.evaluate.checks import learning, play, record, seeing

    for title, module in (
        ("What was recorded", record), ("What happens when it plays on", play), ("What agents see", seeing),
        ("What they remember and learn", learning),
    ):  # fmt: skip
        yield from ("", f"### {title}", "", *_header("check", "what must hold"))
        for check in module.CHECKS:
            yield _row(check.__name__.replace("_", " "), (check.__doc__ or "").partition("\n")[0])


def metrics() -> Iterator[str]:
    """Every metric of a run."""
    from teem.measure.process import PROCESS
    from teem.runtime.measured import APART, HOUSEHOLD, METRICS
    from teem.runtime.processes.measured import LEARNING
    from teem.runtime.watch import OWN

    yield from _header("metric", "", "what it is")
    for metric in {one.name: one for one in (*LEARNING, *METRICS, *APART, *HOUSEHOLD, *PROCESS, *OWN)}.values():
        label = f", by {metric.label}" if metric.label else ""
        yield _row(f"`{metric.name}`", metric.kind, metric.meaning + label)


def containers() -> Iterator[str]:
    """Every container of a run."""
    from teem.runtime.measured import CONTAINERS, HOUSEHOLD_CONTAINERS
    from teem.runtime.watch import HELD

    yield from _header("container", "what it holds")
    for one in (*CONTAINERS, *HOUSEHOLD_CONTAINERS, *HELD):
        yield _row(f"`{one.name}`", one.meaning)


def _header(*names: str) -> tuple[str, str]:
    return _row(*names), _row(*("---" for _ in names))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


PARTS: dict[str, Callable[..., Iterator[str]]] = {
    "settings": settings, "fields": fields, "commands": commands, "tables": tables, "profiles": profiles,
    "checks": checks, "metrics": metrics, "containers": containers,
}  # fmt: skip


def fill(app: Any, page: str, source: list[str]) -> None:
    """Replace the marks of a page."""
    source[0] = MARK.sub(lambda found: "\n".join(PARTS[found[1]](*found[2].split())), source[0])


def setup(app: Any) -> dict[str, Any]:
    app.connect("source-read", fill)
    return {"version": "1", "parallel_read_safe": True}
