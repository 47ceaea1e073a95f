"""Ray: connecting to a cluster or starting one on this machine, and placing what plays on its nodes."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from teem.config.settings import RaySettings
from teem.errors import TeemError, UsageError

STORE_BYTES = 80 * 2**20  # of the object store of a cluster started here, at least
PAUSE_S = 1.0  # after a loss, times the losses, before who was lost begins anew
REACH_S = 1.0  # within which a node that is there takes a connection
KNOCK_S = 10.0  # within which a cluster's head takes one, wherever it is


def load_ray(address: str) -> Any:
    """The ray module, quiet; UsageError with a remedy where it is not installed.

    Without an address, what it starts listens on loopback alone: it must be told before it is imported.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not address:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("runtime.mode is ray but Ray is not installed: pip install 'teem[ray]'") from None
    return ray


def expect_cluster(address: str) -> Any:
    """The ray module; UsageError with a remedy where it is missing, or no node takes a connection at the address.

    Ray itself goes on asking for many minutes before it says that nobody answers.
    """
    ray = load_ray(address)
    try:
        where = urlsplit(address if "://" in address else f"//{address}")
        if where.port is not None:  # it may be left to Ray where it is
            socket.create_connection((where.hostname, where.port), KNOCK_S).close()
    except (OSError, ValueError) as error:
        raise _unreached(address, error) from error
    return ray


def _unreached(address: str, error: Exception) -> UsageError:
    return UsageError(
        f"ray.address is {address}, where no cluster answers ({error}): start one with `ray start --head`, or give "
        "an empty address"
    )


class Cluster:
    """A connection that places `parts` on the nodes of a cluster, each with `ray.cpus`; `close` it."""

    def __init__(self, settings: RaySettings, parts: int, store_bytes: int = STORE_BYTES) -> None:
        self._settings, self._parts, self._store_bytes = settings, parts, store_bytes
        self._here = ""  # where a cluster of our own keeps its sockets and logs; a short path, as sockets need
        self._ray = expect_cluster(settings.address)
        heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if settings.address:
                self._join()
            else:
                self._start()
        finally:
            for number, handler in heard.items():  # Ray takes SIGTERM for itself
                with contextlib.suppress(ValueError):  # not on the main thread
                    signal.signal(number, handler)

    def _join(self) -> None:
        try:
            self._ray.init(address=self._settings.address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _unreached(self._settings.address, error) from error

    def _start(self) -> None:
        self._here = tempfile.mkdtemp(prefix="teem-ray-")
        cpus = max(os.cpu_count() or 1, math.ceil(self._parts * self._settings.cpus))
        try:
            self._ray.init(
                address="local", num_cpus=cpus, include_dashboard=False, object_store_memory=self._store_bytes,
                log_to_driver=False, logging_level="ERROR", _temp_dir=self._here,
            )  # fmt: skip
        except BaseException:
            self.close()
            raise

    def place(self, part: type, *words: Any, calls: int = 1, again: bool = False) -> Any:
        """A `part(*words)` on whichever node has the CPUs, never restarted by Ray itself; it takes `calls` at once.

        `again`, after a loss, it is not put on a node that Ray takes for alive but that does not answer.
        """
        silent = self._silent() if again else []
        labels = {"ray.io/node-id": f"!in({','.join(silent)})"} if silent else None
        return (
            self._ray.remote(part)
            .options(
                num_cpus=self._settings.cpus, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD",
                max_concurrency=calls, label_selector=labels,
            )
            .remote(*words)
        )  # fmt: skip

    def _silent(self) -> list[str]:
        """Nodes that are gone already: Ray itself takes a while to tell. None, if none can be reached from here."""
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        silent = [node["NodeID"] for node in alive if not _answers(node)]
        return silent if len(silent) < len(alive) else []

    def ready(self, waits: Iterable[Any], seconds: float, most: int = 1) -> list[Any]:
        """Those of the answers that are there within `seconds`, or `most` as soon as they are there."""
        asked = list(waits)
        if not asked:
            time.sleep(seconds)
            return []
        done, _ = self._ray.wait(asked, num_returns=min(most, len(asked)), timeout=seconds)
        return list(done)

    def answer(self, wait: Any) -> Any:
        """What was answered; LostError when whoever should is gone, FailedError when it failed by itself."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(wait)
        except (errors.RayActorError, errors.NodeDiedError, errors.WorkerCrashedError, errors.ObjectLostError) as error:
            raise LostError(str(error).strip().splitlines()[0]) from error
        except errors.RayTaskError as error:
            raise FailedError(str(error).strip().splitlines()[-1]) from error

    def end(self, part: Any) -> None:
        """Have a part's process end, whatever it does."""
        with contextlib.suppress(Exception):  # it is gone already
            self._ray.kill(part, no_restart=True)

    def close(self) -> None:
        """Let go of the cluster; one that was started here ends, and nothing of it is left."""
        self._ray.shutdown()
        if self._here:
            shutil.rmtree(self._here, ignore_errors=True)


def _answers(node: dict[str, Any]) -> bool:
    """Whether a node takes a connection."""
    try:
        socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), REACH_S).close()
    except OSError:
        return False
    return True


class LostError(Exception):
    """A part's process or node is gone."""


class FailedError(TeemError):
    """A part has failed by itself."""
