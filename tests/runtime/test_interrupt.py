"""The first Ctrl-C asks, the second one stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from teem.runtime.interrupt import STOPPED_NOW, Interrupts


def test_the_first_ctrl_c_only_asks() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert not interrupts.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.asked
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_ctrl_c_stops_now_even_with_threads_running() -> None:
    program = """
import os, signal, threading, time
from teem.runtime.interrupt import Interrupts
threading.Thread(target=time.sleep, args=(60,)).start()
with Interrupts() as interrupts:
    os.kill(os.getpid(), signal.SIGINT)
    print("asked", interrupts.asked, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == STOPPED_NOW
    assert done.stdout == "asked True\n"
