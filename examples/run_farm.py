"""Drive a run by hand: settings, a folder, steps, and a report at the end.

python examples/run_farm.py [--agents 300] [--steps 1000] [--out my-run]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import teem
from teem.runtime.report import build_report
from teem.runtime.session import begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/farm-7)")
    given = parser.parse_args()

    config = teem.load_config("farm", {"population.founders": given.agents, "steps": given.steps})
    run = begin(config, "farm", given.out)  # compiles kernels if need be, makes the folder, keeps the settings
    begun = perf_counter()
    while run.step < config.steps:
        outcome = run.advance()
        if outcome.step % max(1, given.steps // 10) == 0:
            gathered = outcome.ledger["gathered"] / max(1, len(outcome.acted))
            print(f"step {outcome.step}: {len(outcome.acted)} agents, {gathered:.3f} J gathered by each")
    run.finish("steps")
    report = build_report(run, "steps", perf_counter() - begun)
    run.folder.write_report(report)
    run.folder.close()
    print(f"{report['agent_steps_per_s']:.0f} agent-steps/s; kept in {run.folder.path}")


if __name__ == "__main__":
    main()
