"""Ray: connecting to a cluster or starting one on this machine, and islands as its actors."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable
from typing import Any

from teem.config.settings import RaySettings
from teem.errors import TeemError, UsageError
from teem.runtime.islands.island import Island

STORE_BYTES = 80 * 2**20  # of the object store of a cluster started here; letters are small


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


class Cluster:
    """A connection that places islands on the nodes of a cluster; `close` it."""

    def __init__(self, settings: RaySettings) -> None:
        self._settings = settings
        self._here = ""  # where a cluster of our own keeps its sockets and logs; a short path, as sockets need
        self._ray = load_ray(settings.address)
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
        self._actor = self._ray.remote(Island)

    def _join(self) -> None:
        try:
            self._ray.init(address=self._settings.address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"ray.address is {self._settings.address}, where no cluster answers ({error}): start one with "
                "`ray start --head`, or give an empty address"
            ) from error

    def _start(self) -> None:
        self._here = tempfile.mkdtemp(prefix="teem-ray-")
        cpus = max(os.cpu_count() or 1, math.ceil(self._settings.islands * self._settings.cpus))
        try:
            self._ray.init(
                address="local", num_cpus=cpus, include_dashboard=False, object_store_memory=STORE_BYTES,
                log_to_driver=False, logging_level="ERROR", _temp_dir=self._here,
            )  # fmt: skip
        except BaseException:
            self.close()
            raise

    def place(self, index: int, folder: str) -> Any:
        """An island on whichever node has the CPUs; it isn't begun, and never restarted by Ray itself."""
        return self._actor.options(
            num_cpus=self._settings.cpus, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        ).remote(index, folder)

    def ready(self, waits: Iterable[Any], seconds: float) -> list[Any]:
        """Those of the answers that are there within `seconds`, or one as soon as it is there."""
        asked = list(waits)
        if not asked:
            time.sleep(seconds)
            return []
        done, _ = self._ray.wait(asked, num_returns=1, timeout=seconds)
        return list(done)

    def answer(self, wait: Any) -> Any:
        """What was answered; IslandLostError when whoever should is gone, TeemError when it failed by itself."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(wait)
        except (errors.RayActorError, errors.NodeDiedError, errors.WorkerCrashedError, errors.ObjectLostError) as error:
            raise IslandLostError(str(error).strip().splitlines()[0]) from error
        except errors.RayTaskError as error:
            raise TeemError(f"an island failed: {str(error).strip().splitlines()[-1]}") from error

    def end(self, island: Any) -> None:
        """Have an island's process end, whatever it does."""
        with contextlib.suppress(Exception):  # it is gone already
            self._ray.kill(island, no_restart=True)

    def close(self) -> None:
        """Let go of the cluster; one that was started here ends, and nothing of it is left."""
        self._ray.shutdown()
        if self._here:
            shutil.rmtree(self._here, ignore_errors=True)


class IslandLostError(Exception):
    """An island's process or node is gone."""
