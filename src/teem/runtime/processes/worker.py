"""What a process of a run does from its start: `python -m teem.runtime.processes.worker ORDERS`.

It is a fresh interpreter, never a fork; it dies with the process that started it; and what goes wrong in it is written
where that one looks.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from pkgutil import resolve_name
from typing import Literal

import msgspec

from teem.config.load import load_config
from teem.config.settings import Config
from teem.errors import TeemError
from teem.offspring import die_with
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.beside import learner_folder
from teem.runtime.companion import Accompany, alone
from teem.runtime.loop import Run
from teem.runtime.present import LayingOut, View, choose_view
from teem.runtime.processes.acting import act
from teem.runtime.processes.links import Links, Wiring
from teem.runtime.processes.teaching import Teaching
from teem.threads import Threads

BEAT_S = 0.5


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to do."""

    role: Literal["actor", "learner"]
    index: int
    wiring: Wiring
    threads: int
    parent: int  # the process to die with
    words: int  # a file for its last words
    folders: tuple[str, ...]  # an actor each
    lock: int  # the lock of the run's folder
    resume: bool
    headless: bool
    meeting: str  # the file where learners of one network meet; "": they learn apart
    gpu: int  # that a learner's networks live on, where they live on one; -1: none
    accompany: str = ""  # the function that makes what goes along with an actor's run, "module:name"; "": none

    @property
    def process(self) -> int:
        """Its number in the control block."""
        return self.index if self.role == "actor" else self.wiring.actors + self.index


def main(text: str) -> int:
    """Do what is ordered; 0 good, otherwise why not is in the last words."""
    orders = msgspec.json.decode(text, type=Orders)
    die_with(orders.parent)
    faulthandler.enable(orders.words)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the run: who started this hears it too
    sys.path.append(str(Path.cwd()))  # where a user's own network lies
    links = Links(orders.wiring, reader=0 if orders.role == "actor" else 1 + orders.index)
    threading.Thread(target=_beat, args=(orders, links), daemon=True).start()
    try:
        (_act if orders.role == "actor" else _learn)(orders, links)
    except TeemError as error:
        os.pwrite(orders.words, str(error).encode(), 0)
        return error.exit_code
    except BaseException:
        os.pwrite(orders.words, traceback.format_exc().encode(), 0)
        return 1
    return 0


def _beat(orders: Orders, links: Links) -> None:
    """Show that this process lives, and see that its parent does."""
    while True:
        links.control.beat(orders.process)
        time.sleep(BEAT_S)
        if os.getppid() != orders.parent:  # where the system doesn't see to it
            os._exit(1)


def config_of(folder: Path, threads: int) -> Config:
    """The settings of an actor's folder, with the threads that each process has."""
    config = load_config(folder / "config.toml")
    return msgspec.structs.replace(config, runtime=msgspec.structs.replace(config.runtime, threads=threads))


def _learn(orders: Orders, links: Links) -> None:
    configs = [config_of(Path(folder), orders.threads) for folder in orders.folders]
    threads = Threads(orders.threads)
    group = None
    if orders.gpu >= 0:
        import torch

        torch.cuda.set_device(orders.gpu)
    if orders.meeting:
        from teem.learning.torch_group import join
        from teem.learning.torch_network import pick_device

        device = pick_device(configs[0].learning.device, orders.threads)
        group = join(Path(orders.meeting), orders.index, orders.wiring.learners, device, configs[0].runtime.patience)
    folder = learner_folder(Path(orders.folders[0]), orders.index, orders.lock)
    teaching = Teaching(configs, links, orders.index, threads, group, folder)
    teaching.serve()
    teaching.close()
    threads.close()


def _act(orders: Orders, links: Links) -> None:
    folder = RunFolder(Path(orders.folders[orders.index]), orders.lock)
    config = config_of(folder.path, orders.threads)
    first, says = not orders.index, LayingOut()

    def laying_out(done: int, of: int) -> None:
        links.control.get_on(orders.process)
        if first:
            says(done, of)

    def choose(run: Run) -> View | None:
        return choose_view(run, headless=orders.headless) if first else None

    resumed = checkpoint.latest(folder.checkpoints) if orders.resume else None
    accompany: Accompany = resolve_name(orders.accompany) if orders.accompany else alone
    act(config, folder, links, orders.index, resumed, laying_out, choose, accompany)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
