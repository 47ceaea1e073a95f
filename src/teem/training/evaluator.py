"""Evaluations in a process of their own: asked for and heard without waiting, one at a time, ended when too late."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from teem.errors import TeemError, UsageError
from teem.training.evaluation import FAILED, TIMEOUT, Evaluation, Player, Request, Status
from teem.training.expect import expect_patience
from teem.training.process import Process

START_S = 120.0  # how long a process may take to import, and to make its environments
FAULTS_MOST = 5  # evaluations in a row without a result, after which none is asked for any more


class Evaluator:
    """Plays versions of a policy in another process, which stays from one evaluation to the next.

    `ask` begins an evaluation if none is under way, `poll` gives what has come of it; neither waits. One that takes
    longer than `timeout_s` is ended with its process and all that began there; the next begins another. What fails
    is counted, and nothing is asked for any more after five failures in a row.
    """

    def __init__(self, player: Player, folder: Path, timeout_s: float, kept: Path) -> None:
        """What the player's process needs lies in `folder`; the last version played is left at `kept`."""
        expect_patience(timeout_s)
        self.kept = kept
        self.done = self.failed = self.timed_out = self.started = 0
        self.refused = 0  # asked for while one was under way
        self.fault = ""  # of the last that failed
        self._timeout_s, self._faults = timeout_s, 0
        self._pickled = folder / "player.pickle"
        self._pickled.write_bytes(_pickle(player))
        self.process: Process | None = None  # which may be told to rest
        self._request: Request | None = None  # under way
        self._ready = False  # the process has its player
        self._deadline = 0.0

    @property
    def busy(self) -> bool:
        """Whether an evaluation is under way."""
        return self._request is not None

    @property
    def free(self) -> bool:
        """Whether an evaluation can be asked for now; where it can't, one that was wanted is counted as refused."""
        self.refused += (refused := self.busy or self.given_up)
        return not refused

    @property
    def given_up(self) -> bool:
        """Whether nothing is evaluated any more, after too many failures in a row."""
        return self._faults >= FAULTS_MOST

    def start(self) -> None:
        """Begin the process, so that the first evaluation needn't wait for what it imports."""
        self.process, self._ready = Process("teem.training.worker", self._pickled, self.kept), False
        self._deadline = self.process.seconds + START_S
        self.started += 1

    def ask(self, request: Request) -> bool:
        """Begin an evaluation; False where one is under way, or none is made any more."""
        if not self.free:
            return False
        if self.process is not None and self.process.over:  # it died between two evaluations: no fault of one
            self._kill()
        if self.process is None:
            self.start()
        assert self.process is not None
        with suppress(BrokenPipeError):  # `poll` will tell
            self.process.pipe.send(request)  # some hundred bytes: there is room for them, so it doesn't wait
        self._request = request
        if self._ready:
            self._deadline = self.process.seconds + self._timeout_s
        return True

    def poll(self) -> Evaluation | None:
        """What came of the evaluation that is under way; None while that isn't known."""
        if self._request is None or self.process is None:
            return None
        try:
            while self.process.pipe.poll():
                heard = self.process.pipe.recv()
                if isinstance(heard, Evaluation):
                    return self._settle(heard)
                if heard:
                    self._kill()
                    return self._lost(FAILED, f"the environment could not be made in its process: {heard}")
                self._ready, self._deadline = True, self.process.seconds + self._timeout_s
        except (EOFError, ConnectionResetError):
            how, self.process = self.process.end(), None
            return self._lost(FAILED, f"its process {how}")
        if self.process.seconds > self._deadline:
            what = f"took longer than {self._timeout_s:g} s" if self._ready else f"had not begun after {START_S:g} s"
            self._kill()
            return self._lost(TIMEOUT, f"it {what}")
        return None

    def wait(self) -> Evaluation | None:
        """Wait for the evaluation that is under way, until its deadline; None where there is none."""
        while self.busy:
            if self.process is not None:
                self.process.go_on()
            if (found := self.poll()) is not None:
                return found
            if self.process is not None:
                self.process.pipe.poll(max(0.0, min(0.5, self._deadline - self.process.seconds)))
        return None

    def __del__(self) -> None:  # of a training that was given up amid it, such as in a notebook
        with suppress(Exception):
            self.close()

    def close(self) -> None:
        """End the process, and what it began; an evaluation that is under way is lost."""
        self._request = None
        if self.process is not None and self._ready:
            self.process.end()
            self.process = None
        self._kill()

    def counts(self) -> dict[str, Any]:
        """How many of each end there were, as JSON takes it."""
        names = ("done", "failed", "timed_out", "refused", "given_up", "fault", "started")
        return {name: getattr(self, name) for name in names}

    def _settle(self, found: Evaluation) -> Evaluation:
        self._request = None
        if found.done:
            self.done, self._faults = self.done + 1, 0
        else:
            self.failed, self._faults, self.fault = self.failed + 1, self._faults + 1, found.fault
        return found

    def _lost(self, status: Status, fault: str) -> Evaluation:
        """An evaluation that nothing came of, with its process."""
        assert self._request is not None
        lost, self._request = self._request, None
        if status == TIMEOUT:
            self.timed_out += 1
        else:
            self.failed += 1
        self._faults, self.fault = self._faults + 1, fault
        return Evaluation(lost.version, lost.step, status, fault=fault)

    def _kill(self) -> None:
        if self.process is not None:
            self.process.kill()
        self.process = None


def _pickle(player: Player) -> bytes:
    try:
        import cloudpickle
    except ImportError as error:
        raise TeemError("evaluations need cloudpickle: pip install 'teem[training]'") from error
    try:
        return bytes(cloudpickle.dumps(player))
    except Exception as error:  # pickling runs the user's own code: whatever it is, this can't travel
        raise UsageError(
            [f"the evaluation can't be sent to another process ({type(error).__name__}: {error}): give a function "
             "that makes its environment, and let it hold no open file, socket or lock"]
        ) from error  # fmt: skip
