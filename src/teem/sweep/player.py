"""A run of a sweep in a process of its own, which dies with the sweep: `python -m teem.sweep.player ORDERS`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from teem.errors import TeemError
from teem.offspring import die_with
from teem.sweep.runs import Orders


def main(text: str) -> int:
    """Do what is ordered, as `teem run` or `teem resume` would; the exit code is theirs."""
    orders = msgspec.json.decode(text, type=Orders)
    die_with(orders.parent)
    sys.path.append(str(Path.cwd()))  # where a user's own network lies
    try:
        return _play(orders)
    except TeemError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _play(orders: Orders) -> int:
    from teem.config.load import load_config
    from teem.evaluate.companion import companion_of
    from teem.runtime.interrupt import Interrupts
    from teem.runtime.session import begin, exit_code, go_on, play

    folder = Path(orders.folder)
    with Interrupts() as interrupts:
        if orders.settings:
            run = begin(load_config(orders.settings, orders.overrides), folder.name, folder)
        else:
            run = go_on(folder)
        return exit_code(play(run, interrupts, headless=True, accompany=companion_of))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
