"""A torch.nn.Module of one's own: one agent's network, which teem stacks for all of them.

python examples/own_network.py [--agents 50] [--steps 200] [--out my-run]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import Tensor, nn

import teem
from teem.runtime.session import begin


class Residual(nn.Module):
    """One skip connection; made with (inputs, outputs), maps [n, inputs] to [n, outputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(inputs, 32), nn.Linear(32, 32), nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        return self.head(x + self.second(x).relu())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    settings = {"population.founders": given.agents, "learning.network": "__main__:Residual"}  # "package.module:Class"
    run = begin(teem.load_config("farm", settings), "own-network", given.out)
    for _ in range(given.steps):
        run.advance()
    run.finish("steps")
    print(f"{run.totals.updates} updates of {len(run.world.population.living)} networks; kept in {run.folder.path}")
