"""The worker pools of a run: five, each with a share of the cores, and one budget of cores for them all.

`ai` and `physics` lend their threads to shared ranges: what policies, and what the world, do for each agent. The others
take tasks: `statistics` what the watch makes of samples, `background` checkpoints, `evaluation` what somebody wants to
know of a run while it goes on. A thread that has nothing to do helps with a range of another pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from teem.execution import Execution
from teem.learning.membership import portions
from teem.pool import Cores, Pool, Task
from teem.threads import Threads

SHARES = {"ai": 0.33, "statistics": 0.17, "background": 0.25, "physics": 0.08, "evaluation": 0.17}
"""Of the cores, but one thread at least."""

CLOSE_S = 10.0  # that each pool may take to end


class Lenders:
    """Pools whose threads help with a range: the first one's own, then whoever has nothing to do."""

    def __init__(self, pools: Sequence[Pool], cores: Cores) -> None:
        self._pools, self._cores = pools, cores

    def lend(self, most: int, work: Callable[[], object]) -> list[Task]:
        """Have up to so many threads do `work` as well; as many as there are cores free."""
        tokens = self._cores.take(most)
        helpers: list[Task] = []
        for pool in self._pools:
            while len(helpers) < tokens and pool.free > 0 and (task := pool.help(work)):
                helpers.append(task)
        if len(helpers) < tokens:
            self._cores.give(tokens - len(helpers))
        return helpers


class Pools:
    """The five pools by name; `ai` and `physics` are the threads that policies and the world share ranges with.

    The loop's own thread has a core for itself. With one core alone, one task at a time runs beside it: a loop that
    waited for a task would be a step that waits for the disk.
    """

    def __init__(self, cores: int, execution: Execution = "auto") -> None:
        self.cores = cores
        budget = Cores(max(1, cores - 1))
        counts = portions(tuple(SHARES.values()), cores)
        self._pools = {
            name: Pool(name, max(1, int(count)), cores=budget) for name, count in zip(SHARES, counts, strict=True)
        }
        self.ai, self.physics = (Threads(cores, Lenders(self._own_first(name), budget)) for name in ("ai", "physics"))
        self.execution = execution

    def __getitem__(self, name: str) -> Pool:
        return self._pools[name]

    def __iter__(self) -> Iterator[Pool]:
        return iter(self._pools.values())

    @property
    def execution(self) -> Execution:
        """How ranges are shared from the next one on; it changes no bit."""
        return self.ai.execution

    @execution.setter
    def execution(self, execution: Execution) -> None:
        self.ai.execution = self.physics.execution = execution

    @property
    def shared(self) -> dict[str, Threads]:
        """Those that share ranges, by the name of their pool."""
        return {"ai": self.ai, "physics": self.physics}

    def close(self, limit_s: float = CLOSE_S) -> dict[str, str]:
        """End every thread, within so many seconds a pool; what went wrong, by pool."""
        faults = {}
        for pool in self:
            if not pool.close(limit_s):
                faults[pool.name] = f"a thread was not over after {limit_s:g} s, and is left behind"
            elif pool.fault is not None:
                faults[pool.name] = pool.fault
        return faults

    def told(self) -> dict[str, Any]:
        """As the report has it."""
        return {
            "execution": self.execution,
            "cores": self.cores,
            "pools": {pool.name: _told(pool) for pool in self},
            "shared": {name: _told_shared(threads) for name, threads in self.shared.items()},
        }

    def _own_first(self, name: str) -> list[Pool]:
        return [self._pools[name], *(pool for pool in self if pool.name != name)]


def _told(pool: Pool) -> dict[str, Any]:
    return {
        "threads": pool.threads,
        "waiting": len(pool),
        "done": pool.done,
        "late": pool.count_late(),
        "failed": pool.failed,
        "refused": pool.refused,
        "busy_s": pool.busy_s,
        "fault": pool.fault,
    }


def _told_shared(threads: Threads) -> dict[str, Any]:
    return {
        "ranges": threads.shared,
        "measured": threads.measured,
        "sequential_s": threads.parts_ns / 1e9,
        "parallel_s": threads.wall_ns / 1e9,
        "speed_up": threads.speed_up,
        "choices": threads.choices.told(),
    }
