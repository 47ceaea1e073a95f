"""What is foretold of planted leaks, who is blamed, and that nothing is foretold of clean runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from leaks import OUTSIDE_MS, SPANS, STEPS, Floats, samples_of

from teem.measure.culprits import steady_frames
from teem.measure.forecast import Forecaster, Target
from teem.measure.history import History

SAMPLES = 800
END = SAMPLES * STEPS
FRAME_MS = OUTSIDE_MS + sum(ms for name, ms in SPANS.items() if "." not in name)
LIMIT_MB = 1000.0
LEAK_MB = 560.0  # by the end
Plant = Callable[[dict[str, Floats], Floats, Floats], None]


def targets() -> list[Target]:
    return [
        Target("memory", "MB", lambda history: LIMIT_MB),
        Target("frame", "ms", lambda history: 2 * float(np.median(steady_frames(history)[:10]))),
        Target("threads", "threads", lambda history: 512),
        Target("open_files", "files", lambda history: 1024),
    ]


def watched(seed: int, plant: Plant, samples: int, of: int = SAMPLES) -> Forecaster:
    """Looked at every tenth sample."""
    history, forecaster = History(), Forecaster(targets(), horizon_s=1e9)
    for index, (clock, values) in enumerate(samples_of(np.random.default_rng(seed), of, plant)):
        if index == samples:
            break
        history.add(clock, values)
        if index % 10 == 9:
            forecaster.look(history)
            if index < samples - 1:
                watched.early.extend(forecaster.alarms)  # type: ignore[attr-defined]
    return forecaster


watched.early = []  # type: ignore[attr-defined]


def nothing(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
    pass


def unbounded_list(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
    curves["memory"] += LEAK_MB * steps / END
    curves["python_blocks"] += 1e6 * LEAK_MB * steps / END / 100


def growing_table(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
    curves["memory"] += LEAK_MB * steps / END


def plot_in_the_loop(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
    curves["outside"] += FRAME_MS * slower * steps / END


def slower_fights(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
    for name in ("span.world", "span.world.fight"):
        curves[name] += FRAME_MS * slower * steps / END


def threads_that_stay(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
    curves["threads"] += np.floor(500 * steps / END)
    for name in curves:
        if name.startswith("span.") or name == "outside":
            curves[name] *= 1 + steps / END


PLANTED: dict[Plant, tuple[str, str]] = {
    unbounded_list: ("memory", "objects"),
    growing_table: ("memory", "arrays"),
    plot_in_the_loop: ("frame", "between steps"),
    slower_fights: ("frame", "span world.fight"),
}


def some(seeds: int, fast: int) -> list[Any]:
    """All seeds, of which the first few are tried each time and the others where slow tests are asked for."""
    return [pytest.param(seed, marks=[pytest.mark.slow] if seed >= fast else []) for seed in range(seeds)]


@pytest.mark.parametrize("seed", some(5, 1))
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_tenth_of_a_run_tells_when_its_leak_comes_to_the_limit(plant: Plant, seed: int) -> None:
    what, cause = PLANTED[plant]
    alarms = {alarm.name: alarm for alarm in watched(100 + seed, plant, SAMPLES // 10).alarms}
    assert list(alarms) == [what]
    assert cause in alarms[what].cause
    assert alarms[what].steps[0] == pytest.approx(0.9 * END, rel=0.25)


@pytest.mark.parametrize("seed", some(2, 1))
def test_threads_that_stay_are_blamed_for_what_slows_all_alike(seed: int) -> None:
    alarms = {alarm.name: alarm for alarm in watched(200 + seed, threads_that_stay, SAMPLES // 4).alarms}
    assert "threads" in alarms["threads"].cause
    assert "frame" not in alarms or "threads" in alarms["frame"].cause


@pytest.mark.parametrize("seed", some(20, 4))
def test_a_clean_run_raises_no_alarm(seed: int) -> None:
    watched.early.clear()  # type: ignore[attr-defined]
    assert watched(seed, nothing, 300, of=300).alarms == ()
    assert watched.early == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("more", [0.0, 1.0])
def test_a_span_that_takes_longer_for_more_agents_is_no_alarm(more: float) -> None:
    def crowd(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
        part = 2 * steps / END
        curves["alive"] *= 1 + more * part
        curves["span.learn"] *= 1 + part

    alarms = [alarm.name for alarm in watched(300, crowd, SAMPLES // 4).alarms]
    assert alarms == ([] if more else ["frame"])


def test_an_alarm_ends_with_its_cause() -> None:
    def for_a_while(curves: dict[str, Floats], steps: Floats, slower: Floats) -> None:
        curves["memory"] += LEAK_MB * np.minimum(steps, END / 4) / END

    assert watched(3, for_a_while, SAMPLES // 4).alarms != ()
    assert watched(3, for_a_while, SAMPLES).alarms == ()
