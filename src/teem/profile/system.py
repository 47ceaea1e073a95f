"""System: processes, threads, cores, input and output over time, and what threads wait for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

from teem.profile.play import Played
from teem.profile.report import Cost, Report, Table
from teem.profile.stage import Stage, Watch
from teem.profile.tools import missing
from teem.profile.waits import scheduled
from teem.runtime import words

EVERY_S = 0.05
ROWS = 20
MOST = 4000  # looks that are kept: then every second one is dropped, and half as many are made


def profile_system(stage: Stage) -> Report:
    """Watch a play from outside, and play once more under yappi where it is installed."""
    report = Report("system", "System: processes, threads and waits")
    watched: dict[str, Any] = {}

    @contextmanager
    def watch(process: int) -> Iterator[None]:
        with _watching(process, watched):
            yield

    if stage.subject.apart:
        costs = _watched_apart(stage, watch, watched, report)
    else:
        costs = _watched_here(stage, watch, watched, report)
    report.costs = sorted(costs, key=lambda cost: -cost.share)
    return report


def _watched_apart(stage: Stage, watch: Watch, watched: dict[str, Any], report: Report) -> list[Cost]:
    """The processes of a run as they are; which thread waits for what is not told of them."""
    with stage.play_apart("in its processes, watched from outside", watch) as played:
        report.figures = {"wall_s": watched["seconds"], "steps": played.steps, **watched}
    report.remarks.append(
        "What threads wait for within these processes is not told: yappi looks only at the process that it is in. "
        "Their spans, with `wait`, are in macro."
    )
    if lack := missing("psutil"):
        report.missing.append(lack)
        return []
    return _processes(watched, watched["seconds"], report)


def _watched_here(stage: Stage, watch: Watch, watched: dict[str, Any], report: Report) -> list[Cost]:
    """A run of one process and its writer's, from outside and from inside."""
    played = stage.play("nothing", "watched from outside", watch=watch, name="watched")
    wall = watched["seconds"]
    report.figures = {"wall_s": wall, "cpu_s": played.cpu_s, **watched}
    report.remarks.append(
        f"{played.cpu_s / played.wall_s:.2f} cores busy on average in the run's process; {played.rows} rows handed to "
        f"the record, {played.dropped} dropped, {words.number(played.waited_s * 1e3)} ms waited for its writer."
    )
    costs = [Cost("waiting for the record's writer", played.waited_s / wall, "the time", _s(played.waited_s))]
    delayed = sum(after[1] for after in watched["scheduled"].values())
    costs.append(Cost("threads that could run and had no core", delayed / wall, "the time", _s(delayed)))
    if lack := missing("psutil"):
        report.missing.append(lack)
        costs.append(Cost("the run's process at work", played.cpu_s / wall, "a core's time", _s(played.cpu_s)))
    else:
        costs += _processes(watched, wall, report)
    if lack := missing("yappi"):
        report.missing.append(lack)
        report.tables.append(_tasks(watched))
        return costs
    return costs + _threads(stage, report)


def _s(seconds: float) -> str:
    return f"{words.number(seconds)} s"


# ---- from outside


@contextmanager
def _watching(process: int, told: dict[str, Any]) -> Iterator[None]:
    """Look at a process and its children while the block lasts, and write what was seen into `told`."""
    looks: list[dict[str, Any]] = []
    over = threading.Event()
    watcher = None if missing("psutil") else threading.Thread(target=_look_on, args=(process, looks, over))
    before, begun = scheduled(process), time.perf_counter()
    if watcher:
        watcher.start()
    try:
        yield
    finally:
        told["seconds"] = time.perf_counter() - begun
        over.set()
        if watcher:
            watcher.join()
    nothing = (0.0, 0.0, 0)
    told["scheduled"] = {
        task: tuple(now - then for now, then in zip(after, before.get(task, nothing), strict=True))
        for task, after in scheduled(process).items()
    }
    told["looks"] = looks


def _look_on(process: int, looks: list[dict[str, Any]], over: threading.Event) -> None:
    """Note processor time, memory, threads and input and output every now and then, until it is over."""
    import psutil

    root = psutil.Process(process)
    pause, begun = EVERY_S, time.perf_counter()
    psutil.cpu_percent(percpu=True)
    while True:
        last = over.wait(pause) if looks else False
        processes = {}
        with suppress(psutil.Error):  # one may end meanwhile
            for one in (root, *root.children(recursive=True)):
                processes[str(one.pid)] = _look(one)
        looks.append(
            {"s": time.perf_counter() - begun, "cores_percent": psutil.cpu_percent(percpu=True), "processes": processes}
        )
        if last:
            return
        if len(looks) >= MOST:
            del looks[1::2]
            pause *= 2


def _look(one: Any) -> dict[str, Any]:
    with one.oneshot():
        cpu, switches = one.cpu_times(), one.num_ctx_switches()
        io = one.io_counters() if hasattr(one, "io_counters") else None
        return {
            "command": _called(one.cmdline()),
            "cpu_s": cpu.user + cpu.system,
            "rss_mb": one.memory_info().rss / 1e6,
            "threads": one.num_threads(),
            "read_mb": io.read_bytes / 1e6 if io else None,
            "written_mb": io.write_bytes / 1e6 if io else None,
            "waits": switches.voluntary,
            "preempted": switches.involuntary,
        }


CALLED = {
    "teem.profile.play": "the run",
    "teem.profile.play_apart": "its supervisor",
    "teem.record.writer": "its writer",
}
"""What each module that is run is of a run."""


def _called(command: list[str]) -> str:
    """What a process is, by its module; of a run's workers, by their orders."""
    told = command[command.index("-m") + 1 :] if "-m" in command else []
    if not told or not told[0].startswith("teem."):
        return " ".join(command)[:40]
    module, *orders = told
    if module == "teem.runtime.processes.worker":
        order = json.loads(orders[0])
        return f"{order['role']} {order['index']}"
    return CALLED.get(module, module)


def _processes(watched: dict[str, Any], wall: float, report: Report) -> list[Cost]:
    """Tables of what was seen from outside; each process's processor time as a cost."""
    looks = watched["looks"]
    rows, costs = [], []
    for pid in dict.fromkeys(pid for look in looks for pid in look["processes"]):
        seen = [look["processes"][pid] for look in looks if pid in look["processes"]]
        first, last = seen[0], seen[-1]
        cpu = last["cpu_s"] - first["cpu_s"]
        memory = [one["rss_mb"] for one in seen]
        rows.append(
            (
                first["command"], words.number(cpu), f"{cpu / wall:.2f}",
                f"{words.number(memory[0])} / {words.number(memory[-1])} / {words.number(max(memory))}",
                str(max(one["threads"] for one in seen)),
                *(words.number(_more(first, last, name)) for name in ("read_mb", "written_mb", "waits", "preempted")),
            )
        )  # fmt: skip
        costs.append(Cost(f"{first['command']}: at work", cpu / wall, "a core's time", _s(cpu)))
    head = ("process", "CPU s", "cores", "MB first / last / most", "threads", "MB read", "MB written", "waits",
            "preempted")  # fmt: skip
    report.tables.append(Table("Processes", head, rows, f"Seen from outside, {len(looks)} times in {wall:.2f} s."))
    report.tables += [_cores(looks), _over_time(looks)]
    return costs


def _more(first: dict[str, Any], last: dict[str, Any], name: str) -> float | None:
    return None if first[name] is None else last[name] - first[name]


def _cores(looks: list[dict[str, Any]]) -> Table:
    counted = looks[1:] or looks
    shares = [sum(core) / len(counted) for core in zip(*(look["cores_percent"] for look in counted), strict=True)]
    rows = [(f"core {number}", f"{share:.0f}%") for number, share in enumerate(shares)]
    return Table("Cores", ("core", "busy"), rows, "Of the whole machine, whoever keeps them busy.")


def _over_time(looks: list[dict[str, Any]]) -> Table:
    rows = []
    chosen = looks[:: max(1, len(looks) // ROWS)]
    for before, look in pairwise(chosen):
        both = [pid for pid in look["processes"] if pid in before["processes"]]
        cpu = sum(look["processes"][pid]["cpu_s"] - before["processes"][pid]["cpu_s"] for pid in both)
        rss = sum(one["rss_mb"] for one in look["processes"].values())
        threads = sum(one["threads"] for one in look["processes"].values())
        rows.append((f"{look['s']:.2f}", f"{cpu / (look['s'] - before['s']):.2f}", words.number(rss), str(threads)))
    return Table("Over time", ("s", "cores busy", "MB, all processes", "threads"), rows)


def _tasks(watched: dict[str, Any]) -> Table:
    rows = [
        (str(task), words.number(ran), words.number(delayed), str(slices))
        for task, (ran, delayed, slices) in sorted(watched["scheduled"].items(), key=lambda item: -item[1][0])
    ]
    return Table("Threads of the run's process", ("thread", "ran s", "had no core s", "times on a core"), rows)


# ---- from inside


def _threads(stage: Stage, report: Report) -> list[Cost]:
    """Under yappi: threads by name, and what each waits for."""
    played: Played = stage.play("yappi", "under yappi, by thread")
    found = played.found
    report.figures["threads"] = found
    rows = [
        (one["thread"], words.number(one["ran_s"]), words.number(one["delayed_s"]), str(one["slices"]))
        for one in found["threads"]
    ]
    note = f"Of {found['seconds']:.2f} s. The system's account; a thread that had no core could have run."
    report.tables.append(Table("Threads", ("thread", "ran s", "had no core s", "times on a core"), rows, note))
    waits = [
        (f"{one['function']} ({one['file']})", one["thread"], words.number(one["s"]), words.count(one["calls"]))
        for one in found["waits"][:ROWS]
    ]
    note = (
        "yappi, by the clock on the wall: time within functions that wait for a lock, a queue, a pipe or another "
        "thread. A pool's thread that has nothing to do waits too."
    )
    report.tables.append(Table("Waits", ("function", "thread", "s", "calls"), waits, note))
    return [
        Cost(f"the stepping thread waits in {one['function']}", one["s"] / found["seconds"], "the time", _s(one["s"]))
        for one in found["waits"]
        if one["thread"] == "MainThread"
    ]
