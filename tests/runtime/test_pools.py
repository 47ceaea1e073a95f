"""A run's pools: their shares, what they do, and that no execution, and no change of it in mid-run, changes a bit."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teem.config.load import load_config
from teem.execution import EXECUTIONS, Execution, cut
from teem.pool import Pool
from teem.record.archive import digest
from teem.record.folder import RunFolder
from teem.runtime.loop import Run
from teem.runtime.pools import SHARES, Pools
from teem.runtime.report import build_report

WORLDS: dict[str, dict[str, Any]] = {
    "farm": {"population.founders": 70, "population.capacity": 90, "world.maturity": 3},
    "crawlers": {
        "population.founders": 70,
        "world.body.limbs": 2,
        "learning.replay.length": 64,
        "learning.replay.warmup": 32,
    },
}


def test_each_pool_has_its_share_of_the_cores_and_one_thread_at_least() -> None:
    counts = {cores: {pool.name: pool.threads for pool in Pools(cores)} for cores in (1, 2, 12, 48, 100)}
    assert counts[1] == counts[2] == dict.fromkeys(SHARES, 1)
    assert counts[12] == {"ai": 4, "statistics": 2, "background": 3, "physics": 1, "evaluation": 2}
    assert counts[48] == {"ai": 16, "statistics": 8, "background": 12, "physics": 4, "evaluation": 8}
    assert counts[100] == {"ai": 33, "statistics": 17, "background": 25, "physics": 8, "evaluation": 17}


@pytest.mark.parametrize("cores", [2, 3, 5])
def test_a_range_never_has_more_threads_than_cores_and_others_help(cores: int) -> None:
    pools, lock, running, most = Pools(cores, "batched"), threading.Lock(), 0, 0
    all_at_once = threading.Barrier(cores, timeout=20)
    first = [start for start, _ in cut("batched", 4 * cores, cores, 1)[:cores]]

    def kernel(start: int, stop: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if start in first:
            all_at_once.wait()  # as many as there are cores are here at once, or this fails
        with lock:
            running -= 1

    pools.physics.share(kernel, 4 * cores, at_least=1)  # its own pool has a thread
    assert most == cores
    assert sum(pool.done for pool in pools) == cores - 1
    assert pools.close() == {}


def begin(folder: Path, world: str, **given: Any) -> Run:
    quick = {"record.enabled": False, "checkpoint.every": 0, "checkpoint.at_end": False, "metrics.enabled": False}
    settings = {name.replace("__", "."): value for name, value in given.items()}
    config = load_config(world, {**WORLDS[world], **quick, "runtime.threads": 3, **settings})
    return Run.create(config, RunFolder.create(folder, "run"))


def played(run: Run, steps: int, switch: Callable[[int], Execution | None]) -> dict[str, str]:
    for step in range(steps):
        if (execution := switch(step)) is not None:
            run.switch(execution)
        run.advance()
    run.finish("steps")
    run.folder.close()
    return digest({"world": run.world.state(), "policies": run.policies.state()})


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_execution_and_no_switch_in_mid_run_changes_a_bit(
    world: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    first = data.draw(st.sampled_from(EXECUTIONS))
    switches = data.draw(st.dictionaries(st.integers(0, 29), st.sampled_from(EXECUTIONS), max_size=8))
    one = played(begin(tmp_path_factory.mktemp("one") / "run", world, runtime__execution=first), 30, switches.get)
    assert one == alone(world, tmp_path_factory)


_alone: dict[str, dict[str, str]] = {}


def alone(world: str, folders: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of the same run in one thread."""
    if world not in _alone:
        run = begin(folders.mktemp("alone") / "run", world, runtime__threads=1, runtime__execution="sequential")
        _alone[world] = played(run, 30, lambda step: None)
    return _alone[world]


def test_a_kernel_that_depends_on_its_cut_is_found_out() -> None:
    """The planted fault: what each index gets depends on where its part begins."""

    def kernel(start: int, stop: int, out: np.ndarray) -> None:
        out[start:stop] += np.arange(stop - start)

    def result(execution: Execution) -> list[int]:
        pools, out = Pools(2, execution), np.zeros(96, int)
        pools.ai.share(kernel, 96, out, at_least=1)
        pools.close()
        return out.tolist()

    assert result("sequential") != result("threaded") != result("batched")


def test_a_run_tells_of_its_pools(tmp_path: Path) -> None:
    run = begin(
        tmp_path / "run", "farm", runtime__execution="threaded", metrics__enabled=True, metrics__every=0.001,
        checkpoint__at_end=True,
    )  # fmt: skip
    for _ in range(60):
        run.advance()
    run.switch("batched")
    values = run.watch.registry.read()
    assert not run.watch.registry.failed
    run.finish("steps")
    told = build_report(run, "steps", 1.0)["execution"]
    assert told["execution"] == "batched"
    assert told["cores"] == 3
    assert told["pools"].keys() == set(SHARES)
    assert told["pools"]["background"]["done"] >= run.checkpointer.saved == 1  # it may have helped with ranges too
    assert told["pools"]["statistics"]["done"] > 0
    assert told["pools"]["ai"]["done"] > 0
    assert all(pool["failed"] == pool["late"] == 0 for pool in told["pools"].values())
    shared = told["shared"]["ai"]
    assert shared["ranges"] > 60
    assert shared["measured"] >= 1
    assert shared["speed_up"] == pytest.approx(shared["sequential_s"] / shared["parallel_s"])
    assert values["pool_threads"] == dict.fromkeys(SHARES, 1)
    assert values["shared_ranges"]["ai"] > 0  # type: ignore[call-overload, index]
    assert json.loads((run.folder.path / "metrics.json").read_text("utf-8"))["values"]["pool_done"]["background"] >= 1
    assert "execution switched" in (run.folder.path / "log.jsonl").read_text("utf-8")


def test_a_word_in_its_folder_switches_a_run_that_goes_on(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", "farm", metrics__enabled=True, metrics__every=10.0, runtime__execution="auto")
    for word in ("threaded", "sequential\n", "whatever", "\0" * 100, "auto"):
        (run.folder.path / "execution").write_text(word, "utf-8")
        run.advance()
        run.watch._take([run.watch._sample(float(run.step))])
        assert run.pools.execution == (word.strip() if word.strip() in EXECUTIONS else "sequential")
    run.finish("steps")
    log = (run.folder.path / "log.jsonl").read_text("utf-8")
    assert log.count("execution switched") == 3
    assert log.count("execution unknown") == 2
    assert '"whatever"' in log


def test_what_is_evaluated_beside_a_run_is_a_task_of_its_pool(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", "farm")
    found: list[int] = []
    task = run.pools["evaluation"].submit(lambda: found.append(run.world.population.capacity), deadline_s=20)
    run.advance()
    assert isinstance(run.pools["evaluation"], Pool)
    assert task is not None
    task.result()
    assert found == [90]
    run.finish("steps")


def test_no_thread_is_left_when_a_run_has_ended(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    run = begin(tmp_path / "run", "farm", metrics__enabled=True, metrics__every=0.001, checkpoint__at_end=True)
    for _ in range(20):
        run.advance()
    assert {thread.name.split()[0] for thread in set(threading.enumerate()) - before} >= {"statistics"}
    run.finish("steps")
    assert [thread for thread in set(threading.enumerate()) - before if thread.is_alive()] == []


def test_what_went_wrong_in_a_pool_stands_in_the_log(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", "farm")
    task = run.pools["evaluation"].submit(lambda: 1 // 0)
    assert task is not None
    with pytest.raises(ZeroDivisionError):
        task.result()
    run.finish("steps")
    assert "ZeroDivisionError" in (run.folder.path / "log.jsonl").read_text("utf-8")
