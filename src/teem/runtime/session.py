"""A run from its settings to its report: begin or go on, play, save, and say what came of it."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

from teem.config.dump import dump_config
from teem.config.load import load_config
from teem.config.settings import Config
from teem.errors import UsageError
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.cluster import expect_cluster
from teem.runtime.companion import Accompany, accompanied, alone
from teem.runtime.governing import expect_replayable
from teem.runtime.interrupt import Interrupts
from teem.runtime.islands.archipelago import Archipelago, islands_saved
from teem.runtime.loop import Run
from teem.runtime.memory import too_large
from teem.runtime.page import expect_page, keep, shown
from teem.runtime.present import Compiling, LayingOut, choose_view
from teem.runtime.processes.supervise import RECOVERED, Supervisor
from teem.runtime.remote.fleet import Fleet
from teem.runtime.report import build_report, finite
from teem.runtime.warmup import is_warm, warm
from teem.runtime.watchdog import STALLED

Apart = Supervisor | Archipelago | Fleet  # a run whose parts play elsewhere
RUNS = Path("runs")  # where runs lie that were given no folder


def begin(config: Config, name: str, out: Path | None) -> Run | Apart:
    """Start a new run in its own folder; one that can't start leaves nothing behind."""
    if config.runtime.mode == "ray":
        expect_cluster(config.ray.address)  # or say what is missing, before anything is written
    expect_page(config)
    expect_replayable(config)
    _compile(config)
    there_before = [path for path in (RUNS, out) if path is not None and path.exists()]
    folder = RunFolder.create(out, f"{name}-{config.seed}", RUNS)
    try:
        if apart := _apart(config):
            return apart.create(config, folder)
        return Run.create(config, folder, LayingOut())
    except BaseException as error:
        folder.close()
        _remove(folder.path, there_before)
        if isinstance(error, MemoryError):
            raise too_large(error) from error
        raise


def go_on(path: Path, steps: str | None = None) -> Run | Apart:
    """Take a run up where its newest checkpoint left it, until `steps` in all if they are given."""
    folder = RunFolder.open(path)
    try:
        config = load_config(folder.config, {} if steps is None else {"steps": steps})
        _expect_steps_left(config, folder)
        expect_page(config)
        expect_replayable(config)
        _compile(config)
        if steps is not None:
            folder.write_config(dump_config(config))
        if apart := _apart(config):
            return apart.go_on(config, folder)
        return Run.resume(config, folder, LayingOut())
    except BaseException:
        folder.close()
        raise


def _apart(config: Config) -> type[Apart] | None:
    """What such a run is, seen from this process; None where it is played here."""
    if config.runtime.mode == "ray":
        return Archipelago if config.ray.role == "islands" else Fleet
    return Supervisor if config.runtime.mode == "async" else None


def _compile(config: Config) -> None:
    """Have the kernels compiled, and say so, unless they are; before anything is written."""
    if not is_warm(config):
        warm(config, Compiling())


def _expect_steps_left(config: Config, folder: RunFolder) -> None:
    if _apart(config) is Archipelago:
        done = islands_saved(folder.path, config.ray.islands)
    else:
        done = max(checkpoint.steps_of(folder.checkpoints), default=0)
    if config.steps and done >= config.steps:
        raise UsageError(
            f"{folder.path} is at step {done} and its steps are {config.steps}: "
            "give more --steps, or 0 to go on until stopped"
        )


def play(
    run: Run | Apart, interrupts: Interrupts, *, headless: bool = False, accompany: Accompany = alone
) -> dict[str, Any]:
    """Play a run until it is done or interrupted, save it, and return its report, kept in its folder too.

    `accompany` makes what goes along with it; its own process does where that is another.
    """
    with shown(run):
        if isinstance(run, Run):
            return _play_here(run, interrupts, headless, accompany)
        if isinstance(run, Supervisor):
            run.accompany = accompany
        return _play_apart(run, interrupts, headless)


def _play_apart(run: Apart, interrupts: Interrupts, headless: bool) -> dict[str, Any]:
    report = run.play(interrupts, headless=headless)
    keep(run)
    run.folder.close()
    return report


def _play_here(run: Run, interrupts: Interrupts, headless: bool, accompany: Accompany) -> dict[str, Any]:
    begun = perf_counter()
    try:
        with accompanied(run, accompany):
            if run.memory.plan is not None:
                print("\n".join(run.memory.plan.in_words()), file=sys.stderr, flush=True)
            with closing(choose_view(run, headless=headless)) as view:
                reason = run.play(view.on_step, lambda: interrupts.asked)
            run.finish(reason)
            evaluated = run.companion.end() if run.companion else None
    except Exception as error:
        run.folder.log("failed", step=run.step, error=str(error))
        raise
    report = build_report(run, reason, perf_counter() - begun) | {"evaluations": finite(evaluated)}
    run.folder.write_report(report)
    run.folder.close()
    return report


def exit_code(report: dict[str, Any]) -> int:
    """0; 4 when a process or an island was lost and replaced on the way; 6 when the watchdog stopped the run."""
    if report["reason"] == "stalled":
        return STALLED
    return RECOVERED if any(report.get(mode, {}).get("restarts") for mode in ("async", "ray")) else 0


def _remove(path: Path, keep: list[Path]) -> None:
    """Take away the folder of a run that never began, and `runs` if it was made for it."""
    for entry in sorted(path.rglob("*"), reverse=True):
        if entry.is_dir():
            entry.rmdir()
        else:
            entry.unlink()
    for folder in (path, RUNS):
        if folder not in keep and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
