"""Macro: where a step's time goes, by the engine's own spans, by function, and by samples of all its processes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teem.profile.places import short
from teem.profile.play import Played
from teem.profile.report import Cost, Report, Table
from teem.profile.stage import Stage, Watch
from teem.profile.tools import missing, py_spy
from teem.runtime import words

ROWS = 25
SAMPLES_A_SECOND = 200
PATIENCE_S = 30.0  # that the sampler may take to begin, and to write


def profile_macro(stage: Stage) -> Report:
    """Play with every span traced, under cProfile, and under py-spy where it is installed."""
    report = Report("macro", "Macro: where the time goes")
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
    if lack := missing("py_spy"):
        report.missing.append(lack)
    else:
        _sample(stage, report)
    return report


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


# ---- samples


def _sample(stage: Stage, report: Report) -> None:
    """Two plays under py-spy, one for each of its formats."""
    profile = stage.out / "samples.speedscope.json"
    for format_, file in (("flamegraph", stage.out / "flame.svg"), ("speedscope", profile)):
        try:
            stage.play(
                "nothing", f"sampled by py-spy ({format_})", watch=_sampler(format_, file), name=f"py-spy {format_}"
            )
        except SamplerError as error:
            report.missing.append(str(error))
            return
    told = json.loads(profile.read_text(encoding="utf-8"))
    threads, frames = own_samples(told)
    total = sum(frames.values())
    report.figures["samples"] = {
        "a_second": SAMPLES_A_SECOND,
        "threads": threads,
        "own": [{"where": where, "samples": count} for where, count in frames.most_common(ROWS)],
    }
    rows = [(where, words.percent(count / total), str(count)) for where, count in frames.most_common(ROWS)]
    note = (
        f"{total} samples, {SAMPLES_A_SECOND} a second, of every thread that was not idle, in the run's process and "
        "its writer's, while the steps were made. A compiled kernel is the line that calls it."
    )
    report.tables.append(Table("Samples by own time", ("line", "share", "samples"), rows, note))
    told_threads = [(name, str(count), words.percent(count / total)) for name, count in threads.items()]
    report.tables.append(Table("Samples by thread", ("thread", "samples", "share"), told_threads))
    report.files += [
        ("flame.svg", "flame graph; open it in a browser"),
        (profile.name, "the same for speedscope.app"),
    ]


class SamplerError(Exception):
    """py-spy could not do its work here, with its reason."""


def _sampler(format_: str, file: Path) -> Watch:
    @contextmanager
    def watch(process: int) -> Iterator[None]:
        program = py_spy()
        assert program is not None
        sampler = subprocess.Popen(
            [program, "record", "--pid", str(process), "--subprocesses", "--rate", str(SAMPLES_A_SECOND),
             "--format", format_, "--output", str(file)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            _expect_sampling(sampler)
            yield
            sampler.send_signal(signal.SIGINT)
            said = sampler.communicate(timeout=PATIENCE_S)[0]
            if not file.exists():
                raise SamplerError(f"py-spy wrote nothing: {_last(said)}")
        finally:
            if sampler.poll() is None:
                sampler.kill()
            sampler.wait()

    return watch


def _expect_sampling(sampler: subprocess.Popen[str]) -> None:
    """Return once py-spy has begun; SamplerError with its reason if it can't."""
    assert sampler.stdout is not None
    said = ""
    for line in sampler.stdout:
        said += line
        if "Sampling process" in line:
            return
    sampler.wait()
    raise SamplerError(f"py-spy can't sample here, so there is no flame graph: {_last(said)}")


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def own_samples(told: dict[str, Any]) -> tuple[dict[str, int], Counter[str]]:
    """From a speedscope profile: samples by thread, and by the line that was being run."""
    names = [f"{one['name']} ({short(one['file'])}:{one.get('line', 0)})" for one in told["shared"]["frames"]]
    threads: dict[str, int] = {}
    own: Counter[str] = Counter()
    for profile in told["profiles"]:
        stacks = [stack for stack in profile["samples"] if stack]
        threads[profile["name"]] = threads.get(profile["name"], 0) + len(stacks)
        own.update(names[stack[-1]] for stack in stacks)
    return dict(sorted(threads.items(), key=lambda item: -item[1])), own
