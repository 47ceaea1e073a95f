"""The process that evaluates: it is sent a player once, then plays what it is asked to, one version at a time.

It ends when its pipe does.
"""

from __future__ import annotations

import gc
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

from teem.training.evaluation import FAILED, Evaluation, Player, Request
from teem.training.files import put
from teem.training.process import inherited


def serve(pipe: Connection, pickled: Path, kept: Path) -> None:
    """Answer requests until the pipe ends; `kept` is where the version that was played last is left for its user."""
    import cloudpickle

    try:
        player: Player = cloudpickle.loads(pickled.read_bytes())
    except Exception as error:  # whatever a user's environment or network raises: it is told, and nothing is evaluated
        pipe.send(told(error))
        return
    pipe.send("")
    while True:
        try:
            asked: Request = pipe.recv()
        except (EOFError, ConnectionResetError):  # the latter where what was sent last had not been heard
            player.close()
            return
        pipe.send(_answer(player, asked, kept))


def _answer(player: Player, request: Request, kept: Path) -> Evaluation:
    begun = perf_counter()
    try:
        rewards, lengths = player.play(request.policy)
        found = Evaluation.of(request, rewards, lengths, perf_counter() - begun)
        put(kept, player.keep)
    except Exception as error:  # as above: counted and shown where training goes on
        return Evaluation(request.version, request.step, FAILED, seconds=perf_counter() - begun, fault=told(error))
    return found


def told(error: BaseException) -> str:
    """An error and where it was raised, in a line."""
    at = traceback.extract_tb(error.__traceback__)
    where = f" ({at[-1].filename}:{at[-1].lineno}, in {at[-1].name})" if at else ""
    return f"{type(error).__name__}: {error}{where}"


if __name__ == "__main__":
    given, (player_at, kept_at) = inherited(sys.argv[1:])
    with suppress(BrokenPipeError):
        serve(given, Path(player_at), Path(kept_at))
    gc.freeze()  # training waits for this process's end, and the interpreter would look through all of torch first
