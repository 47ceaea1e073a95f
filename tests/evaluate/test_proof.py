"""`evaluate` from a run's folder to its evidence, and what it refuses."""

import json
import shutil

import numpy as np
import pytest
from rich.console import Console
from tiny_runs import TINY, changed, run_in

from teem.errors import UsageError
from teem.evaluate.compare import compare
from teem.evaluate.contest import FARM
from teem.evaluate.episodes import MEASURES
from teem.evaluate.proof import Evidence, evaluate
from teem.evaluate.show import render
from teem.record.folder import RunFolder

NAMES = FARM.kinds[0].policies


def shown(evidence):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render(evidence))
    return " ".join(capture.get().split())


def evidence_of(better, seeds=5):
    """Evidence in which the trained are better than each other policy by so much, in kind of world and measure."""
    rng = np.random.default_rng(0)
    values = {}
    for kind in ("fresh", "mixed"):
        each = rng.normal(0, 0.1, (seeds, len(NAMES), len(MEASURES)))
        for (where, other, measure), by in better.items():
            if where == kind:
                each[:, NAMES.index(other), MEASURES.index(measure)] -= by
        values[kind] = each
    comparisons = {kind: compare(each, NAMES) for kind, each in values.items()}
    return Evidence((), FARM, seeds, 10, (60,), comparisons, values, 1.0)


EVERYWHERE = {
    (kind, other, measure): 5.0
    for kind in ("fresh", "mixed")
    for other in ("random", "resting")
    for measure in ("feats", "lifetime")
}


def test_it_is_proven_when_the_trained_beat_random_and_resting_in_both_measures_and_both_worlds():
    assert evidence_of(EVERYWHERE).proven
    assert evidence_of(EVERYWHERE).exit_code == 0


@pytest.mark.parametrize("missing", EVERYWHERE)
def test_it_is_not_proven_when_one_of_them_is_missing(missing):
    evidence = evidence_of({key: by for key, by in EVERYWHERE.items() if key != missing})
    assert not evidence.proven
    assert evidence.exit_code == 1


def test_it_is_not_proven_when_they_are_surely_worse():
    assert not evidence_of(EVERYWHERE | {("mixed", "random", "lifetime"): -5.0}).proven


def test_a_run_is_evaluated_from_its_folder_and_the_evidence_is_kept_there(copied_run):
    done = []
    evidence = evaluate([copied_run], seeds=2, steps=30, threads=1, progress=lambda what, n, of: done.append((n, of)))
    assert done == [(n, 10) for n in range(1, 11)]
    kept = json.loads((copied_run / "evaluation.json").read_text())
    report = json.loads((copied_run / "report.json").read_text())
    assert report["evaluation"] == kept
    assert report["steps"] == TINY.steps  # what was there is still there
    assert kept["trained"][0]["step"] == TINY.steps
    assert kept["trained"][0]["updates"] == report["learning"]["updates"]
    assert np.array(kept["values"]["fresh"]).shape == (1, 2, 4, 4)
    assert kept["fresh"]["policies"]["resting"]["feats"]["mean"] == 0
    assert json.loads(json.dumps(evidence.as_dict(), allow_nan=False))["proven"] == evidence.proven
    text = shown(evidence)
    for said in ("150 steps", "2 worlds of each kind", "30 steps", "Fresh worlds", "Mixed worlds", "heuristic"):
        assert said in text
    again = evaluate([copied_run], seeds=2, steps=30, threads=2)
    np.testing.assert_array_equal(again.values["mixed"], evidence.values["mixed"])


def test_a_run_in_use_is_evaluated_but_its_report_is_left_alone(copied_run):
    before = (copied_run / "report.json").read_bytes()
    held = RunFolder.open(copied_run)
    evidence = evaluate([copied_run], seeds=2, steps=5)
    held.close()
    assert (copied_run / "report.json").read_bytes() == before
    assert (copied_run / "evaluation.json").exists()
    assert "in use" in evidence.kept[0]
    assert "in use" in shown(evidence)


def test_with_three_runs_each_run_is_one_replicate(tiny_run, tmp_path):
    runs = [shutil.copytree(tiny_run, tmp_path / name) for name in "abc"]
    evidence = evaluate(runs, seeds=2, steps=5)
    assert evidence.replicate == "run"
    assert evidence.comparisons["fresh"].means["trained"]["feats"].replicates == 3


def test_other_numbers_of_founders_can_be_asked_for(copied_run):
    evidence = evaluate([copied_run], seeds=2, steps=5, agents=16)
    assert evidence.founders == (16,)


def test_what_is_wrong_is_told_all_at_once(tiny_run, tmp_path):
    (tmp_path / "empty").mkdir()
    never = run_in(tmp_path / "never", changed(TINY, steps=5, learning={"algorithm": "random"}))
    off = run_in(tmp_path / "off", changed(TINY, steps=5, learning={"enabled": False}))
    bare = shutil.copytree(tiny_run, tmp_path / "bare")
    shutil.rmtree(bare / "checkpoints")
    broken = shutil.copytree(tiny_run, tmp_path / "broken")
    next((broken / "checkpoints").glob("*/arrays.safetensors")).write_bytes(b"")
    with pytest.raises(UsageError) as raised:
        evaluate(
            [tmp_path / "nowhere", tmp_path / "empty", never, off, bare, broken, tiny_run, tiny_run],
            seeds=1, steps=0, agents=3,
        )  # fmt: skip
    text = str(raised.value)
    for said in (
        "seeds is 1", "steps is 0", "agents is 3", "nowhere does not exist", "empty is no run folder",
        "learning.algorithm is random", "learning.enabled is false", "bare/checkpoints holds no checkpoint",
        "broken/checkpoints holds no whole checkpoint", "tiny is given twice",
    ):  # fmt: skip
        assert said in text
    with pytest.raises(UsageError, match="no run to evaluate"):
        evaluate([])


def test_a_run_that_has_not_learnt_yet_says_so(tmp_path):
    run = run_in(tmp_path / "new", changed(TINY, steps=5))
    assert "has not learnt anything yet" in shown(evaluate([run], seeds=2, steps=5))


@pytest.mark.parametrize(
    "learning", [{"algorithm": "ppo"}, {"algorithm": "qrdqn"}, {"sharing": "shared"}, {"sharing": "encoder"}]
)
def test_policies_of_torch_and_shared_networks_are_evaluated_too(tmp_path, learning):
    run = run_in(tmp_path / "torch", changed(TINY, steps=40, learning=learning))
    evidence = evaluate([run], seeds=2, steps=10, agents=16)
    assert np.isfinite(evidence.values["fresh"]).all()
