"""What a tracker keeps, what it writes down, and that neither grows nor costs more than it should."""

from __future__ import annotations

import math
import pickle
import sqlite3
import threading

import numpy as np
import polars
import pytest

from teem.errors import UsageError
from teem.training.evaluation import Evaluation
from teem.training.tracker import PerformanceTracker


def rows(folder, query):
    with sqlite3.connect(folder / "history.db") as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_everything_is_on_disk_and_the_latest_in_memory(tmp_path):
    tracker = PerformanceTracker(tmp_path)
    values = np.random.default_rng(1).normal(size=5000)
    for step, value in enumerate(values[:2500]):
        tracker.update(step, reward=value)
    tracker.extend(np.arange(2500, 5000), reward=values[2500:])
    tracker.close()
    np.testing.assert_array_equal(
        np.array(rows(tmp_path, "SELECT step, value FROM history WHERE metric = 'reward' ORDER BY step")),
        np.column_stack((np.arange(5000), values)),
    )
    assert tracker.history.lost == 0
    assert tracker.latest("reward") == values[-1]
    assert tracker.mean("reward", 100) == pytest.approx(values[-100:].mean())


def test_an_evaluation_is_a_result_only_if_it_was_done(tmp_path):
    tracker = PerformanceTracker(tmp_path)
    tracker.evaluated(Evaluation(1, 100, "done", (1.0, 3.0), (4, 6), 0.5))
    tracker.evaluated(Evaluation(2, 200, "failed", fault="it broke"))
    tracker.evaluated(Evaluation(3, 300, "timeout", fault="too late"))
    tracker.close()
    assert [each.version for each in tracker.results] == [1]
    assert tracker.curve("evaluation_reward").mean.tolist() == [2.0]
    assert rows(tmp_path, "SELECT version, step, status, mean, std, episodes, length, fault FROM evaluations") == [
        (1, 100, "done", 2.0, 1.0, 2, 5.0, ""),
        (2, 200, "failed", None, None, 0, None, "it broke"),
        (3, 300, "timeout", None, None, 0, None, "too late"),
    ]


def test_what_is_no_finite_number_is_counted_and_shown_as_unknown():
    tracker = PerformanceTracker()
    tracker.update(1, loss=math.inf)
    tracker.extend([2, 3], loss=[np.nan, 2.0])
    assert tracker.not_finite == 2
    assert np.isnan(tracker.curve("loss").mean).tolist() == [True, True, False]
    assert tracker.mean("loss") == 2.0


def test_tables_and_frames_hold_every_curve():
    tracker = PerformanceTracker()
    tracker.extend(range(3000), reward=np.arange(3000.0))
    tracker.update(7, loss=1.5)
    frame = tracker.frame()
    assert isinstance(frame, polars.DataFrame)
    reward = frame.filter(polars.col("metric") == "reward")
    assert reward["known"].sum() == 3000
    assert (reward["minimum"].min(), reward["maximum"].max()) == (0.0, 2999.0)
    assert frame.filter(polars.col("metric") == "loss")["mean"].to_list() == [1.5]
    assert tracker.table(["loss"])["last"].tolist() == [7]
    assert tracker.frame([]).shape == frame.shape and PerformanceTracker().table()["metric"].tolist() == []
    with pytest.raises(UsageError, match="'rewards': there are reward, loss"):
        tracker.curve("rewards")


def test_memory_is_bounded_in_values_and_in_metrics(tmp_path):
    tracker = PerformanceTracker(most=3)
    for name in "abcdefgh":
        tracker.update(1, **{name: 1.0})
    assert list(tracker.series) == ["a", "b", "c"] and tracker.refused == {"d", "e", "f"}
    sizes = []
    for turn in range(40):
        tracker.extend(np.arange(50_000) + 50_000 * turn, a=np.ones(50_000))
        sizes.append(len(pickle.dumps(tracker.series)))
    assert max(sizes) - min(sizes) < 1500  # of a point that is not whole


def test_a_tracker_leaves_no_thread(tmp_path):
    before = threading.active_count()
    tracker = PerformanceTracker(tmp_path)
    tracker.extend(range(5000), reward=np.zeros(5000))
    tracker.close()
    assert threading.active_count() == before


def test_a_folder_that_can_not_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"log_dir .*file can't be written to"):
        PerformanceTracker(tmp_path / "file")
    (tmp_path / "history.db").mkdir()
    with pytest.raises(UsageError, match=r"history.db can't be written"):
        PerformanceTracker(tmp_path)


def test_rows_that_the_disk_refuses_are_lost_and_counted_and_training_goes_on(tmp_path, monkeypatch):
    tracker = PerformanceTracker(tmp_path)
    monkeypatch.setattr(type(tracker.history), "_write", None)
    tracker.history._channel._take = lambda batches: (_ for _ in ()).throw(sqlite3.OperationalError("disk is full"))
    for turn in range(200):
        tracker.extend(range(3000), reward=np.zeros(3000) + turn)
    tracker.close()
    assert "disk is full" in tracker.history.fault
    assert tracker.history.lost > 0
    assert tracker.series["reward"].total == 600_000


def test_a_metric_that_was_told_of_nothing_has_its_place():
    tracker = PerformanceTracker(most=1)
    tracker.extend([], reward=[])
    tracker.update(1, reward=2.0)
    assert tracker.latest("reward") == 2.0 and not tracker.refused
