"""What is foretold of real runs: nothing where nothing was wrong, and the limit of a leak from a tenth of its run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import recorded
from recorded import LEAKS, RUNS, Curves, Leak, usual

from teem.measure.forecast import Forecast, Forecaster, Target
from teem.measure.history import History
from teem.measure.limits import THREADS_MOST, FirstFrames

SEED = 20261129


def watched(curves: Curves, limits: dict[str, float]) -> tuple[Forecaster, list[Forecast]]:
    """Looked at every tenth sample; the forecaster in the end, and every alarm on the way."""
    first = FirstFrames()
    targets = [
        Target("memory", "MB", lambda history: limits.get("memory", 1.5 * usual(curves["memory"]) + 300)),
        Target("frame", "ms", lambda history: limits.get("frame") or first(history)),
        Target("threads", "threads", lambda history: limits.get("threads", THREADS_MOST)),
        Target("open_files", "files", lambda history: 1024),
        Target("disk", "MB", lambda history: 100 + 20 * float(curves["disk"][-1])),
    ]
    history, forecaster, raised = History(), Forecaster(targets, horizon_s=1e9), []
    for index, (clock, values) in enumerate(recorded.samples_of(curves)):
        history.add(clock, values)
        if index % 10 == 9:
            forecaster.look(history)
            raised += forecaster.alarms
    return forecaster, raised


def some(number: int, *others: Any, fast: tuple[int, ...]) -> Any:
    """A case that is slow unless it is one of a few."""
    marks = [] if number in fast else [pytest.mark.slow]
    return pytest.param(number, *others, marks=marks, id=_called(number, others))


def _called(number: int, others: tuple[Any, ...]) -> str:
    return " ".join([str(number), recorded.about(number), *(one.__name__ for one in others)])


@pytest.mark.parametrize("number", [some(number, fast=(1, 8, 15)) for number in range(RUNS)])
def test_a_real_run_in_which_nothing_is_wrong_raises_no_alarm(number: int) -> None:
    _, raised = watched(recorded.background(number), {})
    assert [(alarm.name, alarm.cause) for alarm in raised] == []


@pytest.mark.parametrize(
    ("number", "leak"), [some(number, leak, fast=(3, 4, 6, 9, 10)) for number, leak in recorded.planted()]
)
def test_a_tenth_of_a_real_run_tells_when_its_leak_comes_to_the_limit(number: int, leak: Leak) -> None:
    curves = recorded.background(number)
    what, cause = LEAKS[leak]
    limit = leak(curves, np.random.default_rng((SEED, number)))
    forecaster, _ = watched(curves, {what: limit})
    alarms = {alarm.name: alarm for alarm in forecaster.alarms}
    assert list(alarms) == [what]
    assert cause in alarms[what].cause
    left = 0.9 * recorded.TENTH * (curves["step"][-1] - curves["step"][0])
    assert alarms[what].steps[0] == pytest.approx(left, rel=0.25)
