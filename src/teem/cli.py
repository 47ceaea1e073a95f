"""The verbs: run, resume, sweep, evaluate, doctor, profile, bench, plot, worlds."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teem.config.ready import ready_worlds, tagline
from teem.errors import TeemError, UsageError
from teem.options import parse

if TYPE_CHECKING:
    from teem.config.settings import Config

# Each verb imports what it needs inside: numba and torch take seconds, and --help should not.


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns its exit code.

    0 good, 1 failed, 2 wrong usage, 3 in use, 4 done with losses, 6 stopped by the watchdog, 130 stopped.
    """
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # where a user's own network lies
    try:
        given = parse(sys.argv[1:] if arguments is None else arguments)
        return VERBS[given.verb](given)
    except TeemError as error:
        for line in str(error).splitlines():
            print(f"teem: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:  # before a run began to listen for it
        print("teem: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output has gone: `teem worlds | head -1`
        sys.stderr.close()
        return 1


def run(given: Namespace) -> int:
    """Run a world from its beginning."""
    from teem.config.load import find_source

    config = _checked(given)
    from teem.runtime.interrupt import Interrupts
    from teem.runtime.session import begin

    with Interrupts() as interrupts:
        started = begin(config, find_source(given.world).stem, given.out)
        return _play(started, interrupts, given)


def _checked(given: Namespace) -> Config:
    """The settings, with everything that is wrong told at once, before anything is written."""
    from teem.config.load import load_config
    from teem.record.folder import refuse_folder

    faults = refuse_folder(given.out) if given.out else []
    try:
        config = load_config(given.world, given.settings)
    except UsageError as error:
        raise UsageError([*given.faults, *error.faults, *faults]) from None
    if given.faults or faults:
        raise UsageError([*given.faults, *faults])
    return config


def resume(given: Namespace) -> int:
    """Go on with a run from its newest checkpoint."""
    from teem.runtime.interrupt import Interrupts
    from teem.runtime.session import go_on

    with Interrupts() as interrupts:
        return _play(go_on(given.run, given.steps), interrupts, given)


def _play(started: Any, interrupts: Any, given: Namespace) -> int:
    from teem.evaluate.companion import companion_of
    from teem.runtime.report import in_words
    from teem.runtime.session import exit_code, play

    report = play(started, interrupts, headless=given.headless, accompany=companion_of)
    print(json.dumps(report) if given.json else in_words(report, str(started.folder.path)))
    return exit_code(report)


def sweep(given: Namespace) -> int:
    """Play every setting with every seed, and say which can be told apart; exit 1 if a run failed."""
    from teem.sweep.command import sweep as play

    return play(given)


def evaluate(given: Namespace) -> int:
    """Compare what runs have learnt with random, resting and scripted agents; exit 1 unless it is proven."""
    from rich.console import Console

    from teem.evaluate.cohorts import evaluate_cohorts, learning_cohorts
    from teem.evaluate.cohorts import render as render_cohorts
    from teem.evaluate.proof import evaluate as prove
    from teem.evaluate.show import render

    def progress(what: str, done: int, of: int) -> None:
        print(f"world {done} of {of}: {what}", file=sys.stderr, flush=True)

    asked = {"seeds": given.seeds, "steps": given.steps, "agents": given.agents, "progress": progress}
    if learning_cohorts(given.runs):
        found = evaluate_cohorts(given.runs, **asked)
        shown, text, code = render_cohorts(found), found.as_dict(), found.exit_code
    else:
        evidence = prove(given.runs, **asked)
        shown, text, code = render(evidence), evidence.as_dict(), evidence.exit_code
    if given.json:
        print(json.dumps(text))
    else:
        Console().print(shown)
    return code


def doctor(given: Namespace) -> int:
    """Examine a run for what can't be true; exit 1 if something is found."""
    from rich.console import Console

    from teem.evaluate.doctor import examine
    from teem.evaluate.finding import exit_code, render

    findings = examine(given.run, steps=given.steps)
    if given.json:
        print(json.dumps([one.as_dict() for one in findings]))
    else:
        Console().print(render(findings))
    return exit_code(findings)


def profile(given: Namespace) -> int:
    """Show why a world or a run is as fast, and as large, as it is."""
    from teem.profile.command import profile as look

    return look(given)


def bench(given: Namespace) -> int:
    """Measure named scenarios, or compare what was measured; exit 1 if something has become slower."""
    from teem.bench.command import bench as measure

    return measure(given)


def plot(given: Namespace) -> int:
    """Draw learning curves."""
    from teem.plots.draw import draw

    drawn = draw(given.folders, given.out, given.metric or None, average=given.average)
    print(json.dumps(drawn.as_dict()) if given.json else drawn.in_words())
    return 0


def worlds(given: Namespace) -> int:
    """List the ready-made worlds."""
    ready = ready_worlds()
    if given.json:
        print(json.dumps({name: {"file": str(path), "about": tagline(path)} for name, path in ready.items()}))
        return 0
    width = max(map(len, ready))
    for name, path in ready.items():
        print(f"{name:{width}}  {tagline(path)}\n{'':{width}}  {path}")
    return 0


VERBS: dict[str, Callable[[Namespace], int]] = {
    "run": run,
    "resume": resume,
    "sweep": sweep,
    "evaluate": evaluate,
    "doctor": doctor,
    "profile": profile,
    "bench": bench,
    "plot": plot,
    "worlds": worlds,
}
