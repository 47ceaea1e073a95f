"""What came of a run is what its folder says, and no line of results is lost or half read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from teem.errors import UsageError
from teem.sweep.results import RESULTS, Result, Results, expect_metric, figure, result_of
from teem.sweep.runs import Job


def job(tmp_path: Path, report: dict[str, Any] | None = None, checkpoint: bool = False, log: str = "") -> Job:
    one = Job(1, 7, 100, tmp_path)
    one.folder.mkdir(parents=True)
    one.log.parent.mkdir()
    one.log.write_text(log)
    if report is not None:
        (one.folder / "report.json").write_text(json.dumps(report))
    if checkpoint:
        (one.folder / "checkpoints" / "step-000000050").mkdir(parents=True)
    return one


REPORT = {"reason": "steps", "feats": {"unit": "joules", "mean": 3.0, "per_step": 0.5}, "agents": {"alive": 4}}


def test_a_run_that_is_done_has_a_figure(tmp_path: Path) -> None:
    one = job(tmp_path, REPORT, checkpoint=True)
    assert one.state() == "done"
    result = result_of(one, "feats.per_step", 0, 2.0)
    assert (result.outcome, result.value, result.why) == ("done", 0.5, "")
    assert result_of(one, "agents.alive", 4, 2.0).value == 4.0


def test_an_extinct_run_is_done_and_its_figure_unknown(tmp_path: Path) -> None:
    one = job(tmp_path, {"reason": "extinct", "feats": {"unit": "joules", "mean": None, "per_step": None}})
    result = result_of(one, "feats.per_step", 0, 2.0)
    assert (result.outcome, result.value, result.why) == ("done", None, "nobody was left")


@pytest.mark.parametrize(
    ("report", "checkpoint", "code", "log", "state", "outcome", "why"),
    [
        ({**REPORT, "reason": "interrupted"}, True, 0, "", "begun", "stopped", "stopped before"),
        (None, False, 130, "teem: stopped\n", "waiting", "stopped", "stopped before"),
        ({**REPORT, "reason": "stalled"}, True, 6, "step 3\n", "begun", "failed", "exit code 6: step 3"),
        (None, False, 1, "a\nValueError: broken\n\n", "waiting", "failed", "exit code 1: ValueError: broken"),
        (None, True, -9, "", "begun", "failed", "ended by signal 9"),
    ],
)
def test_what_is_not_done_is_never_a_result(
    tmp_path: Path, report: Any, checkpoint: bool, code: int, log: str, state: str, outcome: str, why: str
) -> None:
    one = job(tmp_path, report, checkpoint, log)
    result = result_of(one, "feats.per_step", code, 1.0)
    assert (one.state(), result.outcome, result.value) == (state, outcome, None)
    assert result.why.startswith(why)


def test_what_has_nothing_to_go_on_from_is_cleared_and_nothing_else_is(tmp_path: Path) -> None:
    one = job(tmp_path / "a")
    one.clear()
    assert not one.folder.exists()
    for name, more in (("b", {"checkpoint": True}), ("c", {"report": REPORT})):
        kept = job(tmp_path / name, **more)  # type: ignore[arg-type]
        kept.clear()
        assert kept.folder.exists()


def test_results_come_back_the_last_of_each_and_half_a_line_is_passed_over(tmp_path: Path) -> None:
    results = Results(tmp_path)
    assert results.last() == {}
    for outcome, value in (("failed", None), ("done", 0.25)):
        results.add(Result(setting=1, seed=7, outcome=outcome, metric="m", value=value))  # type: ignore[arg-type]
    with (tmp_path / RESULTS).open("a") as file:
        file.write('{"setting":1,"se')  # killed while it wrote
    results.add(Result(setting=2, seed=8, outcome="stopped", metric="m"))
    last = results.last()
    assert {key: (one.outcome, one.value) for key, one in last.items()} == {
        (1, 7): ("done", 0.25), (2, 8): ("stopped", None),
    }  # fmt: skip
    assert all(one.time for one in last.values())


def test_a_metric_must_be_a_number_of_the_report() -> None:
    expect_metric(REPORT, "feats.mean")
    expect_metric({**REPORT, "feats": {"mean": None}}, "feats.mean")  # of this run it isn't known
    for metric in ("feats.maen", "feats", "reason"):
        with pytest.raises(UsageError, match=f"--metric {metric} is no number of a report"):
            expect_metric(REPORT, metric)
    assert figure({"a": {"b": True}}, "a.b") is None
    assert figure({"a": {"b": float("nan")}}, "a.b") is None
    assert figure({"a": [1]}, "a.b") is None
