"""The picture shows what was recorded: its lines, its intervals and its gaps; and is there whole or not at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from plotted import run_folder, tracked_folder
from scipy import stats

from teem.cli import main
from teem.errors import UsageError
from teem.plots import curve as curves
from teem.plots.draw import choose, draw, figure_of
from teem.plots.groups import groups
from teem.plots.sources import open_sources


def pictured(*folders: Path, metrics: list[str] | None = None) -> Figure:
    sources = open_sources(folders)
    return figure_of(groups(sources), choose(sources, metrics))


def lines_of(figure: Figure, panel: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The lines of a panel by their names: x and y."""
    return {str(one.get_label()): (one.get_xdata(), one.get_ydata()) for one in figure.axes[panel].get_lines()}


def band_of(figure: Figure, number: int = 0, panel: int = 0) -> dict[float, tuple[float, float]]:
    """A band's least and most at each x."""
    found: dict[float, tuple[float, float]] = {}
    for path in figure.axes[panel].collections[number].get_paths():
        for x, y in path.vertices.tolist():
            low, high = found.get(x, (y, y))
            found[x] = min(low, y), max(high, y)
    return found


def rewards(values: list[float | None], every: int = 10) -> list[dict[str, Any]]:
    return [{"step": every * number, "mean_reward": value} for number, value in enumerate(values)]


def test_a_run_is_drawn_as_it_was_recorded(tmp_path: Path) -> None:
    steps = [
        {"step": step, "mean_reward": step / 2, "mean_feats": 3.0 * step, "mean_age": step + 1, "population": 50 - step}
        for step in (0, 10, 20)
    ]
    learning = [(0, 1, 0.5), (0, 2, 1.5), (0, 3, None), (20, 1, 0.25)]
    figure = pictured(run_folder(tmp_path / "farm-7", steps, learning))
    assert [panel.get_title() for panel in figure.axes] == [
        "feats a step lived", "reward a step, of those who acted", "loss, mean of the living", "agents alive",
    ]  # fmt: skip
    found = [lines_of(figure, panel)["farm-7"] for panel in range(4)]
    assert [x.tolist() for x, _ in found] == [[0, 10, 20], [0, 10, 20], [0, 20], [0, 10, 20]]
    assert [y.tolist() for _, y in found] == [[0, 30 / 12, 60 / 22], [0, 5, 10], [1.0, 0.25], [50, 40, 30]]


def test_seeds_are_one_line_with_its_interval_and_settings_several(tmp_path: Path) -> None:
    values = {1: [1.0, 5.0, 2.0], 2: [2.0, 5.0, 4.0], 3: [6.0, 5.0, None]}
    slow = [run_folder(tmp_path / f"a-{seed}", rewards(some), seed=seed) for seed, some in values.items()]
    fast = run_folder(tmp_path / "b", rewards([9.0, 9.0, 9.0]), **{"learning.lr": 0.01})
    figure = pictured(*slow, fast, metrics=["reward"])
    found = lines_of(figure)
    assert list(found) == ["learning.lr = 0.001 (3 runs)", "learning.lr = 0.01"]
    assert found["learning.lr = 0.001 (3 runs)"][1].tolist() == pytest.approx([3.0, 5.0, 3.0])
    assert found["learning.lr = 0.01"][1].tolist() == [9.0, 9.0, 9.0]
    half = stats.t.ppf(0.975, 2) * np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert band_of(figure)[0.0] == pytest.approx((3 - half, 3 + half))
    half = stats.t.ppf(0.975, 1) * np.std([2, 4], ddof=1) / np.sqrt(2)
    assert band_of(figure)[20.0] == pytest.approx((3 - half, 3 + half))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(found)


def test_what_is_not_known_is_a_gap_and_a_point_between_gaps_is_seen(tmp_path: Path) -> None:
    figure = pictured(run_folder(tmp_path / "run", rewards([1.0, None, 3.0, None, 5.0, 6.0])), metrics=["reward"])
    x, y = lines_of(figure)["run"]
    assert x.tolist() == [0, 10, 20, 30, 40, 50]
    assert np.isnan(y).tolist() == [False, True, False, True, False, False]
    (drawn,) = figure.axes[0].get_lines()
    assert (drawn.get_marker(), drawn.get_markevery()) == (".", [0, 2])


def test_a_tracked_training_is_drawn_with_its_evaluations_and_those_that_failed_are_gaps(tmp_path: Path) -> None:
    history = [("train/loss", step, 1.0 / (step + 1)) for step in range(5)]
    history += [("reward", 0, 1.0), ("reward", 2, float("nan")), ("reward", 4, float("inf")), ("reward", 6, 2.0)]
    evaluations = [(100, "done", 10.0, 2.0, 5), (200, "failed", None, None, 0), (300, "timeout", 99.0, 1.0, 5)]
    evaluations += [(400, "done", 20.0, 0.0, 1), (400, "timeout", -50.0, 9.0, 5)]
    folder = tracked_folder(tmp_path / "ppo", history, evaluations)
    figure = pictured(folder)
    assert [panel.get_title() for panel in figure.axes[:3]] == ["result of an evaluation, mean", "reward", "train/loss"]
    x, y = lines_of(figure)["ppo"]
    assert x.tolist() == [100, 200, 300, 400]
    assert y[[0, 3]].tolist() == [10.0, 20.0]
    assert np.isnan(y[1:3]).all()
    half = stats.t.ppf(0.975, 4) * 2.0 / np.sqrt(4)
    assert band_of(figure)[100.0] == pytest.approx((10 - half, 10 + half))
    assert band_of(figure)[400.0] == (20.0, 20.0)
    x, y = lines_of(figure, 1)["ppo"]
    assert x.tolist() == [0, 2, 4, 6]
    assert np.isnan(y).tolist() == [False, True, True, False]


@pytest.mark.parametrize("at_once", [7, 1000])
def test_a_long_history_is_drawn_as_means_with_bands_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("teem.plots.tracked.ROWS_AT_ONCE", at_once)
    monkeypatch.setattr("teem.plots.record.STEPS_AT_ONCE", at_once)
    rng = np.random.default_rng(3)
    values = rng.normal(size=3 * curves.MOST)
    tracked = tracked_folder(tmp_path / "t", [("reward", step, value) for step, value in enumerate(values.tolist())])
    run = run_folder(tmp_path / "r", rewards(values.tolist(), every=1))
    for folder in (tracked, run):
        figure = pictured(folder, metrics=["reward"])
        x, y = lines_of(figure)[folder.name]
        by = values.reshape(-1, 3)
        assert x.tolist() == (np.arange(curves.MOST) * 3 + 1.0).tolist()
        assert y == pytest.approx(by.mean(axis=1))
        band = band_of(figure)
        assert [band[step][0] for step in x] == pytest.approx(by.min(axis=1))
        assert [band[step][1] for step in x] == pytest.approx(by.max(axis=1))


@pytest.mark.parametrize(("name", "begins"), [("curves.png", b"\x89PNG\r\n\x1a\n"), ("curves.svg", b"<?xml")])
def test_the_file_is_a_picture_and_the_same_twice(tmp_path: Path, name: str, begins: bytes) -> None:
    run = run_folder(tmp_path / "run", rewards([1.0, 2.0]))
    drawn = draw([run], tmp_path / name)
    content = drawn.path.read_bytes()
    assert content.startswith(begins)
    if name.endswith("svg"):
        assert ET.fromstring(content).tag.endswith("svg")
        assert b"of those who acted" in content
    else:
        from matplotlib.image import imread

        assert imread(drawn.path).shape[2] == 4
    draw([run], tmp_path / name)
    assert drawn.path.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "run"])


def test_a_picture_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_folder(tmp_path / "run", rewards([1.0, 2.0]))
    out = draw([run], tmp_path / "curves.png").path
    before = out.read_bytes()

    def half(self: Any, file: Any, **more: Any) -> None:
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("matplotlib.backends.backend_agg.FigureCanvasAgg.print_figure", half)
    with pytest.raises(OSError, match="no space"):
        draw([run], out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "run"]


def test_neither_pyplot_nor_numba_nor_torch_is_imported(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", rewards([1.0, 2.0]))
    program = (
        "import sys\nfrom teem.cli import main\n"
        f"assert main(['plot', {str(run)!r}, '--out', 'curves.svg', '--json']) == 0\n"
        "print([name for name in ('matplotlib.pyplot', 'numba', 'torch', 'scipy.stats') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_folder_of_runs_is_all_of_them_and_reading_changes_nothing(tmp_path: Path) -> None:
    for seed in (1, 2):
        run_folder(tmp_path / "sweep" / "setting-1" / f"seed-{seed}", rewards([1.0 * seed]), seed=seed)
    tracked = tracked_folder(tmp_path / "sweep" / "other", [("reward", 0, 1.0)])
    writer = sqlite3.connect(tracked / "history.db")  # that goes on meanwhile
    writer.execute("INSERT INTO history VALUES('reward', 5, 0, 2.0)")
    writer.commit()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.db*") if path.suffix != ".db-shm"}
    figure = pictured(tmp_path / "sweep", metrics=["reward"])
    found = lines_of(figure)
    assert {path: path.read_bytes() for path in before} == before
    writer.close()
    assert found["other"][1].tolist() == [1.0, 2.0]
    assert [y.tolist() for name, (_, y) in found.items() if name.endswith("(2 runs)")] == [[1.5]]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, capsys: Any) -> None:
    empty = run_folder(tmp_path / "empty", [])
    (tmp_path / "nothing").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "history.db").write_bytes(b"no database" * 100)
    arguments = [str(tmp_path / name) for name in ("none", "nothing", "broken")]
    assert main(["plot", *arguments, str(empty), "--out", str(tmp_path / "curves.gif")]) == 2
    told = capsys.readouterr().err.splitlines()
    for line, part in zip(
        told,
        ["curves.gif is no picture", "none is no folder", "nothing holds neither run.db nor history.db",
         "history.db can't be read", "empty has nothing to plot"],
        strict=True,
    ):  # fmt: skip
        assert part in line
    assert not (tmp_path / "curves.gif").exists()


def test_a_metric_that_nobody_recorded_is_told_with_the_nearest(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", rewards([1.0]))
    with pytest.raises(UsageError, match="--metric rewrad is recorded in none of them: did you mean reward"):
        draw([run], tmp_path / "c.png", ["rewrad"])
    with pytest.raises(UsageError, match="in a folder that is there"):
        draw([run], tmp_path / "none" / "c.png")


def test_without_matplotlib_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    run = run_folder(tmp_path / "run", rewards([1.0]))
    with pytest.raises(UsageError, match=r"pip install 'teem\[plots\]'"):
        draw([run], tmp_path / "c.png")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_that_was_evaluated_beside_shows_its_evaluations_with_its_record(tmp_path: Path) -> None:
    for seed, mean in ((1, 4.0), (2, 8.0)):
        run = run_folder(tmp_path / f"run-{seed}", rewards([1.0, 2.0]), seed=seed)
        evaluations = [(10, "done", mean, 1.0, 5), (20, "failed", None, None, 0)]
        tracked_folder(tmp_path / f"t-{seed}", [("evaluation_length", 10, 5.0)], evaluations)
        (tmp_path / f"t-{seed}" / "history.db").rename(run / "history.db")
    figure = pictured(tmp_path / "run-1", tmp_path / "run-2")
    assert [panel.get_title() for panel in figure.axes if panel.axison] == [
        "result of an evaluation, mean", "reward a step, of those who acted", "agents alive",
    ]  # fmt: skip
    ((x, y),) = lines_of(figure).values()
    assert x.tolist() == [10, 20]
    assert y[0] == 6.0
    assert np.isnan(y[1])
    half = stats.t.ppf(0.975, 1) * stats.sem([4, 8])
    assert band_of(figure)[10.0] == pytest.approx((6 - half, 6 + half))


def test_a_run_that_is_there_twice_counts_once_and_the_longest_stands_for_its_seed(tmp_path: Path) -> None:
    long = run_folder(tmp_path / "long", rewards([1.0, 2.0, 3.0]), seed=1, steps=30, **{"runtime.threads": 2})
    short = run_folder(tmp_path / "short", rewards([1.0, 2.0]), seed=1, steps=20)
    other = run_folder(tmp_path / "other", rewards([3.0, 6.0]), seed=2, steps=20)
    drawn = draw([short, long, long, other], tmp_path / "c.png", ["reward"])
    assert drawn.lines == {f"{tmp_path.name} (2 runs)": [long, other]}
    assert drawn.repeated == [short]
    assert "left out: " in drawn.in_words()
    ((x, y),) = lines_of(pictured(short, long, other, metrics=["reward"])).values()
    assert (x.tolist(), y.tolist()) == ([0, 10, 20], [2.0, 4.0, 3.0])


def test_no_two_lines_have_the_same_name(tmp_path: Path) -> None:
    tracked = [tracked_folder(tmp_path / name / "ppo", [("reward", 0, 1.0)]) for name in "ab"]
    assert list(lines_of(pictured(*tracked))) == [str(folder) for folder in tracked]
    farm = run_folder(tmp_path / "farm", rewards([1.0]))
    treasure = run_folder(tmp_path / "treasure", rewards([1.0]), **{"world.name": "treasure"})
    assert list(lines_of(pictured(farm, treasure, metrics=["reward"]))) == ["farm", "treasure"]


def test_tracked_trainings_are_averaged_over_steps_that_each_of_them_has(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    steps = [np.cumsum(rng.integers(5, 16, 200)) for _ in range(3)]  # an episode ends when it ends
    values = [rng.normal(size=200) for _ in range(3)]
    folders = [
        tracked_folder(
            tmp_path / f"ppo-{number}", [("reward", *row) for row in zip(some.tolist(), many.tolist(), strict=True)]
        )
        for number, (some, many) in enumerate(zip(steps, values, strict=True))
    ]
    assert len(lines_of(pictured(*folders))) == 3
    sources = open_sources(folders)
    figure = figure_of(groups(sources, average=True), ["reward"])
    ((name, (x, y)),) = lines_of(figure).items()
    assert name == "average (3 runs)"
    width = int(x[1] - x[0])
    first = int(min(some[0] for some in steps))
    assert 30 <= len(x) <= 50
    together = 0
    for place in range(len(x)):
        assert x[place] == first + place * width + (width - 1) / 2
        each = [many[(some - first) // width == place] for some, many in zip(steps, values, strict=True)]
        assert y[place] == pytest.approx(np.mean([one.mean() for one in each if len(one)]))
        together += all(len(one) for one in each)
    assert together >= 0.9 * len(x)


def test_what_is_drawn_of_a_real_run_ends_with_what_its_report_says(tmp_path: Path) -> None:
    from teem.config.load import load_config
    from teem.record.folder import RunFolder
    from teem.runtime.loop import Run
    from teem.runtime.report import build_report

    settings = {"population.founders": 30, "population.capacity": 60, "steps": 40, "world.maturity": 1}
    settings |= {"world.age_max": 30, "record.every": 1, "record.learning_every": 1}
    config = load_config("farm", {**settings, "learning.replay.warmup": 8, "learning.batch": 8})
    folder = RunFolder.create(tmp_path / "run", "run")
    run = Run.create(config, folder)
    assert run.play(lambda run, outcome: None, lambda: False) == "steps"
    run.finish("steps")
    report = build_report(run, "steps", 1.0)
    folder.write_report(report)
    folder.close()
    assert report["agents"]["died"] > 0  # ages differ
    figure = pictured(tmp_path / "run")
    assert figure.axes[0].get_title() == "joules a step lived"
    last = [lines_of(figure, panel)["run"][1][-1] for panel in range(4)]
    assert last[0] == pytest.approx(report["feats"]["per_step"], rel=1e-6)
    assert last[3] == report["agents"]["alive"]
    assert last[2] == pytest.approx(float(np.nanmean(run.policies.gauges.loss[run.world.population.living])), rel=1e-6)
