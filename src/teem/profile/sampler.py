"""py-spy beside a play: which line each of its threads is at, many times a second, in all of its processes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teem.profile.places import short
from teem.profile.report import Report, Table
from teem.profile.stage import Watch
from teem.profile.tools import missing, py_spy
from teem.runtime import words

ROWS = 25
SAMPLES_A_SECOND = 200
PATIENCE_S = 30.0  # that the sampler may take to begin, and to write


def sample(play: Callable[[str, Watch], None], out: Path, report: Report, of: str) -> None:
    """Play twice under py-spy, once for each of its formats, and tell what it saw; `of` whom that is."""
    if lack := missing("py_spy"):
        report.missing.append(lack)
        return
    profile = out / "samples.speedscope.json"
    for format_, file in (("flamegraph", out / "flame.svg"), ("speedscope", profile)):
        try:
            play(format_, _sampler(format_, file))
        except SamplerError as error:
            report.missing.append(str(error))
            return
    threads, frames = own_samples(json.loads(profile.read_text(encoding="utf-8")))
    total = sum(frames.values())
    report.figures["samples"] = {
        "a_second": SAMPLES_A_SECOND,
        "threads": threads,
        "own": [{"where": where, "samples": count} for where, count in frames.most_common(ROWS)],
    }
    rows = [(where, words.percent(count / total), str(count)) for where, count in frames.most_common(ROWS)]
    note = (
        f"{total} samples, {SAMPLES_A_SECOND} a second, of every thread that was not idle, {of}, while the steps were "
        "made. A compiled kernel is the line that calls it."
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
