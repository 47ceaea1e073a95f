"""The panel fits every terminal, and its picture shows who is where."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from teem.population.slots import Population
from teem.runtime import picture
from teem.runtime.panel import BARS, Panel, recent_shares, snapshot, sparkline
from teem.runtime.present import Compiling, Lines, choose_view, progress
from teem.runtime.vitals import Trace, Vitals


def drawn(run: Any, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None, force_terminal=True)
    console.print(Panel(run, Vitals(run)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (40, 12), (30, 8)])
def test_the_panel_fits(still_run: Callable[..., Any], width: int, height: int) -> None:
    rows = drawn(still_run(), width, height)
    assert len(rows) <= height - 1
    assert {len(row) for row in rows} == {width}


def test_the_panel_names_its_numbers_with_units(still_run: Callable[..., Any]) -> None:
    text = "\n".join(drawn(still_run(), 80, 24))
    for part in (
        "farm-7", "step 10 of 100, 10%", "alive      40   born 4   died 1", "system 14", "6.00 J an agent",
        "joules     2.50 a life, 4.00 at most",
        "least trained 3", "0.250 median", "2.00 ms p50, 2.00 ms p95", "rows/s", "MB",
        "observe 67%", "act 33%", "▀▀▀",
    ):  # fmt: skip
        assert part in text, part


def test_a_run_that_has_not_begun_shows_what_is_unknown(still_run: Callable[..., Any]) -> None:
    text = "\n".join(drawn(still_run(alive=0, steps=0), 80, 24))
    assert "– ms p50" in text
    assert "– J an agent" in text
    assert "– left" in text
    assert "learning   off" in "\n".join(drawn(still_run(learns=False), 80, 24))


def test_the_last_evaluation_is_shown_where_there_was_one(still_run: Callable[..., Any]) -> None:
    said = "step 900 came to 0.107 J"
    run = still_run()
    assert "evaluated" not in "\n".join(drawn(run, 110, 30))
    run.companion = SimpleNamespace(said=said)
    assert f"evaluated  {said}" in "\n".join(drawn(run, 110, 30))


def test_a_snapshot_is_svg(still_run: Callable[..., Any]) -> None:
    run = still_run()
    svg = snapshot(run, Vitals(run))
    assert svg.startswith("<svg")
    assert "farm-7" in svg


def test_shares_are_of_the_outermost_spans(still_run: Callable[..., Any]) -> None:
    shares = dict(recent_shares(still_run().spans))
    assert shares == pytest.approx({"observe": 2 / 3, "act": 1 / 3})


@given(
    side=st.integers(1, 90),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_shrunk_map_keeps_its_mean(side: int, height: int, width: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 1, (height, width)).astype(np.float32)
    side = min(side, height, width)
    small = picture.shrink(values, side)
    assert small.shape == (side, side)
    for row, column in ((0, 0), (side - 1, side - 1)):
        block = values[
            row * height // side : (row + 1) * height // side,
            column * width // side : (column + 1) * width // side,
        ]
        assert small[row, column] == pytest.approx(block.mean(), rel=1e-4)


def test_an_agent_is_painted_where_it_stands() -> None:
    population = Population(4, 1)
    slots = population.spawn(2)
    population.x[slots], population.y[slots], population.kind[slots] = [0.5, 39.9], [0.5, 39.9], [0, 2]
    painted = picture.paint({"resources": np.zeros((40, 40), np.float32)}, population, 20)
    assert painted[0, 0] == picture.FIRST_KIND
    assert painted[19, 19] == picture.FIRST_KIND + 2
    assert (painted >= picture.FIRST_KIND).sum() == 2


def test_rock_and_rich_ground_have_their_colours() -> None:
    ground = np.zeros((20, 20), np.float32)
    ground[:, 10:] = 2.0
    rock = np.zeros((20, 20), np.float32)
    rock[:10, :10] = 1.0
    maps = {"resources": ground, "capacity": np.full_like(ground, 2.0), "obstacles": rock}
    painted = picture.paint(maps, Population(1, 1), 10)
    assert (painted[:5, :5] == picture.ROCK).all()
    assert (painted[5:, :5] == 0).all()
    assert (painted[:, 5:] == picture.GREENS - 1).all()


@given(st.integers(1, 30), st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_half_blocks_show_every_colour(side: int, seed: int) -> None:
    painted = np.random.default_rng(seed).integers(0, 16, (side, side)).astype(np.int16)
    rows = picture.lines(painted)
    assert len(rows) == (side + 1) // 2
    for index, row in enumerate(rows):
        styles = [segment.style for segment in row for _ in segment.text]
        assert len(styles) == side
        below = painted[min(2 * index + 1, side - 1)]
        for style, upper, lower in zip(styles, painted[2 * index], below, strict=True):
            assert style == picture.half_block(int(upper) * 1024 + int(lower))


def test_a_trace_stays_small_and_keeps_the_mean() -> None:
    trace = Trace(most=16)
    for value in range(4096):
        trace.add(float(value))
    assert len(trace.points) < 16
    assert np.mean(trace.points) == pytest.approx(np.arange(4096).mean(), rel=0.1)
    assert trace.points == sorted(trace.points)


def test_a_sparkline_goes_from_nothing_to_the_top() -> None:
    trace = Trace()
    for value in (0, 1, 2, 3, 4, 5, 6, 7):
        trace.add(float(value))
    assert sparkline(trace, 8) == BARS
    assert len(sparkline(trace, 4)) == 4
    assert sparkline(Trace(), 8) == "–"
    below = Trace()
    for value in (-1.0, -0.2, 0.0, 2.0):
        below.add(value)
    assert sparkline(below, 4) == BARS[0] * 3 + BARS[-1]


def test_rates_are_of_the_window(still_run: Callable[..., Any]) -> None:
    run = still_run()
    vitals = Vitals(run)
    assert vitals.per_s("steps") is None
    run.step += 50
    vitals.sample()
    rate = vitals.per_s("steps")
    assert rate is not None
    assert rate > 0
    assert vitals.left_s() == pytest.approx(40 / rate)


def test_without_a_terminal_there_are_plain_lines(
    still_run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run = still_run()
    view = choose_view(run, headless=False)
    assert isinstance(view, Lines)
    view.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("step 10/100 (10%)")
    assert "40 alive" in progress(run, Vitals(run))


def test_compiling_is_said_with_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    say = Compiling()
    say("rules", 2, 5)
    say("done", 5, 5)
    assert capsys.readouterr().err == (
        "compiling kernels (first run only): 2 of 5, rules, 0 s\n"
        "compiling kernels (first run only): 5 of 5, done, 0 s\n"
    )


def test_a_world_with_heights_is_shown_from_the_side(still_run: Callable[..., Any]) -> None:
    run = still_run()
    world = run.world
    count = 400
    ground = {name: np.zeros((1, count), np.float32) for name in ("height", "food")}
    ground["metres"] = np.arange(count, dtype=np.float32)[None]
    world.map, world.kinds, world.feat = lambda: ground, ("crawler",), "metres"
    world.population.kind[:] = 0
    text = "\n".join(drawn(run, 90, 26))
    for part in ("■ crawler 40", "■ food", "■ ground: ", " m across, ", "metres     2.50 a life, 4.00 at most", "▀▀▀"):
        assert part in text, part


def test_what_is_achieved_is_a_curve_where_nothing_is_gathered(still_run: Callable[..., Any]) -> None:
    run = still_run()
    vitals = Vitals(run)
    nobody = np.empty(0, np.int32)
    for ledger in ({"gathered": 8.0}, {"eaten": 1.0}):
        vitals.count(SimpleNamespace(ledger=ledger, agents=40, acted=nobody))
    assert vitals.gathered.points == [0.2]
    assert vitals.feats.points == [2.5]
