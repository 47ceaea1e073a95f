"""Data parallel learning: the same network in several processes, which add up their gradients (torch.distributed).

They meet at a file, and on a CPU talk over loopback alone (gloo). Each then takes the same step from the same sum,
so that their weights stay equal bit for bit; now and then their digests are compared.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from teem.errors import GroupError, TeemError
from teem.learning.torch_stack import Rows

MOST_COUNTS = 16  # that are added up at once: one for each update of a step
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


class TorchGroup:
    """One learner's place in a group, over a process group of torch's; GroupError when another one is lost."""

    def __init__(self, processes: Any, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size = rank, size
        self.compared = 0  # how often all were found to be the same
        self._processes = processes
        self._device = device

    def totals(self, counts: list[int]) -> list[int]:
        """Each count summed over the group."""
        cells = torch.zeros(MOST_COUNTS, dtype=torch.int64)
        cells[: len(counts)] = torch.tensor(counts, dtype=torch.int64)
        return self._sum(cells)

    def add_up(self, tensor: Tensor) -> None:
        """Replace the tensor by the group's sum of it."""
        there = tensor.to(self._device)  # the same tensor, unless gloo has to sum what is on a GPU
        try:
            self._processes.allreduce([there]).wait()
        except RuntimeError as error:
            raise GroupError(f"learner {self.rank} was left alone by its group ({error})") from error
        if there is not tensor:
            tensor.copy_(there)

    def compare(self, digest: int) -> None:
        """Raise TeemError unless everybody's digest is the same."""
        cells = torch.zeros(self.size, dtype=torch.int64)
        cells[self.rank] = digest
        digests = self._sum(cells)
        if len(set(digests)) > 1:
            told = ", ".join(f"{one:016x}" for one in digests)
            raise TeemError(f"learners of one network hold different weights: their digests are {told}")
        self.compared += 1

    def _sum(self, cells: Tensor) -> list[int]:
        self.add_up(cells)
        summed: list[int] = cells.tolist()
        return summed


def join(file: Path, rank: int, size: int, device: str, patience_s: float) -> TorchGroup:
    """Meet the others at a file that nobody has used before, and wait for nobody longer than the patience.

    Each learner with a GPU of its own: over NCCL; otherwise over gloo, on loopback.
    """
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
    apart = device.startswith("cuda") and torch.cuda.device_count() >= size
    try:
        dist.init_process_group(
            "nccl" if apart else "gloo",
            init_method=file.absolute().as_uri(),
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=patience_s),
        )
    except RuntimeError as error:
        raise GroupError(f"learner {rank} has not met its group ({error})") from error
    return TorchGroup(dist.group.WORLD, rank, size, torch.device(device if apart else "cpu"))


def digest_of(rows: Rows, updates: int) -> int:
    """63 bits that depend on every bit of networks, targets and moments, and on how often they were updated."""
    found = blake2b(str(updates).encode(), digest_size=8)
    for each in rows:
        found.update(each.contiguous().cpu().numpy().tobytes())
    return int.from_bytes(found.digest(), "big") >> 1
