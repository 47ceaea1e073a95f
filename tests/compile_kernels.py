"""Compile the kernels that most tests use, each of them once, in two processes.

Two workers that begin with an empty cache would compile the same kernels at the same time. Where all of them are
there already, this takes two seconds.
"""

from __future__ import annotations

import subprocess
import sys

from teem.config.load import load_config
from teem.runtime.warmup import is_warm, warm

PARTS = (  # what a world's rules and what a learner's networks take: about as long in either process
    (
        ("farm", {}),
        ("farm", {"learning.algorithm": "iqn"}),
    ),
    (
        ("crawlers", {"learning.algorithm": "random"}),
        ("treasure", {"learning.algorithm": "random"}),
        ("crawlers", {"learning.network": "attention"}),
    ),
)


def compile_part(part: int) -> None:
    """Play small worlds whose kernels are not compiled yet."""
    for world, overrides in PARTS[part]:
        config = load_config(world, overrides)
        if not is_warm(config):
            print("compiling the kernels of", world, *overrides.values(), flush=True)
            warm(config, lambda what, done, of: None)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compile_part(int(sys.argv[1]))
    else:
        other = subprocess.Popen([sys.executable, __file__, "1"])
        compile_part(0)
        sys.exit(other.wait())
