"""The stage: plays the subject in processes of its own, as often as a phase asks, always from the same beginning."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from teem.errors import TeemError
from teem.profile.play import Job, Played
from teem.profile.play_apart import PlayedApart
from teem.profile.subject import Subject
from teem.worlds.turns import turns_of

Say = Callable[[str], None]
Watch = Callable[[int], AbstractContextManager[Any]]
"""Called with the process that plays, and entered while it makes its steps."""

Told = TypeVar("Told", Played, PlayedApart)

WARM = 100  # decisions of everybody in a fresh world, so that all have begun to learn
WARM_AGAIN = 10  # in a saved one


class Stage:
    """Where the subject is played; a context, which leaves nothing behind but what phases wrote into `out`."""

    def __init__(self, subject: Subject, steps: int, out: Path, say: Say, functions: tuple[str, ...] = ()) -> None:
        self.subject = subject
        self.steps = steps
        self.out = out
        self.say = say
        self.functions = functions  # that are looked at line by line; none: the usual ones
        self.digests: dict[str, str] = {}  # by instrument, of the state after the same steps
        self.scratch = out / ".playing"
        self._count = 0
        self._plain: Played | None = None

    def __enter__(self) -> Stage:
        self._config, self._config_apart, self._saved = self.subject.keep(self.scratch)
        return self

    def __exit__(self, *failure: object) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def plain(self) -> Played:
        """What a play is like with nothing but the engine's own spans: what all others are compared with."""
        if self._plain is None:
            self._plain = self.play("spans", "with the engine's own spans")
        return self._plain

    def play(self, instrument: str, what: str, *, watch: Watch | None = None, name: str = "") -> Played:
        """Play the steps once under an instrument, or `watch` them from outside; TeemError if the play fails."""
        self.say(f"{self.steps} steps {what}")
        played = _perform("teem.profile.play", self._job(self._config, instrument), Played, watch or _nobody)
        self.digests[name or instrument] = played.digest
        shutil.rmtree(self._folder, ignore_errors=True)
        return played

    @contextmanager
    def play_apart(self, what: str, watch: Watch | None = None) -> Iterator[PlayedApart]:
        """Play the steps once in the run's own processes; what they leave is there as long as the block lasts."""
        self.say(f"{self.steps} steps {what}")
        assert self._config_apart is not None
        try:
            yield _perform("teem.profile.play_apart", self._job(self._config_apart, ""), PlayedApart, watch or _nobody)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        """The run's folder of the play that was begun last."""
        return self.scratch / f"run-{self._count}"

    def _job(self, config: Path, instrument: str) -> Job:
        self._count += 1
        return Job(
            config=str(config),
            folder=str(self._folder),
            saved=str(self._saved or ""),
            warm=(WARM_AGAIN if self._saved else WARM) * turns_of(self.subject.config).every,
            steps=self.steps,
            instrument=instrument,
            out=str(self.out),
            functions=self.functions,
            parent=os.getpid(),
        )


def _nobody(process: int) -> AbstractContextManager[None]:
    return nullcontext()


def _perform(module: str, job: Job, kind: type[Told], watch: Watch) -> Told:
    """Start a play, tell it when to go and when to tell, and return what it told."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, msgspec.json.encode(job).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        _hear(process, "ready")
        with watch(process.pid):
            _tell(process, "go")
            _hear(process, "over")
        _tell(process, "tell")
        played = msgspec.convert(_hear(process, "played"), kind)
        process.wait()
        return played
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for end in (process.stdin, process.stdout):
            if end is not None:
                end.close()


def _tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()


def _hear(process: subprocess.Popen[str], word: str) -> Any:
    """What the play says under this word; TeemError with its reason when it says something else, or nothing."""
    assert process.stdout is not None
    line = process.stdout.readline()
    message = msgspec.json.decode(line) if line else {"failed": f"its process ended with {process.wait()}"}
    if "failed" in message:
        raise TeemError(f"the play that was profiled failed: {message['failed']}")
    return message[word]
