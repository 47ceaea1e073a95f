"""What a run that has lost processes must have left in its folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from teem.evaluate.saved import open_saved


def expect_whole(out: Path) -> None:
    """Each fiftieth step is recorded once, whoever was lost; the weights are sound, and lives' updates are told on."""
    with sqlite3.connect(out / "run.db") as connection:
        (rows, different, last), *_ = connection.execute("SELECT count(*), count(DISTINCT step), max(step) FROM steps")
    assert rows == different == last // 50 + 1
    (cohort,) = open_saved(out).state["policies"]["cohorts"].values()
    own = cohort["networks"]["own"]
    assert np.isfinite(own["weights"]).all()
    assert (cohort["gauges"]["updates"] >= own["updates"]).all()  # an optimiser may begin anew
